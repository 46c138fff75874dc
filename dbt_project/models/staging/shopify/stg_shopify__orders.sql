with
    source as (
        select *, min(_dlt_load_id) over (partition by source_account, id) as first_load_id
        from {{ source("raw_shopify", "orders") }}
    ),

    latest_versions as (
        select *
        from source
        qualify
            row_number() over (
                partition by source_account, id
                order by updated_at desc nulls last, _dlt_valid_from desc nulls last, _dlt_id desc nulls last
            )
            = 1
    ),

    renamed as (
        select
            nullif(source_account, '') as source_account,
            {{ own_id("id") }} as order_id,
            name as order_name,
            {{ own_id("customer_id") }} as customer_id,
            email,
            phone,
            upper(currency_code) as currency,
            {{ money("total_price") }} as total_amount,
            {{ money("coalesce(total_tax, 0)") }} as tax_amount,
            {{ money("current_total_price") }} as current_total_amount,
            {{ money("coalesce(current_total_tax, 0)") }} as current_tax_amount,
            {{ money("coalesce(total_refunded, 0)") }} as refunded_amount,
            coalesce(edited, false) as is_edited,
            coalesce(taxes_included, false) as has_taxes_in_prices,
            {{ money("coalesce(total_shipping_price, 0)") }} as shipping_amount,
            test as is_test,
            display_financial_status as financial_status,
            cancel_reason,
            source_name as channel,
            first_visit_utm_campaign as campaign_id,
            coalesce(nullif(first_visit_utm_source, ''), nullif(first_visit_source, '')) as visit_source,
            nullif(first_visit_utm_medium, '') as visit_medium,
            {{ url_parameter("first_visit_landing_page", "fbclid") }} as fbclid,
            {{ url_parameter("first_visit_landing_page", "gclid") }} as gclid,
            {{ url_parameter("first_visit_landing_page", "ttclid") }} as ttclid,
            {{ utc_timestamp("first_visit_occurred_at") }} as first_visited_at,
            {{ utc_timestamp("processed_at") }} as ordered_at,
            {{ utc_timestamp("cancelled_at") }} as cancelled_at,
            {{ utc_timestamp("updated_at") }} as updated_at,
            {{ load_instant("first_load_id") }} as loaded_at
        from latest_versions
    )

select *
from renamed
