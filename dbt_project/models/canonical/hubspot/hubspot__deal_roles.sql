with
    deal_contacts as (select * from {{ ref("stg_hubspot__deal_contacts") }}),
    vocabulary as (select * from {{ ref("vendor_vocabulary") }}),

    -- A contact with several roles has their labels in one text.
    labels as ({{ split_rows("deal_contacts", ["deal_id", "contact_id"], "role", ";") }}),

    -- A label that the vocabulary does not name stays as it is.
    named_roles as (
        select labels.deal_id, labels.contact_id, coalesce(vocabulary.meaning, labels.part) as role
        from labels
        left join
            vocabulary
            on vocabulary.source_system = 'hubspot'
            and vocabulary.kind = 'deal_role'
            and vocabulary.value = labels.part
        where labels.part <> ''
    ),

    final as (
        select
            deal_contacts.deal_id,
            deal_contacts.contact_id as customer_id,
            'contact' as customer_record_type,
            named_roles.role
        from deal_contacts
        left join
            named_roles
            on named_roles.deal_id = deal_contacts.deal_id
            and named_roles.contact_id = deal_contacts.contact_id
    )

select distinct *
from final
