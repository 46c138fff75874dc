{#-
    What a reader of a mart sees of a stage and sorts by: its labels and its place.

    `stages`: a relation with the columns of dim_lifecycle_stages. `stage`: the stage column beside which the labels
    appear; their names are made from its name. `has_none`: the column may hold `none`, which is not a stage of the
    model and comes first.
-#}
{% macro stage_words(stages, stage="stage", has_none=false) -%}
    {%- if has_none -%}
        coalesce({{ stages }}.stage_label_en, 'No stage') as {{ stage }}_label_en,
        coalesce({{ stages }}.stage_label_fr, 'Aucune étape') as {{ stage }}_label_fr,
        coalesce({{ stages }}.stage_order, 0) as {{ stage }}_order
    {%- else -%}
        {{ stages }}.stage_label_en as {{ stage }}_label_en,
        {{ stages }}.stage_label_fr as {{ stage }}_label_fr,
        {{ stages }}.stage_order as {{ stage }}_order
    {%- endif -%}
{%- endmacro %}
