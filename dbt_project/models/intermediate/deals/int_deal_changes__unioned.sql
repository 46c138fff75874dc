{{ union_entity("deal_changes") }}
