with
    persons as (select * from {{ ref("dim_persons") }}),
    customers as (select * from {{ ref("dim_customers") }}),
    campaigns as (select * from {{ ref("dim_campaigns") }}),
    ad_spend as (select * from {{ ref("fct_ad_spend") }}),
    revenue_entries as (select * from {{ ref("fct_revenue_entries") }}),
    deals as (select * from {{ ref("fct_deals") }}),

    spend as (
        select
            campaign_id,
            cast({{ dbt.date_trunc("month", "spent_on") }} as date) as cohort_month,
            sum(spend_amount_reporting) as spend_amount_reporting,
            count(case when spend_amount_reporting is null then 1 end) as unconverted_spend_count,
            sum(impressions) as impressions,
            sum(clicks) as clicks,
            sum(claimed_conversion_count) as claimed_conversion_count
        from ad_spend
        group by campaign_id, cast({{ dbt.date_trunc("month", "spent_on") }} as date)
    ),

    person_revenue as (
        select
            person_id,
            sum(amount_reporting) as revenue_amount_reporting,
            count(distinct case when entry_type = 'sale' then order_id end) as paid_order_count
        from revenue_entries
        where person_id is not null
        group by person_id
    ),

    -- The person whom a deal names, or else its account, which is a customer itself if none of its people is.
    won_deals as (
        select coalesce(person_id, account_id) as customer_id, count(*) as won_deal_count
        from deals
        where is_won and coalesce(person_id, account_id) is not null
        group by coalesce(person_id, account_id)
    ),

    touched as (
        select
            person_id as customer_id,
            person_id,
            coalesce(first_touch_campaign_id, 'none') as campaign_id,
            {{ local_date("coalesce(first_touched_at, created_at)") }} as touched_on
        from persons
        union all
        select
            customer_id,
            null as person_id,
            acquisition_campaign_id as campaign_id,
            {{ local_date("first_touched_at") }} as touched_on
        from customers
        where customer_type = 'account'
    ),

    acquired as (
        select
            touched.campaign_id,
            cast({{ dbt.date_trunc("month", "touched.touched_on") }} as date) as cohort_month,
            count(touched.person_id) as person_count,
            count(customers.customer_id) as customer_count,
            count(customers.account_id) as account_customer_count,
            sum(person_revenue.paid_order_count) as paid_order_count,
            sum(won_deals.won_deal_count) as won_deal_count,
            sum(person_revenue.revenue_amount_reporting) as revenue_amount_reporting
        from touched
        left join customers on customers.customer_id = touched.customer_id
        left join person_revenue on person_revenue.person_id = touched.person_id
        left join won_deals on won_deals.customer_id = touched.customer_id
        group by touched.campaign_id, cast({{ dbt.date_trunc("month", "touched.touched_on") }} as date)
    ),

    joined as (
        select
            coalesce(acquired.campaign_id, spend.campaign_id) as campaign_id,
            coalesce(acquired.cohort_month, spend.cohort_month) as cohort_month,
            -- A sum that leaves out days without a rate would look like a cheap campaign.
            case
                when coalesce(spend.unconverted_spend_count, 0) = 0
                then {{ money("coalesce(spend.spend_amount_reporting, 0)") }}
            end as spend_amount_reporting,
            coalesce(spend.unconverted_spend_count, 0)::bigint as unconverted_spend_count,
            coalesce(spend.impressions, 0)::bigint as impressions,
            coalesce(spend.clicks, 0)::bigint as clicks,
            {{ money("spend.claimed_conversion_count") }} as claimed_conversion_count,
            coalesce(acquired.person_count, 0)::bigint as person_count,
            coalesce(acquired.customer_count, 0)::bigint as customer_count,
            coalesce(acquired.account_customer_count, 0)::bigint as account_customer_count,
            coalesce(acquired.paid_order_count, 0)::bigint as paid_order_count,
            coalesce(acquired.won_deal_count, 0)::bigint as won_deal_count,
            {{ money("coalesce(acquired.revenue_amount_reporting, 0)") }} as revenue_amount_reporting
        from acquired
        full outer join spend on spend.campaign_id = acquired.campaign_id and spend.cohort_month = acquired.cohort_month
    ),

    final as (
        select
            joined.campaign_id,
            joined.cohort_month,
            coalesce(campaigns.platform, 'none') as platform,
            campaigns.campaign_name,
            {{ reporting_currency() }} as reporting_currency,
            joined.spend_amount_reporting,
            joined.unconverted_spend_count,
            joined.impressions,
            joined.clicks,
            joined.claimed_conversion_count,
            joined.person_count,
            joined.customer_count,
            joined.account_customer_count,
            joined.paid_order_count,
            joined.won_deal_count,
            joined.revenue_amount_reporting,
            nullif(joined.spend_amount_reporting::double, 0)
            / nullif(joined.customer_count, 0) as customer_acquisition_cost_reporting,
            joined.revenue_amount_reporting::double
            / nullif(joined.spend_amount_reporting::double, 0) as revenue_to_spend_ratio
        from joined
        left join campaigns on campaigns.campaign_id = joined.campaign_id
    )

select *
from final
