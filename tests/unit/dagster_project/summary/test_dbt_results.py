"""dbt's results as findings, with rows that offend."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from dagster_project.summary.dbt_results import findings, keys_of
from dagster_project.summary.run_log import Finding


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema marts; create table marts.people as select range as person_id from range(9)")
    return path


@pytest.fixture
def nodes() -> dict[str, dict]:
    model = {"resource_type": "model", "schema": "marts", "name": "people", "primary_key": ["person_id"]}
    other = {"resource_type": "model", "schema": "marts", "name": "episodes", "primary_key": []}
    test = {"resource_type": "test", "schema": "tests", "name": "small_ids", "attached_node": "model.people"}
    combination = {
        "resource_type": "test",
        "name": "unique_combination_episodes",
        "schema": "tests",
        "attached_node": "model.episodes",
        "test_metadata": {"name": "unique_combination", "kwargs": {"columns": ["a", "b"]}},
    }
    return {"model.people": model, "model.episodes": other, "test.small": test, "test.unique": combination}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return tmp_path / "run_results.json"


def write_results(path: Path, *results: dict) -> None:
    path.write_text(json.dumps({"results": list(results)}))


def test_a_failed_test_shows_how_many_rows_and_five_of_them(results: Path, nodes: dict, warehouse: Path) -> None:
    query = "select person_id from marts.people where person_id > 1"
    write_results(results, {"unique_id": "test.small", "status": "fail", "failures": 7, "compiled_code": query})

    (finding,) = findings(results, nodes, warehouse)

    assert finding == Finding(
        "dbt test", "marts.people", "small_ids", "failed", "7 rows", tuple(f"person_id={n}" for n in range(2, 7))
    )


def test_a_model_that_was_built_is_no_finding_and_one_that_failed_is(
    results: Path, nodes: dict, warehouse: Path
) -> None:
    write_results(
        results,
        {"unique_id": "model.episodes", "status": "success"},
        {"unique_id": "model.people", "status": "error", "message": "Binder Error:\n  no column x"},
    )

    assert findings(results, nodes, warehouse) == [
        Finding("dbt model", "marts.people", "people", "failed", "Binder Error: no column x")
    ]


def test_a_passed_test_asks_the_warehouse_nothing(results: Path, nodes: dict, tmp_path: Path) -> None:
    write_results(results, {"unique_id": "test.small", "status": "pass", "failures": 0, "compiled_code": "select 1"})

    (finding,) = findings(results, nodes, tmp_path / "no warehouse")
    assert (finding.status, finding.samples) == ("passed", ())


def test_keys_come_from_dbt_and_from_tests_of_several_columns(nodes: dict) -> None:
    assert keys_of(nodes) == {"people": ["person_id"], "episodes": ["a", "b"]}


def test_rows_that_offend_name_nobody(results: Path, nodes: dict, warehouse: Path) -> None:
    query = "select 7 as person_id, 'jo@x.fr' as email, 'write to jo@x.fr' as reason"
    write_results(results, {"unique_id": "test.small", "status": "fail", "failures": 1, "compiled_code": query})

    (finding,) = findings(results, nodes, warehouse)

    assert finding.samples == ("person_id=7, email=j***@x***.fr, reason=write to j***@x***.fr",)
