select * from {{ ref("stg_files__ad_spend") }}
