{#- The closed vocabulary of activities: what a rule may refer to, and what the activity stream may hold. -#}
{% macro activity_vocabulary() -%}
    {{
        return(
            [
                "ad_clicked",
                "form_submitted",
                "lead_created",
                "lead_qualified",
                "lead_disqualified",
                "conversation_opened",
                "message_received",
                "message_sent",
                "first_reply_sent",
                "conversation_closed",
                "meeting_booked",
                "quote_sent",
                "checkout_started",
                "order_placed",
                "order_paid",
                "order_refunded",
                "order_cancelled",
                "trial_started",
                "subscription_started",
                "subscription_renewed",
                "subscription_cancelled",
                "subscription_ended",
                "payment_failed",
                "review_submitted",
                "survey_answered",
                "referral_made",
                "loyalty_joined",
                "broadcast_sent",
                "broadcast_replied",
                "opted_in",
                "opted_out",
                "crm_stage_changed",
                "deal_stage_changed",
            ]
        )
    }}
{%- endmacro %}

{#- Measures that count a thing once, from the instant it opens to the instant it closes, need the state before each
    row: +1 where it opens, -1 where it closes, 0 where it stays as it was. One thing is one record of one system. At
    one instant, what closes comes last. `activities`: those that report it; `is_closing`: SQL that is true for a
    closing. -#}
{% macro lifecycle_change_of_open_things(activities, is_closing) -%}
    {%- set is_open -%} case when {{ is_closing }} then 0 else 1 end {%- endset -%}
    {%- set tells -%} activity in ({{ quoted_list(activities) }}) {%- endset -%}
    case
        when {{ tells }}
        then
            {{ is_open }} - coalesce(
                lag({{ is_open }}) over (
                    partition by entity_id, case when {{ tells }} then 1 else 0 end, source_system, source_record_id
                    order by occurred_at asc nulls last, {{ is_open }} desc nulls last, activity_id asc nulls last
                ),
                0
            )
        else 0
    end
{%- endmacro %}

{#- For each `thing` (SQL columns) of an entity: 1 at its first row that fulfils the condition, else 0. -#}
{% macro lifecycle_is_first_of(thing, condition) -%}
    case
        when
            {{ condition }}
            and row_number() over (
                partition by entity_id, case when {{ condition }} then 1 else 0 end, {{ thing }}
                order by occurred_at asc nulls last, activity_id asc nulls last
            )
            = 1
        then 1
        else 0
    end
{%- endmacro %}

{#-
    What is known of an entity up to an instant: `aggregate` (count, sum, min, max) of `value`, SQL of a row, over its rows
    up to that instant or, of a max, strictly `before` it; `by`: only rows with the same value of that column.

    Adds it to the list `running` and gives its SQL, a window over all rows. `lifecycle_entry_measures_sql` goes by the
    list: where few rows are asked about, it adds up the others first.
-#}
{% macro lifecycle_running(running, aggregate, value, before=false, by=none) -%}
    {%- set end = "interval '1' microsecond preceding" if before else "current row" -%}
    {%- set frame -%}
        over (
            partition by entity_id{{ ", " ~ by if by }}
            order by occurred_at asc nulls last
            range between unbounded preceding and {{ end }}
        )
    {%- endset -%}
    {%- set window = aggregate ~ "(" ~ value ~ ") " ~ frame -%}
    {%- if window not in running | map(attribute="window") -%}
        {%- do running.append(
            {"window": window, "aggregate": aggregate, "value": value, "before": before, "frame": frame}
        ) -%}
    {%- endif -%}
    {{ return(window) }}
{%- endmacro %}

{#-
    Point-in-time measures that a rule's condition may use as `measures.<name>`: what is known about the entity at that
    instant, including the row's own instant; `previous` means strictly before it. For each measure: `activities`, what it
    reads, so that a model reads no more (none: everything); `sql`, its window; `prepare`, where the window needs it, a
    value of each row that the window reads as `prepared_<name>`. docs/lifecycle.md explains each of them. `running`: a
    list that gets the windows in it, as `lifecycle_running` describes them.

    A `prepare` is a window itself, in `sql`; `of` names the activities that it looks at. Rows of other activities have
    the value `otherwise` and stay out of it: of ten activities, nine are messages, and sorting them for a window over
    deals took longer than the rest.
-#}
{% macro lifecycle_measures(running=none) -%}
    {%- set running = [] if running is none else running -%}
    {%- set conversions = ["order_paid", "subscription_started", "deal_stage_changed"] -%}
    {%- set is_won -%} coalesce(activity = 'deal_stage_changed' and {{ json_text("attributes", "meaning") }} = 'deal_won', false) {%- endset -%}
    {%- set is_conversion -%} coalesce(activity in ('order_paid', 'subscription_started') or {{ is_won }}, false) {%- endset -%}
    {%- set first_conversion_at = lifecycle_running(
        running, "min", "case when " ~ is_conversion ~ " then occurred_at end"
    ) -%}
    {%- set engagement = var("engagement_activities") -%}
    {%- set is_engagement -%} coalesce(activity in ({{ quoted_list(engagement) }}), false) {%- endset -%}

    {#- What a customer can do besides buying, by kind. -#}
    {%- set kinds = {
        "newsletter": ["opted_in"],
        "reply": ["broadcast_replied"],
        "event": ["meeting_booked"],
        "support": ["message_received"],
        "feedback": ["survey_answered", "review_submitted"],
    } -%}
    {%- set kinds_after_conversion = [] -%}
    {%- for activities in kinds.values() -%}
        {%- set instant -%} case when activity in ({{ quoted_list(activities) }}) then occurred_at end {%- endset -%}
        {%- set last_at = lifecycle_running(running, "max", instant) -%}
        {%- do kinds_after_conversion.append(
            "case when " ~ last_at ~ " > " ~ first_conversion_at ~ " then 1 else 0 end"
        ) -%}
    {%- endfor -%}

    {%- set measures = {} -%}
    {%- for name, activities in {
        "orders_to_date": ["order_placed"],
        "paid_orders_to_date": ["order_paid"],
        "subscriptions_to_date": ["subscription_started"],
        "messages_received_to_date": ["message_received"],
        "quotes_sent_to_date": ["quote_sent"],
        "broadcasts_sent_to_date": ["broadcast_sent"],
        "engagements_to_date": engagement,
    }.items() -%}
        {%- set counted -%} case when activity in ({{ quoted_list(activities) }}) then 1 end {%- endset -%}
        {%- do measures.update(
            {name: {"activities": activities, "sql": lifecycle_running(running, "count", counted)}}
        ) -%}
    {%- endfor -%}
    {%- for name, (aggregate, activity, before) in {
        "first_order_paid_at": ("min", "order_paid", false),
        "last_order_paid_at": ("max", "order_paid", false),
        "last_message_received_at": ("max", "message_received", false),
        "previous_order_paid_at": ("max", "order_paid", true),
    }.items() -%}
        {%- set instant -%} case when activity = '{{ activity }}' then occurred_at end {%- endset -%}
        {%- do measures.update(
            {name: {"activities": [activity], "sql": lifecycle_running(running, aggregate, instant, before)}}
        ) -%}
    {%- endfor -%}
    {%- for name, activities in {
        "days_since_previous_order_paid": ["order_paid"],
        "days_since_previous_message_received": ["message_received"],
        "days_since_previous_message_sent": ["message_sent"],
        "days_since_previous_broadcast_sent": ["broadcast_sent"],
        "days_since_previous_engagement": engagement,
    }.items() -%}
        {%- set instant -%} case when activity in ({{ quoted_list(activities) }}) then occurred_at end {%- endset -%}
        {%- set last_at = lifecycle_running(running, "max", instant, before=true) -%}
        {%- do measures.update({name: {"activities": activities, "sql": days_between(last_at, "occurred_at")}}) -%}
    {%- endfor -%}
    {%- do measures.update(
        {
            "revenue_to_date": {
                "activities": ["order_paid", "order_refunded"],
                "sql": "coalesce("
                ~ lifecycle_running(
                    running,
                    "sum",
                    "case when activity = 'order_paid' then amount_reporting when activity = 'order_refunded' then -amount_reporting end",
                )
                ~ ", 0)",
            },
            "conversions_to_date": {
                "activities": conversions,
                "prepare": {
                    "of": ["deal_stage_changed"],
                    "sql": lifecycle_is_first_of("source_system, source_record_id", is_won),
                    "otherwise": "case when activity in ('order_paid', 'subscription_started') then 1 else 0 end",
                },
                "sql": "coalesce("
                ~ lifecycle_running(running, "sum", "prepared_conversions_to_date")
                ~ ", 0)::bigint",
            },
            "days_since_first_conversion": {
                "activities": conversions,
                "sql": days_between(first_conversion_at, "occurred_at"),
            },
            "engagement_kinds_after_conversion": {
                "activities": conversions + kinds.values() | sum(start=[]),
                "sql": "(" ~ kinds_after_conversion | join(" + ") ~ ")",
            },
            "stakeholders_engaged_to_date": {
                "activities": engagement,
                "prepare": {
                    "of": engagement,
                    "sql": lifecycle_is_first_of("person_id", "person_id is not null and " ~ is_engagement),
                    "otherwise": "0",
                },
                "sql": "coalesce("
                ~ lifecycle_running(running, "sum", "prepared_stakeholders_engaged_to_date")
                ~ ", 0)::bigint",
            },
            "subscriptions_active": {
                "activities": ["subscription_started", "subscription_ended"],
                "prepare": {
                    "of": ["subscription_started", "subscription_ended"],
                    "sql": lifecycle_change_of_open_things(
                        ["subscription_started", "subscription_ended"], "activity = 'subscription_ended'"
                    ),
                    "otherwise": "0",
                },
                "sql": "coalesce("
                ~ lifecycle_running(running, "sum", "prepared_subscriptions_active")
                ~ ", 0)::bigint",
            },
            "deals_open": {
                "activities": ["deal_stage_changed"],
                "prepare": {
                    "of": ["deal_stage_changed"],
                    "sql": lifecycle_change_of_open_things(
                        ["deal_stage_changed"],
                        "coalesce("
                        ~ json_text("attributes", "meaning")
                        ~ ", '') in ('deal_won', 'deal_lost')",
                    ),
                    "otherwise": "0",
                },
                "sql": "coalesce("
                ~ lifecycle_running(running, "sum", "prepared_deals_open")
                ~ ", 0)::bigint",
            },
            "deals_won_to_date": {
                "activities": ["deal_stage_changed"],
                "prepare": {
                    "of": ["deal_stage_changed"],
                    "sql": lifecycle_is_first_of("source_system, source_record_id", is_won),
                    "otherwise": "0",
                },
                "sql": "coalesce("
                ~ lifecycle_running(running, "sum", "prepared_deals_won_to_date")
                ~ ", 0)::bigint",
            },
            "stage_changes_by_source_to_date": {
                "activities": ["crm_stage_changed"],
                "sql": lifecycle_running(
                    running,
                    "count",
                    "case when activity = 'crm_stage_changed' then 1 end",
                    by="source_system",
                ),
            },
            "previous_activity_at": {
                "activities": [],
                "sql": lifecycle_running(
                    running, "max", "case when activity is not null then occurred_at end", before=true
                ),
            },
        }
    ) -%}
    {{ return(measures) }}
{%- endmacro %}

{#-
    The rows of a relation with `prepared_<name>` for each of the measures that need it. A row is in one of two parts: it
    may matter to some window, or it takes the values that all others have.
-#}
{% macro lifecycle_prepared_sql(measures, relation) -%}
    {%- set prepares = {} -%}
    {%- for name, measure in measures.items() if measure.prepare -%}
        {%- do prepares.update({name: measure.prepare}) -%}
    {%- endfor -%}
    {%- set looked_at = prepares.values() | map(attribute="of") | sum(start=[]) | unique | sort -%}
    {%- for is_looked_at in [true, false] if is_looked_at or looked_at %}
        select
            *
            {%- for name, prepare in prepares.items() %}
                ,
                {% if is_looked_at -%}
                    case
                        when activity in ({{ quoted_list(prepare.of) }})
                        then {{ prepare.sql }}
                        else {{ prepare.otherwise }}
                    end
                {%- else -%} {{ prepare.otherwise }}
                {%- endif %} as prepared_{{ name }}
            {%- endfor %}
        from {{ relation }}
        {% if looked_at -%}
            where
                {% if is_looked_at -%} activity in ({{ quoted_list(looked_at) }})
                {%- else -%} activity is null or activity not in ({{ quoted_list(looked_at) }})
                {%- endif -%}
                {{ " union all " if is_looked_at }}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}
