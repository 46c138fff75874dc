{%- set one_day = "86400000000" -%}

with
    members as (select * from {{ ref("audience_members") }}),

    actions as (
        {%- for name in var("audiences") %}
            {%- set audience = audience_definition(name) if execute else {} %}
            select
                {{ quoted(name) }} as audience,
                {{ quoted(audience.channel or "") }} as channel,
                {{ quoted(audience.action_en or "") }} as action_en,
                {{ quoted(audience.action_fr or "") }} as action_fr,
                {{ quoted(audience.owner or "") }} as team,
                {{ audience.cool_down_days or 1 }} as cool_down_days,
                {{ audience.expiry_days or 1 }} as expiry_days {{ "union all" if not loop.last }}
        {%- endfor %}
    ),

    -- Whoever comes back into an audience is left in peace until the cool-down of the entry before is over.
    entries as (
        select
            members.*,
            actions.channel,
            actions.action_en,
            actions.action_fr,
            actions.team,
            actions.cool_down_days,
            actions.expiry_days,
            lag(members.entered_at) over (
                partition by members.audience, members.entity_type, members.entity_id
                order by members.entered_at asc nulls last
            ) as previous_entered_at
        from members
        inner join actions on actions.audience = members.audience
    ),

    begun as (
        select
            *,
            greatest(
                entered_at, coalesce({{ dbt.dateadd("day", "cool_down_days", "previous_entered_at") }}, entered_at)
            ) as first_offered_at
        from entries
        where is_current
    ),

    -- Who stays in an audience is due again after each cool-down.
    repeated as (
        select
            *,
            floor(
                {{ microseconds_between("first_offered_at", as_of()) }}
                / nullif({{ one_day }}::double * cool_down_days, 0)
            )::int as repetitions
        from begun
        where first_offered_at <= {{ as_of() }}
    ),

    offered as (
        select
            *,
            {{ dbt.dateadd("day", "repetitions * cool_down_days", "first_offered_at") }} as offered_at,
            {{ dbt.dateadd("day", "repetitions * cool_down_days + expiry_days", "first_offered_at") }} as expires_at
        from repeated
    ),

    chosen as (
        select *
        from offered
        where expires_at > {{ as_of() }}
        qualify
            row_number() over (
                partition by entity_type, entity_id, channel
                order by audience_order asc nulls last, audience asc nulls last
            )
            = 1
    ),

    final as (
        select
            entity_type,
            entity_id,
            channel,
            action_en,
            action_fr,
            team,
            audience,
            audience_label_en,
            audience_label_fr,
            audience_order,
            reason,
            offered_at,
            expires_at
        from chosen
    )

select *
from final
