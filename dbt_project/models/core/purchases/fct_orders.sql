with
    orders as (select * from {{ ref("int_orders__priced") }}),
    person_records as (select * from {{ ref("bridge_person_records") }}),
    exchange_rates as (select * from {{ ref("int_exchange_rates__daily") }}),

    final as (
        select
            orders.order_id,
            orders.source_system,
            person_records.person_id,
            orders.is_guest,
            orders.channel,
            orders.campaign_id,
            orders.currency,
            orders.total_amount,
            orders.revenue_amount,
            exchange_rates.rate_to_reporting,
            {{ converted("orders.revenue_amount", "exchange_rates.rate_to_reporting::double") }}
            as revenue_amount_reporting,
            orders.cost_amount,
            orders.payment_type,
            {{ converted("orders.cost_amount", "exchange_rates.rate_to_reporting::double") }} as cost_amount_reporting,
            orders.first_visited_at,
            orders.visit_source,
            orders.visit_medium,
            orders.ordered_at,
            orders.paid_at,
            orders.cancelled_at,
            orders.loaded_at
        from orders
        left join person_records on person_records.record_key = orders.record_key
        left join
            exchange_rates
            on exchange_rates.currency = orders.currency
            and exchange_rates.date_day = cast(orders.ordered_at as date)
        where not orders.is_test and not orders.is_credit_note and orders.ordered_at <= {{ as_of() }}
    )

select *
from final
