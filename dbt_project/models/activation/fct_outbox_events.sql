{%- set activation = var("activation") -%}
{%- do refuse_unknown_activation(activation) %}
{%- set rules = activation["events"] %}
{%- set states = activation["states"] %}
{#- The ids by which a sink knows a click, as the attributes of activities call them. -#}
{%- set click_ids = {"google_ads": ["gclid"], "meta": ["ctwa_clid", "fbclid", "lead_id"], "tiktok": ["ttclid"]} %}
{%- set kinds = rules | map(attribute="when") | list %}

with
    orders as (select * from {{ ref("fct_orders") }} where paid_at <= {{ as_of() }}),
    revenue_entries as (select * from {{ ref("fct_revenue_entries") }}),
    activities as (select * from {{ ref("fct_activities") }}),
    episodes as (select * from {{ ref("fct_lifecycle_episodes") }} where entity_type = 'person'),
    permissions as (select * from {{ ref("dim_permissions") }} where channel = 'all'),
    person_records as (select * from {{ ref("bridge_person_records") }}),
    records as (select * from {{ ref("int_contact_records__unioned") }}),
    identifiers as (select * from {{ ref("int_identifiers__normalized") }} where evidence_tier is not null),
    customer_values as (select * from {{ ref("customer_value") }}),
    customer_churns as (select * from {{ ref("customer_churn") }}),

    rules as (
        {% for rule in rules %}
            select
                {{ quoted(rule["rule"]) }} as rule,
                {{ quoted(rule["sink"]) }} as sink,
                {{ quoted(rule["when"]) }} as kind,
                {{ quoted(rule["event"]) }} as event_name,
                {{ rule.get("value", false) | lower }} as has_value,
                {{ quoted(rule["adjusts"]) if "adjusts" in rule else "null" }} as adjusted_rule
                {{ "union all" if not loop.last }}
        {% endfor %}
    ),

    purposes as (
        {% for sink, purpose in activation["purposes"].items() %}
            select {{ quoted(sink) }} as sink, {{ quoted(purpose) }} as purpose {{ "union all" if not loop.last }}
        {% endfor %}
    ),

    -- What is left of an order after each refund: a sink is told the whole, not the difference.
    paybacks as (
        select
            revenue_entry_id,
            order_id,
            cash_view_at,
            sum(amount) over (
                partition by order_id
                order by cash_view_at asc nulls last, revenue_entry_id asc nulls last
                rows between unbounded preceding and current row
            ) as paid_back_amount
        from revenue_entries
        where entry_type = 'refund' and order_id is not null and amount < 0
    ),

    -- What a thing is recognised by is its own record, not the person: it is told once, also where persons are joined.
    happened as (
        select
            'order' as kind,
            order_id as source_key,
            person_id,
            paid_at as occurred_at,
            revenue_amount as value_amount,
            currency,
            order_id,
            cast(null as {{ dbt.type_string() }}) as adjustment
        from orders
        union all
        select
            'refund' as kind,
            paybacks.revenue_entry_id as source_key,
            orders.person_id,
            paybacks.cash_view_at as occurred_at,
            {{ money("greatest(orders.revenue_amount + paybacks.paid_back_amount, 0)") }} as value_amount,
            orders.currency,
            paybacks.order_id,
            case
                when orders.revenue_amount + paybacks.paid_back_amount <= 0 then 'retraction' else 'restatement'
            end as adjustment
        from paybacks
        inner join orders on orders.order_id = paybacks.order_id
        union all
        select
            activity as kind,
            {{ surrogate_key(["source_system", "activity", "source_record_id", "occurred_at"]) }} as source_key,
            person_id,
            occurred_at,
            amount as value_amount,
            currency,
            null as order_id,
            null as adjustment
        from activities
        where activity in ({{ quoted_list(kinds) }}) and person_id is not null
        union all
        select
            'stage:' || lifecycle_model || '.' || stage as kind,
            episode_id as source_key,
            entity_id as person_id,
            entered_at as occurred_at,
            null as value_amount,
            null as currency,
            null as order_id,
            null as adjustment
        from episodes
        where 'stage:' || lifecycle_model || '.' || stage in ({{ quoted_list(kinds) }})
    ),

    recent as (
        select *
        from happened
        where occurred_at <= {{ as_of() }} and occurred_at > {{ dbt.dateadd("day", -activation["days_back"], as_of()) }}
    ),

    ruled as (
        select
            {{ surrogate_key(["rules.sink", "rules.rule", "recent.source_key"]) }} as event_id,
            rules.sink,
            rules.rule,
            rules.event_name,
            recent.person_id,
            recent.occurred_at,
            case when rules.has_value then recent.value_amount end as value_amount,
            case when rules.has_value then recent.currency end as currency,
            recent.order_id,
            recent.adjustment,
            case
                when rules.adjusted_rule is not null
                then {{ surrogate_key(["rules.sink", "rules.adjusted_rule", "recent.order_id"]) }}
            end as adjusted_event_id
        from recent
        inner join rules on rules.kind = recent.kind
        qualify
            row_number() over (
                partition by rules.sink, rules.rule, recent.source_key order by recent.person_id asc nulls last
            )
            = 1
    ),

    -- The latest click of a person that a sink knows by an id of its own.
    clicks as (
        select
            person_id,
            occurred_at as clicked_at,
            activity_id,
            {% for id in click_ids.values() | sum(start=[]) %}
                {{ json_text("attributes", id) }} as {{ id }}{{ "," if not loop.last }}
            {% endfor %}
        from activities
        where
            person_id is not null
            and (attributes like '%clid%' or attributes like '%lead_id%')
            and occurred_at > {{ dbt.dateadd("day", -activation["days_back"] - activation["click_days"], as_of()) }}
    ),

    clicks_of_sinks as (
        {% for sink, own_ids in click_ids.items() %}
            select
                person_id,
                '{{ sink }}' as sink,
                clicked_at,
                activity_id,
                {% for id in click_ids.values() | sum(start=[]) %}
                    {{ id if id in own_ids else "null" }} as {{ id }}{{ "," if not loop.last }}
                {% endfor %}
            from clicks
            where coalesce({{ own_ids | join(", ") }}, null) is not null {{ "union all" if not loop.last }}
        {% endfor %}
    ),

    clicked as (
        select
            ruled.event_id,
            clicks_of_sinks.clicked_at,
            clicks_of_sinks.ctwa_clid,
            clicks_of_sinks.fbclid,
            clicks_of_sinks.lead_id,
            clicks_of_sinks.gclid,
            clicks_of_sinks.ttclid
        from ruled
        inner join
            clicks_of_sinks
            on clicks_of_sinks.person_id = ruled.person_id
            and clicks_of_sinks.sink = ruled.sink
            and clicks_of_sinks.clicked_at <= ruled.occurred_at
            and clicks_of_sinks.clicked_at > {{ dbt.dateadd("day", -activation["click_days"], "ruled.occurred_at") }}
        qualify
            row_number() over (
                partition by ruled.event_id
                order by clicks_of_sinks.clicked_at desc nulls last, clicks_of_sinks.activity_id asc nulls last
            )
            = 1
    ),

    -- The address as it was stated, of the newest record that holds a single one which counts for identity.
    written_emails as (
        select
            person_records.person_id,
            records.record_key,
            records.created_at,
            trim({{ plain_text("lower(records.email)") }}) as email
        from records
        inner join person_records on person_records.record_key = records.record_key
        where records.email is not null
    ),

    stated_emails as (
        select written_emails.person_id, written_emails.email
        from written_emails
        inner join
            (select distinct record_key from identifiers where namespace = 'email') as with_email
            on with_email.record_key = written_emails.record_key
        where
            written_emails.email like '%_@_%._%'
            and written_emails.email not like '%@%@%'
            and {{ replace_matches("written_emails.email", "[\\[\\] ,;:<>()|]", "") }} = written_emails.email
        qualify
            row_number() over (
                partition by written_emails.person_id
                order by written_emails.created_at desc nulls last, written_emails.record_key asc nulls last
            )
            = 1
    ),

    stated_phones as (
        select person_records.person_id, identifiers.identifier as phone
        from identifiers
        inner join person_records on person_records.record_key = identifiers.record_key
        where identifiers.namespace = 'phone'
        qualify
            row_number() over (
                partition by person_records.person_id
                order by identifiers.first_seen_at desc nulls last, identifiers.identifier asc nulls last
            )
            = 1
    ),

    -- Each sink has a normal form of its own; only its hash goes on from here.
    events as (
        select
            ruled.*,
            case
                when
                    ruled.sink = 'google_ads'
                    and split_part(stated_emails.email, '@', 2) in ('gmail.com', 'googlemail.com')
                then
                    {{
                        sha256_hex(
                            "replace(split_part(stated_emails.email, '@', 1), '.', '') || '@' || split_part(stated_emails.email, '@', 2)"
                        )
                    }}
                else {{ sha256_hex("stated_emails.email") }}
            end as email_sha256,
            case
                when ruled.sink = 'meta'
                then {{ sha256_hex("replace(stated_phones.phone, '+', '')") }}
                else {{ sha256_hex("stated_phones.phone") }}
            end as phone_sha256,
            {{ sha256_hex("ruled.person_id") }} as external_id_sha256,
            clicked.clicked_at,
            clicked.ctwa_clid,
            clicked.fbclid,
            clicked.lead_id,
            clicked.gclid,
            clicked.ttclid
        from ruled
        left join stated_emails on stated_emails.person_id = ruled.person_id
        left join stated_phones on stated_phones.person_id = ruled.person_id
        left join clicked on clicked.event_id = ruled.event_id
    ),

    -- A person may have several records in a system: the newest that is not archived is the one that is in use.
    system_records as (
        select person_records.person_id, person_records.source_system, person_records.source_record_id
        from person_records
        inner join records on records.record_key = person_records.record_key
        where
            person_records.source_account is null
            and person_records.record_type = 'contact'
            and not coalesce(records.is_archived, false)
        qualify
            row_number() over (
                partition by person_records.person_id, person_records.source_system
                order by person_records.created_at desc nulls last, person_records.record_key asc nulls last
            )
            = 1
    ),

    stage_words as (
        {% for sink, state in states.items() %}
            {% for stage, word in state["stages"].items() %}
                select
                    {{ quoted(sink) }} as sink,
                    {{ quoted(state["lifecycle_model"]) }} as lifecycle_model,
                    {{ quoted(stage) }} as stage,
                    {{ quoted(word) }} as stage_word
                    {{ "union all" if not loop.last }}
                {% endfor %} {{ "union all" if not loop.last }}
        {% endfor %}
    ),

    current_stages as (
        select stage_words.sink, episodes.entity_id as person_id, episodes.entered_at, stage_words.stage_word
        from episodes
        inner join
            stage_words on stage_words.lifecycle_model = episodes.lifecycle_model and stage_words.stage = episodes.stage
        where episodes.is_current
    ),

    state_contents as (
        select
            current_stages.sink,
            system_records.source_record_id as record_id,
            current_stages.person_id,
            current_stages.entered_at as occurred_at,
            current_stages.stage_word as stage,
            case
                when current_stages.sink = 'hubspot'
                then
                    round(
                        coalesce(
                            customer_values.total_value_amount_reporting,
                            customer_values.historic_value_amount_reporting
                        ),
                        2
                    )
            end as lifetime_value_amount,
            case
                when current_stages.sink = 'hubspot'
                then coalesce(customer_churns.no_purchase_risk_band, customer_churns.subscription_end_risk_band)
            end as churn_band
        from current_stages
        inner join
            system_records
            on system_records.person_id = current_stages.person_id
            and system_records.source_system = current_stages.sink
        left join customer_values on customer_values.person_id = current_stages.person_id
        left join customer_churns on customer_churns.person_id = current_stages.person_id
    ),

    unioned as (
        select
            event_id,
            sink,
            rule,
            event_name,
            person_id,
            occurred_at,
            value_amount,
            currency,
            order_id,
            adjustment,
            adjusted_event_id,
            email_sha256,
            phone_sha256,
            external_id_sha256,
            clicked_at,
            ctwa_clid,
            fbclid,
            lead_id,
            gclid,
            ttclid,
            null as record_id,
            null as stage,
            null as lifetime_value_amount,
            null as churn_band
        from events
        union all
        -- The same content is the same event: it is told when it has changed.
        select
            {{ surrogate_key(["sink", "record_id", "stage", "lifetime_value_amount", "churn_band"]) }} as event_id,
            sink,
            'state' as rule,
            'state' as event_name,
            person_id,
            occurred_at,
            null as value_amount,
            null as currency,
            null as order_id,
            null as adjustment,
            null as adjusted_event_id,
            null as email_sha256,
            null as phone_sha256,
            null as external_id_sha256,
            null as clicked_at,
            null as ctwa_clid,
            null as fbclid,
            null as lead_id,
            null as gclid,
            null as ttclid,
            record_id,
            stage,
            lifetime_value_amount,
            churn_band
        from state_contents
    ),

    -- Nothing known is no consent.
    final as (
        select
            unioned.event_id,
            unioned.sink,
            unioned.rule,
            unioned.event_name,
            unioned.person_id,
            unioned.occurred_at,
            {{ money("unioned.value_amount") }} as value_amount,
            unioned.currency,
            unioned.order_id,
            unioned.adjustment,
            unioned.adjusted_event_id,
            unioned.email_sha256,
            unioned.phone_sha256,
            unioned.external_id_sha256,
            unioned.clicked_at,
            unioned.ctwa_clid,
            unioned.fbclid,
            unioned.lead_id,
            unioned.gclid,
            unioned.ttclid,
            unioned.record_id,
            unioned.stage,
            {{ money("unioned.lifetime_value_amount") }} as lifetime_value_amount,
            unioned.churn_band,
            purposes.purpose as consent_purpose,
            coalesce(permissions.verdict, 'not stated') as consent_verdict,
            case
                when not coalesce(permissions.is_allowed, false)
                then 'no consent'
                when
                    coalesce(
                        unioned.email_sha256,
                        unioned.phone_sha256,
                        unioned.ctwa_clid,
                        unioned.fbclid,
                        unioned.lead_id,
                        unioned.gclid,
                        unioned.ttclid,
                        unioned.record_id
                    )
                    is null
                then 'no identifier'
            end as held_back_reason
        from unioned
        inner join purposes on purposes.sink = unioned.sink
        left join permissions on permissions.person_id = unioned.person_id and permissions.purpose = purposes.purpose
    )

select *
from final
