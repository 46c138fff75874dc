with
    entries as (select * from {{ ref("fct_revenue_entries") }}),
    persons as (select * from {{ ref("dim_persons") }}),

    final as (
        select
            coalesce(persons.country, 'unknown') as country,
            {{ reporting_currency() }} as reporting_currency,
            count(distinct entries.person_id) as person_count,
            {{ money("coalesce(sum(entries.amount_reporting), 0)") }} as revenue_amount_reporting
        from entries
        left join persons on persons.person_id = entries.person_id
        group by coalesce(persons.country, 'unknown')
    )

select *
from final
