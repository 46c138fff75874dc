select * from {{ ref("stg_files__exchange_rates") }}
