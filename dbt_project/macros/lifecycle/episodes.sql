{#-
    The stage engine: compiles a stage model (YAML under `config.meta.lifecycle` of the calling dbt model) into the
    episodes of every entity. Everything is a window function over the activities, in these steps:

    1. timers fire at their exact instant, unless an activity stops them first;
    2. each activity or timer takes the first rule, by priority and then by place in the file, that matches;
    3. what has no effect is dropped: a rule right after itself, a loss or a clearing without an open pass, and a
       timer's loss of an entity that is lost already;
    4. passes are numbered: what opens after a loss or a clearing opens a new pass;
    5. within a pass, and since the last `set`, `advance` keeps the furthest stage;
    6. moves that change nothing and stages left at the instant they were entered give no episode.

    Ties at one instant: timers first, then by the rules' places in the file, then by activity id.

    Belongs here: the SQL of the engine. Does not: what it reads from a stage model (plan.sql), which entities a run
    evaluates (increments.sql), what rules may refer to (vocabulary.sql), what is refused (validate.sql).
-#}
{#- A condition of a rule as SQL: by the time it is evaluated, measures and attributes are columns. -#}
{% macro lifecycle_condition(rule) -%}
    {%- set condition = modules.re.sub("measures[.]", "", rule.get("if") or "true") -%}
    ({{ modules.re.sub("attributes[.]", "attribute_", condition) }})
{%- endmacro %}

{% macro lifecycle_reason(rule) -%}
    {%- set reason = rule.get("reason") -%}
    {%- if not reason -%} cast(null as {{ dbt.type_string() }})
    {%- elif reason.startswith("attributes.") -%} attribute_{{ reason[11:] }}
    {%- else -%} {{ quoted(reason) }}
    {%- endif -%}
{%- endmacro %}

{% macro quoted(text) -%} {{ dbt.string_literal(dbt.escape_single_quotes(text)) }} {%- endmacro %}

{% macro quoted_list(values) -%}
    {%- for value in values -%} {{ quoted(value) }}{{ ", " if not loop.last }} {%- endfor -%}
{%- endmacro %}

{#- `column in (…)`, which no SQL allows to be empty. -#}
{% macro lifecycle_is_in(column, values) -%}
    {%- if values -%} {{ column }} in ({{ values | join(", ") }}) {%- else -%} false {%- endif -%}
{%- endmacro %}

{#- A simple case expression over the numbers of a mapping from number to SQL. -#}
{% macro lifecycle_case(column, mapping) -%}
    case
        {{ column }}
        {%- for number, expression in mapping.items() %} when {{ number }} then {{ expression }} {%- endfor %}
    end
{%- endmacro %}

{#-
    Episodes of a stage model over a relation shaped like int_activities__identified. `entities`: a select of the
    `entity_id` to evaluate; all of them without it.
-#}
{% macro lifecycle_episodes_sql(definition, activities_relation, entities=none) -%}
    {%- set plan = lifecycle_plan(definition) -%}
    {%- set opening = plan.numbers["advance"] + plan.numbers["set"] + plan.numbers["set_lost"] -%}
    {%- set climbing = plan.numbers["advance"] + plan.numbers["set"] -%}
    {%- set losing = plan.numbers["lose"] + plan.numbers["set_lost"] -%}
    {%- set clearing = plan.numbers["clear"] -%}
    {%- set by_instant -%} partition by entity_id order by occurred_at asc nulls last {%- endset -%}
    {%- set by_move -%} partition by entity_id order by move_number asc nulls last {%- endset -%}
    {%- set up_to_now -%} rows between unbounded preceding and current row {%- endset -%}
    with
        activities as (
            select
                {{ plan.entity_column }} as entity_id,
                activity_id,
                activity,
                occurred_at,
                loaded_at,
                {%- for column in plan.columns %} {{ column }},{%- endfor %}
                {%- for name in plan.attributes %}
                    {{ json_text("attributes", name) }} as attribute_{{ name }},
                {%- endfor %}
                cast(null as {{ dbt.type_int() }}) as timer_rule_number
            from {{ activities_relation }}
            where
                {{ plan.entity_column }} is not null
                {% if entities %} and {{ plan.entity_column }} in ({{ entities }}) {%- endif %}
                {% if not plan.reads_all %} and activity in ({{ quoted_list(plan.read) }}) {%- endif %}
        ),

        {% for timer in plan.timers %}
            {#- At one instant, what starts the timer comes before what only stops it. -#}
            timer_{{ timer.number }}_instants as (
                select
                    *,
                    {{ lifecycle_is_in("activity", [quoted_list(timer.activities)] if timer.activities else []) }}
                    as is_start
                from activities
                where activity in ({{ quoted_list((timer.activities + timer.without) | unique) }})
                {% for number in timer.starters %}
                    union all
                    select *, true as is_start
                    from timer_{{ number }}_firings
                {% endfor %}
            ),

            timer_{{ timer.number }}_silences as (
                select
                    *,
                    occurred_at + interval '{{ timer.after_days }}' day as fires_at,
                    lead(occurred_at) over (
                        {{ by_instant }}, is_start desc nulls last, activity_id asc nulls last
                    ) as next_occurred_at
                from timer_{{ timer.number }}_instants
            ),

            timer_{{ timer.number }}_firings as (
                select
                    entity_id,
                    activity_id,
                    cast(null as {{ dbt.type_string() }}) as activity,
                    fires_at as occurred_at,
                    loaded_at,
                    {%- for column in plan.columns %} {{ column }},{%- endfor %}
                    {%- for name in plan.attributes %} attribute_{{ name }},{%- endfor %}
                    {{ timer.number }} as timer_rule_number
                from timer_{{ timer.number }}_silences
                where
                    is_start and fires_at <= {{ as_of() }} and (next_occurred_at is null or next_occurred_at > fires_at)
            ),
        {% endfor %}
        timeline as (
            select *
            from activities
            {% if not plan.reads_all -%}
                where activity in ({{ quoted_list((plan.moved + plan.measured) | unique) }})
            {%- endif %}
            {% for timer in plan.timers %}
                union all
                select *
                from timer_{{ timer.number }}_firings
            {% endfor %}
        ),

        {% if plan.measures %}
            {%- set needs_measures -%}
                {%- if plan.reads_all -%} true
                {%- else -%} (activity is null or activity in ({{ quoted_list(plan.measured) }}))
                {%- endif -%}
            {%- endset %}
            to_measure as (select * from timeline where {{ needs_measures }}),

            prepared as ({{ lifecycle_prepared_sql(plan.measures, "to_measure") }}),

            -- Rows for which no rule needs a measure, and which no measure reads, bypass this window.
            measured as (
                select
                    entity_id,
                    activity_id,
                    activity,
                    occurred_at,
                    loaded_at,
                    {%- for column in plan.stream_columns %} {{ column }},{%- endfor %}
                    timer_rule_number
                    {%- for name, measure in plan.measures.items() %}, {{ measure.sql }} as {{ name }} {%- endfor %}
                from prepared
                union all
                select
                    entity_id,
                    activity_id,
                    activity,
                    occurred_at,
                    loaded_at,
                    {%- for column in plan.stream_columns %} {{ column }},{%- endfor %}
                    timer_rule_number
                    {%- for name in plan.measures %}, null as {{ name }} {%- endfor %}
                from timeline
                where not {{ needs_measures }}
            ),
        {% else %} measured as (select * from timeline),
        {% endif %}

        ruled as (
            select
                *,
                case
                    {% for rule in plan.ranked_rules -%}
                        when
                            timer_rule_number is null
                            and activity in ({{ quoted_list(rule.when) }})
                            and {{ lifecycle_condition(rule) }}
                        then {{ rule.number }}
                    {% endfor %}
                    {%- for timer in plan.timers -%}
                        when timer_rule_number = {{ timer.number }} and {{ lifecycle_condition(timer) }}
                        then {{ timer.number }}
                    {% endfor %}
                end as rule_number
            from measured
        ),

        moves as (
            select
                entity_id,
                activity_id,
                occurred_at,
                loaded_at,
                {%- for name in plan.reason_attributes %} attribute_{{ name }},{%- endfor %}
                case when timer_rule_number is null then 1 else 0 end as is_not_timer,
                rule_number
            from ruled
            where rule_number is not null
        ),

        {% set total_order -%}
            {{ by_instant }}, is_not_timer asc nulls last, rule_number asc nulls last, activity_id asc nulls last
        {%- endset -%}
        -- A total order, so that equal instants always give the same result.
        ordered as (
            select
                *,
                row_number() over ({{ total_order }}) as move_number,
                coalesce(lag(rule_number) over ({{ total_order }}), 0) as previous_rule_number,
                {% if clearing -%}
                    count(case when {{ lifecycle_is_in("rule_number", clearing) }} then 1 end) over (
                        {{ total_order }} rows between unbounded preceding and 1 preceding
                    ) as clear_count
                {%- else -%}
                    count(case when {{ lifecycle_is_in("rule_number", opening) }} then 1 end) over (
                        {{ total_order }} {{ up_to_now }}
                    ) as opening_count
                {%- endif %}
            from moves
        ),

        opened as (
            select
                *
                {%- if clearing %}
                    ,
                    count(case when {{ lifecycle_is_in("rule_number", opening) }} then 1 end) over (
                        partition by entity_id, clear_count order by move_number asc nulls last {{ up_to_now }}
                    ) as opening_count
                {%- endif %}
            from ordered
        ),

        effective as (
            select
                *,
                case
                    when opening_count = 1 and {{ lifecycle_is_in("rule_number", opening) }}
                    then 1
                    when
                        {{ lifecycle_is_in("previous_rule_number", losing) }}
                        and {{ lifecycle_is_in("rule_number", climbing) }}
                    then 1
                    else 0
                end as starts_pass
            from opened
            where
                opening_count > 0
                and rule_number <> previous_rule_number
                -- Silence after a loss is no news: only a statement by somebody moves between lost stages.
                and not (
                    {{ lifecycle_is_in("rule_number", plan.losing_timers) }}
                    and {{ lifecycle_is_in("previous_rule_number", losing) }}
                )
        ),

        passes as (
            select
                *,
                sum(starts_pass) over ({{ by_move }} {{ up_to_now }}) as pass_number,
                {%- set starts_run -%}
                    starts_pass = 1 or {{ lifecycle_is_in("rule_number", plan.numbers["set"]) }}
                {%- endset %}
                sum(case when {{ starts_run }} then 1 else 0 end) over ({{ by_move }} {{ up_to_now }}) as run_number
            from effective
        ),

        placed as (
            select
                *,
                case
                    when {{ lifecycle_is_in("rule_number", climbing) }}
                    then
                        max(
                            case
                                when {{ lifecycle_is_in("rule_number", climbing) }}
                                then {{ lifecycle_case("rule_number", plan.targets) }}
                            end
                        ) over (partition by entity_id, run_number order by move_number asc nulls last {{ up_to_now }})
                    else {{ lifecycle_case("rule_number", plan.targets) }}
                end as stage_order
            from passes
        ),

        changes as (
            select *
            from placed
            qualify
                lag(move_number) over ({{ by_move }}) is null
                or pass_number <> lag(pass_number) over ({{ by_move }})
                or stage_order <> lag(stage_order) over ({{ by_move }})
        ),

        lasting as (
            select *
            from changes
            qualify
                lead(occurred_at) over ({{ by_move }}) is null or lead(occurred_at) over ({{ by_move }}) > occurred_at
        ),

        -- Dropping a stage of no duration can leave the same stage twice in a row.
        distinct_changes as (
            select *
            from lasting
            qualify
                lag(move_number) over ({{ by_move }}) is null
                or pass_number <> lag(pass_number) over ({{ by_move }})
                or stage_order <> lag(stage_order) over ({{ by_move }})
        ),

        bounded as (
            select
                *,
                lead(occurred_at) over ({{ by_move }}) as exited_at,
                lag(stage_order) over ({{ by_move }}) as previous_stage_order,
                lead(stage_order) over ({{ by_move }}) as next_stage_order
            from distinct_changes
        )

    select
        {{ quoted(definition.entity) }} as entity_type,
        entity_id,
        {{ quoted(definition.model) }} as lifecycle_model,
        {{ lifecycle_case("stage_order", plan.stages) }} as stage,
        {{ lifecycle_case("stage_order", plan.stage_kinds) }} as stage_kind,
        stage_order::int as stage_order,
        pass_number::int as pass_number,
        occurred_at as entered_at,
        exited_at,
        {{ lifecycle_case("previous_stage_order", plan.stages) }} as previous_stage,
        {{ lifecycle_case("next_stage_order", plan.stages) }} as next_stage,
        {{ lifecycle_case("rule_number", plan.rules) }} as entry_rule,
        activity_id as entry_activity_id,
        case
            when {{ lifecycle_is_in("rule_number", losing) }} then {{ lifecycle_case("rule_number", plan.reasons) }}
        end as lost_reason,
        loaded_at
    from bounded
    where stage_order > 0
{%- endmacro %}
