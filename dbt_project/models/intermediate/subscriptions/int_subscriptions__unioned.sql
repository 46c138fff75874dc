{{ union_entity("subscriptions") }}
