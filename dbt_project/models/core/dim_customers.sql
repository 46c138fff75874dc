with
    purchases as (select * from {{ ref("fct_purchase_summaries") }}),
    persons as (select * from {{ ref("dim_persons") }}),

    dated as (
        select person_id, first_purchased_at, {{ local_date("first_purchased_at") }} as first_purchased_on
        from purchases
    ),

    final as (
        select
            dated.person_id,
            dated.first_purchased_at,
            dated.first_purchased_on,
            cast({{ dbt.date_trunc("week", "dated.first_purchased_on") }} as date) as cohort_week,
            cast({{ dbt.date_trunc("month", "dated.first_purchased_on") }} as date) as cohort_month,
            {{ acquisition_channel("persons") }} as acquisition_channel,
            coalesce(persons.first_touch_campaign_id, 'none') as acquisition_campaign_id
        from dated
        inner join persons on persons.person_id = dated.person_id
    )

select *
from final
