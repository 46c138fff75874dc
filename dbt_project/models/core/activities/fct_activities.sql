{#- A view: the stream is the largest table, and core adds nothing to it but the boundary. -#}
{{ config(materialized="view") }}

with
    activities as (select * from {{ ref("int_activities__identified") }}),

    final as (
        select
            activity_id,
            person_id,
            account_id,
            activity,
            occurred_at,
            loaded_at,
            source_system,
            source_record_id,
            channel,
            campaign_id,
            ad_id,
            amount,
            currency,
            amount_reporting,
            attributes,
            click_ids
        from activities
    )

select *
from final
