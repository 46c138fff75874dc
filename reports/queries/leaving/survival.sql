with
    curves as (
        select
            *,
            floor(5 * duration_days / (1 + max(duration_days) over (partition by curve))) as fifth,
            floor(duration_days / 30) as month_of_age
        from marts.survival_curves
        where breakdown = 'all' and at_risk_count >= 5
    ),

    placed as (
        select
            *,
            row_number() over (partition by curve, fifth order by duration_days) as place_in_fifth,
            row_number() over (partition by curve, month_of_age order by duration_days) as place_in_month
        from curves
    )

select
    curve,
    duration_days,
    at_risk_count,
    event_count,
    survival_rate,
    survival_rate_lower,
    survival_rate_upper,
    case when place_in_fifth = 1 then 'n = ' || at_risk_count end as at_risk_note,
    place_in_month = 1 as is_in_table
from placed
order by curve, duration_days
