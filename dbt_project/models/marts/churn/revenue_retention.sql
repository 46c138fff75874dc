{%- set kinds = ["new", "reactivation", "expansion", "contraction", "churn"] -%}
with
    days as (select * from {{ ref("dim_days") }}),
    movements as (select * from {{ ref("fct_mrr_movements") }}),
    subscriptions as (select * from {{ ref("fct_subscriptions") }}),

    -- Trials count in the month in which they began; a trial that is not over may still be paid for.
    trials as (
        select
            cast({{ dbt.date_trunc("month", local_date("trial_started_at")) }} as date) as month,
            count(*) as trial_count,
            count(started_at) as converted_count,
            count(case when started_at is null and ended_at is null then 1 end) as open_count
        from subscriptions
        where trial_started_at is not null
        group by cast({{ dbt.date_trunc("month", local_date("trial_started_at")) }} as date)
    ),

    all_months as (
        select month
        from movements
        union
        select month
        from trials
    ),

    first_months as (select min(month) as first_month from all_months),

    months as (
        select distinct cast({{ dbt.date_trunc("month", "date_day") }} as date) as month
        from days
        where date_day <= {{ local_date(as_of()) }}
    ),

    moved as (
        select
            month,
            {% for kind in kinds -%}
                sum(
                    case when movement_kind = '{{ kind }}' then abs(mrr_change_amount_reporting) end
                ) as {{ kind }}_amount,
                count(case when movement_kind = '{{ kind }}' then 1 end) as {{ kind }}_count,
            {% endfor -%}
            count(case when is_after_trial then 1 end) as after_trial_count
        from movements
        group by month
    ),

    -- Every month from the first movement on, including months in which nothing moved.
    filled as (
        select
            months.month,
            {% for kind in kinds -%}
                coalesce(moved.{{ kind }}_amount, 0) as {{ kind }}_amount,
                coalesce(moved.{{ kind }}_count, 0) as {{ kind }}_count,
            {% endfor -%}
            coalesce(moved.after_trial_count, 0) as after_trial_count,
            coalesce(trials.trial_count, 0) as trial_count,
            coalesce(trials.converted_count, 0) as converted_count,
            coalesce(trials.open_count, 0) as open_count
        from months
        inner join first_months on months.month >= first_months.first_month
        left join moved on moved.month = months.month
        left join trials on trials.month = months.month
    ),

    summed as (
        select
            *,
            sum(new_amount + reactivation_amount + expansion_amount - contraction_amount - churn_amount) over (
                order by month asc nulls last rows between unbounded preceding and current row
            ) as end_amount,
            sum(new_count + reactivation_count - churn_count) over (
                order by month asc nulls last rows between unbounded preceding and current row
            ) as end_count
        from filled
    ),

    opened as (
        select
            *,
            end_amount
            - new_amount
            - reactivation_amount
            - expansion_amount
            + contraction_amount
            + churn_amount as start_amount,
            end_count - new_count - reactivation_count + churn_count as start_count,
            case when open_count = 0 then converted_count end as decided_count
        from summed
    ),

    final as (
        select
            month,
            {{ reporting_currency() }} as reporting_currency,
            cast(month + interval '1' month as date) <= {{ local_date(as_of()) }} as is_complete,
            {{ money("start_amount") }} as start_mrr_amount_reporting,
            {{ money("new_amount") }} as new_mrr_amount_reporting,
            {{ money("reactivation_amount") }} as reactivation_mrr_amount_reporting,
            {{ money("expansion_amount") }} as expansion_mrr_amount_reporting,
            {{ money("contraction_amount") }} as contraction_mrr_amount_reporting,
            {{ money("churn_amount") }} as churn_mrr_amount_reporting,
            {{ money("end_amount") }} as end_mrr_amount_reporting,
            (start_amount - contraction_amount - churn_amount)::double
            / nullif(start_amount::double, 0) as gross_revenue_retention_rate,
            (start_amount - contraction_amount - churn_amount + expansion_amount)::double
            / nullif(start_amount::double, 0) as net_revenue_retention_ratio,
            (churn_amount + contraction_amount)::double / nullif(start_amount::double, 0) as gross_mrr_churn_rate,
            (churn_amount + contraction_amount - expansion_amount)::double
            / nullif(start_amount::double, 0) as net_mrr_churn_ratio,
            (churn_amount + contraction_amount - expansion_amount - reactivation_amount)::double
            / nullif(start_amount::double, 0) as net_mrr_churn_with_reactivation_ratio,
            start_count::bigint as start_customer_count,
            new_count::bigint as new_customer_count,
            reactivation_count::bigint as reactivated_customer_count,
            expansion_count::bigint as expanded_customer_count,
            contraction_count::bigint as contracted_customer_count,
            churn_count::bigint as churned_customer_count,
            end_count::bigint as end_customer_count,
            after_trial_count::bigint as converted_trial_customer_count,
            churn_count::double / nullif(start_count, 0) as customer_churn_rate,
            {{ wilson_interval("churn_count", "start_count", "customer_churn_rate") }},
            trial_count::bigint as started_trial_count,
            open_count::bigint as undecided_trial_count,
            decided_count::bigint as converted_trial_count,
            decided_count::double / nullif(trial_count, 0) as trial_conversion_rate,
            {{ wilson_interval("decided_count", "trial_count", "trial_conversion_rate") }}
        from opened
    )

select *
from final
