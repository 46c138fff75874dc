with
    campaigns as (select * from {{ ref("int_campaigns__identified") }}),

    final as (
        select campaign_id, platform, ad_account_id, platform_campaign_id, campaign_name, objective, campaign_status
        from campaigns
    )

select *
from final
