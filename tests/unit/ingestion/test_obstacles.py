"""What the machine puts in the way is told in one line, whichever library met it."""

from __future__ import annotations

import errno
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from ingestion import pipelines
from ingestion.obstacles import WarehouseFileError, explained, refuse_unusable_file

HOLD = """
import duckdb, sys
held = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == "reading")
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def held(path: Path, how: str) -> Iterator[int]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path), how], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        yield process.pid
        process.kill()


@pytest.fixture
def warehouse(data_dir: Path) -> Path:
    path = data_dir / "warehouse.duckdb"
    duckdb.connect(str(path)).close()
    return path


@pytest.mark.parametrize("how", ["reading", "writing"])
def test_a_held_build_file_names_the_process_that_holds_it(warehouse: Path, how: str) -> None:
    with held(warehouse, how) as process, pytest.raises(WarehouseFileError) as refused:
        refuse_unusable_file(warehouse)

    said = str(refused.value)
    assert f"{warehouse} is held open by process {process} ({sys.executable} -c" in said
    assert "make shell" in said and "\n" not in said
    refuse_unusable_file(warehouse)  # it is free again


def test_there_is_nothing_to_hold_before_the_first_load(data_dir: Path) -> None:
    refuse_unusable_file(data_dir / "warehouse.duckdb")

    assert not (data_dir / "warehouse.duckdb").exists()


def test_a_source_is_not_loaded_into_a_file_that_is_held(
    warehouse: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIFECYCLE_SOURCES", "files")
    with held(warehouse, "reading") as process:
        assert pipelines.main("files") == 1

    assert f"failed: {warehouse} is held open by process {process}" in capsys.readouterr().err


def python_is_full() -> str:
    return str(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/data/dlt/x.parquet"))


def sqlite_is_full() -> str:
    rows = "with recursive n(i) as (select 1 union all select i + 1 from n limit 99999) select i from n"
    connection = sqlite3.connect(":memory:")
    connection.execute("pragma max_page_count = 2")
    with pytest.raises(sqlite3.OperationalError) as error:
        connection.execute(f"create table t as {rows}")
    return str(error.value)


def duckdb_is_full() -> str:
    """`/dev/full` refuses each byte, in the way of a disk without room."""
    with pytest.raises(duckdb.IOException) as error:
        duckdb.execute("copy (from range(1000000)) to '/dev/full' (format csv, use_tmp_file false)")
    return str(error.value)


@pytest.mark.parametrize("met", [python_is_full, sqlite_is_full, duckdb_is_full])
def test_a_full_disk_is_called_that_whoever_met_it(met: Callable[[], str], data_dir: Path) -> None:
    said = explained(f"Database Error in model x: {met()}")

    assert said.startswith("the disk is full: ") and str(data_dir) in said and "\n" not in said


def test_what_is_no_obstacle_stays_as_it_is_said() -> None:
    assert explained("total_price: Input should be a valid decimal") == "total_price: Input should be a valid decimal"
