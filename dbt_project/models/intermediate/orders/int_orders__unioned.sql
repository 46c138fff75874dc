{{ union_entity("orders") }}
