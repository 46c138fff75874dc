{%- set horizon = var("ltv_horizon_months") -%}
with
    customers as (select * from {{ ref("dim_customers") }}),
    customer_months as (select * from {{ ref("fct_customer_months") }}),
    cohort_ages as (select * from {{ ref("dim_cohort_ages") }}),
    ad_spend as (select * from {{ ref("fct_ad_spend") }}),
    campaigns as (select * from {{ ref("dim_campaigns") }}),

    spend as (
        select
            cast({{ dbt.date_trunc("month", "ad_spend.spent_on") }} as date) as cohort_month,
            coalesce(campaigns.platform, ad_spend.platform) as acquisition_channel,
            ad_spend.campaign_id,
            sum(ad_spend.spend_amount_reporting) as spend_amount,
            count(case when ad_spend.spend_amount_reporting is null then 1 end) as unconverted_spend_count
        from ad_spend
        left join campaigns on campaigns.campaign_id = ad_spend.campaign_id
        group by
            cast({{ dbt.date_trunc("month", "ad_spend.spent_on") }} as date),
            coalesce(campaigns.platform, ad_spend.platform),
            ad_spend.campaign_id
    ),

    acquired as (
        select cohort_month, acquisition_channel, acquisition_campaign_id as campaign_id, count(*) as customer_count
        from customers
        group by cohort_month, acquisition_channel, acquisition_campaign_id
    ),

    campaign_cohorts as (
        select
            coalesce(acquired.cohort_month, spend.cohort_month) as cohort_month,
            coalesce(acquired.acquisition_channel, spend.acquisition_channel) as acquisition_channel,
            coalesce(acquired.campaign_id, spend.campaign_id) as campaign_id,
            coalesce(acquired.customer_count, 0) as customer_count,
            coalesce(spend.spend_amount, 0) as spend_amount,
            coalesce(spend.unconverted_spend_count, 0) as unconverted_spend_count
        from acquired
        full outer join
            spend
            on spend.cohort_month = acquired.cohort_month
            and spend.acquisition_channel = acquired.acquisition_channel
            and spend.campaign_id = acquired.campaign_id
    ),

    campaign_ages as (
        select
            customers.cohort_month,
            customers.acquisition_channel,
            customers.acquisition_campaign_id as campaign_id,
            customer_months.age_months,
            sum(customer_months.order_view_amount_reporting) as revenue_amount,
            sum(customer_months.gross_margin_amount_reporting) as gross_margin_amount,
            sum(customer_months.turnover_amount_reporting) as turnover_amount,
            sum(customer_months.unknown_cost_amount_reporting) as unknown_cost_amount
        from customer_months
        inner join customers on customers.person_id = customer_months.person_id
        group by
            customers.cohort_month,
            customers.acquisition_channel,
            customers.acquisition_campaign_id,
            customer_months.age_months
    ),

    breakdowns as (
        select 'all' as breakdown, false as has_channel, false as has_campaign
        union all
        select 'channel' as breakdown, true as has_channel, false as has_campaign
        union all
        select 'campaign' as breakdown, true as has_channel, true as has_campaign
    ),

    broken_down_cohorts as (
        select
            breakdowns.breakdown,
            campaign_cohorts.cohort_month,
            case when breakdowns.has_channel then campaign_cohorts.acquisition_channel else 'all' end as channel,
            case when breakdowns.has_campaign then campaign_cohorts.campaign_id else 'all' end as campaign_id,
            campaign_cohorts.customer_count,
            campaign_cohorts.spend_amount,
            campaign_cohorts.unconverted_spend_count
        from campaign_cohorts
        cross join breakdowns
    ),

    cohorts as (
        select
            breakdown,
            cohort_month,
            channel,
            campaign_id,
            sum(customer_count) as customer_count,
            sum(spend_amount) as spend_amount,
            sum(unconverted_spend_count) as unconverted_spend_count
        from broken_down_cohorts
        group by breakdown, cohort_month, channel, campaign_id
    ),

    broken_down_ages as (
        select
            breakdowns.breakdown,
            campaign_ages.cohort_month,
            case when breakdowns.has_channel then campaign_ages.acquisition_channel else 'all' end as channel,
            case when breakdowns.has_campaign then campaign_ages.campaign_id else 'all' end as campaign_id,
            campaign_ages.age_months,
            campaign_ages.revenue_amount,
            campaign_ages.gross_margin_amount,
            campaign_ages.turnover_amount,
            campaign_ages.unknown_cost_amount
        from campaign_ages
        cross join breakdowns
    ),

    monthly as (
        select
            breakdown,
            cohort_month,
            channel,
            campaign_id,
            age_months,
            sum(revenue_amount) as revenue_amount,
            sum(gross_margin_amount) as gross_margin_amount,
            sum(turnover_amount) as turnover_amount,
            sum(unknown_cost_amount) as unknown_cost_amount
        from broken_down_ages
        group by breakdown, cohort_month, channel, campaign_id, age_months
    ),

    cumulated as (
        select
            cohorts.breakdown,
            cohorts.cohort_month,
            cohorts.channel,
            cohorts.campaign_id,
            cohort_ages.age_months,
            cohorts.customer_count,
            cohorts.spend_amount,
            coalesce(sum(monthly.revenue_amount) over to_date, 0) as revenue_amount,
            coalesce(sum(monthly.gross_margin_amount) over to_date, 0) as gross_margin_amount,
            coalesce(sum(monthly.turnover_amount) over to_date, 0) as turnover_amount,
            coalesce(sum(monthly.unknown_cost_amount) over to_date, 0) as unknown_cost_amount
        from cohorts
        inner join cohort_ages on cohort_ages.cohort_month = cohorts.cohort_month
        left join
            monthly
            on monthly.breakdown = cohorts.breakdown
            and monthly.cohort_month = cohorts.cohort_month
            and monthly.channel = cohorts.channel
            and monthly.campaign_id = cohorts.campaign_id
            and monthly.age_months = cohort_ages.age_months
        where cohorts.customer_count > 0
        window
            to_date as (
                partition by cohorts.breakdown, cohorts.cohort_month, cohorts.channel, cohorts.campaign_id
                order by cohort_ages.age_months asc nulls last
                rows between unbounded preceding and current row
            )
    ),

    per_customer as (
        select
            *,
            revenue_amount::double / nullif(customer_count, 0) as revenue,
            {{ margin_where_known("gross_margin_amount", "turnover_amount", "unknown_cost_amount") }}::double
            / nullif(customer_count, 0) as gross_margin,
            {{ known_cost_rate("turnover_amount", "unknown_cost_amount") }} as known_cost_rate,
            spend_amount::double / nullif(customer_count, 0) as acquisition_cost,
            max(age_months) over (partition by breakdown, cohort_month, channel, campaign_id) as observed_age_months
        from cumulated
    ),

    summaries as (
        select
            breakdown,
            cohort_month,
            channel,
            campaign_id,
            observed_age_months,
            max(case when age_months = observed_age_months then revenue end) as revenue,
            max(case when age_months = observed_age_months then gross_margin end) as gross_margin,
            max(case when age_months = observed_age_months then known_cost_rate end) as known_cost_rate,
            max(case when age_months = {{ horizon }} then revenue end) as revenue_at_horizon,
            max(case when age_months = {{ horizon }} then gross_margin end) as gross_margin_at_horizon,
            min(case when gross_margin >= acquisition_cost then age_months end) as payback_age_months
        from per_customer
        group by breakdown, cohort_month, channel, campaign_id, observed_age_months
    ),

    joined as (
        select
            cohorts.*,
            case
                when cohorts.unconverted_spend_count = 0
                then nullif(cohorts.spend_amount::double, 0) / nullif(cohorts.customer_count, 0)
            end as acquisition_cost,
            summaries.observed_age_months,
            summaries.revenue,
            summaries.gross_margin,
            summaries.known_cost_rate,
            summaries.revenue_at_horizon,
            summaries.gross_margin_at_horizon,
            summaries.payback_age_months,
            case
                when cohorts.customer_count = 0
                then 'no_customers'
                when cohorts.unconverted_spend_count > 0
                then 'spend_unknown'
                when cohorts.spend_amount = 0
                then 'no_spend'
                when summaries.observed_age_months is null
                then 'cohort_open'
                when summaries.payback_age_months is not null
                then 'paid_back'
                when summaries.gross_margin is null
                then 'cost_unknown'
                else 'not_yet'
            end as payback_status
        from cohorts
        left join
            summaries
            on summaries.breakdown = cohorts.breakdown
            and summaries.cohort_month = cohorts.cohort_month
            and summaries.channel = cohorts.channel
            and summaries.campaign_id = cohorts.campaign_id
    ),

    final as (
        select
            joined.breakdown,
            joined.cohort_month,
            joined.channel as acquisition_channel,
            joined.campaign_id,
            campaigns.campaign_name,
            {{ reporting_currency() }} as reporting_currency,
            case
                when joined.unconverted_spend_count = 0 then {{ money("joined.spend_amount") }}
            end as spend_amount_reporting,
            joined.unconverted_spend_count::bigint as unconverted_spend_count,
            joined.customer_count::bigint as customer_count,
            joined.acquisition_cost as customer_acquisition_cost_reporting,
            joined.observed_age_months,
            joined.revenue as revenue_per_customer_amount_reporting,
            joined.gross_margin as gross_margin_per_customer_amount_reporting,
            joined.known_cost_rate,
            joined.revenue / nullif(joined.acquisition_cost, 0) as revenue_to_cac_ratio,
            joined.gross_margin / nullif(joined.acquisition_cost, 0) as ltv_to_cac_ratio,
            {{ horizon }} as horizon_months,
            joined.revenue_at_horizon / nullif(joined.acquisition_cost, 0) as revenue_to_cac_ratio_at_horizon,
            joined.gross_margin_at_horizon / nullif(joined.acquisition_cost, 0) as ltv_to_cac_ratio_at_horizon,
            case when joined.payback_status = 'paid_back' then joined.payback_age_months end as payback_age_months,
            joined.payback_status
        from joined
        left join campaigns on campaigns.campaign_id = joined.campaign_id
    )

select *
from final
