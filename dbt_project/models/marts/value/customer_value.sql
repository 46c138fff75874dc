{#- Prefix of the columns of each horizon, and the column with its days. -#}
{%- set horizons = {"": "value_horizon_days", "short_term_": "short_term_days"} -%}
with
    customers as (select * from {{ ref("dim_customers") }}),
    revenue_entries as (select * from {{ ref("fct_revenue_entries") }}),
    purchases as (select * from {{ ref("fct_purchase_summaries") }}),
    orders as (select * from {{ ref("fct_orders") }}),
    deals as (select * from {{ ref("fct_deals") }}),
    purchase_predictions as (select * from {{ source("predictions", "customer_predictions") }}),
    subscription_predictions as (
        select * from {{ source("predictions", "subscriber_predictions") }} where person_id is not null
    ),

    order_counts as (
        select
            person_id,
            count(*) as paid_order_count,
            count(*) filter (where rate_to_reporting is null) as unconverted_order_count
        from orders
        where paid_at <= {{ as_of() }} and person_id is not null
        group by person_id
    ),

    won_deals as (
        select
            coalesce(person_id, account_id) as customer_id,
            count(*) as won_deal_count,
            sum(deal_amount_reporting) as won_deal_amount
        from deals
        where is_won and coalesce(person_id, account_id) is not null
        group by coalesce(person_id, account_id)
    ),

    year_ago as (select {{ as_of() }} - interval '365' day as started_at),

    -- Someone about whom only a refund is known bought before the data begins.
    valued as (
        select customer_id, customer_type, person_id, account_id
        from customers
        union
        select person_id as customer_id, 'person' as customer_type, person_id, null as account_id
        from revenue_entries
        where person_id is not null
    ),

    booked as (
        select
            revenue_entries.person_id,
            sum(revenue_entries.amount_reporting) filter (
                where revenue_entries.entry_type in ('sale', 'subscription_payment')
            ) as sold,
            sum(revenue_entries.amount_reporting) filter (
                where revenue_entries.entry_type in ('refund', 'subscription_refund')
            ) as refunded,
            max(revenue_entries.order_view_at) filter (
                where revenue_entries.entry_type in ('sale', 'subscription_payment')
            ) as last_paid_at,
            sum(revenue_entries.amount_reporting) as historic,
            sum(revenue_entries.gross_margin_amount_reporting) as gross_margin,
            sum(abs(revenue_entries.amount_reporting)) as turnover,
            sum(
                case
                    when revenue_entries.gross_margin_amount_reporting is null
                    then abs(revenue_entries.amount_reporting)
                end
            ) as unknown_cost,
            count(revenue_entries.amount_reporting) > 0
            and count(revenue_entries.amount_reporting)
            = count(revenue_entries.gross_margin_amount_reporting) as has_known_cost,
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

    values_by_customer as (
        select
            valued.customer_id,
            valued.customer_type,
            valued.person_id,
            valued.account_id,
            customers.customer_id is not null as is_customer,
            customers.first_purchase_kind,
            customers.first_purchased_at,
            customers.last_purchased_at,
            booked.sold,
            booked.refunded,
            booked.last_paid_at,
            booked.historic,
            booked.gross_margin,
            booked.turnover,
            booked.unknown_cost,
            coalesce(booked.has_known_cost, false) as has_known_cost,
            booked.order_view_year,
            booked.cash_view_year
        from valued
        left join customers on customers.customer_id = valued.customer_id
        left join booked on booked.person_id = valued.person_id
    ),

    -- Scores follow from how many customers are strictly worse, so that equal customers have equal scores.
    scores as (
        select
            purchases.person_id,
            {{ quintile_score("purchases.last_purchased_at") }} as recency_score,
            {{ quintile_score("order_counts.paid_order_count") }} as frequency_score,
            {{ quintile_score("coalesce(values_by_customer.historic, 0)") }} as monetary_score
        from purchases
        inner join order_counts on order_counts.person_id = purchases.person_id
        inner join values_by_customer on values_by_customer.person_id = purchases.person_id
    ),

    segments as (
        select
            *,
            case
                when recency_score >= 4
                then
                    case
                        when frequency_score + monetary_score >= 8
                        then 'champions'
                        when frequency_score + monetary_score >= 5
                        then 'growing'
                        else 'recent'
                    end
                when recency_score = 3
                then
                    case
                        when frequency_score + monetary_score >= 8
                        then 'loyal'
                        when frequency_score + monetary_score >= 5
                        then 'wavering'
                        else 'fading'
                    end
                when frequency_score + monetary_score >= 8
                then 'at_risk'
                when frequency_score + monetary_score >= 5
                then 'hibernating'
                else 'dormant'
            end as segment
        from scores
    ),

    -- What does not apply adds nothing: purchases of people who never ordered, renewals of people without a
    -- subscription.
    expected as (
        select
            values_by_customer.customer_id,
            order_counts.person_id is null and subscription_predictions.person_id is null as applies_to_nothing,
            purchase_predictions.expected_purchase_amount,
            coalesce(
                purchase_predictions.value_horizon_days, subscription_predictions.value_horizon_days
            ) as horizon_days,
            coalesce(purchase_predictions.short_term_days, subscription_predictions.short_term_days) as short_term_days,
            {% for prefix, days in horizons.items() %}
                {% for end in ["", "_lower", "_upper"] %}
                    case
                        when order_counts.person_id is null
                        then 0
                        else purchase_predictions.{{ prefix }}predicted_value{{ end }}
                    end as {{ prefix }}purchases{{ end }},
                    case
                        when subscription_predictions.person_id is null
                        then 0
                        else subscription_predictions.{{ prefix }}predicted_value{{ end }}
                    end as {{ prefix }}renewals{{ end }},
                {% endfor %}
                case
                    when order_counts.person_id is not null
                    then {{ prediction_hidden_reason("purchase_predictions", prefix ~ "value_hidden_reason", days) }}
                end as {{ prefix }}purchases_hidden_reason,
                case
                    when subscription_predictions.person_id is not null
                    then
                        {{ prediction_hidden_reason("subscription_predictions", prefix ~ "value_hidden_reason", days) }}
                end as {{ prefix }}renewals_hidden_reason,
                purchase_predictions.{{ prefix }}expected_purchases as {{ prefix }}purchase_count,
                case
                    when order_counts.person_id is null
                    then 'no paid order'
                    else
                        {{ prediction_hidden_reason("purchase_predictions", prefix ~ "purchases_hidden_reason", days) }}
                end as {{ prefix }}count_hidden_reason {{ "," if not loop.last }}
            {% endfor %}
        from values_by_customer
        left join order_counts on order_counts.person_id = values_by_customer.person_id
        left join purchase_predictions on purchase_predictions.person_id = values_by_customer.person_id
        left join subscription_predictions on subscription_predictions.person_id = values_by_customer.person_id
    ),

    -- The interval of a sum of two independent estimates from their intervals: Zou & Donner 2008, Statistics in
    -- Medicine 27(10).
    summed as (
        select
            *,
            {% for prefix in horizons %}
                {{ prefix }}purchases + {{ prefix }}renewals as {{ prefix }}total,
                {{ prefix }}purchases
                + {{ prefix }}renewals
                - sqrt(
                    ({{ prefix }}purchases - {{ prefix }}purchases_lower)
                    * ({{ prefix }}purchases - {{ prefix }}purchases_lower)
                    + ({{ prefix }}renewals - {{ prefix }}renewals_lower)
                    * ({{ prefix }}renewals - {{ prefix }}renewals_lower)
                ) as {{ prefix }}total_lower,
                {{ prefix }}purchases
                + {{ prefix }}renewals
                + sqrt(
                    ({{ prefix }}purchases_upper - {{ prefix }}purchases)
                    * ({{ prefix }}purchases_upper - {{ prefix }}purchases)
                    + ({{ prefix }}renewals_upper - {{ prefix }}renewals)
                    * ({{ prefix }}renewals_upper - {{ prefix }}renewals)
                ) as {{ prefix }}total_upper,
                case
                    when applies_to_nothing
                    then 'neither a paid order nor a subscription that is paid for now'
                    when
                        {{ prefix }}purchases_hidden_reason is not null
                        and {{ prefix }}renewals_hidden_reason is not null
                    then
                        {{ reason_of(prefix ~ "purchases_hidden_reason", "purchases") }}
                        || '; '
                        || {{ reason_of(prefix ~ "renewals_hidden_reason", "renewals") }}
                    else
                        coalesce(
                            {{ prefix }}purchases_hidden_reason,
                            {{ reason_of(prefix ~ "renewals_hidden_reason", "renewals") }}
                        )
                end as {{ prefix }}hidden_reason {{ "," if not loop.last }}
            {% endfor %}
        from expected
    ),

    final as (
        select
            values_by_customer.customer_id,
            values_by_customer.customer_type,
            values_by_customer.person_id,
            values_by_customer.account_id,
            values_by_customer.is_customer,
            {{ reporting_currency() }} as reporting_currency,
            coalesce(order_counts.paid_order_count, 0)::int as paid_order_count,
            coalesce(order_counts.unconverted_order_count, 0)::int as unconverted_order_count,
            coalesce(won_deals.won_deal_count, 0)::int as won_deal_count,
            {{ money("coalesce(won_deals.won_deal_amount, 0)") }} as won_deal_amount_reporting,
            {{ money("coalesce(values_by_customer.sold, 0)") }} as sold_amount_reporting,
            {{ money("-coalesce(values_by_customer.refunded, 0)") }} as refunded_amount_reporting,
            {{ money("coalesce(values_by_customer.historic, 0)") }} as historic_value_amount_reporting,
            {{ money("coalesce(values_by_customer.order_view_year, 0)") }} as order_view_last_365_days_amount_reporting,
            {{ money("coalesce(values_by_customer.cash_view_year, 0)") }} as cash_view_last_365_days_amount_reporting,
            values_by_customer.has_known_cost,
            case
                when values_by_customer.has_known_cost then {{ money("values_by_customer.gross_margin") }}
            end as gross_margin_amount_reporting,
            {{ known_cost_rate("values_by_customer.turnover", "coalesce(values_by_customer.unknown_cost, 0)") }}
            as known_cost_rate,
            values_by_customer.first_purchase_kind,
            values_by_customer.first_purchased_at,
            values_by_customer.last_purchased_at,
            {{ days_between("values_by_customer.last_purchased_at", as_of()) }} as last_purchase_age_days,
            {{ days_between("values_by_customer.last_paid_at", as_of()) }} as last_payment_age_days,
            purchases.frequency::int as frequency,
            purchases.recency_days,
            purchases.age_days,
            purchases.repeat_purchase_mean_amount_reporting,
            segments.recency_score as rfm_recency_score,
            segments.frequency_score as rfm_frequency_score,
            segments.monetary_score as rfm_monetary_score,
            segments.segment as rfm_segment,
            {{ rfm_segment_order("segments.segment") }} as rfm_segment_order,
            summed.horizon_days as predicted_value_horizon_days,
            {{ money_from_double("case when summed.hidden_reason is null then summed.total end") }}
            as predicted_value_amount_reporting,
            {{ money_from_double("case when summed.hidden_reason is null then summed.total_lower end") }}
            as predicted_value_lower_amount_reporting,
            {{ money_from_double("case when summed.hidden_reason is null then summed.total_upper end") }}
            as predicted_value_upper_amount_reporting,
            {{ money_from_double("case when not summed.applies_to_nothing then summed.purchases end") }}
            as predicted_purchase_value_amount_reporting,
            {{ money_from_double("case when not summed.applies_to_nothing then summed.renewals end") }}
            as predicted_subscription_value_amount_reporting,
            {{
                money_from_double(
                    "case when summed.hidden_reason is null then coalesce(values_by_customer.historic, 0) + summed.total end"
                )
            }}
            as total_value_amount_reporting,
            summed.hidden_reason as predicted_value_hidden_reason,
            summed.purchase_count as predicted_purchase_count,
            summed.count_hidden_reason as predicted_purchase_count_hidden_reason,
            summed.expected_purchase_amount as predicted_purchase_mean_amount_reporting,
            summed.short_term_days as predicted_short_term_days,
            {{
                money_from_double(
                    "case when summed.short_term_hidden_reason is null then summed.short_term_total end"
                )
            }} as predicted_short_term_value_amount_reporting,
            {{
                money_from_double(
                    "case when summed.short_term_hidden_reason is null then summed.short_term_total_lower end"
                )
            }} as predicted_short_term_value_lower_amount_reporting,
            {{
                money_from_double(
                    "case when summed.short_term_hidden_reason is null then summed.short_term_total_upper end"
                )
            }} as predicted_short_term_value_upper_amount_reporting,
            {{ money_from_double("case when not summed.applies_to_nothing then summed.short_term_purchases end") }}
            as predicted_short_term_purchase_value_amount_reporting,
            {{ money_from_double("case when not summed.applies_to_nothing then summed.short_term_renewals end") }}
            as predicted_short_term_subscription_value_amount_reporting,
            summed.short_term_hidden_reason as predicted_short_term_value_hidden_reason,
            summed.short_term_purchase_count as predicted_short_term_purchase_count,
            summed.short_term_count_hidden_reason as predicted_short_term_purchase_count_hidden_reason
        from values_by_customer
        left join purchases on purchases.person_id = values_by_customer.person_id
        left join order_counts on order_counts.person_id = values_by_customer.person_id
        left join segments on segments.person_id = values_by_customer.person_id
        left join won_deals on won_deals.customer_id = values_by_customer.customer_id
        inner join summed on summed.customer_id = values_by_customer.customer_id
    )

select *
from final
