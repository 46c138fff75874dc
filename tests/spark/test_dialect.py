"""The macros that say the same on each engine, as Spark reads them, and what a contract forbids there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from cluster.thrift import connected
from tests import dialect_cases
from tests.spark.conftest import Engines

PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"


def test_macros_of_the_dialect_mean_what_they_say(engines: Engines) -> None:
    inline = ["--inline", dialect_cases.query(), "--limit", "1000", "--output", "json"]
    done = _dbt(engines, "--quiet", "show", *inline)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads(done.stdout[done.stdout.index("{") :])["show"]
    assert {row["name"]: row["value"] for row in rows} == dialect_cases.expected()


def test_what_a_contract_forbids_fails_the_model(engines: Engines) -> None:
    """A row without a value that a contract asks for: DuckDB refuses it by itself, Parquet would take it."""
    with connected("127.0.0.1", int(engines.spark.environment["SPARK_THRIFT_PORT"])) as cursor:
        cursor.execute("alter table predictions.survival_curves rename to predictions.survival_curves_kept")
        cursor.execute(
            "create table predictions.survival_curves as select * from predictions.survival_curves_kept limit 0"
        )
        try:
            columns = [row[0] for row in _rows(cursor, "describe predictions.survival_curves")]
            values = ", ".join(f"null as {column}" for column in columns)
            cursor.execute(f"insert into predictions.survival_curves select {values}")
            done = _dbt(engines, "run", "--select", "survival_curves")
        finally:
            cursor.execute("drop table predictions.survival_curves")
            cursor.execute("alter table predictions.survival_curves_kept rename to predictions.survival_curves")
    assert done.returncode != 0
    assert "which its contract asks for" in done.stdout
    assert _dbt(engines, "run", "--select", "survival_curves").returncode == 0


def _rows(cursor, statement: str) -> list[tuple]:
    cursor.execute(statement)
    return cursor.fetchall()


def _dbt(engines: Engines, *arguments: str) -> subprocess.CompletedProcess[str]:
    folder = engines.spark.data / "dbt_by_hand"
    places = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--target", "spark"]
    return engines.spark.run(
        *[sys.executable, "-c", "from dbt.cli.main import cli; cli()", *arguments, *places],
        *["--target-path", str(folder), "--log-path", str(folder)],
        LIFECYCLE_AS_OF="2026-10-31T06:00:00Z",
    )
