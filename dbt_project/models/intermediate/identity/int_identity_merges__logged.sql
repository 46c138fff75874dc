with
    persons as (select * from {{ ref("int_persons__resolved") }}),
    identifiers as (select * from {{ ref("int_identifiers__normalized") }} where evidence_tier is not null),

    -- What joined a record to its person: the strongest identifier it shares with an earlier record of the person.
    matches as (
        select
            persons.person_id,
            persons.record_key,
            identifiers.namespace,
            identifiers.identifier,
            identifiers.evidence_tier,
            others.record_key as matched_record_key,
            others.created_at as matched_created_at
        from persons
        inner join identifiers on identifiers.record_key = persons.record_key
        inner join
            identifiers as shared
            on shared.namespace = identifiers.namespace
            and shared.identifier = identifiers.identifier
            and shared.record_key <> identifiers.record_key
        inner join persons as others on others.record_key = shared.record_key and others.person_id = persons.person_id
        where persons.record_key <> persons.survivor_record_key
    ),

    best_matches as (
        select *
        from matches
        qualify
            row_number() over (
                partition by record_key
                order by
                    matched_created_at asc nulls last,
                    evidence_tier asc nulls last,
                    namespace asc nulls last,
                    identifier asc nulls last,
                    matched_record_key asc nulls last
            )
            = 1
    ),

    final as (
        select
            persons.record_key,
            {{ surrogate_key(["'person'", "persons.record_key"]) }} as merged_person_id,
            persons.person_id as surviving_person_id,
            persons.survivor_record_key,
            best_matches.namespace as matched_namespace,
            best_matches.identifier as matched_identifier,
            best_matches.matched_record_key,
            best_matches.evidence_tier,
            greatest(
                coalesce(persons.created_at, best_matches.matched_created_at),
                coalesce(best_matches.matched_created_at, persons.created_at)
            ) as merged_at,
            persons.loaded_at
        from persons
        inner join best_matches on best_matches.record_key = persons.record_key
    )

select *
from final
