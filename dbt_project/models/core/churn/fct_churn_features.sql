{#- Every feature and its `…_known_at` read what happened strictly before the cut-off; the label what came after. -#}
{%- set settings = var("predictions") -%}
{%- set inactive_days = settings["inactive_days"] -%}
{%- set window_days = settings["churn_window_days"] -%}
{%- set engagement_days = window_days["recent_engagement"] + window_days["earlier_engagement"] -%}
{%- set wait_days = [window_days["unanswered_message_count"], window_days["first_response_hours"]] | max -%}
{%- set sign_days = [window_days["complaint_count"], window_days["satisfaction_score"], engagement_days] | max -%}
{%- set today = midnight(as_of_date()) -%}
with
    purchase_days as (select * from {{ ref("fct_purchase_days") }}),
    revenue_entries as (
        select * from {{ ref("fct_revenue_entries") }} where person_id is not null and entry_type in ('sale', 'refund')
    ),
    waits as (select * from {{ ref("fct_response_times") }} where person_id is not null),
    activities as (select * from {{ ref("fct_activities") }} where person_id is not null),

    cutoffs as (
        {% for step in range(settings["cutoff_count"] + 1) -%}
            select
                {{ today }} - interval '{{ step * settings["cutoff_step_days"] }}' day as cutoff_at
                {{ "union all" if not loop.last }}
        {% endfor -%}
    ),

    with_previous_days as (
        select
            person_id,
            purchase_number,
            first_purchased_at,
            last_purchased_at,
            cast(purchased_on as {{ timestamp_type() }}) as day_at,
            lag(cast(purchased_on as {{ timestamp_type() }})) over (
                partition by person_id order by purchased_on asc nulls last
            ) as previous_day_at,
            min(cast(purchased_on as {{ timestamp_type() }})) over (partition by person_id) as first_day_at
        from purchase_days
    ),

    with_gaps as (
        select
            *,
            {{ days_between("previous_day_at", "day_at") }} as gap_days,
            {{ days_between("first_day_at", "previous_day_at") }}
            / nullif(purchase_number - 2, 0) as earlier_gap_mean_days
        from with_previous_days
    ),

    rhythms as (
        select
            with_gaps.person_id,
            cutoffs.cutoff_at,
            min(with_gaps.first_purchased_at) as first_purchased_at,
            max(with_gaps.last_purchased_at) as last_purchased_at,
            count(*) as purchase_count,
            median(with_gaps.gap_days) as gap_median_days,
            max_by(with_gaps.gap_days, with_gaps.purchase_number) as last_gap_days,
            max_by(with_gaps.earlier_gap_mean_days, with_gaps.purchase_number) as earlier_gap_mean_days
        from with_gaps
        inner join cutoffs on with_gaps.last_purchased_at < cutoffs.cutoff_at
        group by with_gaps.person_id, cutoffs.cutoff_at
    ),

    amounts as (
        select
            revenue_entries.person_id,
            cutoffs.cutoff_at,
            sum(revenue_entries.amount_reporting)::double as amount_reporting,
            max(revenue_entries.cash_view_at) as known_at
        from revenue_entries
        inner join cutoffs on revenue_entries.cash_view_at < cutoffs.cutoff_at
        where revenue_entries.amount_reporting is not null
        group by revenue_entries.person_id, cutoffs.cutoff_at
    ),

    first_refunds as (
        select order_id, min(cash_view_at) as first_refunded_at
        from revenue_entries
        where entry_type = 'refund'
        group by order_id
    ),

    -- An order that was paid in parts is one sale.
    sales as (
        select order_id, person_id, order_view_at
        from revenue_entries
        where entry_type = 'sale'
        group by order_id, person_id, order_view_at
    ),

    refunds as (
        select
            sales.person_id,
            cutoffs.cutoff_at,
            avg(
                case when first_refunds.first_refunded_at < cutoffs.cutoff_at then 1::double else 0::double end
            ) as refund_rate,
            max(sales.order_view_at) as last_ordered_at,
            max(
                case when first_refunds.first_refunded_at < cutoffs.cutoff_at then first_refunds.first_refunded_at end
            ) as last_refunded_at
        from sales
        inner join
            cutoffs
            on sales.order_view_at < cutoffs.cutoff_at
            and sales.order_view_at >= cutoffs.cutoff_at - interval '{{ window_days["refund_rate"] }}' day
        left join first_refunds on first_refunds.order_id = sales.order_id
        group by sales.person_id, cutoffs.cutoff_at
    ),

    -- What was known of each wait at the cut-off: a wait that had not ended had lasted until then.
    waits_at_cutoffs as (
        select
            waits.person_id,
            cutoffs.cutoff_at,
            waits.waiting_since_at,
            waits.is_first_response
            and waits.waiting_since_at
            >= cutoffs.cutoff_at - interval '{{ window_days["first_response_hours"] }}' day as is_first_response,
            case when waits.replied_at < cutoffs.cutoff_at then waits.replied_at end as replied_at,
            case when waits.ended_at < cutoffs.cutoff_at then waits.ended_at end as ended_at,
            waits.waiting_since_at
            >= cutoffs.cutoff_at - interval '{{ window_days["unanswered_message_count"] }}' day as is_recent
        from waits
        inner join
            cutoffs
            on waits.waiting_since_at < cutoffs.cutoff_at
            and waits.waiting_since_at >= cutoffs.cutoff_at - interval '{{ wait_days }}' day
    ),

    responses as (
        select
            person_id,
            cutoff_at,
            count(case when is_recent then 1 end) as recent_wait_count,
            count(case when is_recent and replied_at is null then 1 end) as unanswered_count,
            max(
                case when is_recent then greatest(waiting_since_at, coalesce(ended_at, waiting_since_at)) end
            ) as unanswered_known_at,
            median(
                case
                    when is_first_response
                    then {{ seconds_between("waiting_since_at", "coalesce(ended_at, cutoff_at)") }} / 3600
                end
            ) as first_response_hours,
            max(
                case when is_first_response then greatest(waiting_since_at, coalesce(ended_at, waiting_since_at)) end
            ) as first_response_known_at
        from waits_at_cutoffs
        group by person_id, cutoff_at
    ),

    -- Answers on scales of 0-10 (NPS), 1-7 (CES) and 1-5 (all others), as a share of the scale.
    judged as (
        select
            *,
            case
                when activity not in ('survey_answered', 'review_submitted')
                then null
                when {{ json_text("attributes", "survey_type") }} = 'nps'
                then {{ json_text("attributes", "score") }}::double / 10
                when {{ json_text("attributes", "survey_type") }} = 'ces'
                then ({{ json_text("attributes", "score") }}::double - 1) / 6
                else ({{ json_text("attributes", "score") }}::double - 1) / 4
            end as satisfaction_score,
            case
                when activity = 'conversation_closed' then {{ json_text("attributes", "reason") }} = 'resolved'
            end as is_support_case
        from activities
    ),

    signs as (
        select
            *,
            coalesce(is_support_case, false) or coalesce(satisfaction_score <= 0.25, false) as is_complaint,
            activity in ({{ quoted_list(var("engagement_activities")) }}) as is_engagement
        from judged
    ),

    signs_at_cutoffs as (
        select
            signs.person_id,
            cutoffs.cutoff_at,
            signs.occurred_at,
            signs.is_engagement,
            signs.is_complaint
            and signs.occurred_at
            >= cutoffs.cutoff_at - interval '{{ window_days["complaint_count"] }}' day as is_complaint,
            signs.is_engagement
            and signs.occurred_at
            >= cutoffs.cutoff_at - interval '{{ window_days["recent_engagement"] }}' day as is_recent_engagement,
            signs.is_engagement
            and signs.occurred_at >= cutoffs.cutoff_at - interval '{{ engagement_days }}' day
            and signs.occurred_at
            < cutoffs.cutoff_at - interval '{{ window_days["recent_engagement"] }}' day as is_earlier_engagement,
            case
                when signs.occurred_at >= cutoffs.cutoff_at - interval '{{ window_days["satisfaction_score"] }}' day
                then signs.satisfaction_score
            end as satisfaction_score
        from signs
        inner join
            cutoffs
            on signs.occurred_at < cutoffs.cutoff_at
            and signs.occurred_at >= cutoffs.cutoff_at - interval '{{ sign_days }}' day
        where signs.is_complaint or signs.is_engagement or signs.satisfaction_score is not null
    ),

    behaviour as (
        select
            person_id,
            cutoff_at,
            count(case when is_complaint then 1 end) as complaint_count,
            max(case when is_complaint then occurred_at end) as complaint_known_at,
            count(case when is_recent_engagement then 1 end) as recent_engagement_count,
            count(case when is_earlier_engagement then 1 end) as earlier_engagement_count,
            max(case when is_engagement then occurred_at end) as engagement_known_at,
            -- The latest answer. Of several of one instant the worst counts, and not the one that comes first.
            min_by(
                satisfaction_score,
                {{ microseconds_between("occurred_at", "cutoff_at") }} * 1000 + (satisfaction_score * 1000)::bigint
            ) filter (where satisfaction_score is not null) as satisfaction_score,
            max(case when satisfaction_score is not null then occurred_at end) as satisfaction_known_at
        from signs_at_cutoffs
        group by person_id, cutoff_at
    ),

    outcomes as (
        select rhythms.person_id, rhythms.cutoff_at, count(*) as purchase_count
        from rhythms
        inner join
            purchase_days
            on purchase_days.person_id = rhythms.person_id
            and purchase_days.last_purchased_at >= rhythms.cutoff_at
            and purchase_days.first_purchased_at < rhythms.cutoff_at + interval '{{ inactive_days }}' day
        group by rhythms.person_id, rhythms.cutoff_at
    ),

    final as (
        select
            rhythms.person_id,
            rhythms.cutoff_at,
            -- Only a closed window shows who stayed away.
            case
                when rhythms.cutoff_at + interval '{{ inactive_days }}' day <= {{ today }}
                then outcomes.purchase_count is null
            end as is_churned,
            rhythms.last_purchased_at < rhythms.cutoff_at - interval '{{ inactive_days }}' day as is_inactive,
            {{ days_between("rhythms.last_purchased_at", "rhythms.cutoff_at") }} as days_since_last_purchase,
            rhythms.last_purchased_at as days_since_last_purchase_known_at,
            rhythms.purchase_count::double as purchase_count,
            rhythms.last_purchased_at as purchase_count_known_at,
            {{ days_between("rhythms.first_purchased_at", "rhythms.cutoff_at") }} as customer_age_days,
            rhythms.first_purchased_at as customer_age_days_known_at,
            {{ days_between("rhythms.last_purchased_at", "rhythms.cutoff_at") }}
            / nullif(rhythms.gap_median_days, 0) as gap_to_usual_ratio,
            rhythms.last_purchased_at as gap_to_usual_ratio_known_at,
            rhythms.last_gap_days / nullif(rhythms.earlier_gap_mean_days, 0) as gap_trend_ratio,
            rhythms.last_purchased_at as gap_trend_ratio_known_at,
            amounts.amount_reporting / nullif(rhythms.purchase_count, 0) as purchase_amount_mean,
            amounts.known_at as purchase_amount_mean_known_at,
            refunds.refund_rate,
            greatest(
                refunds.last_ordered_at, coalesce(refunds.last_refunded_at, refunds.last_ordered_at)
            ) as refund_rate_known_at,
            case
                when responses.recent_wait_count > 0 then responses.unanswered_count::double
            end as unanswered_message_count,
            responses.unanswered_known_at as unanswered_message_count_known_at,
            responses.first_response_hours,
            responses.first_response_known_at as first_response_hours_known_at,
            coalesce(behaviour.complaint_count, 0)::double as complaint_count,
            behaviour.complaint_known_at as complaint_count_known_at,
            behaviour.recent_engagement_count / nullif(
                behaviour.earlier_engagement_count::double
                * {{ window_days["recent_engagement"] }}
                / nullif({{ window_days["earlier_engagement"] }}, 0),
                0
            ) as engagement_trend_ratio,
            behaviour.engagement_known_at as engagement_trend_ratio_known_at,
            behaviour.satisfaction_score,
            behaviour.satisfaction_known_at as satisfaction_score_known_at
        from rhythms
        left join amounts on amounts.person_id = rhythms.person_id and amounts.cutoff_at = rhythms.cutoff_at
        left join refunds on refunds.person_id = rhythms.person_id and refunds.cutoff_at = rhythms.cutoff_at
        left join responses on responses.person_id = rhythms.person_id and responses.cutoff_at = rhythms.cutoff_at
        left join behaviour on behaviour.person_id = rhythms.person_id and behaviour.cutoff_at = rhythms.cutoff_at
        left join outcomes on outcomes.person_id = rhythms.person_id and outcomes.cutoff_at = rhythms.cutoff_at
    )

select *
from final
