with
    ads as (
        select *, concat_ws(' · ', coalesce(ad_name, ad_id), ad_set_name, campaign_name) as ad
        from marts.ad_performance
        where ad_id <> 'none'
    )

select
    ad,
    sum(spend_amount_reporting) as spend_amount_reporting,
    sum(clicks) as clicks,
    sum(person_count) as person_count,
    sum(customer_count) as customer_count,
    sum(spend_amount_reporting) / nullif(sum(person_count), 0) as cost_per_person,
    sum(credited_revenue_amount_reporting) as credited_revenue_amount_reporting,
    sum(credited_revenue_amount_reporting) / nullif(sum(spend_amount_reporting), 0) as revenue_to_spend
from ads
group by ad
order by sum(spend_amount_reporting) desc nulls last, ad
limit 20
