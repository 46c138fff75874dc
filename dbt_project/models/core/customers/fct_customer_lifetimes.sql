{#-
    Lapses by a stated rule, the first gap longer than `churn_inactivity_days`; that of `fct_churn_features` is apart. Ends of
    subscriptions are observed.
-#}
{%- set rule_days = var("churn_inactivity_days") -%}
with
    purchase_days as (select * from {{ ref("fct_purchase_days") }}),
    customers as (select * from {{ ref("dim_customers") }}),
    spells as (select * from {{ ref("fct_subscriber_spells") }}),

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

    purchase_curves as (
        select person_id, 'second_purchase' as curve, first_purchased_at, second_purchased_at as ended_at
        from summarized
        union all
        select person_id, 'lapse' as curve, first_purchased_at, lapsed_at as ended_at
        from summarized
    ),

    unioned as (
        select
            purchase_curves.curve,
            purchase_curves.person_id as customer_id,
            customers.cohort_month,
            customers.acquisition_channel,
            purchase_curves.first_purchased_at as started_at,
            purchase_curves.first_purchased_at as observed_from_at,
            purchase_curves.ended_at
        from purchase_curves
        inner join customers on customers.person_id = purchase_curves.person_id
        union all
        select
            'subscription' as curve,
            subscriber_id as customer_id,
            cohort_month,
            acquisition_channel,
            anchor_at as started_at,
            observed_from_at,
            ended_at
        from spells
        where spell_number = 1
    ),

    followed_lives as (select *, coalesce(ended_at, {{ as_of() }}) as followed_until_at from unioned),

    -- Whole days: an hour more or less says nothing, and curves stay short.
    counted as (
        select
            *,
            floor({{ days_between("started_at", "observed_from_at") }})::double as entered_days,
            floor({{ days_between("started_at", "followed_until_at") }})::double as duration_days
        from followed_lives
    ),

    final as (
        select
            curve,
            customer_id,
            cohort_month,
            acquisition_channel,
            started_at,
            observed_from_at,
            ended_at,
            entered_days,
            duration_days,
            ended_at is not null as is_observed
        from counted
        -- A subscription taken over less than a day ago has shown nothing yet.
        where entered_days = 0 or duration_days > entered_days
    )

select *
from final
