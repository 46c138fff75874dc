{#- Weight of evidence: 1 explicit (own number, a link that a system states), 2 e-mail, 3 phone. -#}
with
    records as (select * from {{ ref("int_contact_records__unioned") }}),
    record_links as (select * from {{ ref("int_record_links__unioned") }}),
    countries as (select * from {{ ref("countries") }}),
    blocklist as (select * from {{ ref("identity_blocklist") }}),
    overrides as (select * from {{ ref("identity_overrides") }}),

    additional_emails as ({{ split_rows("records", ["record_key"], "additional_emails", ";") }}),

    emails as (
        select record_key, lower(trim(email)) as address
        from records
        where email is not null
        union
        select record_key, lower(part)
        from additional_emails
    ),

    email_parts as (
        select
            record_key,
            split_part(address, '@', 1) as local_part,
            case
                when split_part(address, '@', 2) = 'googlemail.com' then 'gmail.com' else split_part(address, '@', 2)
            end as domain
        from emails
        where address like '%_@_%._%' and address not like '%@%@%' and address not like '% %'
    ),

    email_identifiers as (
        select
            record_key,
            'email' as namespace,
            case
                when domain = 'gmail.com'
                then replace(split_part(local_part, '+', 1), '.', '') || '@' || domain
                else split_part(local_part, '+', 1) || '@' || domain
            end as identifier,
            2 as evidence_tier
        from email_parts
        where split_part(local_part, '+', 1) <> ''
    ),

    phone_digits as (
        select
            records.record_key,
            {{ replace_matches("replace(records.phone, '(0)', '')", "[^0-9+]", "") }} as digits,
            countries.calling_code,
            countries.trunk_prefix
        from records
        left join countries on countries.country = coalesce(nullif(records.country, ''), '{{ var("default_country") }}')
        where records.phone is not null
    ),

    phone_numbers as (
        select
            record_key,
            case
                when digits like '+%'
                then '+' || replace(digits, '+', '')
                when digits like '00%'
                then '+' || substring(digits, 3)
                when calling_code is null
                then null
                when trunk_prefix <> '' and digits like trunk_prefix || '%'
                then '+' || calling_code || substring(digits, length(trunk_prefix) + 1)
                else '+' || calling_code || digits
            end as phone_number
        from phone_digits
    ),

    phone_identifiers as (
        select record_key, 'phone' as namespace, phone_number as identifier, 3 as evidence_tier
        from phone_numbers
        where length(phone_number) between 9 and 16
    ),

    number_identifiers as (
        select
            record_key, 'customer_number' as namespace, upper(trim(customer_number)) as identifier, 1 as evidence_tier
        from records
        where trim(customer_number) <> ''
    ),

    -- A link names another record; the record named carries its own key as identifier too.
    record_identifiers as (
        select record_key, 'record' as namespace, linked_record_key as identifier, 1 as evidence_tier
        from record_links
        union
        select records.record_key, 'record', records.record_key, 1
        from records
        where records.record_key in (select linked_record_key from record_links)
    ),

    unioned as (
        select record_key, namespace, identifier, evidence_tier
        from number_identifiers
        union
        select record_key, namespace, identifier, evidence_tier
        from record_identifiers
        union
        select record_key, namespace, identifier, evidence_tier
        from email_identifiers
        union
        select record_key, namespace, identifier, evidence_tier
        from phone_identifiers
    ),

    allowed as (
        select unioned.*, records.created_at as first_seen_at, records.loaded_at
        from unioned
        inner join records on records.record_key = unioned.record_key
        where
            not exists (
                select 1
                from blocklist
                where blocklist.namespace = unioned.namespace and unioned.identifier like blocklist.identifier_pattern
            )
            and not exists (
                select 1
                from overrides
                where
                    overrides.record_key = unioned.record_key
                    and overrides.namespace = unioned.namespace
                    and coalesce(nullif(overrides.identifier, ''), unioned.identifier) = unioned.identifier
            )
    )

select *
from allowed
