with
    answers as (select * from {{ ref("fct_survey_answers") }}),

    latest as (
        select *
        from answers
        where person_id is not null
        qualify
            row_number() over (
                partition by person_id order by responded_at desc nulls last, response_id desc nulls last
            )
            = 1
    ),

    final as (
        select
            person_id as entity_id,
            survey_type || ' ' || score::int::string || ' on ' || {{ local_date("responded_at") }}::string as reason
        from latest
        where
            responded_at > {{ dbt.dateadd("day", -30, as_of()) }}
            and case survey_type when 'nps' then is_detractor when 'ces' then score <= 3 else score <= 2 end
    )

select *
from final
