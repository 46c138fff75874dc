{#-
    Connected components of records that share identifiers: columns `record_key`, `cluster_key` (the smallest record
    key of the component). Labels flow along a star from each identifier's smallest record, and only upwards, so the
    smallest label reaches every record whatever the order of the rows.
    `max_tier`: weakest evidence that still joins.

    Labels are hashes. In the order of the keys themselves, which is often that of a chain of records, each record would
    get the label of all before it; by hash it gets only those that are smaller than all on the way: a dozen of 10,000.
-#}
{% macro connected_components(records, identifiers, max_tier) -%}
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
