{%- set top_percents = [1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100] -%}
with
    customers as (select * from {{ ref("customer_value") }} where is_customer),

    valued as (
        select 'all' as period, customer_id, historic_value_amount_reporting as amount
        from customers
        union all
        select 'last_365_days' as period, customer_id, order_view_last_365_days_amount_reporting as amount
        from customers
        where last_purchase_age_days < 365 or last_payment_age_days < 365
    ),

    -- Among customers of equal revenue it does not matter which one is counted: ids only fix the order.
    ranked as (
        select
            period,
            amount,
            row_number() over (
                partition by period order by amount desc nulls last, customer_id asc nulls last
            ) as place,
            sum(amount) over (
                partition by period
                order by amount desc nulls last, customer_id asc nulls last
                rows between unbounded preceding and current row
            ) as top_amount
        from valued
    ),

    totals as (
        select
            period,
            count(*) as customer_count,
            sum(amount) as amount,
            -- Places count down from the largest, so that the customer at place k has rank n + 1 - k from the smallest.
            sum(2 * place::decimal(18, 0) * amount)::double as weighted_amount
        from ranked
        group by period
    ),

    top_shares as (
        {% for percent in top_percents -%}
            select {{ percent }} as top_percent {{ "union all" if not loop.last }}
        {% endfor -%}
    ),

    tops as (
        select
            totals.period,
            top_shares.top_percent,
            totals.customer_count,
            totals.amount,
            ceil(totals.customer_count * top_shares.top_percent / 100::double)::bigint as top_customer_count,
            ((totals.customer_count + 1) * totals.amount::double - totals.weighted_amount)
            / nullif(totals.customer_count * totals.amount::double, 0) as gini_coefficient
        from totals
        cross join top_shares
    ),

    final as (
        select
            tops.period,
            tops.top_percent / 100::double as top_rate,
            {{ reporting_currency() }} as reporting_currency,
            tops.customer_count,
            tops.top_customer_count,
            {{ money("ranked.top_amount") }} as top_revenue_amount_reporting,
            {{ money("tops.amount") }} as revenue_amount_reporting,
            case
                when tops.amount > 0 then ranked.top_amount::double / nullif(tops.amount::double, 0)
            end as top_revenue_rate,
            ranked.amount as smallest_top_customer_amount_reporting,
            case when tops.amount > 0 then tops.gini_coefficient end as gini_coefficient
        from tops
        inner join ranked on ranked.period = tops.period and ranked.place = tops.top_customer_count
    )

select *
from final
