select * from {{ ref("stg_files__consents") }}
