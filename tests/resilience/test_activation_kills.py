"""A delivery is killed at one point after the other, and run again: each event is there once, or a person is asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path

from activation.ledger import look
from activation.outbox import Event
from dagster_project.sinks import SINKS
from sandbox.running import SETTINGS_OF_SINKS
from tests.integration.refreshing import OURS, ROOT
from tests.resilience import times
from tests.unit.activation.conftest import NOW, Vendors, publish, purchase, state
from tests.unit.activation.conftest import started as started
from tests.unit.activation.conftest import vendors as vendors

POINTS = range(1, 21)
OF_THEM = times(5, 1)  # every fifth in the short version
EVENTS = 5
# Of the contacts in respond.io, each point another one than that before.
STAGES = ("Cold Lead", "Payment", "Customer")


def events_of(sink: str, point: int, vendors: Vendors) -> list[Event]:
    """Five that have not been told before; of Meta, some are of conversations, which are not joined."""
    if sink in ("hubspot", "respond_io"):
        stage = "evangelist" if sink == "hubspot" else STAGES[point // OF_THEM % len(STAGES)]
        value = Decimal(point) if sink == "hubspot" else None
        return [
            state(sink, record, stage, event_id=f"{record}-{point}", lifetime_value_amount=value)
            for record in vendors.record_ids(sink, EVENTS)
        ]
    clicked = {"ctwa_clid": "ARA1"} if sink == "meta" else {}
    return [purchase(sink, point * 100 + number, **(clicked if number > 2 else {})) for number in range(EVENTS)]


def test_a_delivery_that_is_killed_is_finished_by_the_next_one(vendors: Vendors, tmp_path: Path) -> None:
    # Each sink begins at another point, so that the short version sees all of them.
    points = {sink: [point for point in POINTS if (point - first) % OF_THEM == 0] for first, sink in enumerate(SINKS)}
    folders = {(sink, point): tmp_path / f"{sink}-{point:02}" for sink in SINKS for point in points[sink]}
    for (sink, point), folder in folders.items():
        publish(folder / "serving", events_of(sink, point, vendors))

    killed = deliver(vendors, folders)

    assert sum(killed) > len(killed) / 2
    for sink in SINKS:
        counted = Counter(key_of(sink, each.key, each.body) for each in vendors.books.counted(sink))
        for point in points[sink]:
            entries = look(folders[sink, point] / "activation" / "ledger.sqlite")
            for event in events_of(sink, point, vendors):
                entry = entries[event.event_id]
                if event.ctwa_clid and entry.state == "unknown":
                    assert counted[event.event_id] <= 1, f"{event.event_id} at {point}"
                    continue
                assert entry.state == "confirmed", f"{event.event_id} at {point}"
                # respond.io tells by itself only that a contact changed: as often as there were points.
                key, times_counted = (
                    (event.record_id, len(points[sink])) if sink == "respond_io" else (event.event_id, 1)
                )
                assert counted[str(key)] == times_counted, f"{event.event_id} at {point}"


def key_of(sink: str, key: str, body: dict[str, str]) -> str:
    """The event that something in the books was."""
    if sink == "google_ads":
        return f"google_ads-{int(key.rpartition(':')[2]) - 1000}"
    if sink == "hubspot":
        return f"{key}-{int(Decimal(body['lifetime_value']))}"
    return key if sink == "respond_io" else key.partition(":")[2]


def deliver(vendors: Vendors, folders: dict[tuple[str, int], Path]) -> list[bool]:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(OURS)},
        "LIFECYCLE_AS_OF": NOW.isoformat(),
        "PYTHONWARNINGS": "ignore",
    }
    for sink in SINKS:
        thread, server = vendors.threads[sink], vendors.servers[sink]
        settings = {"base_url": thread.url + server.base_path, "access_token": server.token, "token_url": thread.url}
        for name, value in {**settings, **SETTINGS_OF_SINKS[sink]}.items():
            environment[f"ACTIVATION__{sink}__{name}".upper()] = value
    arguments = [f"{sink}:{point}:{folder}" for (sink, point), folder in folders.items()]
    done = subprocess.run(
        [sys.executable, "-m", "tests.resilience.killed_delivery", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])
