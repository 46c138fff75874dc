{#- Places of the risk bands, so that a chart shows low before medium before high. -#}
{% macro risk_band_order(band) -%}
    case {{ band }} when 'low' then 1 when 'medium' then 2 when 'high' then 3 end
{%- endmacro %}
