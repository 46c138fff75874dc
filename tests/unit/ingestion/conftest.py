"""What the tests of ingestion share: a data folder of their own, pauses that take no time, rows of a raw table."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest
import responses
from dlt.common.configuration.container import Container
from dlt.common.configuration.providers import EnvironProvider
from dlt.common.configuration.specs.config_providers_context import ConfigProvidersContainer
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext

from ingestion import config

AS_OF = "2026-10-31T06:00:00Z"


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine reaches a test: neither its environment nor its .dlt folder."""
    for name in list(os.environ):
        if name.startswith(("SOURCES__", "LIFECYCLE_", "RUNTIME__")):
            monkeypatch.delenv(name)
    only_the_environment = ConfigProvidersContainer([EnvironProvider()])
    monkeypatch.setattr(Container()[PluggableRunContext], "providers", only_the_environment)
    monkeypatch.setenv("LIFECYCLE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("LIFECYCLE_AS_OF", AS_OF)
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    monkeypatch.setenv("RUNTIME__REQUEST_MAX_ATTEMPTS", "4")


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that were waited between attempts, without waiting."""
    waited: list[float] = []
    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=waited.append))
    return waited


@pytest.fixture
def web() -> Iterator[responses.RequestsMock]:
    """Answers to HTTP requests; a request that no test expects fails."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def query() -> Callable[[str], list[Any]]:
    """Run SQL on the warehouse; a single column comes as a list of values."""

    def run(sql: str) -> list[Any]:
        with duckdb.connect(str(config.warehouse_path()), read_only=True) as connection:
            rows = connection.execute(sql).fetchall()
        return [row[0] for row in rows] if rows and len(rows[0]) == 1 else rows

    return run
