"""Compiles macros of the dbt project to the SQL they become, for tests that run it on data of their own."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from dbt.artifacts.schemas.run import RunResult
from dbt.cli.main import dbtRunner, dbtRunnerResult
from dbt.contracts.graph.manifest import Manifest

from dagster_project.dbt_shortcuts import take_shortcuts
from dagster_project.parsed_project import take_over

PROJECT = Path(__file__).resolve().parents[3] / "dbt_project"
PLACES = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)]
# Writing the manifest takes longer than to compile a piece of SQL, and nobody reads it here.
QUIETLY = ["--quiet", "--no-write-json"]


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


def parse_from(parsed_before: Path, project: Path) -> dbtRunnerResult:
    """`dbt parse` into the target folder of the environment; dbt reads again what is not as it was parsed before.

    Args:
        parsed_before: dbt's target folder of the project as it is in this repository.
        project: the same, or a copy with changes.
    """
    take_over(parsed_before, Path(os.environ["DBT_TARGET_PATH"]), project, "")
    return dbtRunner().invoke([*QUIETLY, "parse", "--project-dir", str(project), "--profiles-dir", str(project)])


_parsed_before: list[Path] = []


def start_from(parsed_before: Path) -> None:
    """Have `parsed` read no more than what is not as it was parsed before, into dbt's target folder."""
    _parsed_before[:] = [parsed_before]


@cache
def parsed() -> Manifest:
    """The project, parsed once a process: that takes far longer than to compile a piece of it."""
    # The warehouse is not opened while dbt parses: its path gives the database its name.
    with TemporaryDirectory() as folder, dbt_environment(Path(folder)):
        result = parse_from(_parsed_before[0] if _parsed_before else Path(folder), PROJECT)
    assert isinstance(result.result, Manifest), result.exception
    return result.result


def _compile(manifest: Manifest, *what: str) -> dbtRunnerResult:
    take_shortcuts()
    return dbtRunner(manifest).invoke([*QUIETLY, "compile", *what, *PLACES])


def invoke(inline: str) -> dbtRunnerResult:
    """`dbt compile` of a piece of SQL with Jinja."""
    manifest = parsed()
    own = set(manifest.nodes)
    try:
        return _compile(manifest, "--inline", inline)
    finally:
        for name in manifest.nodes.keys() - own:  # dbt leaves a piece that failed
            del manifest.nodes[name]


def compiled(inline: str) -> str:
    """The SQL that a piece of SQL with Jinja becomes."""
    result = invoke(inline)
    assert result.success, result.exception
    run_result: RunResult = result.result.results[0]
    return str(run_result.node.compiled_code)


def compiled_models(*names: str) -> dict[str, str]:
    """The SQL of models by name; what they read are the tables of the schemas that dbt would write them to."""
    result = _compile(parsed(), "--select", *names)
    assert result.success, result.exception
    return {run.node.name: str(run.node.compiled_code) for run in result.result.results}


def model_sql(name: str) -> str:
    """The SQL with Jinja of a model, reading tables called `given_<input>`."""
    (file,) = (PROJECT / "models").rglob(f"{name}.sql")
    return re.sub(r'\{\{ ref\("(\w+)"\) \}\}', r"given_\1", file.read_text(encoding="utf-8"))
