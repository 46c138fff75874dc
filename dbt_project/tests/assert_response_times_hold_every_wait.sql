-- Each breakdown of the response times, and of the first responses, holds every wait, in the months and over them all.
with
    waits as (select * from {{ ref("fct_response_times") }}),
    response_times as (select * from {{ ref("response_times") }}),
    first_response_times as (select * from {{ ref("first_response_times") }}),

    reported as (
        select 'response_times' as mart, breakdown, lifecycle_model, month is null as is_total, wait_count
        from response_times
        union all
        select 'first_response_times' as mart, breakdown, lifecycle_model, month is null as is_total, wait_count
        from first_response_times
    ),

    sums as (
        select mart, breakdown, lifecycle_model, is_total, sum(wait_count) as wait_count
        from reported
        group by mart, breakdown, lifecycle_model, is_total
    ),

    counted as (
        select count(*) as wait_count, count(case when is_first_response then 1 end) as first_wait_count from waits
    )

select sums.*, counted.wait_count as counted_waits, counted.first_wait_count
from sums
cross join counted
where
    sums.wait_count <> case when sums.mart = 'response_times' then counted.wait_count else counted.first_wait_count end
