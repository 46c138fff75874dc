"""What the data folder knows already: now never lies before it."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from ingestion import config, pipelines
from ingestion.config import SettingsError
from ingestion.warehouse import latest_as_of, refuse_going_back

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
