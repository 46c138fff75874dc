-- Each view and each breakdown has the whole ledger of each month, and the months count the people who paid in them.
with
    revenue_by_month as (select * from {{ ref("revenue_by_month") }}),
    revenue_entries as (select * from {{ ref("fct_revenue_entries") }}),

    dated as (
        select 'order' as view, {{ local_date("order_view_at") }} as counted_on, revenue_entries.*
        from revenue_entries
        union all
        select 'cash' as view, {{ local_date("cash_view_at") }} as counted_on, revenue_entries.*
        from revenue_entries
        where cash_view_at is not null
    ),

    ledger as (
        select
            view,
            extract(year from counted_on) * 12 + extract(month from counted_on) as month_number,
            coalesce(sum(amount_reporting), 0) as amount,
            count(
                distinct case when entry_type in ('sale', 'subscription_payment') then person_id end
            ) as customer_count
        from dated
        group by view, extract(year from counted_on) * 12 + extract(month from counted_on)
    ),

    sums as (
        select
            breakdown,
            view,
            extract(year from month) * 12 + extract(month from month) as month_number,
            sum(revenue_amount_reporting) as amount,
            sum(customer_count) as customer_count
        from revenue_by_month
        group by breakdown, view, extract(year from month) * 12 + extract(month from month)
    ),

    breakdowns as (
        select 'all' as breakdown
        union all
        select 'kind' as breakdown
        union all
        select 'product' as breakdown
    ),

    expected as (select breakdowns.breakdown, ledger.* from ledger cross join breakdowns)

select
    coalesce(expected.breakdown, sums.breakdown) as breakdown,
    coalesce(expected.view, sums.view) as view,
    coalesce(expected.month_number, sums.month_number) as month_number,
    expected.amount as ledger_amount,
    sums.amount,
    expected.customer_count as ledger_customer_count,
    sums.customer_count
from expected
full outer join
    sums
    on sums.breakdown = expected.breakdown
    and sums.view = expected.view
    and sums.month_number = expected.month_number
where
    coalesce(expected.amount, 0) <> coalesce(sums.amount, 0)
    or (
        coalesce(sums.breakdown, 'all') = 'all'
        and coalesce(expected.customer_count, 0) <> coalesce(sums.customer_count, 0)
    )
