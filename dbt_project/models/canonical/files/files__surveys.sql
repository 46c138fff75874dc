select * from {{ ref("stg_files__surveys") }}
