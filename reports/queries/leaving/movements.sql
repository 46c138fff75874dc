with
    movements as (
        unpivot (
            select
                month,
                is_complete,
                new_mrr_amount_reporting as "new",
                reactivation_mrr_amount_reporting as reactivation,
                expansion_mrr_amount_reporting as expansion,
                - contraction_mrr_amount_reporting as contraction,
                - churn_mrr_amount_reporting as churn
            from marts.revenue_retention
        )
        on "new",
        reactivation,
        expansion,
        contraction,
        churn
        into name movement value mrr_amount_reporting
    ),

    customers as (
        unpivot (
            select
                month,
                new_customer_count as "new",
                reactivated_customer_count as reactivation,
                expanded_customer_count as expansion,
                contracted_customer_count as contraction,
                churned_customer_count as churn
            from marts.revenue_retention
        )
        on "new",
        reactivation,
        expansion,
        contraction,
        churn
        into name movement value customer_count
    )

select
    month,
    is_complete,
    movement,
    movement in ('new', 'reactivation', 'expansion') as is_gain,
    customer_count,
    mrr_amount_reporting
from movements
inner join customers using (month, movement)
order by list_position(['new', 'reactivation', 'expansion', 'contraction', 'churn'], movement), month
