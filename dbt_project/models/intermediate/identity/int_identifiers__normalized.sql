{#- Weight of evidence: 1 explicit (own number, a link that a system states), 2 e-mail, 3 phone. -#}
with
    records as (select * from {{ ref("int_contact_records__unioned") }}),
    record_links as (select * from {{ ref("int_record_links__unioned") }}),
    merges as (select * from {{ ref("int_merges__unioned") }}),
    countries as (select * from {{ ref("countries") }}),
    -- Where dbt itself reads a seed, which it does not in DuckDB, the text NULL is no value.
    blocklist as (
        select namespace, coalesce(identifier_pattern, 'NULL') as identifier_pattern
        from {{ ref("identity_blocklist") }}
    ),
    overrides as (select * from {{ ref("identity_overrides") }}),

    -- A field may hold several addresses, with names, brackets or `mailto:` around them.
    written_emails as (
        select record_key, {{ plain_text("lower(email)") }} as written
        from records
        where email is not null
        union all
        select record_key, {{ plain_text("lower(additional_emails)") }} as written
        from records
        where additional_emails is not null
    ),

    separated_emails as (
        select record_key, translate(replace(written, 'mailto:', ' '), ' ,<>()[]|"', ';;;;;;;;;;') as parts
        from written_emails
    ),

    addresses as ({{ split_rows("separated_emails", ["record_key"], "parts", ";") }}),

    plain_addresses as (
        select record_key, {{ replace_matches("part", '^["`.:]+|["`.:]+$', "") }} as part from addresses
    ),

    email_parts as (
        select
            record_key,
            split_part(part, '@', 1) as local_part,
            case
                when split_part(part, '@', 2) = 'googlemail.com' then 'gmail.com' else split_part(part, '@', 2)
            end as domain
        from plain_addresses
        where part like '%_@_%._%' and part not like '%@%@%'
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

    -- A spreadsheet adds `.0` to a number, and an office an extension to its own.
    written_phones as (
        select
            record_key,
            coalesce(nullif(country, ''), '{{ var("default_country") }}') as country,
            {{ replace_matches(plain_text("lower(phone)"), "[|,]", ";") }} as phones
        from records
        where phone is not null
    ),

    separated_phones as ({{ split_rows("written_phones", ["record_key", "country"], "phones", ";") }}),

    trimmed_phones as (
        select
            record_key,
            country,
            {{
                replace_matches(
                    replace_matches("part", "^(tel|phone|mobile|whatsapp)[:. ]*|[(]0[)]|[.]0+$", ""),
                    " *(ext|extension|x|#)[:. ]*[0-9]+$",
                    "",
                )
            }} as phone
        from separated_phones
    ),

    -- A value with a letter, or a plus anywhere but in front, is not a number: 3.36E+10 has lost its digits.
    phone_digits as (
        select
            trimmed_phones.record_key,
            {{ replace_matches("trimmed_phones.phone", "[^0-9+]", "") }} as digits,
            countries.calling_code,
            countries.trunk_prefix,
            countries.national_digits
        from trimmed_phones
        left join countries on countries.country = trimmed_phones.country
        where
            {{ replace_matches("trimmed_phones.phone", "[a-z]", "") }} = trimmed_phones.phone
            and {{ replace_matches("trimmed_phones.phone", "^[^0-9+]*[+]", "") }} not like '%+%'
    ),

    phone_numbers as (
        select
            record_key,
            case
                when digits like '+%'
                then digits
                when digits like '00%'
                then '+' || substring(digits, 3)
                when calling_code is null
                then null
                when digits like calling_code || '%' and length(digits) > national_digits
                then '+' || digits
                when trunk_prefix <> '' and digits like trunk_prefix || '%'
                then '+' || calling_code || substring(digits, length(trunk_prefix) + 1)
                else '+' || calling_code || digits
            end as phone_number
        from phone_digits
    ),

    -- One mobile has two spellings: WhatsApp keeps the 1 of Mexico, Argentina's 9 is dialled from abroad only, and
    -- Brazil put a 9 before the eight digits of its mobiles (numbering plans of IFT, ENACOM and Anatel).
    subscriber_numbers as (
        select
            record_key,
            case
                when phone_number like '+521%' and length(phone_number) = 14
                then '+52' || substring(phone_number, 5)
                when phone_number like '+549%' and length(phone_number) = 14
                then '+54' || substring(phone_number, 5)
                when phone_number like '+55%' and length(phone_number) = 13 and substring(phone_number, 6, 1) >= '6'
                then substring(phone_number, 1, 5) || '9' || substring(phone_number, 6)
                else phone_number
            end as phone_number
        from phone_numbers
    ),

    phone_identifiers as (
        select record_key, 'phone' as namespace, phone_number as identifier, 3 as evidence_tier
        from subscriber_numbers
        where length(phone_number) between 9 and 16
    ),

    written_numbers as (
        select record_key, upper(trim({{ plain_text("customer_number") }})) as customer_number
        from records
        where customer_number is not null
    ),

    -- A number that a spreadsheet rounded (1.2E+10) is no longer a number; zeros and punctuation alone stand for none.
    number_identifiers as (
        select
            record_key,
            'customer_number' as namespace,
            case
                when {{ replace_matches("customer_number", "^[0-9]+[.]0+$", "") }} = ''
                then split_part(customer_number, '.', 1)
                else customer_number
            end as identifier,
            1 as evidence_tier
        from written_numbers
        where
            {{ replace_matches("customer_number", "[-0 ./_#*?,;:()]", "") }} <> ''
            and {{ replace_matches("customer_number", "^[0-9]([.,][0-9]+)?E[+][0-9]+$", "") }} <> ''
    ),

    -- A merge says that two records are one person, and so does an id that one system has of another.
    links as (
        select record_key, linked_record_key
        from record_links
        union all
        select
            {{ record_key("source_system", "record_type", "survivor_id") }} as record_key,
            {{ record_key("source_system", "record_type", "merged_id") }} as linked_record_key
        from merges
        where record_type not in ('account', 'deal')
    ),

    -- A link names another record; the record named carries its own key as identifier too.
    record_identifiers as (
        select record_key, 'record' as namespace, linked_record_key as identifier, 1 as evidence_tier
        from links
        union
        select records.record_key, 'record' as namespace, records.record_key as identifier, 1 as evidence_tier
        from records
        where records.record_key in (select linked_record_key from links)
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

    -- Without values that stand for nobody, and without those that somebody took off the record.
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
    ),

    -- An identifier shared by more records than one person can have is evidence for none of them.
    final as (
        select
            record_key,
            namespace,
            identifier,
            case
                when count(*) over (partition by namespace, identifier) <= {{ var("identity_cluster_limit") }}
                then evidence_tier
            end as evidence_tier,
            first_seen_at,
            loaded_at
        from allowed
    )

select *
from final
