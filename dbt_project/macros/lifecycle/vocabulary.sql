{#- The closed vocabulary of activities: what a rule may speak of, and what `the activity stream may hold. -#}
{% macro activity_vocabulary() -%}
    {{
        return(
            [
                "ad_clicked",
                "form_submitted",
                "lead_created",
                "lead_qualified",
                "lead_disqualified",
                "conversation_opened",
                "message_received",
                "message_sent",
                "first_reply_sent",
                "conversation_closed",
                "meeting_booked",
                "quote_sent",
                "checkout_started",
                "order_placed",
                "order_paid",
                "order_refunded",
                "order_cancelled",
                "trial_started",
                "subscription_started",
                "subscription_renewed",
                "subscription_cancelled",
                "subscription_ended",
                "payment_failed",
                "review_submitted",
                "survey_answered",
                "referral_made",
                "loyalty_joined",
                "broadcast_sent",
                "broadcast_replied",
                "opted_in",
                "opted_out",
                "crm_stage_changed",
                "deal_stage_changed",
            ]
        )
    }}
{%- endmacro %}

{#-
    Point-in-time measures that a rule's condition may use as `measures.<name>`: what is known of the entity at that
    instant, the row's own instant included; `previous` means strictly before it. `over`: window up to the instant;
    `before`: window that ends before it. `activities`: what the measure reads, so that a model reads no more.
-#}
{% macro lifecycle_measures() -%}
    {%- set over -%} over (partition by entity_id order by occurred_at asc nulls last range between unbounded preceding and current row) {%- endset -%}
    {%- set before -%} over (partition by entity_id order by occurred_at asc nulls last range between unbounded preceding and interval '1' microsecond preceding) {%- endset -%}
    {{
        return(
            {
                "orders_to_date": {
                    "activities": ["order_placed"],
                    "sql": "count(case when activity = 'order_placed' then 1 end) " ~ over,
                },
                "paid_orders_to_date": {
                    "activities": ["order_paid"],
                    "sql": "count(case when activity = 'order_paid' then 1 end) " ~ over,
                },
                "revenue_to_date": {
                    "activities": ["order_paid", "order_refunded"],
                    "sql": "coalesce(sum(case when activity = 'order_paid' then amount_reporting when activity = 'order_refunded' then -amount_reporting end) "
                    ~ over
                    ~ ", 0)",
                },
                "subscriptions_to_date": {
                    "activities": ["subscription_started"],
                    "sql": "count(case when activity = 'subscription_started' then 1 end) " ~ over,
                },
                "messages_received_to_date": {
                    "activities": ["message_received"],
                    "sql": "count(case when activity = 'message_received' then 1 end) " ~ over,
                },
                "first_order_paid_at": {
                    "activities": ["order_paid"],
                    "sql": "min(case when activity = 'order_paid' then occurred_at end) " ~ over,
                },
                "last_order_paid_at": {
                    "activities": ["order_paid"],
                    "sql": "max(case when activity = 'order_paid' then occurred_at end) " ~ over,
                },
                "last_message_received_at": {
                    "activities": ["message_received"],
                    "sql": "max(case when activity = 'message_received' then occurred_at end) " ~ over,
                },
                "previous_order_paid_at": {
                    "activities": ["order_paid"],
                    "sql": "max(case when activity = 'order_paid' then occurred_at end) " ~ before,
                },
                "previous_activity_at": {
                    "activities": [],
                    "sql": "max(case when activity is not null then occurred_at end) " ~ before,
                },
            }
        )
    }}
{%- endmacro %}
