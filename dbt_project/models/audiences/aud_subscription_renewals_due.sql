with
    subscriptions as (select * from {{ ref("fct_subscriptions") }}),

    running as (
        select
            *,
            floor({{ dbt.datediff("paying_from_at", as_of(), "month") }} / nullif(billing_months, 0))::int as renewals
        from subscriptions
        where
            status = 'active'
            and cancelled_at is null
            and person_id is not null
            and billing_months >= 3
            and paying_from_at <= {{ as_of() }}
    ),

    -- The months between two instants count the firsts in between, so that this renewal may be past by some days.
    candidates as (
        select
            *,
            {{ dbt.dateadd("month", "renewals * billing_months", "paying_from_at") }} as this_renewal_at,
            {{ dbt.dateadd("month", "(renewals + 1) * billing_months", "paying_from_at") }} as next_renewal_at
        from running
    ),

    dated as (
        select *, case when this_renewal_at > {{ as_of() }} then this_renewal_at else next_renewal_at end as renews_at
        from candidates
    ),

    soonest as (
        select person_id, min(renews_at) as renews_at
        from dated
        where renews_at <= {{ dbt.dateadd("day", 30, as_of()) }}
        group by person_id
    ),

    final as (
        select person_id as entity_id, 'renews on ' || {{ local_date("renews_at") }}::string as reason from soonest
    )

select *
from final
