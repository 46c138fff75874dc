with
    payments as (select * from {{ ref("int_payments__separated") }} where not is_order),
    orders as (select * from {{ ref("fct_orders") }}),
    person_records as (select * from {{ ref("bridge_person_records") }}),
    exchange_rates as (select * from {{ ref("int_exchange_rates__daily") }}),

    of_persons as (
        select payments.*, person_records.person_id
        from payments
        left join person_records on person_records.record_key = payments.record_key
        where payments.paid_at <= {{ as_of() }}
    ),

    -- A shop received the same amount within a day, from the same person if both are known.
    matched as (
        select distinct of_persons.payment_id
        from of_persons
        inner join
            orders
            on orders.currency = of_persons.currency
            and orders.total_amount = of_persons.total_amount
            and orders.paid_at between of_persons.paid_at - interval '1' day and of_persons.paid_at + interval '1' day
        where coalesce(orders.person_id = of_persons.person_id, true)
    ),

    final as (
        select
            of_persons.payment_id,
            of_persons.source_system,
            of_persons.person_id,
            of_persons.currency,
            of_persons.total_amount,
            {{ converted("of_persons.total_amount", "exchange_rates.rate_to_reporting::double") }}
            as total_amount_reporting,
            of_persons.paid_at,
            of_persons.loaded_at
        from of_persons
        left join matched on matched.payment_id = of_persons.payment_id
        left join
            exchange_rates
            on exchange_rates.currency = of_persons.currency
            and exchange_rates.date_day = cast(of_persons.paid_at as date)
        where matched.payment_id is null
    )

select *
from final
