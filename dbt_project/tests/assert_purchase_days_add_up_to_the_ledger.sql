-- What purchase models read is what the ledger of sales and refunds holds of every customer, to the cent: also refunds
-- whose order is not known. Where a day has no rate, its part is not known on either side.
with
    purchase_days as (select * from {{ ref("fct_purchase_days") }}),
    revenue_entries as (select * from {{ ref("fct_revenue_entries") }}),

    by_customer as (
        select person_id, sum(amount_reporting) as amount_reporting
        from purchase_days
        group by person_id
        having count(*) = count(amount_reporting)
    ),

    by_ledger as (
        select person_id, sum(amount_reporting) as amount_reporting
        from revenue_entries
        where entry_type in ('sale', 'refund')
        group by person_id
    )

select by_customer.person_id, by_customer.amount_reporting, by_ledger.amount_reporting as ledger_amount_reporting
from by_customer
left join by_ledger on by_ledger.person_id = by_customer.person_id
where by_ledger.amount_reporting is distinct from by_customer.amount_reporting
