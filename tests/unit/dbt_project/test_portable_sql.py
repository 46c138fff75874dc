"""Each rule of the portability lint: what it forbids, and that what to write instead passes."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbt_project.portable_sql import main, violations

FORBIDDEN_AND_INSTEAD = [
    ("concat()", "select concat(a, b) from t", "select a || coalesce(b, '') from t"),
    ("strftime()", "select strftime(a, '%Y') from t", "select {{ year_text('a') }} from t"),
    ("unnest()", "select unnest(a) from t", "select a from {{ split_rows('t') }}"),
    ("generate_series()", "select * from generate_series(1, 3)", "{{ dbt.date_spine('day', x, y) }}"),
    ("arg_max()", "select arg_max(a, b) from t", "select max_by(a, b) from t"),
    ("quantile_cont()", "select quantile_cont(a, 0.5) from t", "select median(a) from t"),
    ("regexp_matches()", "select regexp_matches(a, 'x') from t", "select a ilike '%x%' from t"),
    ("len()", "select len(a) from t", "select length(a) from t"),
    ("date_diff()", "select date_diff('day', a, b) from t", "select {{ days_between('a', 'b') }} from t"),
    ("now()", "select now()", "select {{ as_of() }}"),
    ("current_date", "select current_date", "select cast({{ as_of() }} as date)"),
    ("current_timestamp", "select current_timestamp", "select {{ as_of() }} as current_timestamps"),
    ("order by", "select row_number() over (order by a)", "select row_number() over (order by a nulls last)"),
    (
        "order by",
        "select a from t order by a nulls first, b desc",
        "select a from t order by a nulls first, b nulls last",
    ),
    (
        "order by",
        "select sum(a) over (order by b rows 2 preceding)",
        "select sum(a) over (order by b nulls last rows 2 preceding)",
    ),
    ("order by", "select a from t order by coalesce(a, b)", "select a from t order by coalesce(a, b) nulls last"),
    (
        "order by",
        "select string_agg(a, ',' order by b) from t",
        "select string_agg(a, ',' order by b nulls last) from t",
    ),
    ("extract(dow)", "select extract(dow from a)", "select extract(year from a)"),
    ("extract(dow)", "select extract(isodow from a)", "select extract(month from a)"),
    ("-> on JSON", "select a -> 'b' from t", "select {{ json_text('a', 'b') }} from t"),
    ("->> on JSON", "select a ->> 'b' from t", "select {{ json_text('a', 'b') }} from t"),
    ("//", "select a // 2", "select floor(a / 2)"),
    ("[…]", "select a[1] from t", "select '[1]' from t"),
    ("{…}", "select {'a': 1}", "select '{}'"),
    ("* exclude", "select * exclude (a) from t", "select a, b from t"),
    ("* replace", "select * replace (a as b) from t", "select replace(a, 'x', 'y') from t"),
    ("asof join", "select * from a asof join b on a.x >= b.x", "select * from a join b on a.x >= b.x"),
    ("ignore nulls", "select lag(a ignore nulls) over w", "select lag(a) over w"),
    ("timestamptz", "select a::timestamptz", "select a::timestamp"),
    ("timestamp", "select cast(a as timestamp with time zone)", "select cast(a as timestamp)"),
    ("division", "select a / b", "select a / nullif(b, 0)"),
    ("division", "select a / 0", "select a / 2"),
    ("avg of a decimal", "select avg(a) from t", "select avg(a::double) from t"),
    ("avg of a decimal", "select avg(a + b) from t", "select avg(cast(a + b as double)) from t"),
    ("date − date", "select ended_on - t.started_on from t", "select ended_on - 1 from t"),
    ("date − date", "select t.ended_on - t.started_on from t", "select {{ days_between('started_on', 'ended_on') }}"),
    (
        "a column of a union without a name: write … as b",
        "select a, b from t union all select a, null from u",
        "select a, b from t union all select a, null as b from u",
    ),
    (
        "a column of a union without a name: write … as b",
        "select a, {{ m('x') }} as b from t union all select t.a, {{ m('y') }} from u",
        "select a, {{ m('x') }} as b from t union all select t.a, {{ m('y') }} as b from u",
    ),
    (
        "a column of a union without a name: name it as the first branch does",
        "select * from t union all select (select 1 from v) from u",
        "select * from t union all select (select 1 from v) as a from u",
    ),
    (
        "b stands where the first branch of the union has a",
        "with x as (select a, c from t union select distinct b, c from u) select * from x",
        "with x as (select a, c from t union select distinct b as a, c from u) select * from x",
    ),
    (
        "a column of a union without a name: write … as c",
        "select a is distinct from b as c from t union all select true from u",
        "select a is distinct from b as c from t union all select true as c from u",
    ),
    (
        "SQL joined by ~",
        """select {{ money("a * (b" ~ ")") }} as c from t""",
        """select {{ money("a * (b)") }} as c from {{ ref("x_" ~ name) }}""",
    ),
    (
        "SQL joined by ~",
        """{%- set today = "cast(x as " ~ timestamp_type() -%} select {{ today }}""",
        """{%- set column = prefix ~ "paid_at" -%} select {{ column }}""",
    ),
    (
        "SQL joined by ~",
        "select {{ m(n('a')\n ~ ' - b') }}",
        "{% do exceptions.warn('no ' ~ a) %} select {{ m('c') }}",
    ),
    ("datediff in hours", "select {{ dbt.datediff('a', 'b', 'hour') }}", "select {{ dbt.datediff('a', 'b', 'day') }}"),
    ("datediff in minutes", 'select {{ datediff("a", "b", "minute") }}', 'select {{ datediff("a", "b", "month") }}'),
]


@pytest.mark.parametrize(("rule", "forbidden", "instead"), FORBIDDEN_AND_INSTEAD)
def test_forbids_a_construct_and_lets_its_replacement_pass(rule: str, forbidden: str, instead: str) -> None:
    assert [violation.message.startswith(rule) for violation in violations(forbidden)] == [True], violations(forbidden)
    assert violations(instead) == []


@pytest.mark.parametrize(
    "sql",
    [
        "select percentile_cont(0.5) within group (order by a::double) from t",
        "select 'concat(a), now()' as text from t",
        'select "now" from t',
        "select a.range from t",
        "-- select concat(a, b)\nselect 1",
        "{# order by a #}\nselect 1",
        "{% for a in [1, 2] %}\nselect {{ a }}\n{% endfor %}",
        "select 1 order by {{ ordering() }} nulls last",
        "select date '2020-01-01'",
        "select a, {{ m('b') }} from t union all select a, {{ m('b') }} from u",
        "select a, b from t union all select * from u",
        """{% macro m(a) %} {{ money("(" ~ a ~ ")") }} {% endmacro %}""",
        'select {% for n in x %} 1 as {{ n }}{{ "," if n }} {% endfor %} union all select a, 2 as b from t',
    ],
)
def test_leaves_text_names_comments_and_jinja_alone(sql: str) -> None:
    assert violations(sql) == []


def test_names_the_line_of_the_file_also_after_jinja_of_several_lines() -> None:
    sql = "{#\n comment\n#}\nselect {{ a(\n  1\n) }},\n  now()\n"

    assert [violation.line for violation in violations(sql)] == [7]


def test_the_command_names_file_line_and_advice_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    model = tmp_path / "models" / "bad.sql"
    model.parent.mkdir()
    model.write_text("select 1\nfrom t order by a\n")
    dialect = tmp_path / "macros" / "dialect" / "text.sql"
    dialect.parent.mkdir(parents=True)
    dialect.write_text("{% macro m() %} strftime(a) {% endmacro %}")

    assert main([str(tmp_path)]) == 1
    assert f"{model}:2: order by without nulls first or nulls last" in capsys.readouterr().out
    model.write_text("select 1\n")
    assert main([str(tmp_path)]) == 0
