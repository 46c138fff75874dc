"""What each macro of `dbt_project/macros/dialect/` has to come to, on every engine.

Belongs here: pieces of SQL with Jinja, each one text, and the text that it has to be by the meaning of the macro. Does
not: running them, in DuckDB (`tests/unit/dbt_project/test_dialect.py`) and in Spark (`tests/spark/test_dialect.py`).
"""

from __future__ import annotations

# What the expressions below name.
GIVEN = r"""
{%- set text = dbt.type_string() -%}
{%- set nothing = "cast(null as " ~ text ~ ")" -%}
{%- set zoned = "timestamptz" if target.type == "duckdb" else "timestamp_ltz" -%}
{%- set with_zone = "cast('2026-03-29 03:00:00+02:00' as " ~ zoned ~ ")" -%}
{%- set in_winter, in_summer = timestamp_literal("2026-03-29 01:00:00"), timestamp_literal("2026-03-29 03:00:00") -%}
{%- set new_year_eve = timestamp_literal("2025-12-31 23:59:59") -%}
{%- set new_year = timestamp_literal("2026-01-01 00:00:00.000001") -%}
"""
TABLES = """
    texts as (select 1 as id, 'b; a;;c' as parts, '[{"k":"a"},{"k":"b"}]' as items),
    numbers as (
        select 3 as number, 'three' as name
        union all select 1, 'one' union all select 2, 'two' union all select 4, 'two' union all select 5, null
    )
"""
# By name, which begins with that of the macro: an expression, and what it is as text.
EXPRESSIONS: dict[str, tuple[str, str | None]] = {
    "timestamp_literal": ("{{ timestamp_literal('2026-03-29 01:00:00.5') }}", "2026-03-29 01:00:00.5"),
    "timestamp_type": ("cast('2026-03-29 01:00:00' as {{ timestamp_type() }})", "2026-03-29 01:00:00"),
    "utc_timestamp": ("{{ utc_timestamp(with_zone) }}", "2026-03-29 01:00:00"),
    # `date -u -d @1795660182` gives the second.
    "load_instant": ("""{{ load_instant("'1795660182.1020305'") }}""", "2026-11-26 02:29:42.102031"),
    "local_time": ("{{ local_time(in_winter, 'Europe/Paris') }}", "2026-03-29 03:00:00"),
    "utc_time": ("{{ utc_time(in_summer, 'Europe/Paris') }}", "2026-03-29 01:00:00"),
    "microseconds_between": ("{{ microseconds_between(new_year_eve, new_year) }}", "1000001"),
    "json_text": ("""{{ json_text("'{\\"a\\": \\"x\\"}'", "a") }}""", "x"),
    "json_text of a number": ("""{{ json_text("'{\\"a\\": 1.5}'", "a") }}""", "1.5"),
    "json_text of null": ("""{{ json_text("'{\\"a\\": null}'", "a") }}""", None),
    "json_text of what is absent": ("""{{ json_text("'{\\"b\\": 1}'", "a") }}""", None),
    "json_attributes": (
        """{{ json_attributes({"a": "'x'", "b": "1", "n": nothing}) }}""",
        '{"a":"x","b":1,"n":null}',
    ),
    "replace_matches": ("""{{ replace_matches("'a-b  c'", "[^a-z]+", "_") }}""", "a_b_c"),
    "composed_letters": ("""{{ composed_letters("'Mu\u0308ller'") }}""", "M\u00fcller"),
    "composed_letters of nothing": ("{{ composed_letters(nothing) }}", None),
    # FIPS 180-2, appendix B.1
    "sha256_hex": (
        """{{ sha256_hex("'abc'") }}""",
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    ),
    "url_parameter": (
        """{{ url_parameter("'https://shop.example/?a=1&utm=caf%C3%A9+au#utm=2'", "utm") }}""",
        "caf\u00e9 au",
    ),
    "url_parameter that is no UTF-8": (
        """{{ url_parameter("'https://shop.example/?utm=caf%E9'", "utm") }}""",
        "caf%E9",
    ),
    "url_parameter that is absent": ("""{{ url_parameter("'https://shop.example/?a=1'", "utm") }}""", None),
    "row_fingerprint": (
        """{{ row_fingerprint(["'a'", nothing]) }} <> {{ row_fingerprint([nothing, "'a'"]) }}""",
        "true",
    ),
    "row_fingerprint of equal rows": (
        """{{ row_fingerprint(["1", "'a'"]) }} = {{ row_fingerprint(["1", "'a'"]) }}""",
        "true",
    ),
    "decimal_from_double": ("{{ decimal_from_double('1.00005::double', 18, 4) }}", "1.0001"),
    # Ten thousand times this double is 3482179.4999999995.
    "decimal_from_double just below a tie": ("{{ decimal_from_double('348.21795::double', 18, 4) }}", "348.2179"),
    "decimal_from_double at a tie": ("{{ decimal_from_double('0.00025::double', 18, 4) }}", "0.0003"),
    "decimal_from_double below zero": ("{{ decimal_from_double('(-1.00005)::double', 18, 4) }}", "-1.0001"),
    "decimal_from_double of a share": ("{{ decimal_from_double('1::double / 3', 10, 9) }}", "0.333333333"),
    "dateadd": ("{{ dbt.dateadd('month', 1, timestamp_literal('2026-01-31 10:00:00.5')) }}", "2026-02-28 10:00:00.5"),
    "dateadd of days": ("""{{ dbt.dateadd("day", -1, "cast('2026-03-01' as date)") }}""", "2026-02-28 00:00:00"),
    "datediff": ("{{ dbt.datediff(new_year_eve, new_year, 'day') }}", "1"),
    "datediff in months": ("{{ dbt.datediff(new_year_eve, in_winter, 'month') }}", "3"),
    "split_rows": (
        "(select {{ sorted_list('part') }} from ({{ split_rows('texts', ['id'], 'parts', ';') }}) as parts)",
        ",a,b,c",
    ),
    "json_rows": (
        "(select {{ sorted_list(json_text('item', 'k')) }} from ({{ json_rows('texts', ['id'], 'items') }}) as items)",
        "a,b",
    ),
    "sorted_list": ("(select {{ sorted_list('name') }} from numbers)", "one,three,two"),
    "joined_in_order": (
        "(select {{ joined_in_order('name', ' > ', ['number']) }} from numbers)",
        "one > two > three > two",
    ),
}
# What is no text by itself, and the test that sees it on Spark.
SEEN_ELSEWHERE = {
    "connected_components": "test_same_rows.py::test_a_first_build_is_the_same",
    "stack_by_name": "test_same_rows.py::test_a_first_build_is_the_same",
    "persist_constraints": "test_dialect.py::test_what_a_contract_forbids_fails_the_model",
}


def query() -> str:
    """One select of all expressions: the name of each, and what it is as text."""
    rows = [
        f"select '{name}' as name, cast({expression} as {{{{ text }}}}) as value"
        for name, (expression, _) in EXPRESSIONS.items()
    ]
    return f"{GIVEN} with {TABLES} " + " union all ".join(rows)


def expected() -> dict[str, str | None]:
    return {name: value for name, (_, value) in EXPRESSIONS.items()}
