-- Nothing is lost between the ledger of revenue and the people: what is not a customer's is nobody's. The same holds of
-- what was paid back by itself.
with
    revenue_entries as (select * from {{ ref("fct_revenue_entries") }}),
    customer_values as (select * from {{ ref("customer_value") }}),

    ledger as (
        select
            coalesce(sum(amount_reporting), 0) as amount,
            coalesce(sum(case when person_id is null then amount_reporting end), 0) as outside_amount,
            coalesce(
                sum(case when entry_type in ('refund', 'subscription_refund') then - amount_reporting end), 0
            ) as refunded_amount,
            coalesce(
                sum(
                    case
                        when person_id is null and entry_type in ('refund', 'subscription_refund')
                        then - amount_reporting
                    end
                ),
                0
            ) as outside_refunded_amount
        from revenue_entries
    ),

    customers as (
        select
            coalesce(sum(historic_value_amount_reporting), 0) as customer_amount,
            coalesce(sum(refunded_amount_reporting), 0) as customer_refunded_amount
        from customer_values
    )

select *
from ledger
cross join customers
where
    amount <> customer_amount + outside_amount or refunded_amount <> customer_refunded_amount + outside_refunded_amount
