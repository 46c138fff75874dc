with
    deal_stages as (select * from {{ ref("int_deal_stages__unioned") }}),
    vocabulary as (select * from {{ ref("vendor_vocabulary") }}),

    final as (
        select
            deal_stages.source_account,
            deal_stages.pipeline_id,
            deal_stages.stage_id,
            deal_stages.stage_label,
            vocabulary.meaning as stated_meaning,
            deal_stages.meaning as crm_meaning,
            'the vocabulary says '
            || vocabulary.meaning
            || ', the CRM '
            || deal_stages.meaning
            || ': the CRM counts' as reason
        from deal_stages
        inner join
            vocabulary
            on vocabulary.source_system = deal_stages.source_system
            and vocabulary.kind = 'deal_stage'
            and vocabulary.value = deal_stages.stage_id
        where
            not deal_stages.is_deleted
            and deal_stages.meaning
            <> case when vocabulary.meaning in ('deal_won', 'deal_lost') then vocabulary.meaning else 'open' end
    )

select *
from final
