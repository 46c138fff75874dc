{{ config(materialized="table") }}

with recursive
    merged as (
        select merged_id as merged_contact_id, survivor_id as surviving_contact_id from {{ ref("respond_io__merges") }}
    ),

    -- What became of it may have been merged again. Each pair is found once, so that a cycle comes to an end.
    followed as (
        select merged_contact_id, surviving_contact_id
        from merged
        union
        select followed.merged_contact_id, merged.surviving_contact_id
        from followed
        inner join merged on merged.merged_contact_id = followed.surviving_contact_id
    ),

    final as (
        select followed.merged_contact_id, min(followed.surviving_contact_id) as surviving_contact_id
        from followed
        left join merged on merged.merged_contact_id = followed.surviving_contact_id
        where merged.merged_contact_id is null
        group by followed.merged_contact_id
    )

select *
from final
