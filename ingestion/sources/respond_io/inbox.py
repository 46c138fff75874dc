"""The webhook inbox: a folder of raw JSON events, read incrementally through dlt's filesystem source.

Belongs here: which files are new, how a file becomes events. Does not: receiving webhooks, what an event means.

A `.json` file holds one event or a list of events, a `.jsonl` file one event a line. An event is as respond.io sends
it, or inside the receiver's envelope: `{"received_at": …, "headers": …, "event": …}`. A file counts as new when it is
not known with this size and time of modification; a file that grew is read again as a whole.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dlt.common.storages.fsspec_filesystem import FileItemDict
from dlt.sources.filesystem import filesystem

from ingestion.clock import Clock
from ingestion.config import SettingsError
from ingestion.days import Days
from ingestion.intake import AHEAD_AT_MOST
from ingestion.watermark import believable
from ingestion.wire import Spool, at, parsed

log = logging.getLogger(__name__)

GLOB = "**/*.json*"
SUFFIXES = (".json", ".jsonl")
# A file may appear later than its time of modification says (written elsewhere, then moved here). Files this much
# older than the newest one known are still compared by name; older ones count as read.
LATE_FILES = timedelta(days=7)


@dataclass
class Position:
    """Which files are read: the newest time of modification, and the names of those not much older."""

    newest: str = ""
    files: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        return json.dumps({"newest": self.newest, "files": self.files}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str | None) -> Position:
        return cls(**json.loads(text)) if text else cls()


@dataclass(frozen=True)
class News:
    """What is new in the inbox.

    Attributes:
        entries: mappings of `where` (file and line) and either `event` (parsed JSON) with when it was `received_at`
            (None: the receiver does not say), or `text` and why it is `unreadable`.
        contact_ids: contacts that the events name.
        latest_at: when the newest file was written; None: there has never been one.
        position: where the next reading begins.
    """

    entries: Spool
    contact_ids: frozenset[str]
    position: str
    latest_at: datetime | None


def read(path: str, position: str | None, clock: Clock) -> News:
    """Entries of the files that are new since `position`.

    A file may be dated ahead, by a receiver whose clock is wrong, or where the load looks at an earlier instant. It
    does not make those of today old, and is read again until its time has come: what it says may have been turned away.

    Raises:
        SettingsError: the folder does not exist.
    """
    _refuse_no_folder(path)
    before = Position.from_json(position)
    newest = believable(before.newest, clock)
    oldest = newest - LATE_FILES if newest else None
    after = Position(newest.isoformat() if newest else "", dict(before.files))
    entries = Spool()
    contact_ids: set[str] = set()
    for file in _files(path):
        modified = file["modification_date"].astimezone(UTC)
        name, seen_as = file["relative_path"], f"{modified.isoformat()} {file['size_in_bytes']}"
        if before.files.get(name) == seen_as or (oldest is not None and modified < oldest):
            continue
        for entry in _entries(file, name):
            entries.add(len(entries), entry)
            contact_id = str(at(entry, "event", "contact", "id"))
            if contact_id.isdigit():  # anything else is not a contact: the row model judges its event
                contact_ids.add(contact_id)
        if modified <= clock.present + AHEAD_AT_MOST:
            after.files[name] = seen_as
        after.newest = max(after.newest, min(modified, clock.present).isoformat())
    if after.newest:
        keep_from = (_time(after.newest) - LATE_FILES).isoformat()
        after.files = {name: seen_as for name, seen_as in after.files.items() if seen_as >= keep_from}
    log.info("respond_io: %s new webhook events in the inbox", len(entries))
    latest_at = _time(after.newest) if after.newest else None
    return News(entries, frozenset(contact_ids), after.to_json(), latest_at)


def written_in(path: str, days: Days) -> Spool:
    """Entries of the files that were written on these days (UTC), also of those that are read already.

    Raises:
        SettingsError: the folder does not exist.
    """
    _refuse_no_folder(path)
    entries = Spool()
    for file in _files(path):
        if days.begins_at <= file["modification_date"] < days.ends_at:
            for entry in _entries(file, file["relative_path"]):
                entries.add(len(entries), entry)
    log.info("respond_io: %s webhook events in the inbox from %s", len(entries), days)
    return entries


def latest_at(path: str) -> datetime | None:
    """When the newest file was written; None where there is none. Raises as `read`."""
    _refuse_no_folder(path)
    files = _files(path)
    return files[-1]["modification_date"].astimezone(UTC) if files else None


def _refuse_no_folder(path: str) -> None:
    if "://" not in path and not Path(path).is_dir():
        raise SettingsError(
            f"respond_io: the inbox {path!r} is no folder. Create it, or correct SOURCES__RESPOND_IO__INBOX_PATH."
        )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _files(path: str) -> list[FileItemDict]:
    # A writer's unfinished file ("….json.tmp") matches the pattern too.
    files = [file for file in filesystem(path, file_glob=GLOB) if file["relative_path"].endswith(SUFFIXES)]
    return sorted(files, key=lambda file: (file["modification_date"], file["relative_path"]))


def _entries(file: FileItemDict, name: str) -> Iterator[dict[str, Any]]:
    text = file.read_bytes().decode(errors="replace")
    if not name.endswith(".jsonl"):
        yield from _parsed(text, name)
        return
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield from _parsed(line, f"{name} line {number}")


def _parsed(text: str, where: str) -> Iterator[dict[str, Any]]:
    try:
        value = parsed(text)
    except ValueError as error:
        yield {"where": where, "text": text, "unreadable": f"not JSON: {error}"}
        return
    for item in value if isinstance(value, list) else [value]:
        is_envelope = "event_type" not in item and "event" in item if isinstance(item, Mapping) else False
        event = item["event"] if is_envelope else item
        yield {"where": where, "event": event, "received_at": at(item, "received_at")}
