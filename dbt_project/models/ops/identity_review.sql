with
    clusters as (select * from {{ ref("int_identity_clusters__tiered") }}),
    identifiers as (select * from {{ ref("int_identifiers__normalized") }}),
    persons as (select * from {{ ref("int_persons__resolved") }}),

    weakest_clusters as (select * from clusters where evidence_tier = 3),

    held_apart as (
        select
            weakest_clusters.cluster_key,
            count(*) as record_count,
            count(distinct persons.person_id) as person_count,
            max(persons.evidence_tier) as accepted_evidence_tier
        from weakest_clusters
        inner join persons on persons.record_key = weakest_clusters.record_key
        group by weakest_clusters.cluster_key
        having count(distinct persons.person_id) > 1
    ),

    customer_numbers as (
        select weakest_clusters.cluster_key, count(distinct identifiers.identifier) as customer_number_count
        from weakest_clusters
        inner join identifiers on identifiers.record_key = weakest_clusters.record_key
        where identifiers.namespace = 'customer_number' and identifiers.evidence_tier is not null
        group by weakest_clusters.cluster_key
    ),

    -- An identifier of too many records joins none of them.
    shared_too_widely as (
        select
            identifiers.namespace || ':' || identifiers.identifier as cluster_key,
            identifiers.namespace,
            identifiers.identifier,
            count(*) as record_count,
            count(distinct persons.person_id) as person_count
        from identifiers
        inner join persons on persons.record_key = identifiers.record_key
        where identifiers.evidence_tier is null
        group by identifiers.namespace, identifiers.identifier
    ),

    final as (
        select
            held_apart.cluster_key,
            case
                when held_apart.record_count > {{ var("identity_cluster_limit") }}
                then 'too many records'
                else 'customer numbers disagree'
            end as reason,
            held_apart.record_count,
            held_apart.person_count,
            coalesce(customer_numbers.customer_number_count, 0) as customer_number_count,
            cast(null as {{ dbt.type_string() }}) as namespace,
            cast(null as {{ dbt.type_string() }}) as identifier
        from held_apart
        left join customer_numbers on customer_numbers.cluster_key = held_apart.cluster_key
        union all
        select
            cluster_key,
            'identifier of too many records' as reason,
            record_count,
            person_count,
            case when namespace = 'customer_number' then 1 else 0 end as customer_number_count,
            namespace,
            identifier
        from shared_too_widely
    )

select *
from final
