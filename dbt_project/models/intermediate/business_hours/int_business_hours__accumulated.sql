{% set business_hours = var("business_hours") %}

with
    calendar_days as (select * from {{ ref("int_calendar__days") }}),

    -- The day east of the date line begins before the calendar's last UTC day ends.
    last_days as (select max(date_day) as date_day from calendar_days),

    days as (
        select date_day
        from calendar_days
        union all
        select cast({{ dbt.dateadd("day", 1, "date_day") }} as date) as date_day
        from last_days
    ),

    teams as (
        {% for team in business_hours_teams(business_hours) %}
            select '{{ team.team_id }}' as team_id
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),

    openings as ({{ business_hours_intervals("days", business_hours) }}),

    -- An opening that lasts past midnight UTC is cut there; one local day touches three UTC days at most.
    day_offsets as (
        select 0 as day_offset
        union all
        select 1 as day_offset
        union all
        select 2 as day_offset
    ),

    opening_days as (
        select
            openings.team_id,
            openings.opened_at,
            openings.closed_at,
            case
                day_offsets.day_offset
                when 0
                then cast(openings.opened_at as date)
                when 1
                then cast({{ dbt.dateadd("day", 1, "cast(openings.opened_at as date)") }} as date)
                else cast({{ dbt.dateadd("day", 2, "cast(openings.opened_at as date)") }} as date)
            end as date_day
        from openings
        cross join day_offsets
    ),

    pieces as (
        select
            team_id,
            date_day,
            greatest(opened_at, date_day::{{ timestamp_type() }}) as starts_at,
            least(closed_at, cast({{ dbt.dateadd("day", 1, "date_day") }} as date)::{{ timestamp_type() }}) as closes_at
        from opening_days
        where closed_at > date_day::{{ timestamp_type() }}
    ),

    unioned as (
        select team_id, date_day, starts_at, {{ microseconds_between("starts_at", "closes_at") }} as open_microseconds
        from pieces
        where closes_at > starts_at
        union all
        select
            teams.team_id,
            days.date_day,
            days.date_day::{{ timestamp_type() }} as starts_at,
            0::bigint as open_microseconds
        from days
        cross join teams
    ),

    segments as (
        select team_id, date_day, starts_at, max(open_microseconds) as open_microseconds
        from unioned
        group by team_id, date_day, starts_at
    ),

    followed as (
        select *, lead(starts_at) over (partition by team_id order by starts_at asc nulls last) as ends_at from segments
    ),

    -- Openings that meet on the day when clocks go forward count once.
    bounded as (
        select
            team_id,
            date_day,
            starts_at,
            ends_at,
            least(
                open_microseconds, coalesce({{ microseconds_between("starts_at", "ends_at") }}, open_microseconds)
            ) as open_microseconds
        from followed
    ),

    final as (
        select
            *,
            coalesce(
                sum(open_microseconds) over (
                    partition by team_id
                    order by starts_at asc nulls last
                    rows between unbounded preceding and 1 preceding
                ),
                0
            )::bigint as open_microseconds_before
        from bounded
    )

select *
from final
