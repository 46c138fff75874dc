{%- set zone = var("reporting_time_zone") -%}
{%- set month_number = "(extract(year from {0}) * 12 + extract(month from {0}))" -%}
with
    customers as (select * from {{ ref("dim_customers") }}),
    revenue_entries as (select * from {{ ref("fct_revenue_entries") }}),

    first_purchases as (
        select person_id, {{ local_time("first_purchased_at", zone) }} as first_purchased_at from customers
    ),

    -- Each entry once in each view, on the clock that reports count by.
    viewed as (
        select
            person_id,
            'order' as view,
            case when entry_type = 'sale' then order_id end as sold_order_id,
            {{ local_time("order_view_at", zone) }} as counted_at,
            amount_reporting,
            gross_margin_amount_reporting
        from revenue_entries
        union all
        select
            person_id,
            'cash' as view,
            null as sold_order_id,
            {{ local_time("cash_view_at", zone) }} as counted_at,
            amount_reporting,
            gross_margin_amount_reporting
        from revenue_entries
        where cash_view_at is not null
    ),

    with_calendar_months as (
        select
            viewed.*,
            first_purchases.first_purchased_at,
            {{ month_number.format("viewed.counted_at") }}
            - {{ month_number.format("first_purchases.first_purchased_at") }} as calendar_months
        from viewed
        inner join first_purchases on first_purchases.person_id = viewed.person_id
    ),

    aged as (
        select
            *,
            greatest(
                case
                    when counted_at <= first_purchased_at + interval '1' month * calendar_months
                    then calendar_months
                    else calendar_months + 1
                end,
                0
            )::int as age_months
        from with_calendar_months
    ),

    order_view as (
        select
            person_id,
            age_months,
            count(distinct sold_order_id) as paid_order_count,
            count(case when amount_reporting is null then 1 end) as unconverted_entry_count,
            sum(amount_reporting) as net_amount,
            sum(gross_margin_amount_reporting) as gross_margin_amount,
            sum(abs(amount_reporting)) as turnover_amount,
            sum(case when gross_margin_amount_reporting is null then abs(amount_reporting) end) as unknown_cost_amount
        from aged
        where view = 'order'
        group by person_id, age_months
    ),

    cash_view as (
        select person_id, age_months, sum(amount_reporting) as net_amount
        from aged
        where view = 'cash'
        group by person_id, age_months
    ),

    final as (
        select
            coalesce(order_view.person_id, cash_view.person_id) as person_id,
            coalesce(order_view.age_months, cash_view.age_months) as age_months,
            coalesce(order_view.paid_order_count, 0) as paid_order_count,
            coalesce(order_view.unconverted_entry_count, 0) as unconverted_entry_count,
            {{ money("coalesce(order_view.net_amount, 0)") }} as order_view_amount_reporting,
            {{ money("coalesce(cash_view.net_amount, 0)") }} as cash_view_amount_reporting,
            {{ money("coalesce(order_view.gross_margin_amount, 0)") }} as gross_margin_amount_reporting,
            {{ money("coalesce(order_view.turnover_amount, 0)") }} as turnover_amount_reporting,
            {{ money("coalesce(order_view.unknown_cost_amount, 0)") }} as unknown_cost_amount_reporting
        from order_view
        full outer join
            cash_view on cash_view.person_id = order_view.person_id and cash_view.age_months = order_view.age_months
    )

select *
from final
