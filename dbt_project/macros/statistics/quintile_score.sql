{#-
    A score of 1 (worst fifth) to 5 (best) by a value of which more is better. It is 1 plus the number of fifths of all
    rows that are strictly worse: equal values have equal scores, and where many are equal some scores are not given.
-#}
{% macro quintile_score(value) -%}
    (1 + floor(5 * (rank() over (order by {{ value }} asc nulls first) - 1) / nullif(count(*) over (), 0)))::int
{%- endmacro %}
