"""What Meta publishes, sent to the receiver and loaded: a status code for each delivery, and its rows or rejection."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingestion import pipelines
from tests.unit.ingestion.receiver.conftest import Receiver, signed

WIRE = Path(__file__).resolve().parents[3] / "wire" / "whatsapp"
Query = Callable[[str], list[Any]]


def test_published_examples_become_rows_and_what_is_forged_leaves_nothing(
    receiver: Receiver, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIFECYCLE_SOURCES", "whatsapp")
    monkeypatch.setenv("LIFECYCLE_AS_OF", f"{datetime.now(UTC) + timedelta(minutes=1):%Y-%m-%dT%H:%M:%SZ}")
    told = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in WIRE.glob("*.json")}
    published = [*told.pop("webhooks")["examples"].values(), *(each["payload"] for each in told.values())]
    bodies = [json.dumps(each).encode() for each in published]
    for body in [*bodies, bodies[0]]:  # the first one twice
        assert receiver.send("whatsapp", body).status_code == 200
    for body in bodies:
        changed = body[:-2] + b" " + body[-2:]
        assert receiver.send("whatsapp", changed, signed("whatsapp", body)).status_code == 401
        assert receiver.send("whatsapp", body, signed("whatsapp", body, "another secret")).status_code == 401
    assert receiver.send("whatsapp", b" " * 10**7).status_code == 413
    broken = bodies[0][: len(bodies[0]) // 2]
    assert receiver.send("whatsapp", broken).status_code == 200

    intake = pipelines.run("whatsapp")

    records = [
        (name, each)
        for delivery in published
        for entry in delivery["entry"]
        for change in entry["changes"]
        for name in ("messages", "message_echoes", "statuses")
        for each in change["value"].get(name, [])
    ]
    messages = {each["id"] for name, each in records if name != "statuses"}
    statuses = {(each["id"], each["status"]) for name, each in records if name == "statuses"}
    assert messages and statuses
    assert {*query("select message_id from raw_whatsapp.messages")} == messages
    assert {*query("select message_id, status from raw_whatsapp.statuses")} == statuses
    (reason,) = query("select reason from raw_whatsapp.rejected_records")
    assert "JSON" in reason
    assert sum(intake.rejected.values()) == 1

    pipelines.run("whatsapp")
    assert {*query("select message_id from raw_whatsapp.messages")} == messages
    assert len(query("select message_id from raw_whatsapp.messages")) == len(messages)
