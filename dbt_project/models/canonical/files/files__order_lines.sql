select * from {{ ref("stg_files__order_lines") }}
