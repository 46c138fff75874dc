"""A run of dbt on a warehouse that holds later data is refused, as a load and a refresh are."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from dbt.cli.main import dbtRunnerResult

from dagster_project import dbt_runner
from tests.unit.dbt_project.compiling import dbt_environment, parsed


def seed(folder: Path, as_of: str) -> dbtRunnerResult:
    """The smallest run that there is."""
    with dbt_environment(folder, {"LIFECYCLE_DATA_DIR": str(folder), "LIFECYCLE_AS_OF": as_of}):
        return dbt_runner._invoke(["--quiet", "seed", "--select", "identity_overrides"], folder / "target", parsed())


def test_now_is_never_before_the_latest_load(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        for schema, instant in (("raw_files", "2026-10-31 08:00:00+02"), ("raw_stripe", "2026-10-01 00:00:00+00")):
            connection.execute(f"create schema {schema}")
            connection.execute(f"create table {schema}.load_audit as select timestamptz '{instant}' as loaded_as_of")
    refused = seed(tmp_path, "2026-10-31T05:59:59Z")
    said = capfd.readouterr().out
    done = seed(tmp_path, "2026-10-31T06:00:00Z")

    assert not refused.success and done.success, done.exception
    assert "the data were loaded as of 2026-10-31 06:00:00" in said
    assert "set LIFECYCLE_DATA_DIR to another folder to look at the past" in said
