{{ union_entity("contacts") }}
