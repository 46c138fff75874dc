-- In every model each conversion is credited once: its credits add up to 1, and their amounts to what it brought in.
{%- set models = ["first", "last", "last_non_direct", "linear", "position", "time_decay"] %}

with
    conversions as (select * from {{ ref("fct_conversions") }}),
    credits as (select * from {{ ref("attribution_credits") }}),

    models as (
        {% for model in models %}
            select '{{ model }}' as attribution_model {{ "union all" if not loop.last }}
        {% endfor %}
    ),

    expected as (select conversions.*, models.attribution_model from conversions cross join models),

    credited as (
        select
            conversion_id,
            attribution_model,
            sum(credit) as credit,
            sum(value_amount_reporting) as value_amount_reporting,
            sum(gross_margin_amount_reporting) as gross_margin_amount_reporting
        from credits
        group by conversion_id, attribution_model
    )

select expected.conversion_id, expected.attribution_model, credited.credit, credited.value_amount_reporting
from expected
full outer join
    credited
    on credited.conversion_id = expected.conversion_id
    and credited.attribution_model = expected.attribution_model
where
    expected.conversion_id is null
    or credited.conversion_id is null
    or credited.credit <> 1
    or coalesce(credited.value_amount_reporting, -1) <> coalesce(expected.value_amount_reporting, -1)
    or coalesce(credited.gross_margin_amount_reporting, -1) <> coalesce(expected.gross_margin_amount_reporting, -1)
