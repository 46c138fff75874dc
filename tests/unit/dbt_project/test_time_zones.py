"""Time zones: local clocks on the days they are changed."""

from __future__ import annotations

from datetime import datetime

import duckdb
import pytest

from tests.unit.dbt_project.compiling import compiled, dbt_environment


@pytest.fixture(scope="module")
def clocks_sql(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    with dbt_environment(tmp_path_factory.mktemp("clocks")):
        return {
            "local": compiled("select {{ local_time('instant', 'Europe/Paris') }} from given"),
            "utc": compiled("select {{ utc_time('instant', 'Europe/Paris') }} from given"),
        }


@pytest.mark.parametrize(
    ("utc", "local"),
    [
        ("2026-03-29 00:59:59", "2026-03-29 01:59:59"),
        ("2026-03-29 01:00:00", "2026-03-29 03:00:00"),  # a day of 23 hours
        ("2026-10-24 22:00:00", "2026-10-25 00:00:00"),
        ("2026-10-25 22:59:59", "2026-10-25 23:59:59"),  # a day of 25 hours
        ("2026-10-25 23:00:00", "2026-10-26 00:00:00"),
    ],
)
def test_clocks_follow_summer_time(clocks_sql: dict[str, str], utc: str, local: str) -> None:
    given = {"local": utc, "utc": local}
    expected = {"local": local, "utc": utc}
    for direction, sql in clocks_sql.items():
        with duckdb.connect() as connection:
            # The session's own zone must not matter.
            connection.execute("set timezone = 'America/New_York'")
            connection.execute("create table given as select ?::timestamp as instant", [given[direction]])
            (found,) = connection.execute(sql).fetchone() or ()
        assert found == datetime.fromisoformat(expected[direction])
