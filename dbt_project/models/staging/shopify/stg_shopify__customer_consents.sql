with
    source as (select * from {{ source("raw_shopify", "customers") }}),

    -- A shop that does not say when is taken to have heard of a refusal late and of a subscription early.
    stated as (
        select
            {{ own_id("id") }} as customer_id,
            email_marketing_state,
            coalesce(
                {{ utc_timestamp("email_marketing_updated_at") }},
                case
                    email_marketing_state
                    when 'UNSUBSCRIBED'
                    then {{ utc_timestamp("updated_at") }}
                    else {{ utc_timestamp("created_at") }}
                end
            ) as stated_at,
            _dlt_load_id
        from source
        where email_marketing_state is not null
    ),

    final as (
        select customer_id, email_marketing_state, stated_at, min({{ load_instant("_dlt_load_id") }}) as loaded_at
        from stated
        group by customer_id, email_marketing_state, stated_at
    )

select *
from final
