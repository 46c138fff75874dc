with
    campaigns as (select * from {{ ref("int_campaigns__unioned") }}),
    ad_spend as (select * from {{ ref("fct_ad_spend") }}),

    -- Spend can name a campaign that nothing else does.
    known as (
        select campaign_id, platform, campaign_name, objective, campaign_status
        from campaigns
        union all
        select campaign_id, min(platform), null, null, null
        from ad_spend
        group by campaign_id
    ),

    final as (
        select campaign_id, platform, campaign_name, objective, campaign_status
        from known
        qualify
            row_number() over (
                partition by campaign_id
                order by campaign_name asc nulls last, platform asc nulls last, objective asc nulls last
            )
            = 1
    )

select *
from final
