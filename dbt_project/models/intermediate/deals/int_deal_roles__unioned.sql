{{ union_entity("deal_roles") }}
