{#- Lapses by a stated rule, the first gap longer than `churn_inactivity_days`; that of `fct_churn_features` is apart. -#}
{%- set rule_days = var("churn_inactivity_days") -%}
with
    purchase_days as (select * from {{ ref("fct_purchase_days") }}),
    customers as (select * from {{ ref("dim_customers") }}),

    with_next_days as (
        select
            *,
            lead(first_purchased_at) over (
                partition by person_id order by purchased_on asc nulls last
            ) as next_purchased_at
        from purchase_days
    ),

    followed as (
        select
            *,
            last_purchased_at + interval '{{ rule_days }}' day as lapse_due_at,
            coalesce(next_purchased_at, {{ as_of() }}) as silent_until_at
        from with_next_days
    ),

    summarized as (
        select
            person_id,
            min(first_purchased_at) as first_purchased_at,
            min(case when purchase_number = 2 then first_purchased_at end) as second_purchased_at,
            min(case when lapse_due_at < silent_until_at then lapse_due_at end) as lapsed_at
        from followed
        group by person_id
    ),

    unioned as (
        select person_id, 'second_purchase' as curve, first_purchased_at, second_purchased_at as ended_at
        from summarized
        union all
        select person_id, 'lapse', first_purchased_at, lapsed_at
        from summarized
    ),

    final as (
        select
            unioned.curve,
            unioned.person_id,
            customers.cohort_month,
            customers.acquisition_channel,
            unioned.first_purchased_at as started_at,
            unioned.ended_at,
            -- Whole days: an hour more or less says nothing, and curves stay short.
            floor(
                {{ days_between("unioned.first_purchased_at", "coalesce(unioned.ended_at, " ~ as_of() ~ ")") }}
            ) as duration_days,
            unioned.ended_at is not null as is_observed
        from unioned
        inner join customers on customers.person_id = unioned.person_id
    )

select *
from final
