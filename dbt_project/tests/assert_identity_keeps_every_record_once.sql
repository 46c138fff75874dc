-- Joining records into people loses none and doubles none, and the person's age is that of the first record.
with
    records as (select * from {{ ref("int_contact_records__unioned") }}),
    person_records as (select * from {{ ref("bridge_person_records") }}),
    persons as (select * from {{ ref("dim_persons") }}),

    counted as (
        select
            (select count(*) from records) as record_count,
            (select count(*) from person_records) as bridged_count,
            (select coalesce(sum(record_count), 0) from persons) as person_record_count
    )

select *
from counted
where record_count <> bridged_count or bridged_count <> person_record_count
