{%- set reasons = "lifecycle_model, entity_type, stage_left, lost_stage, lost_reason, first_response_bucket" -%}

with
    losses as (select * from {{ ref("fct_lifecycle_losses") }}),
    stages as (select * from {{ ref("dim_lifecycle_stages") }}),
    revenue_entries as (select * from {{ ref("fct_revenue_entries") }}),
    account_persons as (select * from {{ ref("bridge_account_persons") }} where is_main_account),

    dated as (select *, cast({{ dbt.date_trunc("quarter", local_date("lost_at")) }} as date) as quarter from losses),

    -- What people brought in, and through them their companies.
    payments as (
        select 'person' as entity_type, person_id as entity_id, cash_view_at, amount_reporting
        from revenue_entries
        where person_id is not null
        union all
        select
            'account' as entity_type,
            account_persons.account_id as entity_id,
            revenue_entries.cash_view_at,
            revenue_entries.amount_reporting
        from revenue_entries
        inner join account_persons on account_persons.person_id = revenue_entries.person_id
    ),

    worth as (
        select dated.episode_id, sum(payments.amount_reporting) as value_amount_reporting
        from dated
        inner join
            payments
            on payments.entity_type = dated.entity_type
            and payments.entity_id = dated.entity_id
            and payments.cash_view_at < dated.lost_at
            and payments.cash_view_at >= {{ dbt.dateadd("day", -365, "dated.lost_at") }}
        group by dated.episode_id
    ),

    counted as (
        select
            quarter,
            {{ reasons }},
            count(*) as lost_count,
            count(won_back_at) as won_back_count,
            {{ money("coalesce(sum(worth.value_amount_reporting), 0)") }} as lost_value_amount_reporting
        from dated
        left join worth on worth.episode_id = dated.episode_id
        group by quarter, {{ reasons }}
    ),

    -- Losses for the same reason in the quarter before.
    compared as (
        select
            counted.*,
            coalesce(before.lost_count, 0) as previous_quarter_lost_count,
            counted.won_back_count::double / nullif(counted.lost_count, 0) as won_back_rate,
            {{ wilson_interval("counted.won_back_count", "counted.lost_count", "won_back_rate") }}
        from counted
        left join
            counted as before
            on before.quarter = cast({{ dbt.dateadd("month", -3, "counted.quarter") }} as date)
            and before.lifecycle_model = counted.lifecycle_model
            and before.entity_type = counted.entity_type
            and before.stage_left = counted.stage_left
            and before.lost_stage = counted.lost_stage
            and coalesce(before.lost_reason, '') = coalesce(counted.lost_reason, '')
            and before.first_response_bucket = counted.first_response_bucket
    ),

    final as (
        select
            compared.quarter,
            compared.quarter
            < cast({{ dbt.date_trunc("quarter", local_date(as_of())) }} as date) as is_quarter_complete,
            compared.lifecycle_model,
            compared.entity_type,
            compared.stage_left,
            {{ stage_words("stages_left", "stage_left", has_none=true) }},
            compared.lost_stage,
            {{ stage_words("lost_stages", "lost_stage") }},
            compared.lost_reason,
            compared.first_response_bucket,
            {{ first_response_bucket_order("compared.first_response_bucket") }} as first_response_bucket_order,
            compared.lost_count,
            compared.previous_quarter_lost_count,
            compared.lost_count - compared.previous_quarter_lost_count as lost_count_change,
            {{ reporting_currency() }} as reporting_currency,
            compared.lost_value_amount_reporting,
            compared.won_back_count,
            compared.won_back_rate,
            compared.won_back_rate_lower,
            compared.won_back_rate_upper
        from compared
        inner join
            stages as lost_stages
            on lost_stages.lifecycle_model = compared.lifecycle_model
            and lost_stages.stage = compared.lost_stage
        left join
            stages as stages_left
            on stages_left.lifecycle_model = compared.lifecycle_model
            and stages_left.stage = compared.stage_left
    )

select *
from final
