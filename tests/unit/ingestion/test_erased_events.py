"""Inboxes without a person: the others' events stay as they were written, and files keep their size and time."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from ingestion import erasure
from ingestion.config import Account
from ingestion.erased_events import clean_inboxes, events_of, tells_of
from ingestion.personal import People

KEY = b"a key of the tests"


def event(contact: Any, **more: Any) -> dict[str, Any]:
    return {"event_type": "contact.tag.updated", "event_id": f"e-{contact}", "contact": {"id": contact, **more}}


@cache
def people_of(system: str) -> People:
    hashing = erasure.people(system, (), KEY)
    references = ("respond_io:contact:7", "stripe:customer:cus_7", "email:jane@doe.org", "phone:+34600000001")
    return erasure.people(system, {hashing.hash_of(each) for each in references}, KEY)


@pytest.fixture
def inbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIFECYCLE_SOURCES", "respond_io")
    monkeypatch.setenv("SOURCES__RESPOND_IO__INBOX_PATH", str(tmp_path))
    return tmp_path


def test_the_events_of_a_person_are_taken_out_and_all_else_stays(inbox: Path) -> None:
    theirs = [event(7), {"received_at": "2026-01-01", "event": event(7)}, event(9, email="Jane@doe.org")]
    others = [event(8), {"received_at": "2026-01-01", "event": event(77)}, event(10, phone="7")]
    lines = [json.dumps(each) for each in (theirs[0], others[0], theirs[1])] + ["{broken", '{"jane@doe.org", ']
    (inbox / "day.jsonl").write_text("\n".join(lines))
    (inbox / "list.json").write_text(json.dumps([theirs[2], others[1]]))
    (inbox / "one.json").write_text(json.dumps(theirs[0]))
    (inbox / "other.json").write_text(json.dumps(others[2]))
    for file in inbox.iterdir():
        os.utime(file, (1, 1))
    before = {file.name: (file.stat().st_size, file.stat().st_mtime_ns) for file in inbox.iterdir()}
    assert len(list(events_of(people_of))) == 5

    clean_inboxes(people_of)

    after = {name: (inbox / name).stat() for name in before}
    assert {name: (stat.st_size, stat.st_mtime_ns) for name, stat in after.items()} == before
    assert list(events_of(people_of)) == []
    left = (inbox / "day.jsonl").read_text().split("\n")
    assert [line for line in left if line.strip()] == [lines[1], "{broken"]
    assert json.loads((inbox / "list.json").read_text()) == [others[1]]
    assert json.loads((inbox / "one.json").read_text()) == []
    assert json.loads((inbox / "other.json").read_text()) == others[2]


def test_an_event_is_of_whom_its_object_is_of() -> None:
    account = Account("stripe")
    invoices = [{"type": "invoice.paid", "data": {"object": {"id": "in_1", "customer": f"cus_{n}"}}} for n in (7, 77)]

    assert [tells_of(each, account, people_of("stripe")) for each in invoices] == [True, False]


def test_a_delivery_keeps_what_it_tells_of_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIFECYCLE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("LIFECYCLE_SOURCES", "respond_io")
    folder = tmp_path / "inbox" / "whatsapp.outlet"  # an account that is enabled no more
    folder.mkdir(parents=True)

    def delivery(*numbers: str) -> str:
        value = {
            "contacts": [{"wa_id": number, "profile": {"name": "Ana"}} for number in numbers],
            "messages": [
                {
                    "from": number,
                    "id": f"wamid.{number}",
                    "timestamp": "1767225600",
                    "type": "text",
                    "text": {"body": "hi"},
                }
                for number in numbers
            ],
        }
        entry = {"id": "55", "changes": [{"field": "messages", "value": value}]}
        event = {"object": "whatsapp_business_account", "entry": [entry]}
        return json.dumps({"received_at": "2026-01-01T00:00:00Z", "headers": {}, "event": event})

    (folder / "day.jsonl").write_text("\n".join([delivery("34600000001"), delivery("34600000001", "34600000002"), ""]))
    size = (folder / "day.jsonl").stat().st_size

    clean_inboxes(people_of)

    text = (folder / "day.jsonl").read_text()
    assert len(text) == size and "34600000001" not in text
    first, second, end = text.split("\n")
    assert (first.strip(), end) == ("", "")
    assert json.loads(second) == json.loads(delivery("34600000002"))
