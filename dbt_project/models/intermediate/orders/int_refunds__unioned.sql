{{ union_entity("refunds") }}
