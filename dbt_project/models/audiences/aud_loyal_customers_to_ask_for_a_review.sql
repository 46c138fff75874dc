with
    customers as (select * from {{ ref("customer_360") }}),
    answers as (select * from {{ ref("fct_survey_answers") }}),

    -- Nobody is asked twice, and nobody who has said that they are not content.
    answered as (
        select person_id
        from answers
        where person_id is not null and (survey_type = 'review' or not is_top_box)
        group by person_id
    ),

    final as (
        select
            customers.person_id as entity_id, customers.paid_order_count::string || ' orders, no review yet' as reason
        from customers
        left join answered on answered.person_id = customers.person_id
        where
            answered.person_id is null
            and customers.paid_order_count >= 3
            and customers.last_purchased_at > {{ dbt.dateadd("day", -180, as_of()) }}
    )

select *
from final
