{%- set keys = ["ad_account_id", "campaign_id", "ad_id", "claimed_on", "currency", "attribution_setting"] -%}
{#- What Meta calls the value of an attribution window in a claim: `WINDOWS` of the source, and its default. -#}
{%- set windows = {
    "default": "value",
    "1d_view": "1d_view",
    "1d_ev": "1d_ev",
    "1d_click": "1d_click",
    "7d_click": "7d_click",
    "28d_click": "28d_click",
} -%}
with
    source as (select * from {{ source("raw_meta_ads", "ad_insights") }}),

    -- Claims that the current version leaves out keep what was told last, their amounts with them.
    latest_told as (
        select
            'meta_ads:' || account_id as ad_account_id,
            campaign_id,
            ad_id,
            date_start as claimed_on,
            upper(account_currency) as currency,
            attribution_setting,
            actions,
            action_values
        from source
        where actions is not null
        qualify
            row_number() over (
                partition by account_id, ad_id, date_start
                order by _dlt_valid_from desc nulls last, _dlt_id desc nulls last
            )
            = 1
    ),

    counts as ({{ json_rows("latest_told", keys, "actions") }}),
    amounts as ({{ json_rows("latest_told", keys, "action_values") }}),

    items as (
        select *, {{ json_text("item", "action_type") }} as claimed_event, 1 as is_count
        from counts
        union all
        select *, {{ json_text("item", "action_type") }} as claimed_event, 0 as is_count
        from amounts
    ),

    named as (select * from items where claimed_event in ({{ quoted_list(var("meta_claimed_events")) }})),

    told as (
        {% for window, key in windows.items() %}
            select
                {{ keys | join(", ") }},
                claimed_event,
                '{{ window }}' as attribution_window,
                is_count,
                {{ money(json_text("item", key)) }} as told_amount
            from named {{ "union all" if not loop.last }}
        {% endfor %}
    ),

    renamed as (
        select
            {{ keys | join(", ") }},
            claimed_event,
            attribution_window,
            {{ money("sum(case when is_count = 1 then told_amount end)") }} as claimed_conversion_count,
            {{ money("sum(case when is_count = 0 then told_amount end)") }} as claimed_value_amount
        from told
        where told_amount is not null
        group by {{ keys | join(", ") }}, claimed_event, attribution_window
    )

select *
from renamed
