"""Spark's Parquet as views of the build file, by DuckDB alone."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import duckdb
import pytest

from cluster import built_tables
from cluster.raw_tables import Table

PERSONS, SEED, VIEW = Table("core", "dim_persons"), Table("intermediate", "countries"), Table("core", "fct_touches")


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    """As DuckDB has built it."""
    path = tmp_path / "warehouse.duckdb"
    _run(
        path,
        "create schema core",
        "create table core.dim_persons as select 'of duckdb' as person_id",
        "create view core.fct_touches as from core.dim_persons",
    )
    return path


def _run(path: Path, *statements: str) -> None:
    with duckdb.connect(str(path)) as connection:
        for statement in statements:
            connection.execute(statement)


def _rows(path: Path, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(query).fetchall()


def _written(tmp_path: Path, table: Table, *parts: str) -> Path:
    """A folder as Spark leaves it: a file a task, and a mark."""
    folder = tmp_path / "it's" / f"{table.schema}.db" / table.name
    folder.mkdir(parents=True, exist_ok=True)
    for number, query in enumerate(parts):
        file = str(folder / f"part-{number}.snappy.parquet").replace("'", "''")
        duckdb.execute(f"copy ({query}) to '{file}' (format parquet)")
    (folder / "_SUCCESS").touch()
    return folder


def _kinds(path: Path) -> dict[str, str]:
    query = "select table_schema || '.' || table_name, table_type from information_schema.tables"
    return dict(_rows(path, query))  # type: ignore[arg-type]


def test_tables_give_way_to_views_over_all_files_and_views_to_nothing(warehouse: Path, tmp_path: Path) -> None:
    folder = _written(tmp_path, PERSONS, "select 'a' as person_id", "select 'b' as person_id")
    seed = _written(tmp_path, SEED, "select 'FR' as country")

    shown = built_tables.show(warehouse, {PERSONS: folder, SEED: seed}, copied={SEED}, absent={VIEW})

    assert shown == [PERSONS, SEED]
    assert _kinds(warehouse) == {"core.dim_persons": "VIEW", "intermediate.countries": "BASE TABLE"}
    assert _rows(warehouse, "from core.dim_persons order by all") == [("a",), ("b",)]
    with duckdb.connect(str(warehouse)) as connection:
        assert built_tables.shown(connection, ["core", "intermediate"]) == [PERSONS, SEED]


def test_showing_again_shows_what_spark_has_then(warehouse: Path, tmp_path: Path) -> None:
    seed = _written(tmp_path, SEED, "select 'FR' as country")
    folder = _written(tmp_path, PERSONS, "select 'a' as person_id")
    built_tables.show(warehouse, {PERSONS: folder, SEED: seed}, copied={SEED})
    _written(tmp_path, SEED, "select 'DE' as country, 2 as number")
    _written(tmp_path, PERSONS, "select 'c' as person_id, 1 as other")

    built_tables.show(warehouse, {PERSONS: folder, SEED: seed}, copied={SEED})

    assert _rows(warehouse, "from core.dim_persons") == [("c", 1)]
    assert _rows(warehouse, "from intermediate.countries") == [("DE", 2)]


def test_a_view_goes_with_its_files_and_a_table_of_duckdb_stays(warehouse: Path, tmp_path: Path) -> None:
    folder = _written(tmp_path, PERSONS, "select 'a' as person_id")
    other = Table("core", "dim_orders")
    built_tables.show(warehouse, {PERSONS: folder})
    _run(warehouse, "create table core.dim_orders as select 1 as id")
    (folder / "part-0.snappy.parquet").unlink()

    built_tables.show(warehouse, {}, perhaps_lost={PERSONS: folder, other: folder})

    assert _kinds(warehouse) == {"core.dim_orders": "BASE TABLE", "core.fct_touches": "VIEW"}


def test_a_failure_leaves_the_file_as_it_was(warehouse: Path, tmp_path: Path) -> None:
    folder = _written(tmp_path, PERSONS, "select 'a' as person_id")
    broken = _written(tmp_path, SEED)
    (broken / "part-0.snappy.parquet").write_bytes(b"PAR1")

    with pytest.raises(duckdb.Error):
        built_tables.show(warehouse, {PERSONS: folder, SEED: broken})

    assert _rows(warehouse, "from core.dim_persons") == [("of duckdb",)]


class Metastore:
    """As Spark answers of its databases and tables: what it knows is stated here."""

    def __init__(self, place: Path, tables: set[Table]) -> None:
        self.place, self.tables = place, tables
        self.answer: list[tuple[object, ...]] = []

    def execute(self, statement: str) -> None:
        last = statement.split()[-1]
        self.answer = {
            "show databases": [("core",), ("default",)],
            f"describe database extended {last}": [
                ("Namespace Name", last),
                ("Location", f"file:{quote(str(self.place / last))}.db"),
            ],
            f"show tables in {last}": [(each.schema, each.name, False) for each in self.tables if each.schema == last],
        }[statement]

    def fetchall(self) -> list[tuple[object, ...]]:
        return self.answer


def test_what_a_statement_that_was_cut_short_has_left_is_deleted_and_nothing_else(tmp_path: Path) -> None:
    known, cut_short, another = Table("core", "dim_persons"), Table("core", "fct_orders"), Table("core", "of_somebody")
    beside = Table("core", "fct_orders__replacement")
    places = {table: _written(tmp_path, table, "select 1 as x") for table in (known, cut_short, another, beside)}
    spark = Metastore(tmp_path / "it's", {known})

    discarded = built_tables.discard_remains(spark, [known, cut_short, SEED])  # type: ignore[arg-type]

    assert discarded == [places[cut_short], places[beside]]
    assert {table for table, place in places.items() if place.exists()} == {known, another}
