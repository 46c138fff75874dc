from __future__ import annotations

import json
import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion import inbox
from ingestion.clock import Clock
from ingestion.config import SettingsError
from ingestion.inbox import Inbox
from ingestion.receiver import segments
from ingestion.receiver.segments import Segments, enveloped

NOW = datetime(2026, 10, 31, 6, tzinfo=UTC)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda each: st.lists(each, max_size=4) | st.dictionaries(st.text(), each, max_size=4),
    max_leaves=12,
)


def read(folder: Path) -> list[dict[str, Any]]:
    return list(inbox.read(Inbox("pushed", str(folder), "PUSHED"), None, Clock()).entries)


def read_back(tmp_path_factory: pytest.TempPathFactory, bodies: list[bytes]) -> list[dict[str, Any]]:
    """What a load reads of bodies that were written."""
    folder = tmp_path_factory.mktemp("inbox")
    (folder / "received-1.jsonl").write_bytes(b"".join(enveloped(NOW, {"x": "y"}, body)[0] for body in bodies))
    return read(folder)


@settings(max_examples=20)
@given(
    st.lists(VALUES, max_size=8),
    st.sampled_from([None, 1]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32-le"]),
    st.booleans(),
)
def test_a_load_reads_each_event_as_it_was_sent(
    tmp_path_factory: pytest.TempPathFactory, events: list[Any], indent: int | None, encoding: str, is_ascii: bool
) -> None:
    texts = [json.dumps(event, indent=indent, ensure_ascii=is_ascii).replace("\n", "\r\n") for event in events]

    entries = read_back(tmp_path_factory, [text.encode(encoding) for text in texts])

    assert [entry["event"] for entry in entries] == events
    assert {entry["received_at"] for entry in entries} <= {NOW.isoformat()}


@settings(max_examples=20)
@given(
    st.lists(st.binary(max_size=60) | st.binary(max_size=20).map(lambda some: b'{"a": "' + some + b'"}'), max_size=8)
)
def test_whatever_bytes_arrive_are_one_entry_each(
    tmp_path_factory: pytest.TempPathFactory, bodies: list[bytes]
) -> None:
    entries = read_back(tmp_path_factory, bodies)

    assert len(entries) == len(bodies)
    for entry, body in zip(entries, bodies, strict=True):
        try:
            event = json.loads(body.decode(json.detect_encoding(body)))
        except ValueError:
            assert entry["unreadable"].startswith("not JSON: ")
            assert entry["text"] == body.decode(errors="backslashreplace")
        else:
            assert repr(entry["event"]) == repr(event)


def test_numbers_keep_every_digit_and_names_their_order_and_twins() -> None:
    body = b'{"b": 1.10, "a": 12345678901234567890123, "a": 1e400, "c": [0.1000000000000000055511151231257827]}'

    line, _ = enveloped(NOW, {}, body)

    assert b'"event": ' + body + b"}\n" in line


def test_what_is_nested_too_deeply_costs_its_own_line(tmp_path: Path) -> None:
    lines = [enveloped(NOW, {}, body)[0] for body in (b"[" * 50_000 + b"]" * 50_000, b'{"id": 2}')]
    (tmp_path / "received-1.jsonl").write_bytes(b"".join(lines))

    _, second = read(tmp_path)

    assert second["event"] == {"id": 2}


def test_only_the_owner_may_read_an_inbox(tmp_path: Path) -> None:
    os.umask(0)
    try:
        written = Segments(tmp_path / "inbox" / "stripe")
        written.write([b"{}\n"])
        written.close()
    finally:
        os.umask(0o077)

    (file,) = (tmp_path / "inbox" / "stripe").glob("*.jsonl")
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


@settings(max_examples=40)
@given(st.data())
def test_the_next_start_cuts_off_the_line_that_was_never_confirmed_and_no_other(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    lines = data.draw(st.lists(st.binary(max_size=20).map(lambda some: some.replace(b"\n", b"") + b"\n"), max_size=4))
    content = b"".join(lines)
    length = data.draw(st.integers(0, len(content)))
    folder = tmp_path_factory.mktemp("inbox")
    segment, foreign = folder / "received-1.jsonl", folder / "of_another.jsonl"
    for file in (segment, foreign):
        file.write_bytes(content[:length])

    Segments(folder).close()

    assert segment.read_bytes() == content[: content[:length].rfind(b"\n") + 1]
    assert foreign.read_bytes() == content[:length]


def test_a_segment_ends_with_its_time_and_with_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = Segments(tmp_path)
    written.write([b"1\n"])
    written.write([b"2\n"])
    assert len([*tmp_path.glob("*.jsonl")]) == 1
    monkeypatch.setattr(segments, "SEGMENT_BYTES", 4)
    written.write([b"3\n"])
    assert len([*tmp_path.glob("*.jsonl")]) == 2
    later = time.monotonic() + 601
    monkeypatch.setattr(segments.time, "monotonic", lambda: later)
    written.write([b"4\n"])
    written.close()

    assert [file.read_bytes() for file in sorted(tmp_path.glob("*.jsonl"))] == [b"1\n2\n", b"3\n", b"4\n"]


def test_no_line_goes_into_a_file_that_somebody_replaced_or_deleted(tmp_path: Path) -> None:
    written = Segments(tmp_path)
    written.write([b"0\n"])
    is_over = threading.Event()

    def replace_files() -> None:
        while not is_over.is_set():
            with inbox.writing(tmp_path):
                for file in tmp_path.glob("*.jsonl"):
                    (tmp_path / "draft").write_bytes(file.read_bytes())
                    (tmp_path / "draft").replace(file)

    others = threading.Thread(target=replace_files)
    others.start()
    for number in range(1, 4000):
        written.write([b"%d\n" % number])
        if number >= 40 and len([*tmp_path.glob("*.jsonl")]) > 1:
            break
    is_over.set()
    others.join()

    assert len([*tmp_path.glob("*.jsonl")]) > 1, "no file was replaced between two writes"
    lines = [int(line) for file in tmp_path.glob("*.jsonl") for line in file.read_bytes().split()]
    assert sorted(lines) == [*range(number + 1)]
    for file in tmp_path.glob("*.jsonl"):
        file.unlink()
    written.write([b"after\n"])
    written.close()
    assert [file.read_bytes() for file in tmp_path.glob("*.jsonl")] == [b"after\n"]


def test_two_receivers_never_write_one_inbox(tmp_path: Path) -> None:
    first = Segments(tmp_path)
    with pytest.raises(SettingsError, match="another receiver, or another account of this one, writes into"):
        Segments(tmp_path)
    first.close()

    Segments(tmp_path).close()
