"""Compiles macros of the dbt project to the SQL they become, for tests that run it on data of their own."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from dbt.artifacts.schemas.run import RunResult
from dbt.cli.main import dbtRunner, dbtRunnerResult

PROJECT = Path(__file__).resolve().parents[3] / "dbt_project"


@contextmanager
def dbt_environment(folder: Path, variables: Mapping[str, str] | None = None) -> Iterator[None]:
    """Point dbt's target, logs and warehouse at `folder`."""
    with patch.dict(
        os.environ,
        {
            "LIFECYCLE_WAREHOUSE_PATH": str(folder / "warehouse.duckdb"),
            "DBT_TARGET_PATH": str(folder / "target"),
            "DBT_LOG_PATH": str(folder / "logs"),
            **(variables or {}),
        },
    ):
        yield


def invoke(inline: str) -> dbtRunnerResult:
    """`dbt compile` of a piece of SQL with Jinja."""
    return dbtRunner().invoke(
        ["--quiet", "compile", "--inline", inline, "--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)]
    )


def compiled(inline: str) -> str:
    """The SQL that a piece of SQL with Jinja becomes."""
    result = invoke(inline)
    assert result.success, result.exception
    run_result: RunResult = result.result.results[0]
    return str(run_result.node.compiled_code)
