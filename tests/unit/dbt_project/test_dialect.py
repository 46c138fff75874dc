"""The macros that say the same on each engine, as DuckDB reads them. Spark's side: `make test-spark`."""

from __future__ import annotations

import duckdb
import pytest

from tests import dialect_cases
from tests.unit.dbt_project.compiling import compiled, dbt_environment


def test_macros_of_the_dialect_mean_what_they_say(tmp_path_factory: pytest.TempPathFactory) -> None:
    with dbt_environment(tmp_path_factory.mktemp("dialect")):
        sql = compiled(dialect_cases.query())
    with duckdb.connect() as connection:
        # The session's own zone must not matter.
        connection.execute("set timezone = 'America/New_York'")
        found = dict(connection.execute(sql).fetchall())
    assert found == dialect_cases.expected()
