with
    by_explicit_evidence as (
        select *
        from
            (
                {{ connected_components(ref("int_contact_records__unioned"), ref("int_identifiers__normalized"), 1) }}
            ) as components
    ),
    by_email as (
        select *
        from
            (
                {{ connected_components(ref("int_contact_records__unioned"), ref("int_identifiers__normalized"), 2) }}
            ) as components
    ),
    by_phone as (
        select *
        from
            (
                {{ connected_components(ref("int_contact_records__unioned"), ref("int_identifiers__normalized"), 3) }}
            ) as components
    ),

    unioned as (
        select 1 as evidence_tier, record_key, cluster_key
        from by_explicit_evidence
        union all
        select 2 as evidence_tier, record_key, cluster_key
        from by_email
        union all
        select 3 as evidence_tier, record_key, cluster_key
        from by_phone
    )

select *
from unioned
