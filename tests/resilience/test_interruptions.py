"""Ctrl-C and SIGTERM end a refresh within ten seconds wherever it stands, and leave nothing running."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest

from tests.resilience import times
from tests.resilience.running import SECONDS_TO_WAIT, Night, SmallCompany

SECONDS_TO_END = 10.0
PLACES: dict[str, Callable[[Night], bool]] = {
    "while Dagster starts": lambda night: "dagster" in night.processes(),
    "in a load": lambda night: "… load_hubspot" in night.said,
    "in dbt": lambda night: "… build_models" in night.said and night.has_written("dbt/run/**/int_*.sql"),
    "in gate 1": lambda night: "… gate_raw" in night.said,
    "in the predictions": lambda night: "… predict_customers" in night.said,
    "in gate 2": lambda night: "… gate_marts" in night.said,
    "in the publication": lambda night: "… serving__lifecycle" in night.said,
}


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory, parsed_project: Path) -> SmallCompany:
    found = SmallCompany(tmp_path_factory.mktemp("interrupted"))
    found.begin_parsed(parsed_project)
    return found


@pytest.mark.skipif(not times(0, 1), reason="test_nightly_refresh interrupts dbt, and below is a load: make resilience")
@pytest.mark.parametrize(("place", "number"), list(product(PLACES, (signal.SIGINT, signal.SIGTERM))))
def test_an_interruption_ends_everything_within_ten_seconds(
    company: SmallCompany, place: str, number: signal.Signals
) -> None:
    company.has_something_to_build()
    with Night(company) as night:
        night.wait_until(lambda: PLACES[place](night), place)
        time.sleep(0.5)  # into the step
        asked_at = time.monotonic()
        os.kill(night.processes()["command"], number)
        code = night.wait_for_end()
        seconds = time.monotonic() - asked_at
        left, said = night.processes(), night.said

    assert seconds < SECONDS_TO_END, said
    assert left == {}
    assert code == 1
    assert "interrupted" in said.lower(), said
    assert "↻" not in said, "an interruption is no failure that a second try could mend"


def test_a_request_that_is_never_answered_holds_nobody(tmp_path: Path, parsed_project: Path) -> None:
    company = SmallCompany(tmp_path)
    company.begin_parsed(parsed_project)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        vendor = {
            "LIFECYCLE_PROFILE": "production",
            "LIFECYCLE_SOURCES": "hubspot",
            "SOURCES__HUBSPOT__BASE_URL": f"http://127.0.0.1:{silent.getsockname()[1]}",
            "SOURCES__HUBSPOT__ACCESS_TOKEN": "a-token",
        }
        with Night(company, **vendor) as night:
            silent.settimeout(SECONDS_TO_WAIT)
            asking, _ = silent.accept()
            asked_at = time.monotonic()
            os.kill(night.processes()["command"], signal.SIGINT)
            night.wait_for_end()
            seconds = time.monotonic() - asked_at
            asking.close()

            assert seconds < SECONDS_TO_END, night.said
            assert night.processes() == {}
            assert "interrupted" in night.said.lower(), night.said
