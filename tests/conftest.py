"""What every test shares: no network but loopback, and a data folder of its own."""

from __future__ import annotations

import gc
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.made_once import made_once
from tests.postgres import postgres as postgres
from tests.postgres import postgres_server as postgres_server

ROOT = Path(__file__).resolve().parents[1]
# Nothing listens there: what a child process sends elsewhere fails at once. pytest-socket guards this process.
DEAD_END = "http://127.0.0.1:9"
# As in a refresh: most objects of dbt and dlt live as long as the process, and Python looks through all of them for
# unused ones far too often.
gc.set_threshold(50_000, 20, 100)
# How long an example takes depends on what else the machine does.
settings.register_profile("without deadlines", deadline=None)
settings.load_profile("without deadlines")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The file that takes longest comes first: the others go on from what it publishes (`first_publication`)."""
    items.sort(key=lambda item: item.path.name != "test_nightly_refresh.py")


def pytest_collection_finish() -> None:
    """What was imported and collected stays until the end: nothing is gained by looking for unused objects in it."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def loopback_only_in_child_processes() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            patch.setenv(name, DEAD_END)
        for name in ("NO_PROXY", "no_proxy"):
            patch.setenv(name, "127.0.0.1,localhost,::1")
        yield


@pytest.fixture(autouse=True)
def level_of_our_loggers() -> Iterator[None]:
    """A command sets it for its process, which is this one where a test calls it."""
    yield
    logging.getLogger("ingestion").setLevel(logging.NOTSET)


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`LIFECYCLE_DATA_DIR` of this test."""
    folder = tmp_path / "data"
    folder.mkdir(exist_ok=True)
    monkeypatch.setenv("LIFECYCLE_DATA_DIR", str(folder))
    return folder


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of all processes that run tests."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def parsed_project(shared: Path) -> Path:
    """dbt's target folder with its manifest, parsed once for all processes that run tests: to read, or to copy."""
    from dagster_project.environment import variables
    from dagster_project.parsed_project import take_over

    # As a refresh names it, which goes on from here in another folder: dbt keeps the path of seeds as it is given.
    project = str(ROOT / "dbt_project")
    places = ["--project-dir", project, "--profiles-dir", project]
    # Not opened while dbt parses: it gives the database its name.
    names = {"LIFECYCLE_WAREHOUSE_PATH": str(shared / "warehouse.duckdb")}
    with made_once(shared, "parsed") as target:
        if not (target / "manifest.json").exists():
            with variables(**names):
                take_over(ROOT / "data/dbt", target, ROOT / "dbt_project", "")  # where `make lint` has parsed it
            done = subprocess.run(
                [Path(sys.executable).with_name("dbt"), "--quiet", "parse", *places],
                cwd=ROOT,
                env={
                    **os.environ,
                    **names,
                    "DBT_TARGET_PATH": str(target),
                    "DBT_LOG_PATH": str(shared / "parsed_logs"),
                },
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, done.stdout + done.stderr
    return target
