-- What the movements add up to at the end of a month is what the subscriptions bring then, and the next month's start.
with
    retention as (select * from {{ ref("revenue_retention") }}),
    periods as (select * from {{ ref("fct_subscription_periods") }}),
    subscriptions as (select * from {{ ref("fct_subscriptions") }}),

    months as (
        select
            month,
            end_mrr_amount_reporting,
            end_customer_count,
            is_complete,
            lead(start_mrr_amount_reporting) over (order by month asc nulls last) as next_start_amount,
            case
                when is_complete
                then
                    {{
                        utc_time(
                            midnight("month + interval '1' month"),
                            var("reporting_time_zone"),
                        )
                    }}
            end as ended_at
        from retention
    ),

    counted as (
        select
            months.month,
            coalesce(sum(periods.mrr_amount_reporting), 0) as amount,
            count(distinct periods.subscriber_id) as subscriber_count
        from months
        left join
            periods
            on periods.mrr_amount_reporting > 0
            and (
                (
                    periods.started_at < months.ended_at
                    and coalesce(periods.ended_at, months.ended_at) >= months.ended_at
                )
                or (months.ended_at is null and periods.is_current)
            )
        group by months.month
    ),

    current_revenue as (select coalesce(sum(mrr_amount_reporting), 0) as amount from subscriptions)

select months.month, months.end_mrr_amount_reporting, counted.amount, months.next_start_amount, current_revenue.amount
from months
inner join counted on counted.month = months.month
cross join current_revenue
where
    months.end_mrr_amount_reporting <> counted.amount
    or months.end_customer_count <> counted.subscriber_count
    or months.next_start_amount <> months.end_mrr_amount_reporting
    or (not months.is_complete and months.end_mrr_amount_reporting <> current_revenue.amount)
