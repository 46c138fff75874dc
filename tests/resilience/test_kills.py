"""SIGKILL, wherever it strikes, costs the night under way and nothing else: a plain re-run publishes the same rows."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path

import pytest

from tests.integration.refreshing import Company, refreshed_first
from tests.resilience import times
from tests.resilience.running import Night, changed_marts

# What a refresh writes that the next one can do without: all but the warehouse, what is published, and the simulated
# company, which stands for vendors.
KEPT = ("warehouse.duckdb", "warehouse.duckdb.wal", "serving", "activation", "sandbox")
STEPS = (
    *("load_files", "load_hubspot", "load_meta_ads", "load_respond_io", "load_shopify", "load_stripe", "load_whatsapp"),
    *("gate_raw", "build_models", "predict_customers", "build_marts", "gate_marts", "serving__lifecycle"),
)


def begun(step: str) -> Callable[[Night, Path], bool]:
    return lambda night, data: f"… {step}" in night.said


def written(pattern: str) -> Callable[[Night, Path], bool]:
    return lambda night, data: night.has_written(pattern)


# The first ones come early in a night, and cost little.
POINTS: dict[str, Callable[[Night, Path], bool]] = {
    "in the middle of a load": written("dlt/shopify/load/normalized/**/*.parquet"),
    "while dbt writes the parsed project": written("dbt/manifest.json"),
    "while Dagster starts": lambda night, data: "dagster" in night.processes(),
    "while a new version is written": written("serving/versions/*.tmp/lifecycle.duckdb"),
    "while dbt writes the results of the models": written("dbt/run_results.json"),
    "while dbt writes the results of the marts": written("dbt/build_marts/*"),
    "while the new version is linked and old ones are deleted": written("serving/versions/*Z/lifecycle.duckdb"),
    **{f"at the beginning of {step}": begun(step) for step in STEPS},
    "while the summary is written": written("logs/summary-*"),
}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, parsed_project: Path, shared: Path) -> Company:
    return refreshed_first(shared, tmp_path_factory.mktemp("undisturbed"), parsed_project)


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory, parsed_project: Path) -> Company:
    company = Company(tmp_path_factory.mktemp("killed"))
    company.begin_parsed(parsed_project)
    return company


def kills(count: int) -> Iterator[list[str]]:
    """Three kills in a row, then a night that must publish: each point in turn."""
    points = cycle(POINTS)
    for done in range(0, count, 3):
        yield list(islice(points, min(3, count - done)))


@pytest.mark.parametrize("points", list(kills(times(1, 42))), ids=" and ".join)
def test_a_plain_run_after_kills_publishes_the_same_rows(
    undisturbed: Company, killed: Company, points: list[str]
) -> None:
    for point in points:
        killed.has_something_to_build()
        with Night(killed) as night:
            night.wait_until(lambda: POINTS[point](night, killed.data), point)  # noqa: B023  # asked at once
            night.kill()
    halve_what_is_generated(killed.data)
    killed.has_something_to_build()

    done = killed.refresh()

    assert done.returncode == 0, done.stdout + done.stderr
    assert changed_marts(undisturbed, killed) == {}
    assert not [*killed.data.glob("serving/**/*.tmp*"), *killed.data.glob("serving/.*")]


def halve_what_is_generated(data: Path) -> None:
    """A machine that lost power leaves what was not forced to disk cut off."""
    halved = 0
    for path in data.rglob("*"):
        if path.is_file() and path.relative_to(data).parts[0] not in KEPT:
            os.truncate(path, path.stat().st_size // 2)
            halved += 1
    assert halved > 20


@pytest.mark.parametrize("who", ["sandbox", "command", "dagster"][: times(1, 3)])
def test_whoever_of_the_chain_is_killed_the_run_ends_with_it(killed: Company, who: str) -> None:
    with Night(killed) as night:
        night.wait_until(lambda: {"sandbox", "command", "dagster"} <= night.processes().keys(), "the chain")
        os.kill(night.processes()[who], signal.SIGKILL)
        deadline = time.monotonic() + 10
        while night.processes() and time.monotonic() < deadline:
            time.sleep(0.05)

        assert night.processes() == {}
