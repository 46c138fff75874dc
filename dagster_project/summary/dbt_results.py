"""What dbt found in a build, read from the results that it wrote and from the parsed project."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb

from cluster.thrift import ClusterError, in_its_own_words
from dagster_project import personal, spark_tables
from dagster_project.steps import engine
from dagster_project.summary.run_log import Finding, Status

STATUSES: dict[str, Status] = {
    "pass": "passed",
    "success": "passed",
    "warn": "warned",
    "fail": "failed",
    "error": "failed",
    "runtime error": "failed",
    "skipped": "skipped",
}
SAMPLE_ROWS = 5


def findings(run_results: Path, nodes: Mapping[str, Any], warehouse: Path) -> list[Finding]:
    """Results of the tests, and of the models that could not be built, with rows that offend.

    Args:
        run_results: what dbt wrote of a build.
        nodes: of the parsed project.
        warehouse: the build file; opened read-only for the rows.
    """
    return list(_findings(json.loads(run_results.read_text())["results"], nodes, warehouse))


def _findings(results: list[dict[str, Any]], nodes: Mapping[str, Any], warehouse: Path) -> Iterator[Finding]:
    for result in results:
        node = nodes.get(result["unique_id"])
        status = STATUSES.get(result["status"], "failed")
        if node is None or (node["resource_type"] != "test" and status in ("passed", "skipped")):
            continue
        is_test = node["resource_type"] == "test"
        failures = result.get("failures")
        observed = (
            f"{failures} rows"
            if failures
            else personal.masked_text(" ".join(in_its_own_words(result.get("message") or "").split()))
        )
        samples: tuple[str, ...] = ()
        if is_test and failures and status in ("warned", "failed"):
            samples = tuple(sample_rows(result.get("compiled_code"), warehouse))
        yield Finding(
            "dbt test" if is_test else "dbt model", _subject(node, nodes), node["name"], status, observed, samples
        )


def _subject(node: Mapping[str, Any], nodes: Mapping[str, Any]) -> str:
    attached = nodes.get(node.get("attached_node") or "", node)
    return f"{attached['schema']}.{attached['name']}"


def sample_rows(query: str | None, warehouse: Path) -> Iterator[str]:
    """The first rows that the query of a test finds, a line each, personal columns masked.

    Args:
        query: as dbt compiled it for the engine; None, and there are none.
        warehouse: the build file; opened read-only.
    """
    if not query:
        return
    if engine() == "spark":
        yield from _rows_of_spark(query)
        return
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        found = connection.execute(f"select * from ({query}) limit {SAMPLE_ROWS}")
        names = [column[0] for column in found.description or ()]
        for row in found.fetchall():
            yield personal.shown_row(dict(zip(names, row, strict=True)))


def _rows_of_spark(query: str) -> Iterator[str]:
    """As `sample_rows`, of the query as dbt compiled it for Spark."""
    try:
        for row in spark_tables.rows(query, SAMPLE_ROWS):
            yield personal.shown_row(row)
    except ClusterError as error:
        yield f"(not shown: {error})"


def keys_of(nodes: Mapping[str, Any]) -> dict[str, list[str]]:
    """Columns that identify a row, for the models whose tests say so."""
    keys = {
        node["name"]: node["primary_key"]
        for node in nodes.values()
        if node["resource_type"] == "model" and node.get("primary_key")
    }
    for node in nodes.values():
        test = node.get("test_metadata") or {}
        if test.get("name") == "unique_combination" and node.get("attached_node") in nodes:
            keys.setdefault(nodes[node["attached_node"]]["name"], test["kwargs"]["columns"])
    return keys
