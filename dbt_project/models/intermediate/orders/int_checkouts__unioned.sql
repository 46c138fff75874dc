{{ union_entity("checkouts") }}
