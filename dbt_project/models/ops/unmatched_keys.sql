{#-
    For each kind of key: the rows that hold it, its column, what it names, where that is, its key there, and what a row
    whose key matches nothing counts as.
-#}
{%- set relations = [
    ("order_lines", "order_id", "orders", "all_orders", "order_id", "the lines belong to no order"),
    ("refunds", "order_id", "orders", "all_orders", "order_id", "counts as a refund without an order"),
    ("orders", "record_key", "persons", "persons", "record_key", "belongs to nobody"),
    ("checkouts", "record_key", "persons", "persons", "record_key", "belongs to nobody"),
    ("subscriptions", "record_key", "persons", "persons", "record_key", "belongs to nobody"),
    ("conversations", "record_key", "persons", "persons", "record_key", "belongs to nobody"),
    ("messages", "record_key", "persons", "persons", "record_key", "belongs to nobody"),
    (
        "messages",
        "conversation_id",
        "conversations",
        "conversations",
        "conversation_id",
        "is a message without a conversation",
    ),
    ("deals", "record_key", "persons", "persons", "record_key", "is a deal without a person"),
    ("deal_roles", "record_key", "persons", "persons", "record_key", "names nobody"),
    ("contacts", "account_id", "accounts", "accounts", "account_id", "is of no company"),
    ("deal_companies", "account_id", "accounts", "accounts", "account_id", "adds no company to its deal"),
    (
        "invoices",
        "subscription_id",
        "subscriptions",
        "subscriptions",
        "subscription_id",
        "is revenue without a subscription",
    ),
    (
        "activities",
        "campaign_id",
        "campaigns",
        "campaigns",
        "campaign_id",
        "is of a campaign that no platform or spend names",
    ),
] -%}
with
    all_orders as (select * from {{ ref("int_orders__priced") }}),
    orders as (select * from all_orders where not is_test),
    order_lines as (select * from {{ ref("int_order_lines__costed") }}),
    refunds as (select * from {{ ref("int_refunds__apportioned") }}),
    checkouts as (select * from {{ ref("int_checkouts__unioned") }}),
    subscriptions as (select * from {{ ref("int_subscriptions__unioned") }}),
    conversations as (select * from {{ ref("int_conversations__screened") }}),
    messages as (select * from {{ ref("int_messages__screened") }}),
    deals as (select * from {{ ref("int_deals__dated") }}),
    deal_roles as (select * from {{ ref("int_deal_roles__unioned") }}),
    contacts as (select * from {{ ref("int_contacts__unioned") }}),
    deal_companies as (select * from {{ ref("int_deal_accounts__unioned") }}),
    -- An account that was merged away is found under what it became.
    accounts as (
        select account_id
        from {{ ref("int_accounts__unioned") }}
        union all
        select source_system || ':' || merged_id as account_id
        from {{ ref("int_merges__unioned") }}
        where record_type = 'account'
    ),
    invoices as (select * from {{ ref("int_subscription_invoices__unioned") }}),
    activities as (select * from {{ ref("int_activities__identified") }}),
    campaigns as (select * from {{ ref("int_campaigns__identified") }}),
    persons as (select * from {{ ref("int_persons__resolved") }}),
    records as (select * from {{ ref("int_contact_records__unioned") }}),

    named as (
        {% for rows, column, others, place, key, _ in relations %}
            select
                '{{ rows }}' as row_kind,
                '{{ others }}' as named_kind,
                source_system,
                {{ column }} as named_key,
                {{ column }} in (select {{ key }} from {{ place }} where {{ key }} is not null) as is_found
            from {{ rows }}
            where {{ column }} is not null {{ "union all" if not loop.last }}
        {% endfor %}
        {% for rows in ["orders", "checkouts", "subscriptions", "conversations", "messages", "deals"] %}
            union all
            select
                '{{ rows }}' as row_kind,
                'customers' as named_kind,
                {{ rows }}.source_system,
                {{ rows }}.record_key as named_key,
                not records.is_only_mentioned as is_found
            from {{ rows }}
            inner join records on records.record_key = {{ rows }}.record_key
            where records.record_type = 'customer'
        {% endfor %}
    ),

    counted as (
        select
            row_kind,
            named_kind,
            source_system,
            count(*) as row_count,
            count(case when not is_found then 1 end) as unmatched_count,
            min(case when not is_found then named_key end) as example_key
        from named
        group by row_kind, named_kind, source_system
    ),

    final as (
        select
            counted.*,
            case
                {% for rows, _, others, _, _, consequence in relations %}
                    when row_kind = '{{ rows }}' and named_kind = '{{ others }}' then '{{ consequence }}'
                {% endfor %}
                else 'the customer is known by this key alone'
            end as consequence
        from counted
    )

select *
from final
