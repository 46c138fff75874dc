{#-
    The stage engine: compiles a stage model (YAML under `config.meta.lifecycle` of the calling dbt model) into the
    episodes of every entity. Everything is a window function over the activities, in these steps:

    1. timers fire at their exact instant, unless an activity stops them first;
    2. each activity or timer takes the first rule, by priority and then by place in the file, that matches;
    3. what has no effect is dropped: a loss or a clearing without an open pass, a timer's loss of what is lost;
    4. passes are numbered: what opens after a loss or a clearing opens a new pass;
    5. within a pass, and since the last `set`, `advance` keeps the furthest stage;
    6. moves that change nothing and stages left at the instant they were entered give no episode.

    Ties at one instant: timers first, then by the rules' places in the file, then by activity id.
-#}
{% macro lifecycle_episodes() -%}
    {%- set activities_relation = ref("int_activities__identified") -%}
    {%- if execute -%}
        {%- set definition = model.config.meta.get("lifecycle") -%}
        {%- if not definition -%}
            {%- do lifecycle_error(
                model.patch_path or model.original_file_path,
                "the model",
                "config.meta.lifecycle is missing",
                "copy an existing stage model's YAML",
            ) -%}
        {%- endif -%}
        {%- do validate_lifecycle_model(
            definition, (model.patch_path or model.original_file_path).split("://") | last
        ) -%}
        {{ lifecycle_episodes_sql(definition, activities_relation) }}
    {%- else -%} select * from {{ activities_relation }}
    {%- endif -%}
{%- endmacro %}

{#- A condition of a rule as SQL: `measures.x` is a column of the stream, `attributes.x` a key of its JSON text. -#}
{% macro lifecycle_condition(rule) -%}
    {%- set ns = namespace(condition=rule.get("if") or "true") -%}
    {#- Longer names first: one name may begin another. -#}
    {%- for name in modules.re.findall("attributes[.]([a-z_0-9]+)", ns.condition) | unique | sort(reverse=true) -%}
        {%- set ns.condition = ns.condition | replace("attributes." ~ name, json_text("attributes", name)) -%}
    {%- endfor -%}
    ({{ ns.condition | replace("measures.", "") }})
{%- endmacro %}

{% macro lifecycle_reason(rule) -%}
    {%- set reason = rule.get("reason") -%}
    {%- if not reason -%} cast(null as {{ dbt.type_string() }})
    {%- elif reason.startswith("attributes.") -%} {{ json_text("attributes", reason[11:]) }}
    {%- else -%} {{ quoted(reason) }}
    {%- endif -%}
{%- endmacro %}

{% macro quoted(text) -%} {{ dbt.string_literal(dbt.escape_single_quotes(text)) }} {%- endmacro %}

{% macro quoted_list(values) -%}
    {%- for value in values -%} {{ quoted(value) }}{{ ", " if not loop.last }} {%- endfor -%}
{%- endmacro %}

{#- A simple case expression over the numbers of a mapping from number to SQL. -#}
{% macro lifecycle_case(column, mapping) -%}
    case
        {{ column }}
        {%- for number, expression in mapping.items() %} when {{ number }} then {{ expression }} {%- endfor %}
    end
{%- endmacro %}

{% macro lifecycle_episodes_sql(definition, activities_relation) -%}
    {%- set entity_column = definition.entity ~ "_id" -%}
    {%- set stage_orders = {} -%}
    {%- set stage_kinds = {} -%}
    {%- set stage_names = {} -%}
    {%- set stage_kind_names = {} -%}
    {%- for stage in definition.stages -%}
        {%- do stage_orders.update({stage.key: loop.index}) -%}
        {%- do stage_kinds.update({stage.key: stage.kind}) -%}
        {%- do stage_names.update({loop.index: quoted(stage.key)}) -%}
        {%- do stage_kind_names.update({loop.index: quoted(stage.kind)}) -%}
    {%- endfor -%}

    {#- What the rules read: activities, measures, timers. -#}
    {%- set ns = namespace(activities=[], all_activities=false, measures=[]) -%}
    {%- set rules = [] -%}
    {%- for rule in definition.rules -%}
        {%- do rules.append(dict(rule, number=loop.index)) -%}
        {%- set ns.activities = (
            ns.activities
            + (rule.get("when") or [])
            + (rule.get("since") or [])
            + (rule.get("without") or [])
        ) -%}
        {%- for measure in modules.re.findall("measures[.]([a-z_0-9]+)", rule.get("if") or "") -%}
            {%- if measure not in ns.measures -%}
                {%- set ns.measures = ns.measures + [measure] -%}
                {%- set read = lifecycle_measures()[measure].activities -%}
                {%- set ns.activities = ns.activities + read -%}
                {%- if not read -%} {%- set ns.all_activities = true -%} {%- endif -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- set rule_names = {} -%}
    {%- set rule_moves = {} -%}
    {%- set rule_targets = {} -%}
    {%- set rule_reasons = {} -%}
    {%- for rule in rules -%}
        {%- set is_lost_by_setting = rule.then == "set" and stage_kinds[rule.stage] == "lost" -%}
        {%- do rule_names.update({rule.number: quoted(rule.key)}) -%}
        {%- do rule_moves.update({rule.number: quoted("set_lost" if is_lost_by_setting else rule.then)}) -%}
        {%- do rule_targets.update({rule.number: stage_orders.get(rule.stage, "null")}) -%}
        {%- do rule_reasons.update({rule.number: lifecycle_reason(rule)}) -%}
    {%- endfor -%}
    {%- set timers = rules | selectattr("after_days", "defined") | list -%}
    {%- set direct_rules = rules | selectattr("when", "defined") | list -%}
    {#- The first match wins: higher priority first, then the place in the file. -#}
    {%- set ranked_rules = [] -%}
    {%- for priority in direct_rules | map(attribute="priority", default=0) | unique | sort(reverse=true) -%}
        {%- for rule in direct_rules if rule.get("priority", 0) == priority -%}
            {%- do ranked_rules.append(rule) -%}
        {%- endfor -%}
    {%- endfor -%}

    with
        activities as (
            select
                {{ entity_column }} as entity_id,
                activity_id,
                activity,
                occurred_at,
                loaded_at,
                amount_reporting,
                attributes,
                cast(null as {{ dbt.type_int() }}) as timer_rule_number
            from {{ activities_relation }}
            where
                {{ entity_column }} is not null
                {% if not ns.all_activities -%}
                    and activity in ({{ quoted_list(ns.activities | unique | sort) }})
                {%- endif %}
        ),
        {% for timer in timers %}
            {%- set stops = timer.without | reject("in", timer.since) | list %}
            timer_{{ timer.number }}_instants as (
                select
                    entity_id,
                    occurred_at,
                    max(case when activity in ({{ quoted_list(timer.since) }}) then activity_id end) as activity_id,
                    max(case when activity in ({{ quoted_list(timer.since) }}) then loaded_at end) as loaded_at,
                    {% if stops -%} bool_or(activity in ({{ quoted_list(stops) }}))
                    {%- else -%} false
                    {%- endif %} as is_stopped,
                    lead(occurred_at) over (
                        partition by entity_id order by occurred_at asc nulls last
                    ) as next_occurred_at
                from activities
                where activity in ({{ quoted_list((timer.since + timer.without) | unique) }})
                group by entity_id, occurred_at
            ),

            timer_{{ timer.number }}_firings as (
                select
                    entity_id,
                    activity_id,
                    cast(null as {{ dbt.type_string() }}) as activity,
                    occurred_at + interval '{{ timer.after_days }}' day as occurred_at,
                    loaded_at,
                    cast(null as decimal(18, 4)) as amount_reporting,
                    cast(null as {{ dbt.type_string() }}) as attributes,
                    {{ timer.number }} as timer_rule_number
                from timer_{{ timer.number }}_instants
                where
                    activity_id is not null
                    and not is_stopped
                    and occurred_at + interval '{{ timer.after_days }}' day <= {{ as_of() }}
                    and (
                        next_occurred_at is null
                        or next_occurred_at > occurred_at + interval '{{ timer.after_days }}' day
                    )
            ),
        {% endfor %}
        stream as (
            select *
            from activities
            {% for timer in timers %}
                union all
                select *
                from timer_{{ timer.number }}_firings
            {% endfor %}
        ),

        measured as (
            select
                *
                {%- for measure in ns.measures %}
                    , {{ lifecycle_measures()[measure].sql }} as {{ measure }}
                {%- endfor %}
            from stream
        ),

        ruled as (
            select
                *,
                case
                    {% for rule in ranked_rules -%}
                        when
                            timer_rule_number is null
                            and activity in ({{ quoted_list(rule.when) }})
                            and {{ lifecycle_condition(rule) }}
                        then {{ rule.number }}
                    {% endfor %}
                    {%- for timer in timers -%}
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
                case when timer_rule_number is null then 1 else 0 end as is_not_timer,
                rule_number,
                {{ lifecycle_case("rule_number", rule_names) }} as rule_key,
                {{ lifecycle_case("rule_number", rule_moves) }} as move,
                {{ lifecycle_case("rule_number", rule_targets) }} as target_order,
                {{ lifecycle_case("rule_number", rule_reasons) }} as lost_reason
            from ruled
            where rule_number is not null
        ),

        -- A total order, so that equal instants never fall out differently.
        ordered as (
            select
                *,
                row_number() over (
                    partition by entity_id
                    order by
                        occurred_at asc nulls last,
                        is_not_timer asc nulls last,
                        rule_number asc nulls last,
                        activity_id asc nulls last
                ) as move_number
            from moves
        ),

        eras as (
            select
                *,
                count(case when move = 'clear' then 1 end) over (
                    partition by entity_id
                    order by move_number asc nulls last
                    rows between unbounded preceding and 1 preceding
                ) as era_number
            from ordered
        ),

        opened as (
            select
                *,
                count(case when move in ('advance', 'set', 'set_lost') then 1 end) over (
                    partition by entity_id, era_number
                    order by move_number asc nulls last
                    rows between unbounded preceding and current row
                ) as openings
            from eras
        ),

        effective as (select * from opened where openings > 0),

        with_previous as (
            select *, lag(move) over (partition by entity_id order by move_number asc nulls last) as previous_move
            from effective
        ),

        pass_starts as (
            select
                *,
                case
                    when previous_move is null or previous_move = 'clear'
                    then case when move in ('lose', 'clear') then 0 else 1 end
                    when previous_move in ('lose', 'set_lost') and move in ('advance', 'set')
                    then 1
                    else 0
                end as starts_pass
            from with_previous
            -- Silence after a loss is no news: only someone who says so moves between lost stages.
            where not (is_not_timer = 0 and move = 'lose' and coalesce(previous_move, '') in ('lose', 'set_lost'))
        ),

        passes as (
            select
                *,
                sum(starts_pass) over (
                    partition by entity_id
                    order by move_number asc nulls last
                    rows between unbounded preceding and current row
                ) as pass_number,
                sum(case when starts_pass = 1 or move = 'set' then 1 else 0 end) over (
                    partition by entity_id
                    order by move_number asc nulls last
                    rows between unbounded preceding and current row
                ) as run_number
            from pass_starts
        ),

        placed as (
            select
                *,
                case
                    when move = 'clear'
                    then null
                    when move in ('lose', 'set_lost')
                    then target_order
                    else
                        max(case when move in ('advance', 'set') then target_order end) over (
                            partition by entity_id, run_number
                            order by move_number asc nulls last
                            rows between unbounded preceding and current row
                        )
                end as stage_order
            from passes
        ),

        changes as (
            select *
            from placed
            qualify
                lag(move_number) over (partition by entity_id order by move_number asc nulls last) is null
                or pass_number <> lag(pass_number) over (partition by entity_id order by move_number asc nulls last)
                or coalesce(stage_order, 0)
                <> coalesce(lag(stage_order) over (partition by entity_id order by move_number asc nulls last), 0)
        ),

        lasting as (
            select *
            from changes
            qualify
                lead(occurred_at) over (partition by entity_id order by move_number asc nulls last) is null
                or lead(occurred_at) over (partition by entity_id order by move_number asc nulls last) > occurred_at
        ),

        -- Dropping a stage of no duration can leave the same stage twice in a row.
        distinct_changes as (
            select *
            from lasting
            qualify
                lag(move_number) over (partition by entity_id order by move_number asc nulls last) is null
                or pass_number <> lag(pass_number) over (partition by entity_id order by move_number asc nulls last)
                or coalesce(stage_order, 0)
                <> coalesce(lag(stage_order) over (partition by entity_id order by move_number asc nulls last), 0)
        ),

        bounded as (
            select *, lead(occurred_at) over (partition by entity_id order by move_number asc nulls last) as exited_at
            from distinct_changes
        )

    select
        '{{ definition.entity }}' as entity_type,
        entity_id,
        '{{ definition.model }}' as lifecycle_model,
        {{ lifecycle_case("stage_order", stage_names) }} as stage,
        {{ lifecycle_case("stage_order", stage_kind_names) }} as stage_kind,
        stage_order::int as stage_order,
        pass_number::int as pass_number,
        occurred_at as entered_at,
        exited_at,
        rule_key as entry_rule,
        activity_id as entry_activity_id,
        case when move in ('lose', 'set_lost') then lost_reason end as lost_reason,
        loaded_at
    from bounded
    where stage_order is not null
{%- endmacro %}
