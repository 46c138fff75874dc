with recursive
    merges as (select * from {{ ref("int_merges__unioned") }}),

    -- What became of a record may have been merged again. No way leads to a record twice, so that a cycle comes to an
    -- end.
    followed as (
        select source_system, record_type, merged_id, survivor_id, '|' || merged_id || '|' || survivor_id || '|' as way
        from merges
        union all
        select
            followed.source_system,
            followed.record_type,
            followed.merged_id,
            merges.survivor_id,
            followed.way || merges.survivor_id || '|' as way
        from followed
        inner join
            merges
            on merges.source_system = followed.source_system
            and merges.record_type = followed.record_type
            and merges.merged_id = followed.survivor_id
            and not contains(followed.way, '|' || merges.survivor_id || '|')
    ),

    final as (
        select
            followed.source_system, followed.record_type, followed.merged_id, min(followed.survivor_id) as survivor_id
        from followed
        left join
            merges
            on merges.source_system = followed.source_system
            and merges.record_type = followed.record_type
            and merges.merged_id = followed.survivor_id
        where merges.merged_id is null
        group by followed.source_system, followed.record_type, followed.merged_id
    )

select *
from final
