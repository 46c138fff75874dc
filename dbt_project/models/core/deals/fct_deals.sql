with
    deals as (select * from {{ ref("int_deals__dated") }}),
    person_records as (select * from {{ ref("bridge_person_records") }}),
    agents as (select * from {{ ref("int_agents__identified") }}),
    exchange_rates as (select * from {{ ref("int_exchange_rates__daily") }}),

    final as (
        select
            deals.deal_id,
            deals.source_system,
            deals.deal_name,
            deals.account_id,
            person_records.person_id,
            case
                when deals.owner_user_id is not null
                then coalesce(agents.agent_id, {{ agent_key("deals.source_system", "deals.owner_user_id") }})
            end as owner_id,
            deals.stage_id,
            deals.meaning,
            deals.opened_at,
            deals.closed_at,
            deals.is_open,
            deals.is_won,
            deals.lost_reason,
            deals.stated_lost_reason,
            deals.deal_amount,
            deals.currency,
            {{ converted("deals.deal_amount", "exchange_rates.rate_to_reporting::double") }} as deal_amount_reporting,
            deals.loaded_at
        from deals
        left join person_records on person_records.record_key = deals.record_key
        left join agents on agents.source_system = deals.source_system and agents.user_id = deals.owner_user_id
        left join
            exchange_rates
            on exchange_rates.currency = deals.currency
            and exchange_rates.date_day = cast(coalesce(deals.closed_at, deals.opened_at) as date)
    )

select *
from final
