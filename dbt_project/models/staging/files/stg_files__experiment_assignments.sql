with
    source as (select * from {{ source("raw_files", "experiment_assignments") }}),

    current_versions as (
        select *
        from source
        where _dlt_valid_to is null
        qualify {{ once_a_company(["assignment_id"], ["assigned_at"]) }}
    ),

    renamed as (
        select
            {{ file_id("assignment_id") }} as assignment_id,
            experiment,
            arm,
            is_control,
            {{ file_reference("customer_id") }} as customer_id,
            email,
            planned_share::double as planned_share,
            {{ utc_timestamp("assigned_at") }} as assigned_at,
            {{ load_instant("_dlt_load_id") }} as loaded_at
        from current_versions
    )

select *
from renamed
