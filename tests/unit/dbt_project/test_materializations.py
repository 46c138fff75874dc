"""Tables and views in one statement each: what there was stays until what replaces it is whole."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dagster_project import dbt_runner
from ingestion.config import PROJECT_ROOT

FILES = {
    "dbt_project.yml": "{name: small, profile: small, version: '1.0'}",
    "profiles.yml": """
small: {target: t, outputs: {t: {type: duckdb, path: "{{ env_var('WAREHOUSE') }}", threads: 2}}}
""",
    "models/one.sql": "{{ config(materialized=env_var('KIND', 'table')) }} select {{ env_var('NUMBER', '1') }} as id",
    "models/promised.sql": "{{ config(materialized='table') }} select {{ env_var('NUMBER', '1') }} as id, 'x' as name",
    "models/indexed.sql": """
{{ config(materialized='table', indexes=[{'columns': ['id'], 'unique': true}]) }} select 1 as id
""",
    "models/models.yml": """
models:
  - name: promised
    config: {contract: {enforced: true}}
    columns:
      - {name: id, data_type: integer, constraints: [{type: not_null}]}
      - {name: name, data_type: varchar}
""",
}


@pytest.fixture
def warehouse(data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    ours = PROJECT_ROOT / "dbt_project" / "macros" / "dialect" / "materializations"
    shutil.copytree(ours, folder / "macros")
    monkeypatch.setattr(dbt_runner, "PROJECT", folder)
    monkeypatch.setenv("WAREHOUSE", str(data_dir / "warehouse.duckdb"))
    return data_dir / "warehouse.duckdb"


def build(warehouse: Path) -> dict[str, str]:
    """Each model's status."""
    done = dbt_runner._invoke(["build"], warehouse.parent / "target")
    results: Any = done.result
    return {result.node.name: str(result.status) for result in results}


def rows(warehouse: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return connection.execute(query).fetchall()


def test_a_model_that_fails_leaves_the_rows_that_there_were(warehouse: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(build(warehouse).values()) == {"success"}
    monkeypatch.setenv("NUMBER", "error('no row')::int")
    assert build(warehouse) == {"one": "error", "promised": "error", "indexed": "success"}
    assert rows(warehouse, "from main.one") == [(1,)]

    monkeypatch.setenv("NUMBER", "null::int")  # the contract refuses it after the table was made
    assert build(warehouse)["promised"] == "error"
    assert rows(warehouse, "from main.promised") == [(1, "x")]
    assert rows(warehouse, "from main.one") == [(None,)]


def test_a_table_keeps_the_promises_of_its_contract_and_its_indexes(
    warehouse: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in ("1", "2"):
        monkeypatch.setenv("NUMBER", number)
        assert set(build(warehouse).values()) == {"success"}
    assert rows(warehouse, "from main.promised") == [(2, "x")]
    assert rows(
        warehouse, "select column_name, is_nullable from duckdb_columns() where table_name = 'promised' order by 1"
    ) == [("id", False), ("name", True)]
    assert rows(warehouse, "select table_name, is_unique from duckdb_indexes()") == [("indexed", True)]


def test_a_model_may_become_a_view_and_a_table_again(warehouse: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, stored in (("table", "BASE TABLE"), ("view", "VIEW"), ("view", "VIEW"), ("table", "BASE TABLE")):
        monkeypatch.setenv("KIND", kind)
        assert build(warehouse)["one"] == "success"
        assert rows(
            warehouse, "select table_name, table_type from information_schema.tables where table_name like 'one%'"
        ) == [("one", stored)]
        assert rows(warehouse, "from main.one") == [(1,)]
