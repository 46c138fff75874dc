"""Whatever the door lets in, the models carry: a build over drawn rows of every table of every source is green."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pytest

from dagster_project.environment import variables
from dagster_project.parsed_project import take_over
from expectations.runner import Result, open_runner
from expectations.suites import Suite, mart_suites, raw_suites
from ingestion.sources import SOURCE_NAMES
from tests.integration import accepted_rows
from tests.integration.refreshing import BUILD, MARTS, reverse_raw_rows

ROWS = 120  # drawn for each table
NIGHT = 15  # rows of a small night


def build(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dagster_project.environment", "--", sys.executable, "-c", BUILD, *arguments],
        cwd=accepted_rows.ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]


def mart_rows(warehouse: Path) -> dict[str, set[tuple]]:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return {mart: set(connection.execute(f"from marts.{mart}").fetchall()) for mart in MARTS}


def stops(warehouse: Path, suites: Sequence[Suite]) -> list[Result]:
    """What would stop a refresh at a gate."""
    with open_runner(warehouse, as_of=accepted_rows.AS_OF) as runner:
        return [result for suite in suites for result in runner.run(suite) if result.status == "failed"]


def test_the_models_carry_whatever_the_door_lets_in(
    data_dir: Path, parsed_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The night after, a third of the records is gone and people share an address.

    The increment equals a rebuild, from rows in another order.
    """
    monkeypatch.setenv("LIFECYCLE_PROFILE", "production")
    monkeypatch.setenv("LIFECYCLE_SOURCES", "files")
    monkeypatch.setenv("LIFECYCLE_AS_OF", accepted_rows.AS_OF.isoformat())
    warehouse = data_dir / "warehouse.duckdb"
    with variables(LIFECYCLE_WAREHOUSE_PATH=str(warehouse)):
        take_over(parsed_project, data_dir / "dbt", accepted_rows.ROOT / "dbt_project", "")
    accepted_rows.prepare(warehouse)
    with duckdb.connect(str(warehouse)) as connection:
        for source in SOURCE_NAMES:
            for table, rows in accepted_rows.accepted(source, ROWS, data_dir):
                assert rows, f"the door lets no row of {source}.{table.name} in"
                accepted_rows.insert(connection, source, table, rows)
    build()
    assert stops(warehouse, mart_suites()) == []
    with duckdb.connect(str(warehouse)) as connection:
        for source, table in (("hubspot", "contacts"), ("shopify", "customers"), ("files", "customers")):
            connection.execute(f"update raw_{source}.{table} set email = 'b@firm.fr' where email = 'c@gmail.com'")
        for source in SOURCE_NAMES:
            for table in accepted_rows.record_tables(source):
                connection.execute(f"delete from raw_{source}.{table.name} where hash(_dlt_id) % 3 = 0")
    build()
    increment = mart_rows(warehouse)
    reverse_raw_rows(warehouse)
    build("--full-refresh", "--exclude-resource-type", "test")

    rebuilt = mart_rows(warehouse)
    differing = {mart: rows ^ rebuilt[mart] for mart, rows in increment.items() if rows != rebuilt[mart]}
    assert {mart: sorted(map(str, rows))[:4] for mart, rows in differing.items()} == {}
    assert increment["lifecycle_stage_history"] and increment["customer_value"]


def test_no_few_records_that_the_door_lets_in_stop_the_night(data_dir: Path) -> None:
    """Whatever they hold: gate 1 stops a batch that is wrong as a whole, the door turns single records away."""
    warehouse = data_dir / "warehouse.duckdb"
    accepted_rows.prepare(warehouse)
    suites = raw_suites(SOURCE_NAMES)
    judged = {suite.name for suite in suites}
    drawn = {
        (source, table): rows
        for source in SOURCE_NAMES
        for table, rows in accepted_rows.accepted(source, ROWS, data_dir)
        if f"raw_{source}.{table.name}" in judged
    }
    for start in range(0, ROWS, NIGHT):
        with duckdb.connect(str(warehouse)) as connection:
            for (source, table), rows in drawn.items():
                accepted_rows.insert(connection, source, table, rows[start : start + NIGHT])
        assert stops(warehouse, suites) == []
