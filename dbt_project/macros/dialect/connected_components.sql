{#-
    Connected components of records that share identifiers: columns `record_key`, `cluster_key` (the smallest record
    key of the component). `max_tier`: weakest evidence that still joins.
-#}
{% macro connected_components(records, identifiers, max_tier) -%}
    {{ return(adapter.dispatch("connected_components", "lifecycle")(records, identifiers, max_tier)) }}
{%- endmacro %}

{#-
    Labels flow along a star from each identifier's smallest record, and only upwards, so the smallest label reaches
    every record whatever the order of the rows.

    Labels are hashes. In the order of the keys themselves, which is often that of a chain of records, each record would
    get the label of all before it; by hash it gets only those that are smaller than all on the way: a dozen of 10,000.
-#}
{% macro default__connected_components(records, identifiers, max_tier) -%}
    with recursive
        stars as (
            select record_key, min(record_key) over (partition by namespace, identifier) as centre_key
            from {{ identifiers }}
            where evidence_tier <= {{ max_tier }}
        ),

        edges as (
            select centre_key as from_key, record_key as to_key, md5(record_key) as to_label
            from stars
            where centre_key <> record_key
            union
            select record_key as from_key, centre_key as to_key, md5(centre_key) as to_label
            from stars
            where centre_key <> record_key
        ),

        reached as (
            select to_key as record_key, to_label as label
            from edges
            union
            select edges.to_key as record_key, reached.label
            from reached
            inner join edges on edges.from_key = reached.record_key and reached.label < edges.to_label
        ),

        smallest_labels as (select record_key, min(label) as label from reached group by record_key),

        clusters as (select record_key, min(record_key) over (partition by label) as cluster_key from smallest_labels)

    select records.record_key, coalesce(clusters.cluster_key, records.record_key) as cluster_key
    from {{ records }} as records
    left join clusters on clusters.record_key = records.record_key
{%- endmacro %}

{#-
    Spark refuses recursion that drops what it has found before, so rounds of joins lead there (FastSV: Zhang, Azad and Hu,
    "FastSV: A Distributed-Memory Connected Component Algorithm with Fast Convergence", 2020). In each round a record, and
    the record that it points at, takes the smallest record that any of its neighbours points at in two steps. Rounds end
    when nothing changes, which takes about as many as the logarithm of the longest chain. Each round is a table, because
    what is a view would be computed from the first round on again.
-#}
{% macro spark__connected_components(records, identifiers, max_tier) -%}
    {%- set edges = component_table(max_tier, "edges") -%}
    {%- if execute and flags.WHICH in ["build", "run"] -%}
        {%- do make_table(edges, component_edges_sql(identifiers, max_tier)) -%}
        {%- set labels = component_table(max_tier, 0) -%}
        {%- do make_table(
            labels,
            "select distinct from_key as record_key, from_key as label, true as is_changed from " ~ edges,
        ) -%}
        {%- set state = namespace(labels=labels, changed=true, round=0) -%}
        {%- for round in range(1, 1000) if state.changed -%}
            {%- set next = component_table(max_tier, round % 2 + 1) -%}
            {%- do make_table(next, component_round_sql(edges, state.labels)) -%}
            {%- set state.labels = next -%}
            {%- set state.changed = run_query("select coalesce(bool_or(is_changed), false) from " ~ next).rows[0][
                0
            ] -%}
        {%- endfor -%}
        {%- if state.changed -%}
            {%- do exceptions.raise_compiler_error("identity: records are still joined after 1,000 rounds") -%}
        {%- endif -%}
    {%- endif -%}
    select records.record_key, coalesce(labels.label, records.record_key) as cluster_key
    from {{ records }} as records
    left join {{ state.labels if state else edges }} as labels on labels.record_key = records.record_key
{%- endmacro %}

{% macro component_table(max_tier, part) -%}
    {{ return(this.incorporate(path={"identifier": this.identifier ~ "_" ~ max_tier ~ "_" ~ part})) }}
{%- endmacro %}

{% macro make_table(relation, sql) -%}
    {%- do run_query("drop table if exists " ~ relation) -%}
    {%- do run_query("create table " ~ relation ~ " as " ~ sql) -%}
{%- endmacro %}

{#- Each pair of records that share an identifier with its smallest record, in both directions. -#}
{% macro component_edges_sql(identifiers, max_tier) -%}
    with
        stars as (
            select record_key, min(record_key) over (partition by namespace, identifier) as centre_key
            from {{ identifiers }}
            where evidence_tier <= {{ max_tier }}
        )

    select centre_key as from_key, record_key as to_key
    from stars
    where centre_key <> record_key
    union
    select record_key as from_key, centre_key as to_key
    from stars
    where centre_key <> record_key
{%- endmacro %}

{#- One round: `labels` has the record that each one points at. -#}
{% macro component_round_sql(edges, labels) -%}
    with
        labels as (select * from {{ labels }}),

        second_steps as (
            select labels.record_key, labels.label, pointed.label as second_label
            from labels
            inner join labels as pointed on pointed.record_key = labels.label
        ),

        neighbours as (
            select edges.from_key as record_key, min(second_steps.second_label) as label
            from {{ edges }} as edges
            inner join second_steps on second_steps.record_key = edges.to_key
            group by edges.from_key
        ),

        candidates as (
            select record_key, second_label as label
            from second_steps
            union all
            select record_key, label
            from neighbours
            union all
            select labels.label as record_key, neighbours.label
            from neighbours
            inner join labels on labels.record_key = neighbours.record_key
        ),

        smallest as (select record_key, min(label) as label from candidates group by record_key)

    select smallest.record_key, smallest.label, smallest.label <> labels.label as is_changed
    from smallest
    inner join labels on labels.record_key = smallest.record_key
{%- endmacro %}
