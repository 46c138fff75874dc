with
    orders as (select * from {{ ref("fct_orders") }}),
    refunds as (select * from {{ ref("int_refunds__unioned") }}),
    person_records as (select * from {{ ref("bridge_person_records") }}),
    exchange_rates as (select * from {{ ref("int_exchange_rates__daily") }}),

    sales as (
        select
            order_id || ':sale' as revenue_entry_id,
            'sale' as entry_type,
            order_id,
            person_id,
            currency,
            revenue_amount as amount,
            rate_to_reporting,
            paid_at as order_view_at,
            paid_at as cash_view_at,
            loaded_at
        from orders
        where paid_at <= {{ as_of() }}
    ),

    -- A refund takes the rate of its order, so that paying back in full leaves nothing.
    paybacks as (
        select
            refunds.refund_id || ':refund' as revenue_entry_id,
            'refund' as entry_type,
            refunds.order_id,
            coalesce(orders.person_id, person_records.person_id) as person_id,
            refunds.currency,
            {{ money("-refunds.refunded_revenue_amount") }} as amount,
            case
                when orders.order_id is not null then orders.rate_to_reporting else exchange_rates.rate_to_reporting
            end as rate_to_reporting,
            coalesce(orders.paid_at, refunds.refunded_at) as order_view_at,
            refunds.refunded_at as cash_view_at,
            refunds.loaded_at
        from refunds
        left join orders on orders.order_id = refunds.order_id
        left join person_records on person_records.record_key = refunds.record_key
        left join
            exchange_rates
            on exchange_rates.currency = refunds.currency
            and exchange_rates.date_day = cast(refunds.refunded_at as date)
        -- An order never paid has no revenue to take back; a refund without a known order stands alone.
        where
            not refunds.is_test
            and refunds.refunded_at <= {{ as_of() }}
            and (orders.order_id is null or orders.paid_at <= {{ as_of() }})
    ),

    unioned as (
        select *
        from sales
        union all
        select *
        from paybacks
    ),

    final as (
        select
            revenue_entry_id,
            entry_type,
            order_id,
            person_id,
            currency,
            amount,
            rate_to_reporting,
            {{ money("amount * rate_to_reporting::double") }} as amount_reporting,
            order_view_at,
            cash_view_at,
            loaded_at
        from unioned
    )

select *
from final
