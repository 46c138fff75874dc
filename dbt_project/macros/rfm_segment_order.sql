{#- Places of the RFM segments, by recency and then by the other two scores, so that a chart begins with champions. -#}
{% macro rfm_segment_order(segment) -%}
    case
        {{ segment }}
        {%- for name in [
            "champions",
            "growing",
            "recent",
            "loyal",
            "wavering",
            "fading",
            "at_risk",
            "hibernating",
            "dormant",
        ] %}
            when '{{ name }}' then {{ loop.index }}
        {%- endfor %}
    end
{%- endmacro %}
