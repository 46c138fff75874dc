"""What becomes of a refresh that loses a part of its cluster while the models are built."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cluster.processes import alive
from tests.spark.engines import SECONDS, OnSpark, differences, published_file

# Built in the middle of the models: half of them are made of it.
IN_THE_MIDDLE = "intermediate.db/int_activities__identified"


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnSpark]:
    """A small company, refreshed once."""
    found = OnSpark(tmp_path_factory.mktemp("losses"))
    found.cluster("up")
    try:
        done = found.refresh()
        assert done.returncode == 0, done.stdout + done.stderr
        yield found
    finally:
        found.cluster("down")


def test_a_worker_that_is_killed_is_done_without(company: OnSpark) -> None:
    before = published_file(company)
    company.has_something_to_build()
    with _refresh_that_builds(company) as refresh:
        os.kill(alive(_folder(company))["worker-1"], signal.SIGKILL)
        said, _ = refresh.communicate(timeout=SECONDS)
    assert refresh.returncode == 0, said
    assert "worker-1" not in alive(_folder(company))
    after = published_file(company)
    assert after != before and differences(before, after) == {}
    company.cluster("up")
    assert "worker-1" in alive(_folder(company))


def test_without_the_thrift_server_nothing_is_published_and_the_next_refresh_recovers(company: OnSpark) -> None:
    before = published_file(company)
    company.has_something_to_build()
    with _refresh_that_builds(company) as refresh:
        os.kill(alive(_folder(company))["thrift"], signal.SIGKILL)
        said, _ = refresh.communicate(timeout=SECONDS)
    assert refresh.returncode != 0
    assert "make spark-up" in said
    assert published_file(company) == before

    done = company.refresh()
    assert done.returncode != 0 and "make spark-up" in done.stdout + done.stderr
    assert published_file(company) == before

    company.cluster("up")
    done = company.refresh()
    assert done.returncode == 0, done.stdout + done.stderr
    after = published_file(company)
    assert after != before and differences(before, after) == {}


@contextmanager
def _refresh_that_builds(company: OnSpark) -> Iterator[subprocess.Popen[str]]:
    """A refresh that has come to the middle of the models."""
    built = _folder(company) / "warehouse" / IN_THE_MIDDLE
    begun = time.time()
    refresh = subprocess.Popen(
        company.command(sys.executable, "-m", "dagster_project.refresh", sandbox=True),
        cwd=Path(__file__).resolve().parents[2],
        env=company.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        while not any(file.stat().st_mtime > begun for file in built.glob("*.parquet")):
            assert refresh.poll() is None, refresh.communicate()[0]
            assert time.time() < begun + SECONDS
            time.sleep(0.1)
        yield refresh
    finally:
        refresh.kill()


def _folder(company: OnSpark) -> Path:
    return company.data / "spark"
