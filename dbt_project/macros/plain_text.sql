{#-
    A text as a person would read it, for comparing what was typed or copied: letters in one composed form, full-width
    characters and Eastern digits as ASCII, every kind of space as a space, every kind of dash as a hyphen, and without
    invisible characters. Quotes and the backslash stay as they are, since engines read them differently in literals.
-#}
{% macro plain_text(expression) -%}
    {%- set readings = [] -%}
    {%- for code in [9, 10, 13, 0xA0, 0x202F, 0x205F, 0x3000] + range(0x2000, 0x200B) | list -%}
        {%- do readings.append(("%c" | format(code), " ")) -%}
    {%- endfor -%}
    {%- for code in range(0x2010, 0x2016) | list + [0x2212] -%}
        {%- do readings.append(("%c" | format(code), "-")) -%}
    {%- endfor -%}
    {%- for code in range(0xFF01, 0xFF5F) if code not in [0xFF02, 0xFF07, 0xFF3C] -%}
        {%- do readings.append(("%c" | format(code), "%c" | format(code - 0xFEE0))) -%}
    {%- endfor -%}
    {%- for digit in range(10) -%}
        {%- do readings.append(("%c" | format(0x660 + digit), digit | string)) -%}
        {%- do readings.append(("%c" | format(0x6F0 + digit), digit | string)) -%}
    {%- endfor -%}
    {%- set written = readings | map("first") | join -%}
    {%- set read = readings | map("last") | join -%}
    {%- set invisible = [] -%}
    {%- for code in [0xAD, 0x34F, 0x61C, 0x180E, 0xFEFF] + range(0x200B, 0x2010) | list + range(
        0x202A, 0x202F
    ) | list + range(0x2060, 0x206A) | list -%}
        {%- do invisible.append("%c" | format(code)) -%}
    {%- endfor -%}
    {#- translate drops the characters at the end that have no counterpart. -#}
    translate({{ composed_letters(expression) }}, '{{ written ~ (invisible | join) }}', '{{ read }}')
{%- endmacro %}
