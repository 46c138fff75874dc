with
    touches as (
        select 'first' as touch, first_touch_channel as channel
        from marts.customer_360
        union all
        select 'last' as touch, last_touch_channel as channel
        from marts.customer_360
    ),

    counted as (
        select touch, channel, count(*) as people from touches where channel is not null group by touch, channel
    )

select touch, channel, people
from counted
order by max(people) over (partition by channel) desc, channel, touch
