{%- set level = var("attribution")["data_driven"]["level"] -%}

with
    credits as (select * from {{ ref("attribution_credits") }}),
    conversions as (select * from {{ ref("fct_conversions") }}),
    data_driven as (
        select * from {{ source("predictions", "data_driven_attribution") }} where breakdown = '{{ level }}'
    ),
    campaigns as (select * from {{ ref("dim_campaigns") }}),

    by_rule as (
        select
            conversion_kind,
            attribution_model,
            {{ path_step("campaign_id" if level == "campaign" else "channel") }} as breakdown_value,
            sum(credit) as credited_conversion_count,
            sum(value_amount_reporting) as value_amount_reporting
        from credits
        group by
            conversion_kind, attribution_model, {{ path_step("campaign_id" if level == "campaign" else "channel") }}
    ),

    kinds as (
        select conversion_kind, count(*) as conversion_count, count(value_amount_reporting) as valued_conversion_count
        from conversions
        group by conversion_kind
    ),

    models as (
        select distinct attribution_model
        from by_rule
        union all
        select 'markov' as attribution_model
        union all
        select 'shapley' as attribution_model
    ),

    -- Every model has a row for whatever is on a path, so that no credit is a 0 that can be read.
    breakdown_values as (
        select conversion_kind, breakdown_value
        from by_rule
        union distinct
        select conversion_kind, breakdown_value
        from data_driven
    ),

    final as (
        select
            kinds.conversion_kind,
            models.attribution_model,
            '{{ level }}' as breakdown,
            breakdown_values.breakdown_value,
            campaigns.campaign_name,
            {{ reporting_currency() }} as reporting_currency,
            kinds.conversion_count,
            kinds.valued_conversion_count,
            case
                when models.attribution_model in ('markov', 'shapley')
                then data_driven.credited_conversion_count
                else coalesce(by_rule.credited_conversion_count::double, 0)
            end as credited_conversion_count,
            data_driven.credited_conversion_count_lower,
            data_driven.credited_conversion_count_upper,
            case
                when kinds.valued_conversion_count = 0
                then null
                when models.attribution_model in ('markov', 'shapley')
                then {{ money_from_double("data_driven.value_amount") }}
                else {{ money("coalesce(by_rule.value_amount_reporting, 0)") }}
            end as value_amount_reporting,
            data_driven.removal_effect_rate,
            data_driven.removal_effect_rate_lower,
            data_driven.removal_effect_rate_upper,
            data_driven.lost_path_count,
            case
                when models.attribution_model in ('markov', 'shapley')
                then
                    case
                        when data_driven.conversion_kind is null
                        then 'not on a path at the last refresh'
                        else data_driven.hidden_reason
                    end
            end as hidden_reason
        from kinds
        inner join breakdown_values on breakdown_values.conversion_kind = kinds.conversion_kind
        cross join models
        left join
            by_rule
            on by_rule.conversion_kind = kinds.conversion_kind
            and by_rule.attribution_model = models.attribution_model
            and by_rule.breakdown_value = breakdown_values.breakdown_value
        left join
            data_driven
            on data_driven.conversion_kind = kinds.conversion_kind
            and data_driven.attribution_model = models.attribution_model
            and data_driven.breakdown_value = breakdown_values.breakdown_value
        left join campaigns on campaigns.campaign_id = breakdown_values.breakdown_value
    )

select *
from final
