with
    orders as (select * from {{ ref("int_orders__priced") }}),
    refunds as (select * from {{ ref("int_refunds__apportioned") }}),
    checkouts as (select * from {{ ref("int_checkouts__unioned") }}),

    -- What is placed later than now is not known yet, even where it is said to be paid before: `fct_orders` lacks it
    -- too.
    real_orders as (select * from orders where not is_test and not is_credit_note and ordered_at <= {{ as_of() }}),

    -- Google and TikTok put their ids on clicks on ads alone; Facebook puts its own on every link that leads out.
    ad_visits as (
        select *
        from real_orders
        where
            first_visited_at is not null
            and (
                campaign_id is not null
                or {{ json_text("click_ids", "gclid") }} is not null
                or {{ json_text("click_ids", "ttclid") }} is not null
            )
    ),

    unioned as (
        select
            'ad_clicked' as activity,
            source_system,
            source_record_id,
            record_key,
            first_visited_at as occurred_at,
            channel,
            campaign_id,
            cast(null as {{ dbt.type_string() }}) as ad_id,
            cast(null as decimal(18, 4)) as amount,
            cast(null as {{ dbt.type_string() }}) as currency,
            cast(null as {{ dbt.type_string() }}) as attributes,
            click_ids,
            loaded_at
        from ad_visits
        union all
        select
            'checkout_started' as activity,
            source_system,
            source_record_id,
            record_key,
            started_at as occurred_at,
            'web' as channel,
            null as campaign_id,
            null as ad_id,
            checkout_amount as amount,
            currency,
            null as attributes,
            null as click_ids,
            loaded_at
        from checkouts
        union all
        select
            'order_placed' as activity,
            source_system,
            source_record_id,
            record_key,
            ordered_at as occurred_at,
            channel,
            campaign_id,
            null as ad_id,
            revenue_amount as amount,
            currency,
            null as attributes,
            click_ids,
            loaded_at
        from real_orders
        union all
        select
            'order_paid' as activity,
            source_system,
            source_record_id,
            record_key,
            paid_at as occurred_at,
            channel,
            campaign_id,
            null as ad_id,
            revenue_amount as amount,
            currency,
            null as attributes,
            click_ids,
            loaded_at
        from real_orders
        where paid_at is not null
        union all
        select
            'order_cancelled' as activity,
            source_system,
            source_record_id,
            record_key,
            cancelled_at as occurred_at,
            channel,
            campaign_id,
            null as ad_id,
            revenue_amount as amount,
            currency,
            null as attributes,
            click_ids,
            loaded_at
        from real_orders
        where cancelled_at is not null
        union all
        select
            'order_refunded' as activity,
            source_system,
            refund_id as source_record_id,
            record_key,
            refunded_at as occurred_at,
            null as channel,
            null as campaign_id,
            null as ad_id,
            refunded_revenue_amount as amount,
            currency,
            null as attributes,
            null as click_ids,
            loaded_at
        from refunds
        where not is_test and payback_reason <> 'dispute'
    )

select *
from unioned
