select * from {{ ref("stg_meta_ads__ads") }}
