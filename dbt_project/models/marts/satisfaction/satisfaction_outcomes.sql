{%- set windows = [90, 180] -%}
{%- set one_day = "86400000000" -%}

with
    answers as (select * from {{ ref("fct_survey_answers") }}),
    orders as (select * from {{ ref("fct_orders") }} where paid_at <= {{ as_of() }}),
    revenue_entries as (select * from {{ ref("fct_revenue_entries") }}),
    spells as (select * from {{ ref("fct_subscriber_spells") }}),
    losses as (select * from {{ ref("fct_lifecycle_losses") }}),

    answered as (
        select
            person_id,
            survey_type,
            case
                when survey_type = 'nps'
                then case when is_promoter then 'promoter' when is_detractor then 'detractor' else 'passive' end
                when is_top_box
                then 'satisfied'
                when survey_type = 'ces'
                then case when score <= 3 then 'dissatisfied' else 'neutral' end
                when score <= 2
                then 'dissatisfied'
                else 'neutral'
            end as score_band,
            responded_at as counted_from_at
        from answers
        where person_id is not null
    ),

    -- To compare with: whoever bought and said nothing for 30 days. What they do is counted from then on.
    bought as (
        select person_id, {{ dbt.dateadd("day", 30, "paid_at") }} as counted_from_at
        from orders
        where person_id is not null
    ),

    spoke as (
        select distinct bought.person_id, bought.counted_from_at
        from bought
        inner join
            answered
            on answered.person_id = bought.person_id
            and answered.counted_from_at <= bought.counted_from_at
            and answered.counted_from_at > {{ dbt.dateadd("day", -30, "bought.counted_from_at") }}
    ),

    silent as (
        select distinct bought.person_id, bought.counted_from_at
        from bought
        left join spoke on spoke.person_id = bought.person_id and spoke.counted_from_at = bought.counted_from_at
        where spoke.person_id is null
    ),

    starts as (
        select person_id, survey_type, score_band, counted_from_at
        from answered
        union all
        select person_id, 'none' as survey_type, 'no_answer' as score_band, counted_from_at
        from silent
    ),

    numbered as (
        select
            *,
            row_number() over (
                order by
                    person_id asc nulls last,
                    counted_from_at asc nulls last,
                    survey_type asc nulls last,
                    score_band asc nulls last
            ) as start_number
        from starts
    ),

    windows as (
        {% for days in windows %}select {{ days }} as window_days {{ "union all" if not loop.last }} {% endfor %}
    ),

    -- Only windows that are over: in an open one, whoever has not come back may still do so.
    closed as (
        select
            numbered.*,
            windows.window_days,
            {{ dbt.dateadd("day", "windows.window_days", "numbered.counted_from_at") }} as counted_to_at
        from numbered
        cross join windows
        where {{ microseconds_between("numbered.counted_from_at", as_of()) }} >= {{ one_day }} * windows.window_days
    ),

    -- Everything that may follow, as one stream of events.
    events as (
        select person_id, 'order' as event, paid_at as happened_at, null as amount_reporting
        from orders
        where person_id is not null
        union all
        select person_id, 'revenue' as event, cash_view_at as happened_at, amount_reporting
        from revenue_entries
        where person_id is not null
        union all
        select person_id, 'end' as event, ended_at as happened_at, null as amount_reporting
        from spells
        where person_id is not null and ended_at <= {{ as_of() }}
        union all
        select entity_id as person_id, 'loss' as event, lost_at as happened_at, null as amount_reporting
        from losses
        where entity_type = 'person'
    ),

    followed as (
        select
            closed.start_number,
            closed.window_days,
            closed.survey_type,
            closed.score_band,
            max(case when events.event = 'order' then 1 else 0 end) as has_bought,
            max(case when events.event = 'end' then 1 else 0 end) as has_ended,
            max(case when events.event = 'loss' then 1 else 0 end) as is_lost,
            coalesce(sum(events.amount_reporting), 0) as value_amount_reporting
        from closed
        left join
            events
            on events.person_id = closed.person_id
            and events.happened_at > closed.counted_from_at
            and events.happened_at <= closed.counted_to_at
        group by closed.start_number, closed.window_days, closed.survey_type, closed.score_band
    ),

    counted as (
        select
            survey_type,
            score_band,
            window_days,
            count(*) as answer_count,
            sum(has_bought)::bigint as bought_again_count,
            sum(has_ended)::bigint as churned_count,
            sum(is_lost)::bigint as lost_count,
            {{ money("sum(value_amount_reporting)") }} as value_amount_reporting
        from followed
        group by survey_type, score_band, window_days
    ),

    final as (
        select
            survey_type,
            score_band,
            case
                score_band
                when 'promoter'
                then 1
                when 'satisfied'
                then 1
                when 'passive'
                then 2
                when 'neutral'
                then 2
                when 'detractor'
                then 3
                when 'dissatisfied'
                then 3
                else 4
            end as score_band_order,
            window_days,
            answer_count,
            answer_count < 30 as is_small,
            {%- for outcome in ["bought_again", "churned", "lost"] %}
                {{ outcome }}_count,
                {{ outcome }}_count::double / nullif(answer_count, 0) as {{ outcome }}_rate,
                {{ wilson_interval(outcome ~ "_count", "answer_count", outcome ~ "_rate") }},
            {%- endfor %}
            {{ reporting_currency() }} as reporting_currency,
            value_amount_reporting,
            value_amount_reporting::double / nullif(answer_count, 0) as value_mean_amount_reporting
        from counted
    )

select *
from final
