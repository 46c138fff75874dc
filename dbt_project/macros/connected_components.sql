{#-
    Connected components of records that share identifiers: columns `record_key`, `cluster_key` (the smallest record
    key of the component). Labels flow along a star from each identifier's smallest record, and only upwards, so the
    smallest label reaches every record whatever the order of the rows.
    `max_tier`: weakest evidence that still joins.
-#}
{% macro connected_components(records, identifiers, max_tier) -%}
    with recursive
        stars as (
            select record_key, min(record_key) over (partition by namespace, identifier) as centre_key
            from {{ identifiers }}
            where evidence_tier <= {{ max_tier }}
        ),

        edges as (
            select centre_key as from_key, record_key as to_key
            from stars
            where centre_key <> record_key
            union
            select record_key as from_key, centre_key as to_key
            from stars
            where centre_key <> record_key
        ),

        reached as (
            select from_key as record_key, from_key as label_key
            from edges
            union
            select edges.to_key as record_key, reached.label_key
            from reached
            inner join edges on edges.from_key = reached.record_key and reached.label_key < edges.to_key
        ),

        smallest_labels as (select record_key, min(label_key) as cluster_key from reached group by record_key)

    select records.record_key, coalesce(smallest_labels.cluster_key, records.record_key) as cluster_key
    from {{ records }} as records
    left join smallest_labels on smallest_labels.record_key = records.record_key
{%- endmacro %}
