with
    source as (select * from {{ source("raw_files", "customers") }}),

    current_versions as (select * from source where _dlt_valid_to is null),

    -- A customer in several mappings of a company is one, with every address; where they differ, the mapping whose name
    -- comes first decides.
    merged as (
        select
            coalesce(company, mapping) as company,
            coalesce(company, mapping) || ':' || customer_id as customer_id,
            {{ sorted_list("email") }} as email,
            {{ sorted_list("phone") }} as phone,
            {% for column in [
                "first_name",
                "last_name",
                "company_name",
                "country",
                "customer_number",
                "channel",
                "campaign_id",
            ] %}
                min_by({{ column }}, mapping) filter (where {{ column }} is not null) as {{ column }},
            {% endfor %}
            min({{ utc_timestamp("created_at") }}) as created_at,
            min({{ load_instant("_dlt_load_id") }}) as loaded_at
        from current_versions
        group by coalesce(company, mapping), customer_id
    )

select *
from merged
