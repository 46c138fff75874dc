-- Who bought on a day or in a bracket also bought on or after its first day; fewer do so after a later day. A
-- cohort has one size in all its cells: that of the customers first seen in it.
with
    cells as (select * from {{ ref("retention_cohorts") }}),
    customers as (select * from {{ ref("dim_customers") }} where first_ordered_on is not null),

    cohorts as (
        {%- for period in ["week", "month"] %}
            {{ "union all" if not loop.first }}
            select
                '{{ period }}' as cohort_period,
                cast({{ dbt.date_trunc(period, "first_ordered_on") }} as date) as cohort_started_on,
                count(*) as customer_count
            from customers
            group by cast({{ dbt.date_trunc(period, "first_ordered_on") }} as date)
        {%- endfor %}
    ),

    rolling as (
        select
            cohort_period,
            cohort_started_on,
            from_day,
            retained_count,
            lag(retained_count) over (
                partition by cohort_period, cohort_started_on order by from_day asc nulls last
            ) as earlier_count
        from cells
        where retention_kind = 'rolling'
    )

select cells.*, rolling.retained_count as rolling_count, rolling.earlier_count, cohorts.customer_count
from cells
left join
    rolling
    on rolling.cohort_period = cells.cohort_period
    and rolling.cohort_started_on = cells.cohort_started_on
    and rolling.from_day = cells.from_day
left join cohorts on cohorts.cohort_period = cells.cohort_period and cohorts.cohort_started_on = cells.cohort_started_on
where
    not coalesce(cells.retained_count <= rolling.retained_count, false)
    or rolling.retained_count > rolling.earlier_count
    or not coalesce(cells.cohort_size = cohorts.customer_count, false)
