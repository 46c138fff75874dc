-- Who reached a step reached the next one too, or came no further.
with
    funnel as (select * from {{ ref("lifecycle_funnel") }}),

    followed as (
        select
            *,
            coalesce(
                lead(reached_count) over (
                    partition by breakdown, lifecycle_model, cohort_month, acquisition_channel
                    order by step_number asc nulls last
                ),
                0
            ) as reached_next_count
        from funnel
    )

select *
from followed
where reached_count <> reached_next_count + furthest_count
