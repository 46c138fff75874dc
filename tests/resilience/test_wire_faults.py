"""What happens between a vendor and us: what passes costs no row, what lasts ends in time and moves no cursor.

Each vendor is read by its own connector over HTTP from the sandbox, whose servers play the faults at requests that are
drawn. A round is a bad night of one vendor.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from random import Random

import pytest

from ingestion import config, pipelines, warehouse
from ingestion.config import SettingsError
from ingestion.http import VendorError
from sandbox.faults import KINDS, LASTING, NEEDS_CURSOR, SLOW
from sandbox.running import Sandbox, running_sandbox
from sandbox.servers import VENDORS
from tests.integration.reading import Reader
from tests.resilience import times

ROUNDS = times(1, 4)
READABLE = 5  # at most as many faults leave an answer that can be read
PASSING = sorted(KINDS.keys() - {*LASTING, *SLOW})
FOR_EVER = 10**6
DAY = timedelta(days=1)
MOST_SECONDS = 20.0  # two slow attempts, and what else a load takes on a busy machine


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running_sandbox(people=50, days=40, folder=tmp_path_factory.mktemp("sandbox")) as found:
        yield found


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    with pytest.MonkeyPatch.context() as patch:
        yield Reader(tmp_path_factory.mktemp("warehouses"), patch)


@pytest.fixture(autouse=True)
def limits(reader: Reader) -> None:
    reader.patch.setenv("LIFECYCLE_REQUEST_LIMIT_SECONDS", "1")
    reader.patch.setenv("RUNTIME__REQUEST_MAX_ATTEMPTS", str(len(KINDS) + 1))


@pytest.fixture(scope="module")
def requests_of(sandbox: Sandbox, reader: Reader) -> dict[str, int]:
    """How many requests a load of each vendor takes; its rows are in the warehouse `good`."""
    for source in VENDORS:
        reader.run(sandbox, source, "good")
    return {source: sandbox.servers[source].requests for source in VENDORS}


def fails(source: str) -> BaseException:
    """Why a load fails, in bounded time."""
    began = time.monotonic()
    with pytest.raises(Exception) as raised:
        pipelines.run(source)
    assert time.monotonic() - began < MOST_SECONDS
    return pipelines.cause(raised.value)


@pytest.mark.parametrize("source", VENDORS)
@pytest.mark.parametrize("number", range(ROUNDS))
def test_what_lasts_ends_in_time_and_what_passes_costs_no_row(
    sandbox: Sandbox, reader: Reader, requests_of: dict[str, int], source: str, number: int
) -> None:
    draw = Random(f"{source} {number}")
    bad = f"bad {source} {number}"
    reader.look_at(sandbox, bad)
    reader.patch.setenv("RUNTIME__REQUEST_MAX_ATTEMPTS", "2")
    for kind in (draw.choice(SLOW), draw.choice(["500", "throttled", "html_200", "cut_body", "no_answer", "redirect"])):
        sandbox.faults.add(source, kind, times=FOR_EVER, after=draw.randrange(requests_of[source]))
        assert isinstance(fails(source), VendorError), kind
        sandbox.faults.clear()

    # Of the same night, tried again, now with faults that pass: nothing may be taken for loaded already.
    reader.patch.setenv("RUNTIME__REQUEST_MAX_ATTEMPTS", str(len(KINDS) + 1))
    kinds = [*PASSING, *SLOW] if number else PASSING  # slow ones take a while
    if source == "shopify":  # its few lists go on behind what was read, without a cursor
        of_cursors = draw.choice(NEEDS_CURSOR)
        kinds = [kind for kind in kinds if kind not in NEEDS_CURSOR or kind == of_cursors]
    # a list that only drifted is not read again: it may have no further cursor for those that come after
    for kind in sorted(draw.sample(kinds, len(kinds)), key=lambda kind: kind == "page_drift"):
        # a fault that can be read is asked for no second time, and spares none of those that come after
        spared = 0 if kind in NEEDS_CURSOR else draw.randrange(max(1, requests_of[source] - READABLE))
        sandbox.faults.add(source, kind, after=spared)
    reader.run(sandbox, source, bad)
    assert sandbox.faults.pending == 0  # every fault happened
    assert reader.rows(source, bad) == reader.rows(source, "good")


@pytest.mark.parametrize("source", times(("stripe",), ("hubspot", "meta_ads", "respond_io", "stripe")))
def test_a_list_that_leads_in_circles_ends(
    sandbox: Sandbox, reader: Reader, requests_of: dict[str, int], source: str
) -> None:
    """Shopify's lists are started again behind what was read, and so get to their end."""
    reader.look_at(sandbox, f"circles {source}")
    sandbox.faults.add(source, "first_page_again", times=FOR_EVER)
    said = str(fails(source))
    sandbox.faults.clear()
    assert "the vendor's paging is broken: a page came a second time" in said


@pytest.mark.parametrize("source", times(("stripe",), VENDORS))
def test_a_clock_that_was_wrong_for_a_night_loses_no_row(
    tmp_path_factory: pytest.TempPathFactory, reader: Reader, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    """Three nights, of which the second is first refused by a wrong clock, and then loaded as of a wrong instant.

    Only cursors are looked at: that the third night lies before the second one is refused elsewhere.
    """
    with running_sandbox(people=50, days=40, folder=tmp_path_factory.mktemp("sandbox")) as sandbox:
        right, wrong = f"right {source}", f"wrong {source}"
        reader.run(sandbox, source, right)
        reader.copy(right, wrong)
        sandbox.advance(3)
        reader.run(sandbox, source, right)
        before = reader.rows(source, wrong)

        reader.look_at(sandbox, wrong)
        now = config.as_of()
        for days in (-400, -1, 1, 400):
            with monkeypatch.context() as clock:
                clock.delenv("LIFECYCLE_AS_OF")
                clock.setattr(config, "machine_time", lambda days=days: now + days * DAY)
                clock.setattr(warehouse, "refuse_going_back", lambda: None)
                assert isinstance(fails(source), SettingsError)
        assert reader.rows(source, wrong) == before

        monkeypatch.setattr(warehouse, "refuse_going_back", lambda: None)
        for days in times((1,), (-2, 1, 5, 400)):
            reader.run(sandbox, source, wrong, as_of=(now + days * DAY).isoformat())
        sandbox.advance(3)
        reader.run(sandbox, source, right)
        reader.run(sandbox, source, wrong)
        expected, found = reader.rows(source, right), reader.rows(source, wrong)
        assert expected != before
        # what had not happened yet by a clock that is behind was turned away, and is loaded now
        assert set(expected.pop("rejected_records")) <= set(found.pop("rejected_records"))
        assert found == expected
