{%- set marks = var("retention_days") -%}
with
    customers as (select * from {{ ref("dim_customers") }} where first_ordered_on is not null),
    revenue_entries as (select * from {{ ref("fct_revenue_entries") }}),

    cells as (
        {% for mark in marks -%}
            select 'n_day' as retention_kind, {{ mark }} as from_day, {{ mark }} as until_day
            union all
            select 'rolling' as retention_kind, {{ mark }} as from_day, null as until_day
            {% if not loop.last -%}
                union all
                select 'bracket' as retention_kind, {{ mark }} as from_day, {{ marks[loop.index] - 1 }} as until_day
                union all
            {% endif %}
        {% endfor -%}
    ),

    members as (
        select
            person_id,
            'week' as cohort_period,
            cast({{ dbt.date_trunc("week", "first_ordered_on") }} as date) as cohort_started_on
        from customers
        union all
        select
            person_id,
            'month' as cohort_period,
            cast({{ dbt.date_trunc("month", "first_ordered_on") }} as date) as cohort_started_on
        from customers
    ),

    delimited as (
        select
            *,
            cast(
                case
                    when cohort_period = 'week'
                    then cohort_started_on + interval '7' day
                    else cohort_started_on + interval '1' month
                end as date
            ) as cohort_ended_on
        from members
    ),

    cohorts as (
        select
            cohort_period,
            cohort_started_on,
            {{
                days_between(
                    midnight("cohort_ended_on"),
                    midnight(local_date(as_of())),
                )
            }}::int as followed_days,
            count(*) as cohort_size
        from delimited
        group by cohort_period, cohort_started_on, cohort_ended_on
    ),

    purchase_days as (
        select distinct
            customers.person_id,
            {{
                days_between(
                    midnight("customers.first_ordered_on"),
                    midnight(local_date("revenue_entries.order_view_at")),
                )
            }}::int as age_days
        from revenue_entries
        inner join customers on customers.person_id = revenue_entries.person_id
        where revenue_entries.entry_type = 'sale'
    ),

    -- Someone bought on or after a day if their last purchase did.
    signs as (
        select person_id, 'n_day' as retention_kind, age_days
        from purchase_days
        union all
        select person_id, 'bracket' as retention_kind, age_days
        from purchase_days
        union all
        select person_id, 'rolling' as retention_kind, max(age_days) as age_days
        from purchase_days
        group by person_id
    ),

    returns as (
        select distinct signs.person_id, cells.retention_kind, cells.from_day
        from signs
        inner join
            cells
            on cells.retention_kind = signs.retention_kind
            and cells.from_day <= signs.age_days
            and (cells.until_day >= signs.age_days or cells.until_day is null)
    ),

    retained as (
        select
            members.cohort_period,
            members.cohort_started_on,
            returns.retention_kind,
            returns.from_day,
            count(*) as retained_count
        from returns
        inner join members on members.person_id = returns.person_id
        group by members.cohort_period, members.cohort_started_on, returns.retention_kind, returns.from_day
    ),

    final as (
        select
            cohorts.cohort_period,
            cohorts.cohort_started_on,
            cells.retention_kind,
            cells.from_day,
            cells.until_day,
            cohorts.followed_days,
            cohorts.cohort_size,
            coalesce(retained.retained_count, 0)::bigint as retained_count,
            coalesce(retained.retained_count, 0)::double / nullif(cohorts.cohort_size, 0) as retention_rate,
            {{ wilson_interval("coalesce(retained.retained_count, 0)", "cohorts.cohort_size", "retention_rate") }}
        from cohorts
        -- The youngest member has lived through the cell's last day.
        inner join cells on coalesce(cells.until_day, cells.from_day) <= cohorts.followed_days
        left join
            retained
            on retained.cohort_period = cohorts.cohort_period
            and retained.cohort_started_on = cohorts.cohort_started_on
            and retained.retention_kind = cells.retention_kind
            and retained.from_day = cells.from_day
    )

select *
from final
