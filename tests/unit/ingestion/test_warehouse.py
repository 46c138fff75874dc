"""What the data folder knows already: now never lies before it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from ingestion import config, pipelines
from ingestion.config import SettingsError
from ingestion.obstacles import WarehouseFileError, refuse_unusable_file
from ingestion.warehouse import held_open, latest_as_of, refuse_going_back

AUDIT = "create table {}.load_audit as select {} as loaded_as_of"


@pytest.fixture
def loaded() -> Path:
    """Two sources loaded as of different instants, one in another zone, and one of an older version without any."""
    path = config.warehouse_path()
    path.parent.mkdir(parents=True)
    with duckdb.connect(str(path)) as connection:
        for schema, instant in (
            ("raw_shopify", "timestamptz '2026-10-30 06:00:00+00'"),
            ("raw_stripe", "timestamptz '2026-10-31 08:00:00+02'"),
            ("raw_files", "null::timestamptz"),
        ):
            connection.execute(f"create schema {schema}")
            connection.execute(AUDIT.format(schema, instant))
        connection.execute("create schema raw_hubspot; create table raw_hubspot.load_audit as select 1 as received")
    return path


@pytest.mark.parametrize("now", ["2026-10-31T06:00:00Z", "2026-10-31T06:00:00.000001Z", "2026-11-01T00:00:00+01:00"])
def test_the_same_instant_and_later_ones_go_on(loaded: Path, monkeypatch: pytest.MonkeyPatch, now: str) -> None:
    monkeypatch.setenv("LIFECYCLE_AS_OF", now)
    refuse_going_back()


@pytest.mark.parametrize("now", ["2026-10-31T05:59:59Z", "2026-10-31T07:30:00+02:00"])
def test_an_earlier_instant_is_refused_by_every_load_in_one_line(
    loaded: Path, monkeypatch: pytest.MonkeyPatch, now: str, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LIFECYCLE_AS_OF", now)
    with pytest.raises(
        SettingsError, match="was loaded as of 2026-10-31T06:00:00Z.*LIFECYCLE_DATA_DIR to another folder"
    ):
        pipelines.run("files")

    assert pipelines.main("files") == 1
    said = capsys.readouterr().err
    assert said.startswith("failed: now is 2026-10-31T05:") and len(said.splitlines()) == 1


def test_before_the_first_load_any_instant_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIFECYCLE_AS_OF", "1990-01-01T00:00:00Z")
    refuse_going_back()
    assert latest_as_of() is None

    config.warehouse_path().parent.mkdir(parents=True)
    duckdb.connect(str(config.warehouse_path())).close()
    refuse_going_back()


def in_another_process(statement: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", f"import duckdb; {statement}"], capture_output=True, text=True)


def test_a_file_that_is_held_open_is_no_other_process_s_until_then(loaded: Path) -> None:
    opening = f"duckdb.connect({str(loaded)!r})"
    with held_open():
        assert latest_as_of() is not None, "a load opens it too"
        assert "Conflicting lock" in in_another_process(opening).stderr
    assert in_another_process(opening).returncode == 0


def test_without_a_file_none_is_made(loaded: Path) -> None:
    loaded.unlink()
    with held_open():
        assert not loaded.exists()


def test_where_another_process_has_the_file_the_load_that_comes_says_so(loaded: Path) -> None:
    holding = f"import duckdb, sys; held = duckdb.connect({str(loaded)!r}); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", holding], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        with held_open(), pytest.raises(WarehouseFileError, match=f"held open by process {other.pid}"):
            refuse_unusable_file(loaded)
        other.communicate()
