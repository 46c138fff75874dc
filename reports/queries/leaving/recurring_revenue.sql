select month, is_complete, end_customer_count, end_mrr_amount_reporting from marts.revenue_retention order by month
