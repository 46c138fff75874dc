with
    revenue_entries as (select * from {{ ref("fct_revenue_entries") }}),

    purchase_days as (
        select
            person_id,
            cast(order_view_at as date) as purchased_on,
            min(case when entry_type = 'sale' then order_view_at end) as first_purchased_at,
            max(case when entry_type = 'sale' then order_view_at end) as last_purchased_at,
            sum(amount_reporting) as amount_reporting
        from revenue_entries
        -- A subscription is paid without a decision to buy: it has churn of its own.
        where person_id is not null and entry_type in ('sale', 'refund')
        group by person_id, cast(order_view_at as date)
    ),

    final as (
        select
            person_id,
            purchased_on,
            row_number() over (partition by person_id order by purchased_on asc nulls last) as purchase_number,
            first_purchased_at,
            last_purchased_at,
            {{ money("amount_reporting") }} as amount_reporting
        from purchase_days
        -- A refund whose order is not known is a day without a purchase.
        where first_purchased_at is not null
    )

select *
from final
