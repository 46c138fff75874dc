with
    deals as (select * from {{ ref("deal_pipeline") }}),

    dated as (
        select
            deal_id,
            coalesce(owner_id, 'none') as owner_id,
            coalesce(deal_stage, 'unknown') as deal_stage,
            deal_status,
            deal_amount_reporting,
            age_days,
            cast({{ dbt.date_trunc("month", local_date("opened_at")) }} as date) as opened_month,
            cast({{ dbt.date_trunc("month", local_date("closed_at")) }} as date) as closed_month
        from deals
    ),

    breakdowns as (
        select 'all' as breakdown, false as has_owner, false as has_stage
        union all
        select 'owner' as breakdown, true as has_owner, false as has_stage
        union all
        select 'stage' as breakdown, false as has_owner, true as has_stage
    ),

    broken_down as (
        select
            breakdowns.breakdown,
            case when breakdowns.has_owner then dated.owner_id else 'all' end as owner_id,
            case when breakdowns.has_stage then dated.deal_stage else 'all' end as deal_stage,
            dated.deal_status,
            dated.deal_amount_reporting,
            dated.age_days,
            dated.opened_month,
            dated.closed_month
        from dated
        cross join breakdowns
    ),

    opened as (
        select
            breakdown,
            opened_month as month,
            owner_id,
            deal_stage,
            count(*) as deal_count,
            sum(deal_amount_reporting) as deal_amount,
            count(*) - count(deal_amount_reporting) as unconverted_deal_count,
            {%- for status in ["open", "won", "lost"] %}
                count(case when deal_status = '{{ status }}' then 1 end) as {{ status }}_deal_count,
                sum(case when deal_status = '{{ status }}' then deal_amount_reporting end) as {{ status }}_deal_amount
                {{- "," if not loop.last }}
            {%- endfor %}
        from broken_down
        group by breakdown, opened_month, owner_id, deal_stage
    ),

    closed as (
        select
            breakdown,
            closed_month as month,
            owner_id,
            deal_stage,
            {%- for status in ["won", "lost"] %}
                count(case when deal_status = '{{ status }}' then 1 end) as {{ status }}_count,
                sum(case when deal_status = '{{ status }}' then deal_amount_reporting end) as {{ status }}_amount
                {{- "," if not loop.last }}
            {%- endfor %}
        from broken_down
        where closed_month is not null
        group by breakdown, closed_month, owner_id, deal_stage
    ),

    -- A deal that is open has lasted until now and is not over: leaving it out would favour the quick ones.
    durations as (
        {{
            kaplan_meier_quantiles(
                "broken_down",
                ["breakdown", "opened_month", "owner_id", "deal_stage"],
                "age_days",
                "deal_status <> 'open'",
                {"median_days_to_close": 0.5},
            )
        }}
    ),

    keys as (
        select breakdown, month, owner_id, deal_stage
        from opened
        union
        select breakdown, month, owner_id, deal_stage
        from closed
    ),

    -- In rows of a stage every deal is open, won or lost, so that a rate would be 0 or 1.
    joined as (
        select
            keys.breakdown,
            keys.month,
            keys.owner_id,
            keys.deal_stage,
            opened.deal_count,
            opened.deal_amount,
            opened.unconverted_deal_count,
            {%- for status in ["open", "won", "lost"] %}
                opened.{{ status }}_deal_count, opened.{{ status }}_deal_amount,
            {%- endfor %}
            closed.won_count,
            closed.won_amount,
            closed.lost_count,
            closed.lost_amount,
            case when keys.breakdown <> 'stage' then opened.won_deal_count end as judged_won_count,
            case when keys.breakdown <> 'stage' then opened.won_deal_count + opened.lost_deal_count end as judged_count,
            case when keys.breakdown <> 'stage' then durations.median_days_to_close end as median_days_to_close
        from keys
        left join
            opened
            on opened.breakdown = keys.breakdown
            and opened.month = keys.month
            and opened.owner_id = keys.owner_id
            and opened.deal_stage = keys.deal_stage
        left join
            closed
            on closed.breakdown = keys.breakdown
            and closed.month = keys.month
            and closed.owner_id = keys.owner_id
            and closed.deal_stage = keys.deal_stage
        left join
            durations
            on durations.breakdown = keys.breakdown
            and durations.opened_month = keys.month
            and durations.owner_id = keys.owner_id
            and durations.deal_stage = keys.deal_stage
    ),

    final as (
        select
            breakdown,
            month,
            cast(month + interval '1' month as date) <= {{ local_date(as_of()) }} as is_complete,
            owner_id,
            deal_stage,
            {{ reporting_currency() }} as reporting_currency,
            coalesce(deal_count, 0)::bigint as deal_count,
            {%- for status in ["open", "won", "lost"] %}
                coalesce({{ status }}_deal_count, 0)::bigint as {{ status }}_deal_count,
            {%- endfor %}
            {{ money("coalesce(deal_amount, 0)") }} as deal_amount_reporting,
            {{ money("coalesce(open_deal_amount, 0)") }} as open_deal_amount_reporting,
            {{ money("coalesce(won_deal_amount, 0)") }} as won_deal_amount_reporting,
            {{ money("coalesce(lost_deal_amount, 0)") }} as lost_deal_amount_reporting,
            coalesce(unconverted_deal_count, 0)::bigint as unconverted_deal_count,
            (won_deal_count + lost_deal_count)::double / nullif(deal_count, 0) as decided_rate,
            judged_won_count::double / nullif(judged_count, 0) as win_rate,
            {{ wilson_interval("judged_won_count", "judged_count", "win_rate") }},
            median_days_to_close,
            coalesce(won_count, 0)::bigint as won_in_month_count,
            coalesce(lost_count, 0)::bigint as lost_in_month_count,
            {{ money("coalesce(won_amount, 0)") }} as won_in_month_amount_reporting,
            {{ money("coalesce(lost_amount, 0)") }} as lost_in_month_amount_reporting
        from joined
    )

select *
from final
