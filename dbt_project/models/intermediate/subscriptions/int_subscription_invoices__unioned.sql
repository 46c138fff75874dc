{{ union_entity("subscription_invoices") }}
