with
    source as (select * from {{ source("raw_files", "surveys") }}),

    current_versions as (
        select * from source where _dlt_valid_to is null qualify {{ once_a_company(["response_id"], ["responded_at"]) }}
    ),

    -- Every type has its usual scale; an answer on another scale is converted to it.
    scaled as (
        select
            *,
            case survey_type when 'nps' then 0 else 1 end as usual_min,
            case survey_type when 'nps' then 10 when 'ces' then 7 else 5 end as usual_max
        from current_versions
    ),

    renamed as (
        select
            {{ file_id("response_id") }} as response_id,
            {{ file_reference("customer_id") }} as customer_id,
            email,
            {{ file_reference("order_id") }} as order_id,
            survey_type,
            case
                when scale_min is null and scale_max is null
                then score::double
                else
                    usual_min
                    + (score::double - coalesce(scale_min::double, usual_min))
                    * (usual_max - usual_min)
                    / nullif(coalesce(scale_max::double, usual_max) - coalesce(scale_min::double, usual_min), 0)
            end as score,
            comment,
            {{ utc_timestamp("responded_at") }} as responded_at,
            {{ load_instant("_dlt_load_id") }} as loaded_at
        from scaled
    )

select *
from renamed
