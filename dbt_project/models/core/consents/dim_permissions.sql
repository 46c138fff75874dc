{%- set purposes = var("consents") -%}
{%- do refuse_impossible_consents(purposes) %}

with
    persons as (select * from {{ ref("dim_persons") }}),
    current_consents as (select * from {{ ref("dim_consents") }} where is_current),

    asked as (
        {%- for purpose, rule in purposes.items() %}
            {%- set is_last_purpose = loop.last %}
            {%- for channel in rule["channels"] %}
                select
                    {{ quoted(purpose) }} as purpose,
                    {{ quoted(channel) }} as channel,
                    {{ rule["is_allowed_without_a_statement"] | lower }} as is_allowed_without_a_statement,
                    {{ rule["ends_with_marketing"] | lower }} as ends_with_marketing
                    {{ "union all" if not (is_last_purpose and loop.last) }}
            {%- endfor %}
        {%- endfor %}
    ),

    answered as (
        select
            current_consents.person_id,
            asked.purpose,
            asked.channel,
            min(case when not is_granted then valid_from_at end) as refused_at,
            min(case when is_granted then valid_from_at end) as granted_at
        from current_consents
        inner join
            asked
            on (
                current_consents.purpose = asked.purpose
                and (
                    current_consents.channel = asked.channel
                    or current_consents.channel = 'all'
                    or asked.channel = 'all'
                )
            )
            or (
                current_consents.purpose = 'marketing' and not current_consents.is_granted and asked.ends_with_marketing
            )
        group by current_consents.person_id, asked.purpose, asked.channel
    ),

    of_everyone as (
        select
            persons.person_id,
            asked.purpose,
            asked.channel,
            case
                when answered.refused_at is not null
                then 'refused'
                when answered.granted_at is not null
                then 'granted'
                when asked.is_allowed_without_a_statement
                then 'allowed without a statement'
                else 'not stated'
            end as verdict,
            coalesce(answered.refused_at, answered.granted_at) as stated_at
        from persons
        cross join asked
        left join
            answered
            on answered.person_id = persons.person_id
            and answered.purpose = asked.purpose
            and answered.channel = asked.channel
    ),

    final as (
        select
            person_id,
            purpose,
            channel,
            verdict in ('granted', 'allowed without a statement') as is_allowed,
            verdict,
            stated_at
        from of_everyone
    )

select *
from final
