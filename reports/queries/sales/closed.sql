with
    quarters as (
        select
            date_trunc('quarter', month)::date as quarter,
            -- The quarter is over when its third month is.
            bool_and(is_complete) and max(month) = date_trunc('quarter', max(month)) + interval 2 month as is_complete,
            sum(won_in_month_count) as won_count,
            sum(lost_in_month_count) as lost_count,
            sum(won_in_month_amount_reporting) as won_amount,
            sum(lost_in_month_amount_reporting) as lost_amount
        from marts.deal_pipeline_by_month
        where breakdown = 'all'
        group by quarter
    )

select quarter, is_complete, 'won' as status, won_count as closed_count, won_amount as amount_reporting
from quarters
union all
select quarter, is_complete, 'lost' as status, lost_count as closed_count, lost_amount as amount_reporting
from quarters
order by status desc, quarter
