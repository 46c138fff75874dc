select * from {{ ref("stg_files__experiment_assignments") }}
