select * from {{ ref("stg_files__orders") }}
