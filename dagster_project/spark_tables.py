"""The tables around a build on Spark: what models read goes there before, what they have made is shown after.

Belongs here: which tables those are, by the parsed project; where the cluster is. Does not: how tables cross
(`cluster/`), dbt (`dbt_runner`).
"""

from __future__ import annotations

import shutil
from collections.abc import Collection
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from cluster import built_tables, raw_tables
from cluster.configuration import events_path
from cluster.raw_tables import Table
from cluster.thrift import connected
from dagster_project import environment
from dagster_project.prediction_tables import SCHEMA as PREDICTIONS
from dagster_project.steps import engine
from ingestion import config

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest
    from pyhive.hive import Cursor

# Copies of tables that a model adds to and no rebuild can make: the build file owns them, as it owns what is predicted.
# The model in Spark goes on from such a copy, and its rows come back.
KEPT = "kept"


def cursor() -> AbstractContextManager[Cursor]:
    """A session of the cluster that the settings name.

    Raises:
        ClusterError: it does not answer.
    """
    found = environment.SparkSettings.read()
    return connected(found.thrift_host or "127.0.0.1", found.thrift_port)


def refuse_unreachable_cluster() -> None:
    """Stop where the models are to run on Spark and it does not answer.

    Raises:
        ClusterError: saying where, and what to do.
    """
    if engine() == "spark":
        with cursor() as session:
            session.execute("select 1")


def give(manifest: Manifest) -> list[Table]:
    """Have Spark read what the models read, as the build file has it. Returns the tables that were written anew.

    Raises:
        ClusterError: Spark does not answer, or cannot read a table.
    """
    folder, warehouse = environment.spark_dir() / "raw", config.warehouse_path()
    if _erased().exists():
        with cursor() as session:
            built_tables.forget(
                session,
                {table.schema for table in (*_read(manifest), *_built(manifest).values(), *_views(manifest).values())},
            )
        _erased().unlink()
    with cursor() as session:
        built_tables.discard_remains(session, _built(manifest).values())
    _create_prediction_tables(manifest, warehouse)
    tables = _read(manifest)
    copied = raw_tables.write(warehouse, tables, folder)
    raw_tables.declare(cursor, folder, copied.columns, {table.schema for table in tables})
    with cursor() as session:
        for table, origin in tables.items():
            if table.schema == KEPT:
                raw_tables.put(session, folder, table, origin, copied.columns)
    return [*copied.written]


def show(manifest: Manifest, built: Collection[str]) -> list[Table]:
    """Have the build file show what Spark has just built. Returns the tables that it shows.

    Args:
        manifest: the parsed project.
        built: ids of the models and seeds that were built. What was not stays as it is, unless Spark has lost it.

    Raises:
        ClusterError: Spark does not answer, or keeps its tables elsewhere.
    """
    tables = _built(manifest)
    with cursor() as session:
        folders = built_tables.folders(session, tables.values())
    return built_tables.show(
        config.warehouse_path(),
        {tables[each]: folders[tables[each]] for each in built if tables.get(each) in folders},
        # Seeds, because dbt writes none in the place of a view; what is kept, because the build file owns it.
        copied={
            table for each, table in tables.items() if _is_seed(manifest.nodes[each]) or _is_kept(manifest.nodes[each])
        },
        absent={table for each, table in _views(manifest).items() if each in built},
        perhaps_lost=folders,
    )


def views(manifest: Manifest) -> list[tuple[str, str]]:
    """Schema and name of each view that Spark has where models make views.

    Raises:
        ClusterError: Spark does not answer.
    """
    found: list[tuple[str, str]] = []
    with cursor() as session:
        for schema in sorted({table.schema for table in _views(manifest).values()}):
            session.execute(f"create database if not exists {schema}")
            session.execute(f"show views in {schema}")
            found += [(schema, name) for _, name, *_ in session.fetchall()]
    return sorted(found)


def rows(query: str, limit: int) -> list[dict[str, Any]]:
    """The first rows of a query of Spark.

    Raises:
        ClusterError: Spark does not answer, or cannot read what the query reads.
    """
    with cursor() as session:
        session.execute(f"select * from ({query}) as found limit {limit}")
        names = [column[0].rpartition(".")[2] for column in session.description]
        return [dict(zip(names, row, strict=True)) for row in session.fetchall()]


def erase() -> None:
    """Take away the rows that Spark reads, keeps and has put aside; the next refresh has it forget the tables as well.

    With them go its logs of tasks, which repeat statements, and so the values of seeds.

    No refresh may run meanwhile. The cluster may: what it has put aside is of queries that have ended.
    """
    folder = environment.spark_dir()
    if folder.exists():
        for rows in (folder / "raw", folder / "warehouse", events_path(folder)):
            shutil.rmtree(rows, ignore_errors=True)
        for file in (folder / "local").glob("**/blockmgr-*/*/*"):
            file.unlink(missing_ok=True)  # a cluster that runs deletes some itself
        _erased().touch()


def _erased() -> Path:
    """Is there from an erasure until Spark has forgotten its tables, too."""
    return environment.spark_dir() / "erased"


def _read(manifest: Manifest) -> dict[Table, Table]:
    """What models read that none of them makes, by its names in Spark: which table of the build file it is."""
    sources = [Table(source.schema, source.identifier) for source in manifest.sources.values()]
    kept = {
        Table(KEPT, node.alias): Table(node.schema, node.alias) for node in manifest.nodes.values() if _is_kept(node)
    }
    return {**{table: table for table in sources}, **kept}


def _built(manifest: Manifest) -> dict[str, Table]:
    """What is a table in Spark, by the id of its model or seed."""
    return {
        name: Table(node.schema, node.alias)
        for name, node in manifest.nodes.items()
        if _is_seed(node) or (_is_model(node) and node.config.materialized not in ("view", "ephemeral"))
    }


def _views(manifest: Manifest) -> dict[str, Table]:
    return {
        name: Table(node.schema, node.alias)
        for name, node in manifest.nodes.items()
        if _is_model(node) and node.config.materialized == "view"
    }


def _is_seed(node: Any) -> bool:
    return node.resource_type == "seed"


def _is_model(node: Any) -> bool:
    return node.resource_type == "model"


def _is_kept(node: Any) -> bool:
    """Whether no rebuild can make a model: `full_refresh: false` says so."""
    return _is_model(node) and node.config.full_refresh is False


def _create_prediction_tables(manifest: Manifest, warehouse: Path) -> None:
    """As the macro of this name does where dbt opens the build file: missing tables and columns, without rows."""
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(f"create schema if not exists {PREDICTIONS}")
        for source in manifest.sources.values():
            if source.schema != PREDICTIONS:
                continue
            place = f'{PREDICTIONS}."{source.identifier}"'
            columns = [f'"{column.name}" {column.data_type}' for column in source.columns.values()]
            connection.execute(f"create table if not exists {place} ({', '.join(columns)})")
            for column in columns:
                connection.execute(f"alter table {place} add column if not exists {column}")
