with
    coverage as (select * from {{ ref("account_coverage") }}),

    final as (
        select
            account_id as entity_id,
            'nothing for '
            || floor(own_days_since_last_activity)::int::string
            || ' days'
            || coalesce('; nobody known as ' || nullif(own_roles_missing, ''), '') as reason
        from coverage
        where own_won_deal_count > 0 and own_days_since_last_activity > 90
    )

select *
from final
