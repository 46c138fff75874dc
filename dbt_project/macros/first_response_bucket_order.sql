{#- Order of the first-response buckets: from the fastest reply to none, and last where nobody asked for anything. -#}
{% macro first_response_bucket_order(bucket) -%}
    case
        {{ bucket }}
        when 'under_5_minutes'
        then 1
        when 'under_1_hour'
        then 2
        when 'under_4_hours'
        then 3
        when 'under_24_hours'
        then 4
        when '24_hours_or_more'
        then 5
        when 'unanswered'
        then 6
        when 'none_needed'
        then 7
    end
{%- endmacro %}
