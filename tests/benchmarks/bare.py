"""What a step of the refresh does at least: the same rows, moved or made by DuckDB alone.

Belongs here: the floors of `refresh`, each a process of its own, `python -m tests.benchmarks.bare <floor> <in> <out>`,
which prints seconds of the processor. Does not: anything that is measured beside them.

`loads` reads Parquet files into tables, `publication` copies those of the schema `marts`. `pipelines` loads every
enabled source by dlt, as a refresh does, and nothing else. `build` runs the SQL that a step of dbt compiled, in the
order of that step, and `checks` that of its tests.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb

MEMORY_LIMIT = "6GB"
SETTINGS = (
    "set preserve_insertion_order = false",
    "set disabled_optimizers = 'cte_filter_pusher'",
    "set TimeZone = 'UTC'",
)


def opened(file: Path) -> duckdb.DuckDBPyConnection:
    """A DuckDB file with the settings of dbt's profile."""
    connection = duckdb.connect(str(file), config={"threads": 2, "memory_limit": MEMORY_LIMIT})
    for setting in SETTINGS:
        connection.execute(setting)
    return connection


def prepare(build_file: Path, file: Path, made: set[str]) -> None:
    """Copy into a new file what the models read and do not make: raw tables, seeds, predictions."""
    file.parent.mkdir(parents=True)
    with opened(file) as connection:
        connection.execute(f"attach '{build_file}' as build (read_only)")
        for schema, table in _tables(connection, "build"):
            connection.execute(f'create schema if not exists "{schema}"')
            if f"{schema}.{table}" not in made:
                connection.execute(f'create table "{schema}"."{table}" as from build."{schema}"."{table}"')


def built(target: Path, kinds: tuple[str, ...]) -> Iterator[tuple[dict[str, Any], str]]:
    """The nodes that dbt ran or compiled, each with its compiled SQL, in the order in which they ended."""
    # The builds of a refresh share one parsed project.
    manifest = next(each / "manifest.json" for each in (target, target.parent) if (each / "manifest.json").exists())
    nodes = json.loads(manifest.read_text(encoding="utf-8"))["nodes"]
    results = json.loads((target / "run_results.json").read_text(encoding="utf-8"))["results"]
    results.sort(key=lambda result: max((each["completed_at"] for each in result["timing"]), default=""))
    for result in results:
        node = nodes.get(result["unique_id"])  # none of an exposure, which dbt calls done without doing anything
        if node is not None and node["resource_type"] in kinds:
            yield node, result["compiled_code"]


def _tables(connection: duckdb.DuckDBPyConnection, catalog: str) -> list[tuple[str, str]]:
    return connection.execute(
        "select schema_name, table_name from duckdb_tables() where database_name = ? and not internal order by all",
        [catalog],
    ).fetchall()


def _loads(source: Path, file: Path) -> None:
    with opened(file) as connection:
        for folder in sorted(path for path in source.iterdir() if path.is_dir()):
            connection.execute(f"create table {folder.name} as from '{folder}/*.parquet'")


def _pipelines(source: Path, file: Path) -> None:
    from ingestion import config, pipelines  # only here: the imports count

    for account in config.enabled_accounts():
        pipelines.run(account.source, account.name)


def _publication(source: Path, file: Path) -> None:
    with opened(file) as connection:
        connection.execute(f"attach '{source}' as build (read_only)")
        connection.execute("create schema marts")
        for schema, table in _tables(connection, "build"):
            if schema == "marts":
                connection.execute(f'create table marts."{table}" as from build.marts."{table}"')


def _build(target: Path, file: Path) -> None:
    with opened(file) as connection:
        for node, sql in built(target, ("model",)):
            kind = "view" if node["config"]["materialized"] == "view" else "table"
            connection.execute(f'create schema if not exists "{node["schema"]}"')
            connection.execute(f'create {kind} "{node["schema"]}"."{node["name"]}" as {sql}')


def _checks(target: Path, file: Path) -> None:
    with opened(file) as connection:
        for _, sql in built(target, ("test",)):
            connection.execute(f"select count(*) from ({sql})").fetchall()


FLOORS: dict[str, Callable[[Path, Path], None]] = {
    "loads": _loads,
    "pipelines": _pipelines,
    "publication": _publication,
    "build": _build,
    "checks": _checks,
}

if __name__ == "__main__":
    floor, source, file = sys.argv[1:]
    began = time.process_time()
    FLOORS[floor](Path(source), Path(file))
    print(time.process_time() - began)
