{{ union_entity("accounts") }}
