with
    surveys as (select * from {{ ref("int_surveys__unioned") }}),
    orders as (select * from {{ ref("int_orders__priced") }}),
    person_records as (select * from {{ ref("bridge_person_records") }}),

    -- An answer that names nobody belongs to the person who placed the order that it is about.
    final as (
        select
            surveys.response_id,
            surveys.source_system,
            person_records.person_id,
            orders.order_id,
            orders.channel as order_channel,
            surveys.survey_type,
            surveys.score,
            {{ is_top_box("surveys.survey_type", "surveys.score") }} as is_top_box,
            case when surveys.survey_type = 'nps' then surveys.score >= 9 end as is_promoter,
            case when surveys.survey_type = 'nps' then surveys.score <= 6 end as is_detractor,
            surveys.responded_at,
            surveys.loaded_at
        from surveys
        left join orders on orders.order_id = surveys.order_id
        left join person_records on person_records.record_key = coalesce(surveys.record_key, orders.record_key)
        where surveys.responded_at <= {{ as_of() }}
    )

select *
from final
