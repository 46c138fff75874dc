with
    claims as (select * from {{ ref("fct_ad_claims") }}),
    credits as (select * from {{ ref("attribution_credits") }}),
    campaigns as (select * from {{ ref("dim_campaigns") }}),

    -- Which kinds of conversion are the same thing as an event that a platform claims.
    kinds as (
        select cast(null as {{ dbt.type_string() }}) as claimed_event, cast(null as {{ dbt.type_string() }}) as kind
        where false
        {% for event, kind in compared_claims() %}
            union all
            select {{ quoted(event) }} as claimed_event, {{ quoted(kind) }} as kind
        {% endfor %}
    ),

    claimed as (
        select
            platform,
            campaign_id,
            cast({{ dbt.date_trunc("month", "claimed_on") }} as date) as claimed_month,
            claimed_event,
            attribution_window,
            case
                when min(attribution_setting) = max(attribution_setting)
                then min(attribution_setting)
                when count(attribution_setting) > 0
                then 'mixed'
            end as attribution_setting,
            sum(claimed_conversion_count) as claimed_conversion_count,
            case
                when count(claimed_value_amount) = count(claimed_value_amount_reporting)
                then sum(claimed_value_amount_reporting)
            end as claimed_value_amount_reporting
        from claims
        group by
            platform,
            campaign_id,
            cast({{ dbt.date_trunc("month", "claimed_on") }} as date),
            claimed_event,
            attribution_window
    ),

    credited as (
        select
            credits.campaign_id,
            cast({{ dbt.date_trunc("month", "credits.converted_on") }} as date) as claimed_month,
            kinds.claimed_event,
            sum(credits.credit) as credited_conversion_count,
            case
                when count(*) = count(credits.value_amount_reporting) then sum(credits.value_amount_reporting)
            end as credited_value_amount_reporting
        from credits
        inner join kinds on kinds.kind = credits.conversion_kind
        where credits.attribution_model = 'last'
        group by
            credits.campaign_id,
            cast({{ dbt.date_trunc("month", "credits.converted_on") }} as date),
            kinds.claimed_event
    ),

    -- Each window has all of the credit: filter by one event and one window.
    windows as (select distinct platform, claimed_event, attribution_window from claimed),

    credited_in_windows as (
        select credited.*, windows.platform, windows.attribution_window
        from credited
        inner join campaigns on campaigns.campaign_id = credited.campaign_id
        inner join windows on windows.platform = campaigns.platform and windows.claimed_event = credited.claimed_event
    ),

    joined as (
        select
            coalesce(claimed.platform, credited_in_windows.platform) as platform,
            coalesce(claimed.campaign_id, credited_in_windows.campaign_id) as campaign_id,
            coalesce(claimed.claimed_month, credited_in_windows.claimed_month) as claimed_month,
            coalesce(claimed.claimed_event, credited_in_windows.claimed_event) as claimed_event,
            coalesce(claimed.attribution_window, credited_in_windows.attribution_window) as attribution_window,
            claimed.attribution_setting,
            coalesce(claimed.claimed_conversion_count, 0) as claimed_conversion_count,
            case
                when claimed.campaign_id is null then {{ money("0") }} else claimed.claimed_value_amount_reporting
            end as claimed_value_amount_reporting,
            coalesce(credited_in_windows.credited_conversion_count, 0) as credited_conversion_count,
            case
                when credited_in_windows.campaign_id is null
                then {{ money("0") }}
                else credited_in_windows.credited_value_amount_reporting
            end as credited_value_amount_reporting
        from claimed
        full outer join
            credited_in_windows
            on credited_in_windows.campaign_id = claimed.campaign_id
            and credited_in_windows.claimed_month = claimed.claimed_month
            and credited_in_windows.claimed_event = claimed.claimed_event
            and credited_in_windows.attribution_window = claimed.attribution_window
    ),

    -- An event that no kind of conversion is set against has nothing of ours beside it.
    judged as (select *, claimed_event in (select claimed_event from kinds) as is_compared from joined),

    final as (
        select
            judged.campaign_id,
            judged.claimed_month,
            judged.claimed_event,
            judged.attribution_window,
            judged.platform,
            campaigns.campaign_name,
            judged.attribution_setting,
            {{ reporting_currency() }} as reporting_currency,
            {{ money("judged.claimed_conversion_count") }} as claimed_conversion_count,
            {{ money("judged.claimed_value_amount_reporting") }} as claimed_value_amount_reporting,
            case
                when judged.is_compared then judged.credited_conversion_count::decimal(28, 9)
            end as credited_conversion_count,
            case
                when judged.is_compared then {{ money("judged.credited_value_amount_reporting") }}
            end as credited_value_amount_reporting,
            case
                when judged.is_compared
                then judged.claimed_conversion_count::double / nullif(judged.credited_conversion_count::double, 0)
            end as over_claim_ratio
        from judged
        left join campaigns on campaigns.campaign_id = judged.campaign_id
    )

select *
from final
