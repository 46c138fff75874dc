{{ union_entity("ad_spend") }}
