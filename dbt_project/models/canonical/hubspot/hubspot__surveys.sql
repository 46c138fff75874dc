with
    submissions as (select * from {{ ref("stg_hubspot__feedback_submissions") }}),

    -- Satisfaction is asked for with faces or stars, as a survey is set up; the group into which the portal puts the
    -- answer is the same for all. Where there is none, 0 to 2 are the faces.
    scored as (
        select
            *,
            case
                when survey_type in ('nps', 'ces')
                then rating
                when response_group in ('detractor', 'passive', 'promoter')
                then case response_group when 'detractor' then 1 when 'passive' then 3 else 5 end
                when rating in (0, 1, 2)
                then 1 + 2 * rating
            end as score
        from submissions
        where survey_type in ('nps', 'csat', 'ces') and not is_archived
    ),

    final as (
        select
            response_id,
            contact_id as customer_id,
            'contact' as customer_record_type,
            survey_type,
            score,
            comment,
            responded_at,
            loaded_at
        from scored
        where score is not null and responded_at is not null
    )

select *
from final
