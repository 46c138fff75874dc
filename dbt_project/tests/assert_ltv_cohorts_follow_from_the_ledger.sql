-- The curve of each cohort at its last age, with what came later, is the whole ledger of its members, in both views.
with
    cohort_values as (select * from {{ ref("ltv_cohorts") }}),
    customers as (select * from {{ ref("dim_customers") }}),
    customer_values as (select * from {{ ref("customer_value") }}),
    revenue_entries as (select * from {{ ref("fct_revenue_entries") }}),

    last_ages as (
        select cohort_month, acquisition_channel, max(age_months) as age_months
        from cohort_values
        group by cohort_month, acquisition_channel
    ),

    curves as (
        select
            cohort_values.cohort_month,
            cohort_values.acquisition_channel,
            cohort_values.age_months,
            cohort_values.cohort_size,
            cohort_values.order_view_revenue_amount_reporting as order_view_amount,
            cohort_values.cash_view_revenue_amount_reporting as cash_view_amount
        from cohort_values
        inner join
            last_ages
            on last_ages.cohort_month = cohort_values.cohort_month
            and last_ages.acquisition_channel = cohort_values.acquisition_channel
            and last_ages.age_months = cohort_values.age_months
    ),

    members as (
        select
            customers.customer_id,
            customers.person_id,
            customers.cohort_month,
            customers.acquisition_channel,
            {{ local_time("customers.first_purchased_at", var("reporting_time_zone")) }}
            + interval '1' month * curves.age_months as observed_until
        from customers
        inner join
            curves
            on curves.cohort_month = customers.cohort_month
            and curves.acquisition_channel = customers.acquisition_channel
    ),

    later as (
        select
            members.cohort_month,
            members.acquisition_channel,
            sum(
                case
                    when
                        {{ local_time("revenue_entries.order_view_at", var("reporting_time_zone")) }}
                        > members.observed_until
                    then revenue_entries.amount_reporting
                end
            ) as order_view_amount,
            sum(
                case
                    when
                        {{ local_time("revenue_entries.cash_view_at", var("reporting_time_zone")) }}
                        > members.observed_until
                        or revenue_entries.cash_view_at is null
                    then revenue_entries.amount_reporting
                end
            ) as cash_view_amount
        from revenue_entries
        inner join members on members.person_id = revenue_entries.person_id
        group by members.cohort_month, members.acquisition_channel
    ),

    booked as (
        select
            members.cohort_month,
            members.acquisition_channel,
            count(*) as customer_count,
            sum(customer_values.historic_value_amount_reporting) as amount
        from members
        inner join customer_values on customer_values.customer_id = members.customer_id
        group by members.cohort_month, members.acquisition_channel
    )

select curves.*, booked.customer_count, booked.amount
from curves
left join
    booked on booked.cohort_month = curves.cohort_month and booked.acquisition_channel = curves.acquisition_channel
left join later on later.cohort_month = curves.cohort_month and later.acquisition_channel = curves.acquisition_channel
where
    not coalesce(curves.cohort_size = booked.customer_count, false)
    or not coalesce(curves.order_view_amount + coalesce(later.order_view_amount, 0) = booked.amount, false)
    or not coalesce(curves.cash_view_amount + coalesce(later.cash_view_amount, 0) = booked.amount, false)
