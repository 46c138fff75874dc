"""The build file that a person is looked for in."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from dagster_project.known_person import opened
from ingestion.obstacles import WarehouseFileError


def test_a_table_whose_files_an_interrupted_refresh_on_spark_took_away_is_named_with_what_to_do(tmp_path: Path) -> None:
    build_file, folder = tmp_path / "warehouse.duckdb", tmp_path / "core.db" / "fct_orders"
    folder.mkdir(parents=True)
    file = folder / "part-0.parquet"
    with duckdb.connect(str(build_file)) as connection:
        connection.execute(f"copy (select 1 as order_id) to '{file}'")
        connection.execute(
            f"create schema core; create view core.fct_orders as from read_parquet('{folder}/*.parquet')"
        )
    with opened(build_file) as connection:
        assert connection.execute("from core.fct_orders").fetchall() == [(1,)]
    file.unlink()

    with pytest.raises(WarehouseFileError) as raised, opened(build_file) as connection:
        connection.execute("from core.fct_orders")
    assert str(raised.value) == (
        f"{folder} has no files, as where a refresh on Spark was interrupted: run `make refresh`, which builds it "
        "again, and then this."
    )
