"""Whatever the door lets in, the models carry: a build over drawn rows of every table of every source is green."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from ingestion.sources import SOURCE_NAMES
from tests.integration import accepted_rows

ROWS = 200  # drawn for each table


def build(data: Path, *arguments: str) -> None:
    places = ["--project-dir", "dbt_project", "--profiles-dir", "dbt_project"]
    command = [Path(sys.executable).with_name("dbt"), "--quiet", "build", "--exclude-resource-type", "unit_test"]
    done = subprocess.run(
        [sys.executable, "-m", "dagster_project.environment", "--", *command, *arguments, *places],
        cwd=accepted_rows.ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]


def test_a_build_over_accepted_rows_is_green(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIFECYCLE_PROFILE", "production")
    monkeypatch.setenv("LIFECYCLE_SOURCES", "files")
    monkeypatch.setenv("LIFECYCLE_AS_OF", accepted_rows.AS_OF.isoformat())
    warehouse = data_dir / "warehouse.duckdb"
    accepted_rows.prepare(warehouse)
    with duckdb.connect(str(warehouse)) as connection:
        for source in SOURCE_NAMES:
            for table, rows in accepted_rows.accepted(source, ROWS, data_dir):
                assert rows, f"the door lets no row of {source}.{table.name} in"
                accepted_rows.insert(connection, source, table, rows)
    build(data_dir)
