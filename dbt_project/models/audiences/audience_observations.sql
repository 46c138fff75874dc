{#-
    What no rebuild can know again: when each refresh found somebody in an audience. So it is never rebuilt, and a
    refresh that is repeated changes nothing.
-#}
{{
    config(
        materialized="incremental",
        incremental_strategy="delete+insert",
        unique_key=["audience", "entity_type", "entity_id", "entered_at"],
        full_refresh=false,
        schema="ops",
        on_schema_change="append_new_columns",
    )
}}
{%- set same_member -%}
    open_before.audience = allowed.audience
    and open_before.entity_type = allowed.entity_type
    and open_before.entity_id = allowed.entity_id
{%- endset %}

with
    permissions as (select * from {{ ref("dim_permissions") }}),

    {%- for name in var("audiences") %} {{ name }} as (select * from {{ ref("aud_" ~ name) }}), {%- endfor %}

    members as (
        {%- for name in var("audiences") %}
            {%- set audience = audience_definition(name) if execute else {} %}
            select
                {{ quoted(name) }} as audience,
                '{{ audience.entity }}' as entity_type,
                entity_id,
                '{{ audience.purpose }}' as purpose,
                '{{ audience.consent_channel }}' as consent_channel,
                reason
            from {{ name }} {{ "union all" if not loop.last }}
        {%- endfor %}
    ),

    -- Who may not be reached for its purpose is in no audience. A company is not asked.
    allowed as (
        select members.audience, members.entity_type, members.entity_id, members.reason
        from members
        left join
            permissions
            on permissions.person_id = members.entity_id
            and permissions.purpose = members.purpose
            and permissions.channel = members.consent_channel
        where members.entity_type = 'account' or coalesce(permissions.is_allowed, false)
    ),

    -- Whoever was still in at the refresh before, or left at this very instant in an earlier attempt.
    open_before as (
        {% if is_incremental() %}
            select audience, entity_type, entity_id, entered_at, exited_at, reason
            from {{ this }}
            where exited_at is null or exited_at = {{ as_of() }}
        {% else %}
            select
                audience,
                entity_type,
                entity_id,
                {{ as_of() }} as entered_at,
                cast(null as {{ timestamp_type() }}) as exited_at,
                reason
            from allowed
            where false
        {% endif %}
    ),

    final as (
        select
            allowed.audience,
            allowed.entity_type,
            allowed.entity_id,
            coalesce(open_before.entered_at, {{ as_of() }}) as entered_at,
            cast(null as {{ timestamp_type() }}) as exited_at,
            coalesce(open_before.reason, allowed.reason) as reason
        from allowed
        left join open_before on {{ same_member }}
        where open_before.entity_id is null or open_before.exited_at is not null
        union all
        select
            open_before.audience,
            open_before.entity_type,
            open_before.entity_id,
            open_before.entered_at,
            {{ as_of() }} as exited_at,
            open_before.reason
        from open_before
        left join allowed on {{ same_member }}
        where allowed.entity_id is null and open_before.exited_at is null
    )

select *
from final
