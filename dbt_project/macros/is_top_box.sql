{#-
    Whether an answer is among the best of its scale: the top two of five (CSAT, reviews) and of seven (CES), the top two
    of eleven of NPS, whose promoters they are.
-#}
{% macro is_top_box(survey_type, score) -%}
    {{ score }} >= case {{ survey_type }} when 'nps' then 9 when 'ces' then 6 else 4 end
{%- endmacro %}
