{{ union_entity("subscription_items") }}
