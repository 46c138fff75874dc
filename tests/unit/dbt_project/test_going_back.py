"""A run of dbt on a warehouse that holds later data is refused, as a load and a refresh are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import duckdb

from ingestion.config import PROJECT_ROOT

DBT = PROJECT_ROOT / "dbt_project"


def seed(folder: Path, as_of: str) -> subprocess.CompletedProcess[str]:
    """The smallest run that there is."""
    return subprocess.run(
        [
            *(str(Path(sys.executable).with_name("dbt")), "--quiet", "seed", "--select", "identity_overrides"),
            *("--project-dir", str(DBT), "--profiles-dir", str(DBT)),
        ],
        env={
            **os.environ,
            "LIFECYCLE_WAREHOUSE_PATH": str(folder / "warehouse.duckdb"),
            "DBT_TARGET_PATH": str(folder / "target"),
            "DBT_LOG_PATH": str(folder / "logs"),
            "LIFECYCLE_AS_OF": as_of,
        },
        capture_output=True,
        text=True,
    )


def test_now_is_never_before_the_latest_load(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        for schema, instant in (("raw_files", "2026-10-31 08:00:00+02"), ("raw_stripe", "2026-10-01 00:00:00+00")):
            connection.execute(f"create schema {schema}")
            connection.execute(f"create table {schema}.load_audit as select timestamptz '{instant}' as loaded_as_of")
    refused, done = seed(tmp_path, "2026-10-31T05:59:59Z"), seed(tmp_path, "2026-10-31T06:00:00Z")

    assert refused.returncode != 0 and done.returncode == 0, done.stdout
    assert "the data were loaded as of 2026-10-31 06:00:00" in refused.stdout
    assert "set LIFECYCLE_DATA_DIR to another folder to look at the past" in refused.stdout
