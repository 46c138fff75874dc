select *, 'refund' as payback_reason from {{ ref("stg_files__refunds") }}
