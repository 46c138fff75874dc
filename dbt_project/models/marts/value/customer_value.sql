with
    revenue_entries as (select * from {{ ref("fct_revenue_entries") }}),
    purchases as (select * from {{ ref("fct_purchase_summaries") }}),
    orders as (select * from {{ ref("fct_orders") }}),

    order_counts as (
        select
            person_id,
            count(*) as paid_order_count,
            count(*) filter (where rate_to_reporting is null) as unconverted_order_count
        from orders
        where paid_at <= {{ as_of() }} and person_id is not null
        group by person_id
    ),

    year_ago as (select {{ as_of() }} - interval '365' day as started_at),

    values_by_person as (
        select
            revenue_entries.person_id,
            sum(revenue_entries.amount_reporting) filter (where revenue_entries.entry_type = 'sale') as sold,
            sum(revenue_entries.amount_reporting) filter (where revenue_entries.entry_type = 'refund') as refunded,
            sum(revenue_entries.amount_reporting) as historic,
            sum(revenue_entries.amount_reporting) filter (
                where revenue_entries.order_view_at > year_ago.started_at
            ) as order_view_year,
            sum(revenue_entries.amount_reporting) filter (
                where revenue_entries.cash_view_at > year_ago.started_at
            ) as cash_view_year
        from revenue_entries
        cross join year_ago
        where revenue_entries.person_id is not null
        group by revenue_entries.person_id
    ),

    final as (
        select
            values_by_person.person_id,
            {{ reporting_currency() }} as reporting_currency,
            coalesce(order_counts.paid_order_count, 0)::int as paid_order_count,
            coalesce(order_counts.unconverted_order_count, 0)::int as unconverted_order_count,
            {{ money("coalesce(values_by_person.sold, 0)") }} as sold_amount_reporting,
            {{ money("-coalesce(values_by_person.refunded, 0)") }} as refunded_amount_reporting,
            {{ money("coalesce(values_by_person.historic, 0)") }} as historic_value_amount_reporting,
            {{ money("coalesce(values_by_person.order_view_year, 0)") }} as order_view_last_365_days_amount_reporting,
            {{ money("coalesce(values_by_person.cash_view_year, 0)") }} as cash_view_last_365_days_amount_reporting,
            purchases.first_purchased_at,
            purchases.last_purchased_at,
            {{ days_between("purchases.last_purchased_at", as_of()) }} as last_purchase_age_days,
            purchases.frequency::int as frequency,
            purchases.recency_days,
            purchases.age_days,
            purchases.repeat_purchase_mean_amount_reporting
        from values_by_person
        left join purchases on purchases.person_id = values_by_person.person_id
        left join order_counts on order_counts.person_id = values_by_person.person_id
    )

select *
from final
