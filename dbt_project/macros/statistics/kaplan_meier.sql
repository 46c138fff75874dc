{#-
    Survival of durations of which some have not ended yet (Kaplan and Meier, JASA 53, 1958): at each duration t the
    share S(t) that lasts longer than t, the product over all t_i <= t of 1 - events at t_i / at risk at t_i. What is
    still open at t counts as at risk at t and then leaves without an event.

    `relation`: a relation or CTE of one row a subject. `keys`: columns to estimate apart, at least one. `duration`: how
    long it lasted, or has lasted so far; not null, in any unit. `is_observed`: boolean, false while it lasts.

    One row per keys and distinct duration: the keys, `duration`, `at_risk_count`, `event_count`, `survival_rate` (to 9
    decimals, so that an exact half is not missed by the last bit of a logarithm).
-#}
{% macro kaplan_meier(relation, keys, duration, is_observed) -%}
    with
        durations as (
            select
                {{ keys | join(", ") }},
                {{ duration }} as duration,
                count(*) as subject_count,
                count(case when {{ is_observed }} then 1 end) as event_count
            from {{ relation }}
            group by {{ keys | join(", ") }}, {{ duration }}
        ),

        -- Everyone who lasts at least that long is at risk: all, less those who left earlier.
        at_risk as (
            select
                *,
                sum(subject_count) over (partition by {{ keys | join(", ") }})
                + subject_count
                - sum(subject_count) over (
                    partition by {{ keys | join(", ") }}
                    order by duration asc nulls last
                    rows between unbounded preceding and current row
                ) as at_risk_count
            from durations
        ),

        -- The logarithm of a product is a sum; where everyone at risk leaves, it would be the logarithm of zero and
        -- stays null.
        hazards as (
            select *, ln(nullif(at_risk_count - event_count, 0)::double / nullif(at_risk_count, 0)) as log_share_kept
            from at_risk
        )

    select
        {{ keys | join(", ") }},
        duration,
        at_risk_count::bigint as at_risk_count,
        event_count,
        case
            when event_count = at_risk_count
            then 0::double
            else
                round(
                    exp(
                        sum(log_share_kept) over (
                            partition by {{ keys | join(", ") }}
                            order by duration asc nulls last
                            rows between unbounded preceding and current row
                        )
                    ),
                    9
                )
        end as survival_rate
    from hazards
{%- endmacro %}

{#-
    Quantiles of durations of which some have not ended yet, from the Kaplan-Meier estimate: the smallest duration at
    which at most 1 - share is left, null while more than that still lasts.

    `quantiles`: column name to share, such as {"median_days": 0.5}; the other arguments as above.

    One row per keys: the keys, `subject_count`, `observed_count`, `open_count`, a column a quantile.
-#}
{% macro kaplan_meier_quantiles(relation, keys, duration, is_observed, quantiles) -%}
    with survival as ({{ kaplan_meier(relation, keys, duration, is_observed) }})

    select
        {{ keys | join(", ") }},
        max(at_risk_count) as subject_count,
        sum(event_count)::bigint as observed_count,
        (max(at_risk_count) - sum(event_count))::bigint as open_count
        {%- for name, share in quantiles.items() %}
            , min(case when survival_rate <= {{ (1 - share) | round(9) }} then duration end) as {{ name }}
        {%- endfor %}
    from survival
    group by {{ keys | join(", ") }}
{%- endmacro %}
