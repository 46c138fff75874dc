"""Copies of the build file's tables for Spark, by DuckDB alone: what is written again, and that a copy is whole."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from cluster import raw_tables
from cluster.raw_tables import FILE, Table
from cluster.thrift import ClusterError

ORDERS, EMPTY = Table("raw_shop", "orders"), Table("raw_shop", "refunds")
TABLES = {ORDERS: ORDERS, EMPTY: EMPTY}
CHANGES = {
    "a row arrives": "insert into raw_shop.orders select 'o3', 'c', 3, null, null, true, null, '3', 'c'",
    "a row goes": "delete from raw_shop.orders where id = 'o1'",
    "a version ends": "update raw_shop.orders set _dlt_valid_to = timestamptz '2026-01-02 00:00:00+00' where id = 'o1'",
    # As `make erase` does it: ids and loads stay.
    "a person is erased in place": "update raw_shop.orders set email = 'erased' where id = 'o1'",
    "two rows swap a value": "update raw_shop.orders set email = if(id = 'o1', 'b@x.example', 'a@x.example')",
    "a column comes": "alter table raw_shop.orders add column note varchar",
    "a column gets another type": "alter table raw_shop.orders alter amount type double",
}


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    path = tmp_path / "warehouse.duckdb"
    _run(
        path,
        "create schema raw_shop",
        "create table raw_shop.orders (id varchar, email varchar, amount decimal(38,9), paid_at timestamptz, "
        "told_at timestamp, is_paid boolean, _dlt_valid_to timestamptz, extra json, _dlt_id varchar)",
        "insert into raw_shop.orders values "
        "('o1', 'a@x.example', 1.5, timestamptz '2026-01-01 12:00:00+02', timestamp '2026-01-01 12:00:00', true, null, "
        "'{\"a\": 1}', 'a'), ('o2', 'b@x.example', 2, null, null, false, null, null, 'b')",
        "create table raw_shop.refunds (id varchar, amount decimal(18,4))",
    )
    return path


def _run(path: Path, *statements: str) -> None:
    with duckdb.connect(str(path)) as connection:
        for statement in statements:
            connection.execute(statement)


def _rows(path: Path, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        return connection.execute(query).fetchall()


def test_a_table_is_written_once_and_again_only_when_it_has_changed(warehouse: Path, tmp_path: Path) -> None:
    folder = tmp_path / "raw"

    assert raw_tables.write(warehouse, TABLES, folder).written == [ORDERS, EMPTY]
    assert raw_tables.write(warehouse, TABLES, folder).written == []


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_whatever_changes_in_a_table_is_noticed_and_the_other_one_stays(
    change: str, warehouse: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "raw"
    raw_tables.write(warehouse, TABLES, folder)

    _run(warehouse, change)

    assert raw_tables.write(warehouse, TABLES, folder).written == [ORDERS]
    assert _differences(warehouse, folder) == 0


def _differences(warehouse: Path, folder: Path) -> int:
    copy = f"from read_parquet('{folder / 'raw_shop' / 'orders' / FILE}')"
    both = f"({copy} except all from raw_shop.orders) union all (from raw_shop.orders except all {copy})"
    return len(_rows(warehouse, both))


def test_a_copy_has_the_columns_that_spark_needs_also_without_rows(warehouse: Path, tmp_path: Path) -> None:
    folder = tmp_path / "raw"

    columns = raw_tables.write(warehouse, TABLES, folder).columns

    assert columns[ORDERS] == {
        "id": "string",
        "email": "string",
        "amount": "decimal(38,9)",
        "paid_at": "timestamp_ltz",
        "told_at": "timestamp_ntz",
        "is_paid": "boolean",
        "_dlt_valid_to": "timestamp_ltz",
        "extra": "string",
        "_dlt_id": "string",
    }
    assert columns[EMPTY] == {"id": "string", "amount": "decimal(18,4)"}
    assert _rows(warehouse, f"select count(*) from read_parquet('{folder / 'raw_shop' / 'refunds' / FILE}')") == [(0,)]
    # Instants with a zone are told apart from those without by the file itself; JSON is text in it.
    written = f"(describe from read_parquet('{folder / 'raw_shop' / 'orders' / FILE}'))"
    wanted = "column_name in ('paid_at', 'told_at', 'extra')"
    assert _rows(warehouse, f"select column_name, column_type from {written} where {wanted}") == [
        ("paid_at", "TIMESTAMP WITH TIME ZONE"),
        ("told_at", "TIMESTAMP"),
        ("extra", "VARCHAR"),
    ]


def test_what_is_not_wanted_any_more_or_not_there_any_more_goes(warehouse: Path, tmp_path: Path) -> None:
    folder = tmp_path / "raw"
    raw_tables.write(warehouse, TABLES, folder)
    _run(warehouse, "drop table raw_shop.refunds")

    copied = raw_tables.write(warehouse, TABLES, folder)

    assert [*copied.columns] == [ORDERS]
    assert [path.name for path in folder.glob("*/*")] == ["orders"]


def test_a_copy_that_was_cut_short_leaves_the_old_one_and_is_made_again(
    warehouse: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "raw"
    raw_tables.write(warehouse, TABLES, folder)
    before = _rows(warehouse, "from raw_shop.orders order by id")
    _run(warehouse, CHANGES["a row arrives"])

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", end)
        with pytest.raises(KeyboardInterrupt):
            raw_tables.write(warehouse, TABLES, folder)
    left = folder / "raw_shop" / "orders"
    assert _rows(warehouse, f"from read_parquet('{left / FILE}') order by id") == before
    # Spark reads no file whose name begins with a point.
    assert [path.name for path in left.iterdir() if not path.name.startswith(".")] == [FILE]

    assert raw_tables.write(warehouse, TABLES, folder).written == [ORDERS]
    assert [path.name for path in left.iterdir()] == [FILE]


def test_a_damaged_copy_is_made_again(warehouse: Path, tmp_path: Path) -> None:
    folder = tmp_path / "raw"
    raw_tables.write(warehouse, TABLES, folder)
    (folder / "raw_shop" / "orders" / FILE).write_bytes(b"PAR1")

    assert raw_tables.write(warehouse, TABLES, folder).written == [ORDERS]


def test_a_table_may_go_by_another_name(warehouse: Path, tmp_path: Path) -> None:
    kept = Table("kept", "orders")

    copied = raw_tables.write(warehouse, {kept: ORDERS}, tmp_path / "raw")

    assert copied.written == [kept]
    assert (tmp_path / "raw" / "kept" / "orders" / FILE).exists()


def test_a_type_that_spark_does_not_have_is_named_with_its_column(warehouse: Path, tmp_path: Path) -> None:
    _run(warehouse, "alter table raw_shop.refunds add column took interval")

    with pytest.raises(ClusterError, match=r"raw_shop\.refunds\.took is INTERVAL"):
        raw_tables.write(warehouse, TABLES, tmp_path / "raw")
