-- Nothing is lost between the ledger of revenue and the people: what is not a customer's is nobody's.
with
    revenue_entries as (select * from {{ ref("fct_revenue_entries") }}),
    customer_values as (select * from {{ ref("customer_value") }}),

    ledger as (select coalesce(sum(amount_reporting), 0) as amount from revenue_entries),

    outside as (select coalesce(sum(amount_reporting), 0) as amount from revenue_entries where person_id is null),

    customers as (select coalesce(sum(historic_value_amount_reporting), 0) as amount from customer_values)

select ledger.amount as ledger_amount, customers.amount as customer_amount, outside.amount as outside_amount
from ledger
cross join customers
cross join outside
where ledger.amount <> customers.amount + outside.amount
