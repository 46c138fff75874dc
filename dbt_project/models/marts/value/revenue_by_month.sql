with
    revenue_entries as (select * from {{ ref("fct_revenue_entries") }}),
    order_products as (select * from {{ ref("fct_order_products") }}),
    subscriptions as (select * from {{ ref("fct_subscriptions") }}),
    customers as (select * from {{ ref("dim_customers") }}),
    days as (select * from {{ ref("dim_days") }}),
    acquisition as (select * from {{ ref("acquisition_payback") }} where breakdown = 'all'),

    entries as (
        select
            revenue_entries.revenue_entry_id,
            case
                when revenue_entries.entry_type in ('subscription_payment', 'subscription_refund')
                then 'subscription'
                else 'order'
            end as revenue_kind,
            revenue_entries.entry_type in ('sale', 'subscription_payment') as is_sale,
            coalesce(revenue_entries.order_id, revenue_entries.credit_note_id) as lines_order_id,
            revenue_entries.order_id,
            revenue_entries.person_id,
            subscriptions.plan,
            customers.cohort_month,
            cast({{ dbt.date_trunc("month", local_date("revenue_entries.order_view_at")) }} as date) as order_month,
            cast({{ dbt.date_trunc("month", local_date("revenue_entries.cash_view_at")) }} as date) as cash_month,
            revenue_entries.amount_reporting,
            revenue_entries.amount_reporting - revenue_entries.gross_margin_amount_reporting as cost_amount_reporting
        from revenue_entries
        left join subscriptions on subscriptions.subscription_id = revenue_entries.subscription_id
        left join customers on customers.person_id = revenue_entries.person_id
    ),

    viewed as (
        select 'order' as view, order_month as month, entries.*
        from entries
        union all
        select 'cash' as view, cash_month as month, entries.*
        from entries
        where cash_month is not null
    ),

    with_products as (
        select
            viewed.*,
            coalesce(order_products.product_id, viewed.plan, 'unknown') as product_id,
            coalesce(order_products.revenue_share_before, 0::double) as revenue_share_before,
            coalesce(order_products.revenue_share_to_date, 1::double) as revenue_share_to_date,
            coalesce(order_products.cost_share_before, 0::double) as cost_share_before,
            coalesce(order_products.cost_share_to_date, 1::double) as cost_share_to_date
        from viewed
        left join order_products on order_products.order_id = viewed.lines_order_id
    ),

    -- The parts of an entry are differences of running totals, so that its products add up to it.
    broken_down as (
        {% for breakdown, kind in {"all": "'all'", "kind": "revenue_kind"}.items() %}
            select
                '{{ breakdown }}' as breakdown,
                view,
                month,
                {{ kind }} as revenue_kind,
                'all' as product_id,
                revenue_entry_id,
                is_sale,
                order_id,
                person_id,
                cohort_month < month as is_returning,
                amount_reporting as amount,
                cost_amount_reporting as cost
            from viewed
            union all
        {% endfor %}
        select
            'product' as breakdown,
            view,
            month,
            revenue_kind,
            product_id,
            revenue_entry_id,
            is_sale,
            order_id,
            person_id,
            cohort_month < month as is_returning,
            {{ converted("amount_reporting", "revenue_share_to_date") }}
            - {{ converted("amount_reporting", "revenue_share_before") }} as amount,
            {{ converted("cost_amount_reporting", "cost_share_to_date") }}
            - {{ converted("cost_amount_reporting", "cost_share_before") }} as cost
        from with_products
    ),

    summed as (
        select
            breakdown,
            view,
            month,
            revenue_kind,
            product_id,
            sum(case when is_sale then amount end) as sold_amount,
            sum(case when not is_sale then amount end) as refund_amount,
            sum(amount - cost) as gross_margin_amount,
            sum(abs(amount)) as turnover_amount,
            sum(case when cost is null then abs(amount) end) as unknown_cost_amount,
            count(distinct case when amount is null then revenue_entry_id end) as unconverted_entry_count,
            count(distinct case when is_sale then order_id end) as order_count,
            -- Whose first purchase is not known, and whoever paid before it, is no returning customer.
            count(
                distinct case when is_sale and not coalesce(is_returning, false) then person_id end
            ) as new_customer_count,
            count(distinct case when is_sale and is_returning then person_id end) as returning_customer_count,
            sum(
                case when is_sale and not coalesce(is_returning, false) and person_id is not null then amount end
            ) as new_sold_amount,
            sum(case when is_sale and is_returning then amount end) as returning_sold_amount
        from broken_down
        group by breakdown, view, month, revenue_kind, product_id
    ),

    -- Months are whole, those without revenue included, from the first with revenue, spend or a new customer.
    known_months as (
        select distinct month
        from summed
        where breakdown = 'all'
        union
        select cohort_month as month
        from acquisition
    ),

    first_months as (select min(month) as first_month from known_months),

    months as (
        select month
        from known_months
        union
        select cast({{ dbt.date_trunc("month", "days.date_day") }} as date) as month
        from days
        inner join
            first_months on first_months.first_month <= cast({{ dbt.date_trunc("month", "days.date_day") }} as date)
    ),

    views as (
        select 'order' as view
        union all
        select 'cash' as view
    ),

    lines as (
        select 'all' as breakdown, views.view, months.month, 'all' as revenue_kind, 'all' as product_id
        from months
        cross join views
        union all
        select breakdown, view, month, revenue_kind, product_id
        from summed
        where breakdown <> 'all'
    ),

    counted_names as (
        select product_id, product_name, count(*) as order_count from order_products group by product_id, product_name
    ),

    -- An article that orders call by several names has the one that most of them use.
    product_names as (
        select product_id, product_name
        from counted_names
        qualify
            row_number() over (
                partition by product_id order by order_count desc nulls last, product_name asc nulls last
            )
            = 1
    ),

    final as (
        select
            lines.breakdown,
            lines.view,
            lines.month,
            cast(lines.month + interval '1' month as date) <= {{ local_date(as_of()) }} as is_complete,
            lines.revenue_kind,
            lines.product_id,
            case
                when lines.breakdown <> 'product'
                then null
                when lines.revenue_kind = 'order'
                then coalesce(product_names.product_name, lines.product_id)
                else lines.product_id
            end as product_name,
            {{ reporting_currency() }} as reporting_currency,
            {{ money("coalesce(summed.sold_amount, 0)") }} as sold_amount_reporting,
            {{ money("-coalesce(summed.refund_amount, 0)") }} as refunded_amount_reporting,
            {{ money("coalesce(summed.sold_amount, 0) + coalesce(summed.refund_amount, 0)") }}
            as revenue_amount_reporting,
            {{
                money(
                    margin_where_known(
                        "summed.gross_margin_amount",
                        "summed.turnover_amount",
                        "coalesce(summed.unknown_cost_amount, 0)",
                    )
                )
            }} as gross_margin_amount_reporting,
            {{ known_cost_rate("summed.turnover_amount", "coalesce(summed.unknown_cost_amount, 0)") }}
            as known_cost_rate,
            coalesce(summed.unconverted_entry_count, 0)::bigint as unconverted_entry_count,
            coalesce(summed.order_count, 0)::bigint as order_count,
            coalesce(summed.new_customer_count + summed.returning_customer_count, 0)::bigint as customer_count,
            coalesce(summed.new_customer_count, 0)::bigint as new_customer_count,
            coalesce(summed.returning_customer_count, 0)::bigint as returning_customer_count,
            {{ money("coalesce(summed.new_sold_amount, 0)") }} as new_customer_sold_amount_reporting,
            {{ money("coalesce(summed.returning_sold_amount, 0)") }} as returning_customer_sold_amount_reporting,
            case
                when lines.breakdown = 'all' then coalesce(acquisition.customer_count, 0)
            end as acquired_customer_count,
            case
                when lines.breakdown = 'all' and acquisition.cohort_month is null
                then {{ money("0") }}
                else acquisition.spend_amount_reporting
            end as acquisition_spend_amount_reporting,
            acquisition.customer_acquisition_cost_reporting
        from lines
        left join
            summed
            on summed.breakdown = lines.breakdown
            and summed.view = lines.view
            and summed.month = lines.month
            and summed.revenue_kind = lines.revenue_kind
            and summed.product_id = lines.product_id
        left join product_names on product_names.product_id = lines.product_id
        left join acquisition on acquisition.cohort_month = lines.month and lines.breakdown = 'all'
    )

select *
from final
