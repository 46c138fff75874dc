-- One id in two mappings of a company is one record. Where its first instant differs, they may be two that clash.
-- depends_on: {{ ref("stg_files__orders") }}
{%- set entities = {
    "orders": ("order_id", "ordered_at"),
    "conversations": ("conversation_id", "opened_at"),
    "deals": ("deal_id", "created_at"),
    "leads": ("lead_id", "created_at"),
    "refunds": ("refund_id", "refunded_at"),
    "messages": ("message_id", "sent_at"),
    "surveys": ("response_id", "responded_at"),
    "experiment_assignments": ("assignment_id", "assigned_at"),
    "subscriptions": ("subscription_id", "started_at"),
} -%}
{% for entity, (key, instant) in entities.items() %}
    select
        '{{ entity }}' as entity,
        {{ key }} as id,
        min(mapping) as one_mapping,
        max(mapping) as other_mapping,
        'counted once; where they are two records, give each mapping a key `company`' as advice
    from {{ source("raw_files", entity) }}
    where _dlt_valid_to is null
    group by coalesce(company, mapping), {{ key }}
    having min({{ instant }}) <> max({{ instant }}) {{ "union all" if not loop.last }}
{% endfor %}
