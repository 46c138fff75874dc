"""A load that fails within Dagster, with a token in what the vendor and the errors say: Dagster keeps no copy of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import responses
from dagster import DagsterInstance, materialize
from dagster_dlt import DagsterDltResource

from dagster_project.components.raw_sources import RawSources
from dagster_project.resources import Refresh
from ingestion import secrecy
from tests.planting import PLANTED, STATUS, TOKEN, places_of, plant, spellings
from tests.resilience import times

SOURCES = ["stripe", *PLANTED][: times(short=1, long=1 + len(PLANTED))]


@pytest.fixture(autouse=True)
def planted(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before, mask = dict(os.environ), os.umask(0o077)
    monkeypatch.setenv("LIFECYCLE_PROFILE", "production")
    monkeypatch.setenv("LIFECYCLE_AS_OF", "2026-10-31T06:00:00Z")
    # dlt's logger writes to the stderr of the test in which it began; Python would report that it is closed.
    monkeypatch.setattr("logging.raiseExceptions", False)
    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=lambda seconds: None))
    with responses.RequestsMock(assert_all_requests_are_fired=False) as web:
        plant(monkeypatch, web)
        yield
    os.umask(mask)
    os.environ.clear()
    os.environ.update(before)


def crash(*_: object, **__: object) -> None:
    try:
        raise RuntimeError(f"Invalid header value: 'Bearer {TOKEN}'")
    except RuntimeError as error:
        raise ValueError("a broken page") from error


def never(*_: object, **__: object) -> None:
    return None


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("kind", [401, 500, "crash"])
def test_dagster_keeps_no_token_of_a_load_that_fails(
    source: str, kind: int | str, data_dir: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LIFECYCLE_SOURCES", source)
    monkeypatch.setattr("dagster_project.resources._leave_summary", never)
    if kind == "crash":
        monkeypatch.setattr("ingestion.http.Client._request", crash)
    else:
        monkeypatch.setitem(STATUS, "now", kind)
    storage = data_dir / "dagster"
    storage.mkdir()
    load = RawSources(tries=2, first_wait_seconds=0)._load_of(source)

    with DagsterInstance.local_temp(str(storage)) as instance:
        resources = {"refresh": Refresh(), "dlt_loader": DagsterDltResource()}
        result = materialize([load], resources=resources, instance=instance, raise_on_error=False)
        logged = "\n".join(str(record) for record in instance.all_logs(result.run_id))

    assert "Traceback" in logged and TOKEN in secrecy._known
    printed = capfd.readouterr()
    said = logged + printed.out + printed.err
    assert [spelling for spelling in spellings(TOKEN) if spelling in said] == []
    assert places_of(data_dir, spellings(TOKEN)) == []
