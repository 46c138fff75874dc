with
    conversations as (select * from {{ ref("stg_files__conversations") }}),

    final as (select *, 'contact' as opened_by_source, 'contact' as begun_by from conversations)

select *
from final
