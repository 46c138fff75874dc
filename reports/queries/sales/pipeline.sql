with
    quarters as (
        select
            date_trunc('quarter', month)::date as quarter,
            sum(won_deal_count) as won_count,
            sum(lost_deal_count) as lost_count,
            sum(open_deal_count) as open_count,
            sum(won_deal_amount_reporting) as won_amount,
            sum(lost_deal_amount_reporting) as lost_amount,
            sum(open_deal_amount_reporting) as open_amount
        from marts.deal_pipeline_by_month
        where breakdown = 'all'
        group by quarter
    ),

    by_status as (
        select quarter, 1 as place, 'won' as status, won_count as count_of_status, won_amount as deal_amount_reporting
        from quarters
        union all
        select
            quarter, 2 as place, 'lost' as status, lost_count as count_of_status, lost_amount as deal_amount_reporting
        from quarters
        union all
        select
            quarter, 3 as place, 'open' as status, open_count as count_of_status, open_amount as deal_amount_reporting
        from quarters
    )

select quarter, status, count_of_status, deal_amount_reporting
from by_status
order by place, quarter
