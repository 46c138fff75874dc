-- The top 100 % are all customers and what they brought.
with
    concentration as (select * from {{ ref("revenue_concentration") }}),
    customer_values as (select * from {{ ref("customer_value") }}),

    reported as (
        select
            coalesce(sum(customer_count), 0) as customer_count, coalesce(sum(top_revenue_amount_reporting), 0) as amount
        from concentration
        where period = 'all' and top_rate = 1
    ),

    counted as (
        select count(*) as customer_count, coalesce(sum(historic_value_amount_reporting), 0) as amount
        from customer_values
        where paid_order_count > 0
    )

select reported.customer_count, counted.customer_count as all_customers, reported.amount, counted.amount as all_amount
from reported
cross join counted
where reported.customer_count <> counted.customer_count or reported.amount <> counted.amount
