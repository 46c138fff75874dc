{#- Fader, Hardie & Lee (2005): frequency counts distinct purchase days after the first; monetary is of repeats only. -#}
with
    purchase_days as (select * from {{ ref("fct_purchase_days") }}),

    final as (
        select
            person_id,
            count(*) as purchase_days_count,
            count(*) - 1 as frequency,
            min(first_purchased_at) as first_purchased_at,
            max(last_purchased_at) as last_purchased_at,
            {{
                days_between(
                    midnight("min(purchased_on)"),
                    midnight("max(purchased_on)"),
                )
            }} as recency_days,
            {{
                days_between(
                    midnight("min(purchased_on)"),
                    midnight(as_of_date()),
                )
            }} as age_days,
            -- Sums of decimals are exact, in whatever order they are added up.
            sum(amount_reporting) filter (where purchase_number > 1)::double / nullif(
                count(amount_reporting) filter (where purchase_number > 1), 0
            ) as repeat_purchase_mean_amount_reporting
        from purchase_days
        group by person_id
    )

select *
from final
