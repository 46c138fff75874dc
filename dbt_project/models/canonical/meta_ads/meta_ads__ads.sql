select ad_id, ad_account_id, campaign_id from {{ ref("stg_meta_ads__ads") }}
