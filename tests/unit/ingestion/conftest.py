"""What the tests of ingestion share: a data folder of their own, pauses that take no time, rows of a raw table."""

from __future__ import annotations

import os
import shutil
import tomllib
from collections.abc import Callable, Iterator
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest
import requests
import responses
from dlt.common.configuration.container import Container
from dlt.common.configuration.providers import EnvironProvider
from dlt.common.configuration.providers.dictionary import DictionaryProvider
from dlt.common.configuration.specs.config_providers_context import ConfigProvidersContainer
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext

from ingestion import config, pipelines, secrecy
from ingestion.tables import RawTable

AS_OF = "2026-10-31T06:00:00Z"


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No setting of the machine or of a source reaches a test; how dlt works is as the project has it."""
    for name in list(os.environ):
        if name.startswith(("SOURCES__", "LIFECYCLE_", "RUNTIME__")):
            monkeypatch.delenv(name)
    monkeypatch.setattr(secrecy, "_known", set())
    monkeypatch.setenv("LIFECYCLE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("LIFECYCLE_AS_OF", AS_OF)
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    monkeypatch.setenv("RUNTIME__REQUEST_MAX_ATTEMPTS", "4")
    committed = tomllib.loads((config.PROJECT_ROOT / ".dlt" / "config.toml").read_text())
    of_the_project = DictionaryProvider()
    with of_the_project.values({name: committed[name] for name in ("extract", "normalize")}):
        providers = ConfigProvidersContainer([EnvironProvider(), of_the_project])
        monkeypatch.setattr(Container()[PluggableRunContext], "providers", providers)
        yield


@pytest.fixture(scope="session")
def empty_warehouses() -> dict[tuple[str, tuple[RawTable, ...]], Path]:
    """By source and its raw tables, files of warehouses that have these and no row: made when a test first asks."""
    return {}


@pytest.fixture
def begin_with_raw_tables(
    settings: None,
    empty_warehouses: dict[tuple[str, tuple[RawTable, ...]], Path],
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[str], None]:
    """Give the test a warehouse that has the raw tables of a source already: making them takes longer than a load.

    That a load makes them where they are missing is for the tests of the pipelines and of the connectors.
    """

    def begin(source: str) -> None:
        made = source, pipelines.tables(source)
        if made not in empty_warehouses:
            with monkeypatch.context() as patch:
                patch.setenv("LIFECYCLE_DATA_DIR", str(tmp_path_factory.mktemp("raw_tables")))
                pipelines.prepare(source, pipelines.build_pipeline(source))
                empty_warehouses[made] = config.warehouse_path()
        config.warehouse_path().parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(empty_warehouses[made], config.warehouse_path())

    return begin


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that were waited between attempts, without waiting."""
    waited: list[float] = []
    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=waited.append))
    return waited


@pytest.fixture
def web() -> Iterator[responses.RequestsMock]:
    """Answers to HTTP requests, at the time that counts as now; a request that no test expects fails."""

    def dated(response: requests.Response) -> requests.Response:
        response.headers.setdefault("Date", format_datetime(config.as_of(), usegmt=True))
        return response

    with responses.RequestsMock(assert_all_requests_are_fired=False, response_callback=dated) as mock:
        yield mock


@pytest.fixture
def query() -> Callable[[str], list[Any]]:
    """Run SQL on the warehouse; a single column comes as a list of values."""

    def run(sql: str) -> list[Any]:
        with duckdb.connect(str(config.warehouse_path()), read_only=True) as connection:
            rows = connection.execute(sql).fetchall()
        return [row[0] for row in rows] if rows and len(rows[0]) == 1 else rows

    return run
