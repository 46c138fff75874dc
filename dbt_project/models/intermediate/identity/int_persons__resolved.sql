with
    clusters as (select * from {{ ref("int_identity_clusters__tiered") }}),
    records as (select * from {{ ref("int_contact_records__unioned") }}),
    identifiers as (select * from {{ ref("int_identifiers__normalized") }}),

    own_numbers as (
        select clusters.evidence_tier, clusters.cluster_key, count(distinct identifiers.identifier) as own_number_count
        from clusters
        inner join identifiers on identifiers.record_key = clusters.record_key
        where identifiers.namespace = 'customer_number' and identifiers.evidence_tier is not null
        group by clusters.evidence_tier, clusters.cluster_key
    ),

    sizes as (
        select evidence_tier, cluster_key, count(*) as record_count from clusters group by evidence_tier, cluster_key
    ),

    judged as (
        select
            sizes.evidence_tier,
            sizes.cluster_key,
            sizes.record_count,
            coalesce(own_numbers.own_number_count, 0) as own_number_count,
            case
                when sizes.record_count > {{ var("identity_cluster_limit") }}
                then 'too many records'
                when own_numbers.own_number_count > 1
                then 'customer numbers disagree'
            end as suspicion
        from sizes
        left join
            own_numbers
            on own_numbers.evidence_tier = sizes.evidence_tier
            and own_numbers.cluster_key = sizes.cluster_key
    ),

    -- The weakest evidence that raises no suspicion decides. Explicit evidence holds even if customer numbers disagree,
    -- since a system stated it, but not for more records than one person can have: then each record stays alone.
    candidates as (
        select clusters.record_key, clusters.cluster_key, clusters.evidence_tier
        from clusters
        inner join judged on judged.evidence_tier = clusters.evidence_tier and judged.cluster_key = clusters.cluster_key
        where judged.suspicion is null or (clusters.evidence_tier = 1 and judged.suspicion <> 'too many records')
        union all
        select record_key, record_key as cluster_key, 0 as evidence_tier
        from records
    ),

    accepted as (
        select *
        from candidates
        qualify row_number() over (partition by record_key order by evidence_tier desc nulls last) = 1
    ),

    -- The survivor is the record created first, so that a person keeps the id when records join later.
    with_survivor as (
        select
            accepted.record_key,
            accepted.evidence_tier,
            first_value(accepted.record_key) over (
                partition by accepted.evidence_tier, accepted.cluster_key
                order by records.created_at asc nulls last, accepted.record_key asc nulls last
            ) as survivor_record_key,
            records.source_system,
            records.source_account,
            records.record_type,
            records.source_record_id,
            records.created_at,
            records.loaded_at
        from accepted
        inner join records on records.record_key = accepted.record_key
    ),

    final as (
        select
            record_key,
            {{ surrogate_key(["'person'", "survivor_record_key"]) }} as person_id,
            survivor_record_key,
            evidence_tier,
            source_system,
            source_account,
            record_type,
            source_record_id,
            created_at,
            loaded_at
        from with_survivor
    )

select *
from final
