{%- set in_order = "partition by order_id order by product_id asc nulls last" -%}
with
    order_lines as (select * from {{ ref("int_order_lines__costed") }}),

    products as (
        select
            order_id,
            coalesce(sku, description, 'unknown') as product_id,
            max(coalesce(description, sku, 'unknown')) as product_name,
            sum(quantity) as quantity,
            sum(line_amount) as line_amount,
            sum(quantity::decimal(18, 4) * unit_cost_amount) as cost_amount
        from order_lines
        where not is_gift_card
        group by order_id, coalesce(sku, description, 'unknown')
    ),

    running as (
        select
            *,
            sum(line_amount) over (partition by order_id) as order_line_amount,
            sum(cost_amount) over (partition by order_id) as order_cost_amount,
            sum(line_amount) over (
                {{ in_order }} rows between unbounded preceding and current row
            ) as line_amount_to_date,
            sum(cost_amount) over (
                {{ in_order }} rows between unbounded preceding and current row
            ) as cost_amount_to_date,
            row_number() over ({{ in_order }}) as product_number,
            count(*) over (partition by order_id) as product_count
        from products
    ),

    shares as (
        select
            *,
            case
                when product_number = product_count
                then 1::double
                else coalesce(line_amount_to_date::double / nullif(order_line_amount, 0)::double, 0)
            end as revenue_share_to_date,
            case
                when product_number = product_count
                then 1::double
                else coalesce(cost_amount_to_date::double / nullif(order_cost_amount, 0)::double, 0)
            end as cost_share_to_date
        from running
    ),

    final as (
        select
            order_id,
            product_id,
            product_name,
            {{ money("quantity") }} as quantity,
            coalesce(lag(revenue_share_to_date) over ({{ in_order }}), 0::double) as revenue_share_before,
            revenue_share_to_date,
            coalesce(lag(cost_share_to_date) over ({{ in_order }}), 0::double) as cost_share_before,
            cost_share_to_date
        from shares
    )

select *
from final
