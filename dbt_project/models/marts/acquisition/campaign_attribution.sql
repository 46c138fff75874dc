with
    credits as (select * from {{ ref("attribution_credits") }}),
    campaigns as (select * from {{ ref("dim_campaigns") }}),
    ad_spend as (select * from {{ ref("fct_ad_spend") }}),

    credited as (
        select
            campaign_id,
            cast({{ dbt.date_trunc("month", "converted_on") }} as date) as conversion_month,
            conversion_kind,
            attribution_model,
            sum(credit) as credited_conversion_count,
            case
                when count(*) = count(value_amount_reporting) then sum(value_amount_reporting)
            end as value_amount_reporting,
            case
                when count(*) = count(gross_margin_amount_reporting) then sum(gross_margin_amount_reporting)
            end as gross_margin_amount_reporting
        from credits
        group by
            campaign_id, cast({{ dbt.date_trunc("month", "converted_on") }} as date), conversion_kind, attribution_model
    ),

    spend as (
        select
            campaign_id,
            cast({{ dbt.date_trunc("month", "spent_on") }} as date) as conversion_month,
            sum(spend_amount_reporting) as spend_amount_reporting,
            count(case when spend_amount_reporting is null then 1 end) as unconverted_spend_count,
            sum(claimed_conversion_count) as claimed_conversion_count
        from ad_spend
        group by campaign_id, cast({{ dbt.date_trunc("month", "spent_on") }} as date)
    ),

    -- Each kind of conversion and each model has all of the spend: filter by one of each.
    views as (select distinct conversion_kind, attribution_model from credited),

    spend_of_views as (select spend.*, views.conversion_kind, views.attribution_model from spend cross join views),

    joined as (
        select
            coalesce(credited.campaign_id, spend_of_views.campaign_id) as campaign_id,
            coalesce(credited.conversion_month, spend_of_views.conversion_month) as conversion_month,
            coalesce(credited.conversion_kind, spend_of_views.conversion_kind) as conversion_kind,
            coalesce(credited.attribution_model, spend_of_views.attribution_model) as attribution_model,
            coalesce(credited.credited_conversion_count, 0)::decimal(28, 9) as credited_conversion_count,
            case
                when credited.campaign_id is null
                then {{ money("0") }}
                else {{ money("credited.value_amount_reporting") }}
            end as value_amount_reporting,
            case
                when credited.campaign_id is null
                then {{ money("0") }}
                else {{ money("credited.gross_margin_amount_reporting") }}
            end as gross_margin_amount_reporting,
            case
                when coalesce(spend_of_views.unconverted_spend_count, 0) = 0
                then {{ money("coalesce(spend_of_views.spend_amount_reporting, 0)") }}
            end as spend_amount_reporting,
            coalesce(spend_of_views.unconverted_spend_count, 0)::bigint as unconverted_spend_count,
            {{ money("spend_of_views.claimed_conversion_count") }} as claimed_conversion_count
        from credited
        full outer join
            spend_of_views
            on spend_of_views.campaign_id = credited.campaign_id
            and spend_of_views.conversion_month = credited.conversion_month
            and spend_of_views.conversion_kind = credited.conversion_kind
            and spend_of_views.attribution_model = credited.attribution_model
    ),

    final as (
        select
            joined.campaign_id,
            joined.conversion_month,
            joined.conversion_kind,
            joined.attribution_model,
            coalesce(campaigns.platform, 'none') as platform,
            campaigns.campaign_name,
            {{ reporting_currency() }} as reporting_currency,
            joined.credited_conversion_count,
            joined.value_amount_reporting,
            joined.gross_margin_amount_reporting,
            joined.spend_amount_reporting,
            joined.unconverted_spend_count,
            joined.claimed_conversion_count,
            nullif(joined.spend_amount_reporting::double, 0)
            / nullif(joined.credited_conversion_count::double, 0) as cost_per_conversion_reporting,
            joined.value_amount_reporting::double
            / nullif(joined.spend_amount_reporting::double, 0) as value_to_spend_ratio,
            joined.claimed_conversion_count::double
            / nullif(joined.credited_conversion_count::double, 0) as over_claim_ratio
        from joined
        left join campaigns on campaigns.campaign_id = joined.campaign_id
    )

select *
from final
