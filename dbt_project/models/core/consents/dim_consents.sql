{%- set place = "person_id, purpose, channel" -%}

with
    activities as (select * from {{ ref("fct_activities") }}),
    registered as (select * from {{ ref("int_consents__unioned") }}),
    person_records as (select * from {{ ref("bridge_person_records") }}),

    -- What is said in one place replaces what was said there before. Of an e-mail address, the place is the contact
    -- that has it.
    statements as (
        select
            person_id,
            'marketing' as purpose,
            case channel when 'email' then 'email' when 'inbox' then 'messaging' else 'all' end as channel,
            source_system || case when channel = 'email' then ':' || source_record_id else '' end as stated_in,
            activity = 'opted_in' as is_granted,
            occurred_at as stated_at
        from activities
        where activity in ('opted_in', 'opted_out') and person_id is not null
        union all
        select
            person_records.person_id,
            registered.purpose,
            registered.channel,
            registered.source_system as stated_in,
            registered.is_granted,
            registered.stated_at
        from registered
        inner join person_records on person_records.record_key = registered.record_key
        where registered.stated_at <= {{ as_of() }}
    ),

    -- At the same instant, a refusal has the last word.
    instants as (
        select {{ place }}, stated_in, stated_at, bool_and(is_granted) as is_granted
        from statements
        group by {{ place }}, stated_in, stated_at
    ),

    before as (
        select
            *,
            lag(is_granted) over (partition by {{ place }}, stated_in order by stated_at asc nulls last) as was_granted
        from instants
    ),

    refusals as (
        select
            {{ place }},
            stated_at,
            sum(
                case
                    when not is_granted and coalesce(was_granted, true)
                    then 1
                    when is_granted and not was_granted
                    then -1
                    else 0
                end
            ) as refusal_change
        from before
        group by {{ place }}, stated_at
    ),

    -- A single refusal that stands is enough, whatever was said elsewhere.
    standing as (
        select
            {{ place }},
            stated_at,
            sum(refusal_change) over (
                partition by {{ place }}
                order by stated_at asc nulls last
                rows between unbounded preceding and current row
            )
            = 0 as is_granted
        from refusals
    ),

    compared as (
        select *, lag(is_granted) over (partition by {{ place }} order by stated_at asc nulls last) as was_granted
        from standing
    ),

    periods as (
        select
            {{ place }},
            is_granted,
            stated_at as valid_from_at,
            lead(stated_at) over (partition by {{ place }} order by stated_at asc nulls last) as valid_to_at
        from compared
        where was_granted is null or was_granted <> is_granted
    ),

    final as (select *, valid_to_at is null as is_current from periods)

select *
from final
