from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion import config, inbox
from ingestion.clock import Clock
from ingestion.config import Account
from ingestion.inbox import Inbox, InboxSettings

LINES = b'{"id": "a"}\n{"id": "\xc3\xa9"}\n{"id": "c"}\n'


class Pushed(InboxSettings):
    source: ClassVar[str] = "pushed"


@pytest.fixture(autouse=True)
def now_is_what_the_clock_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are dated by it."""
    monkeypatch.delenv("LIFECYCLE_AS_OF", raising=False)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIFECYCLE_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


def news(folder: Path, position: str | None = None) -> inbox.News:
    return inbox.read(Inbox("pushed", str(folder), "PUSHED"), position, Clock())


def ids(found: inbox.News) -> list[Any]:
    return [entry["event"]["id"] if "event" in entry else entry["unreadable"] for entry in found.entries]


def test_without_a_stated_folder_the_inbox_is_that_of_the_receiver_where_it_is_there(data: Path) -> None:
    assert Pushed.of("").inbox is None
    (data / "inbox" / "pushed.outlet").mkdir(parents=True)

    assert Pushed.of("").inbox is None
    found = Pushed.of("outlet").inbox
    assert found is not None
    assert Path(found.path) == data / "inbox" / "pushed.outlet"


def test_a_stated_folder_wins_and_is_of_its_account_alone(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (data / "inbox" / "pushed").mkdir(parents=True)
    monkeypatch.setenv("SOURCES__PUSHED__INBOX_PATH", str(tmp_path / "elsewhere"))

    found = Pushed.of("").inbox
    assert found is not None and found.path == str(tmp_path / "elsewhere")
    assert Pushed.of("outlet").place == str(data / "inbox" / "pushed.outlet")


@settings(max_examples=20)
@given(st.integers(0, len(LINES)))
def test_a_file_cut_anywhere_gives_its_whole_lines_now_and_the_rest_once_it_is_written(
    tmp_path_factory: pytest.TempPathFactory, length: int
) -> None:
    folder = tmp_path_factory.mktemp("inbox")
    file = folder / "segment.jsonl"
    file.write_bytes(LINES[:length])
    # what ends with a bracket is an event, though its line has no end yet
    whole = LINES[:length].count(b"}")

    first = news(folder)
    assert ids(first) == ["a", "é", "c"][:whole]

    with file.open("ab") as rest:
        rest.write(LINES[length:])
    assert ids(news(folder, first.position)) == ([] if length == len(LINES) else ["a", "é", "c"])


def test_a_line_that_nobody_ends_is_rejected_in_the_end(tmp_path: Path) -> None:
    file = tmp_path / "segment.jsonl"
    file.write_bytes(LINES[:-4])
    now = news(tmp_path)
    assert ids(now) == ["a", "é"]
    long_ago = (datetime.now(UTC) - timedelta(hours=2)).timestamp()
    os.utime(file, (long_ago, long_ago))

    later = news(tmp_path, now.position)

    assert [text.split(":")[0] for text in ids(later)] == ["a", "é", "not JSON"]
    assert ids(news(tmp_path, later.position)) == []


def test_an_event_that_the_receiver_could_not_read_is_an_unreadable_entry(tmp_path: Path) -> None:
    envelope = {"received_at": "2026-10-31T06:00:00Z", "headers": {}, "text": "{half", "unreadable": "not JSON: why"}
    (tmp_path / "segment.jsonl").write_text(json.dumps(envelope) + "\n")

    (entry,) = news(tmp_path).entries

    assert entry == {"where": "segment.jsonl line 1", "text": "{half", "unreadable": "not JSON: why"}


def test_files_are_read_from_the_instant_on_that_is_asked_for(tmp_path: Path) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    for days in range(3):
        file = tmp_path / f"{days}.jsonl"
        file.write_text(json.dumps({"id": days}))
        os.utime(file, (written := (now - timedelta(days=days)).timestamp(), written))

    def found(since: datetime | None, before: datetime | None = None) -> set[int]:
        entries = inbox.written_since(Inbox("pushed", str(tmp_path), "PUSHED"), since, before)
        return {entry["event"]["id"] for entry in entries}

    assert found(None) == {0, 1, 2}
    assert found(now - timedelta(days=1)) == {0, 1}
    assert found(now - timedelta(days=2), now) == {1, 2}


def test_where_there_are_inboxes_a_load_says_when_it_began(data: Path) -> None:
    account, now = Account("pushed", "outlet"), config.machine_time()
    inbox.note_loaded(account, now)
    assert inbox.loaded_until(account) is None

    (data / "inbox").mkdir(parents=True)
    inbox.note_loaded(account, now)

    assert inbox.loaded_until(account) == now
    assert inbox.loaded_until(Account("pushed")) is None
