with
    customers as (select * from {{ ref("dim_customers") }}),
    customer_months as (select * from {{ ref("fct_customer_months") }}),
    cohort_ages as (select * from {{ ref("dim_cohort_ages") }}),

    cohorts as (
        select cohort_month, acquisition_channel, count(*) as cohort_size
        from customers
        group by cohort_month, acquisition_channel
    ),

    ordered as (
        select
            *,
            sum(paid_order_count) over (
                partition by person_id
                order by age_months asc nulls last
                rows between unbounded preceding and current row
            ) as paid_orders_to_date
        from customer_months
    ),

    monthly as (
        select
            customers.cohort_month,
            customers.acquisition_channel,
            ordered.age_months,
            count(
                case
                    when ordered.paid_orders_to_date >= 1 and ordered.paid_orders_to_date - ordered.paid_order_count < 1
                    then 1
                end
            ) as new_order_customer_count,
            count(
                case
                    when ordered.paid_orders_to_date >= 2 and ordered.paid_orders_to_date - ordered.paid_order_count < 2
                    then 1
                end
            ) as new_repeat_customer_count,
            sum(ordered.paid_order_count) as paid_order_count,
            sum(ordered.unconverted_entry_count) as unconverted_entry_count,
            sum(ordered.order_view_amount_reporting) as order_view_amount,
            sum(ordered.cash_view_amount_reporting) as cash_view_amount,
            sum(ordered.gross_margin_amount_reporting) as gross_margin_amount,
            sum(ordered.turnover_amount_reporting) as turnover_amount,
            sum(ordered.unknown_cost_amount_reporting) as unknown_cost_amount
        from ordered
        inner join customers on customers.person_id = ordered.person_id
        group by customers.cohort_month, customers.acquisition_channel, ordered.age_months
    ),

    cumulated as (
        select
            cohorts.cohort_month,
            cohorts.acquisition_channel,
            cohort_ages.age_months,
            cohorts.cohort_size,
            coalesce(sum(monthly.new_order_customer_count) over to_date, 0)::bigint as order_customer_count,
            coalesce(sum(monthly.new_repeat_customer_count) over to_date, 0)::bigint as repeat_customer_count,
            coalesce(sum(monthly.paid_order_count) over to_date, 0)::bigint as paid_order_count,
            coalesce(sum(monthly.unconverted_entry_count) over to_date, 0)::bigint as unconverted_entry_count,
            {{ money("coalesce(sum(monthly.order_view_amount) over to_date, 0)") }} as order_view_amount,
            {{ money("coalesce(sum(monthly.cash_view_amount) over to_date, 0)") }} as cash_view_amount,
            {{ money("coalesce(sum(monthly.gross_margin_amount) over to_date, 0)") }} as gross_margin_amount,
            {{ money("coalesce(sum(monthly.turnover_amount) over to_date, 0)") }} as turnover_amount,
            {{ money("coalesce(sum(monthly.unknown_cost_amount) over to_date, 0)") }} as unknown_cost_amount
        from cohorts
        inner join cohort_ages on cohort_ages.cohort_month = cohorts.cohort_month
        left join
            monthly
            on monthly.cohort_month = cohorts.cohort_month
            and monthly.acquisition_channel = cohorts.acquisition_channel
            and monthly.age_months = cohort_ages.age_months
        window
            to_date as (
                partition by cohorts.cohort_month, cohorts.acquisition_channel
                order by cohort_ages.age_months asc nulls last
                rows between unbounded preceding and current row
            )
    ),

    final as (
        select
            cohort_month,
            acquisition_channel,
            age_months,
            {{ reporting_currency() }} as reporting_currency,
            cohort_size,
            order_customer_count,
            repeat_customer_count,
            repeat_customer_count::double / nullif(order_customer_count, 0) as repeat_rate,
            {{ wilson_interval("repeat_customer_count", "order_customer_count", "repeat_rate") }},
            paid_order_count,
            unconverted_entry_count,
            order_view_amount as order_view_revenue_amount_reporting,
            cash_view_amount as cash_view_revenue_amount_reporting,
            order_view_amount::double / nullif(cohort_size, 0) as order_view_revenue_per_customer_amount_reporting,
            cash_view_amount::double / nullif(cohort_size, 0) as cash_view_revenue_per_customer_amount_reporting,
            {{ margin_where_known("gross_margin_amount", "turnover_amount", "unknown_cost_amount") }}
            as gross_margin_amount_reporting,
            {{ margin_where_known("gross_margin_amount", "turnover_amount", "unknown_cost_amount") }}::double
            / nullif(cohort_size, 0) as gross_margin_per_customer_amount_reporting,
            unknown_cost_amount as unknown_cost_amount_reporting,
            {{ known_cost_rate("turnover_amount", "unknown_cost_amount") }} as known_cost_rate
        from cumulated
    )

select *
from final
