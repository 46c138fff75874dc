"""What changed between two publications."""

from __future__ import annotations

from pathlib import Path

import duckdb

from serving.compare import MartChange, compare


def version(path: Path, *statements: str) -> Path:
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema marts; create table marts.publication as select 1 as version")
        for statement in statements:
            connection.execute(statement)
    return path


def test_counts_added_changed_and_removed_rows_by_key(tmp_path: Path) -> None:
    earlier = version(
        tmp_path / "a.duckdb", "create table marts.m as from (values (1, 'a'), (2, 'b'), (3, 'c')) t(k, v)"
    )
    later = version(tmp_path / "b.duckdb", "create table marts.m as from (values (1, 'a'), (2, 'B'), (4, 'd')) t(k, v)")

    assert compare(earlier, later, {"m": ["k"]}) == [MartChange("m", added=1, changed=1, removed=1)]


def test_a_null_in_a_key_is_a_value_and_another_type_is_no_change(tmp_path: Path) -> None:
    rows = "(values (1, null, 7), (1, 'x', 8), (null, null, 9)) t(a, b, v)"
    earlier = version(tmp_path / "a.duckdb", f"create table marts.m as select a, b, v::integer as v from {rows}")
    later = version(
        tmp_path / "b.duckdb",
        f"create table marts.m as select a, b, (case when b = 'x' then 80 else v end)::bigint as v from {rows}",
    )

    assert compare(earlier, later, {"m": ["a", "b"]}) == [MartChange("m", added=0, changed=1, removed=0)]


def test_without_a_key_a_changed_row_is_one_added_and_one_removed(tmp_path: Path) -> None:
    earlier = version(tmp_path / "a.duckdb", "create table marts.m as from (values (1, 'a'), (2, 'b')) t(k, v)")
    later = version(tmp_path / "b.duckdb", "create table marts.m as from (values (1, 'a'), (2, null)) t(k, v)")

    assert compare(earlier, later) == [MartChange("m", added=1, changed=None, removed=1)]


def test_equal_marts_are_unchanged_also_with_nulls_and_duplicates(tmp_path: Path) -> None:
    rows = "create table marts.m as from (values (1, null), (1, null), (2, 'b')) t(k, v)"
    (change,) = compare(version(tmp_path / "a.duckdb", rows), version(tmp_path / "b.duckdb", rows))

    assert change.is_unchanged


def test_a_lost_duplicate_is_seen(tmp_path: Path) -> None:
    earlier = version(tmp_path / "a.duckdb", "create table marts.m as from (values (1), (1)) t(k)")
    later = version(tmp_path / "b.duckdb", "create table marts.m as from (values (1)) t(k)")

    assert compare(earlier, later) == [MartChange("m", added=0, changed=None, removed=1)]


def test_new_and_gone_marts_and_columns_are_named(tmp_path: Path) -> None:
    earlier = version(
        tmp_path / "a.duckdb",
        "create table marts.gone as select 1 as k",
        "create table marts.m as select 1 as k, 2 as x",
    )
    later = version(
        tmp_path / "b.duckdb",
        "create table marts.fresh as select 1 as k",
        "create table marts.m as select 1 as k, 3 as y",
    )

    assert compare(earlier, later) == [
        MartChange("fresh", added=1, changed=None, removed=0),
        MartChange("gone", added=0, changed=None, removed=1),
        MartChange("m", added=0, changed=None, removed=0, new_columns=("y",), gone_columns=("x",)),
    ]
