"""The webhook inbox of a source: a folder of raw JSON events, read incrementally through dlt's filesystem source.

Belongs here: where an inbox lies, which files are new, how a file becomes events. Does not: receiving webhooks
(`receiver`), what an event means.

A `.json` file holds one event or a list of events, a `.jsonl` file one event a line. An event is as the vendor sends
it, or inside the receiver's envelope: `{"received_at": …, "headers": …, "event": …}`. Of a genuine event that is no
JSON, the envelope holds the `text` and why it is `unreadable`. A file counts as new when it is not known with this size
and time of modification; a file that grew is read again as a whole. A last line that is still being written is left to
the next reading.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

from dlt.common.storages.fsspec_filesystem import FileItemDict
from dlt.sources.filesystem import filesystem
from pydantic import SecretStr

from ingestion import config
from ingestion.clock import Clock
from ingestion.config import OWN, Account, SettingsError, SourceSettings
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
WRITING = ".writing.lock"
# So long after the last byte, a last line that is no JSON is not being written any more: it is rejected.
LINE_TAKES_AT_MOST = timedelta(minutes=10)


@dataclass(frozen=True)
class Inbox:
    """
    Attributes:
        source: the source whose events these are.
        path: the folder, or the address of one that dlt's filesystem source reads.
        variable: the environment variable that names it, for messages.
    """

    source: str
    path: str
    variable: str


class InboxSettings(SourceSettings):
    """Settings of a source whose vendor sends webhooks.

    Attributes:
        inbox_path: folder of webhook events; None: the one that the receiver writes, where it is there.
        webhook_secret: what the vendor signs webhooks with; empty: the receiver takes none of the account.
    """

    inbox_path: Annotated[str | None, OWN] = None
    webhook_secret: SecretStr = SecretStr("")

    @classmethod
    def alone(cls, account: Account) -> InboxSettings:
        """These of an account, without its others: the receiver may stand where no token of the vendor is.

        Raises:
            SettingsError: as `read`.
        """
        settings: type[InboxSettings] = type(cls.__name__, (cls,), {"source": str(account), "__module__": __name__})
        return settings.read()

    @property
    def inbox(self) -> Inbox | None:
        """The inbox of webhook events; None: there is none."""
        if self.inbox_path is None and not Path(self.place).is_dir():
            return None
        return Inbox(self.source, self.place, self.variable("inbox_path"))

    @property
    def place(self) -> str:
        """Where the inbox lies, or will lie when the first event arrives."""
        return self.inbox_path or str(inboxes() / self.source)


def inboxes() -> Path:
    """Folder of the inboxes whose place no setting states, one an account."""
    return config.data_dir() / "inbox"


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Hold the only right to change the files of an inbox on this machine.

    The receiver takes it for each write, and whoever puts another file in the place of one takes it for that long: so
    no line is written into a file that is gone.
    """
    lock = os.open(folder / WRITING, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


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
        latest_at: when the newest file was written; None: there has never been one.
        position: where the next reading begins.
    """

    entries: Spool
    position: str
    latest_at: datetime | None


def read(inbox: Inbox, position: str | None, clock: Clock) -> News:
    """Entries of the files that are new since `position`.

    A file may be dated ahead, by a receiver whose clock is wrong, or where the load looks at an earlier instant. It
    does not make those of today old, and is read again until its time has come: what it says may have been turned away.

    Raises:
        SettingsError: the folder does not exist.
    """
    _refuse_no_folder(inbox)
    before = Position.from_json(position)
    newest = believable(before.newest, clock)
    oldest = newest - LATE_FILES if newest else None
    after = Position(newest.isoformat() if newest else "", dict(before.files))
    entries = Spool()
    for file in _files(inbox):
        modified = file["modification_date"].astimezone(UTC)
        name, seen_as = file["relative_path"], f"{modified.isoformat()} {file['size_in_bytes']}"
        if before.files.get(name) == seen_as or (oldest is not None and modified < oldest):
            continue
        text, is_whole = _written(file)
        for entry in _entries(text, name):
            entries.add(len(entries), entry)
        if is_whole and modified <= clock.present + AHEAD_AT_MOST:
            after.files[name] = seen_as
        after.newest = max(after.newest, min(modified, clock.present).isoformat())
    if after.newest:
        keep_from = (_time(after.newest) - LATE_FILES).isoformat()
        after.files = {name: seen_as for name, seen_as in after.files.items() if seen_as >= keep_from}
    log.info("%s: %s new webhook events in the inbox", inbox.source, len(entries))
    latest_at = _time(after.newest) if after.newest else None
    return News(entries, after.to_json(), latest_at)


def written_in(inbox: Inbox, days: Days) -> Spool:
    """Entries of the files that were written on these days (UTC), also of those that are read already.

    Raises:
        SettingsError: the folder does not exist.
    """
    entries = written_since(inbox, days.begins_at, days.ends_at)
    log.info("%s: %s webhook events in the inbox from %s", inbox.source, len(entries), days)
    return entries


def written_since(inbox: Inbox, since: datetime | None, before: datetime | None = None) -> Spool:
    """Entries of the files that were last written in this time, also of those that are read already.

    Raises:
        SettingsError: the folder does not exist.
    """
    _refuse_no_folder(inbox)
    entries = Spool()
    for file in _files(inbox):
        modified = file["modification_date"]
        if (since is None or since <= modified) and (before is None or modified < before):
            for entry in _entries(_written(file)[0], file["relative_path"]):
                entries.add(len(entries), entry)
    return entries


def latest_at(inbox: Inbox) -> datetime | None:
    """When the newest file was written; None where there is none. Raises as `read`."""
    _refuse_no_folder(inbox)
    files = _files(inbox)
    return files[-1]["modification_date"].astimezone(UTC) if files else None


def note_loaded(account: Account, began_at: datetime) -> None:
    """Keep that a load of an account succeeded, which began at this instant: what was written before is no news.

    Only where there are inboxes: who asks is the receiver, which must not open the warehouse beside a refresh.
    """
    if inboxes().is_dir():
        note = _note(account)
        draft = note.with_suffix(".draft")
        draft.write_text(began_at.isoformat(), encoding="utf-8")
        draft.replace(note)


def loaded_until(account: Account) -> datetime | None:
    """When the last load of an account that succeeded began; None: there was none since there are inboxes."""
    note = _note(account)
    return _time(note.read_text(encoding="utf-8")) if note.exists() else None


def _note(account: Account) -> Path:
    return inboxes() / f"{account}.loaded"


def _refuse_no_folder(inbox: Inbox) -> None:
    if "://" not in inbox.path and not Path(inbox.path).is_dir():
        raise SettingsError(
            f"{inbox.source}: the inbox {inbox.path!r} is no folder. Create it, or correct {inbox.variable}."
        )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _files(inbox: Inbox) -> list[FileItemDict]:
    # A writer's unfinished file ("….json.tmp") matches the pattern too.
    files = [file for file in filesystem(inbox.path, file_glob=GLOB) if file["relative_path"].endswith(SUFFIXES)]
    return sorted(files, key=lambda file: (file["modification_date"], file["relative_path"]))


def _written(file: FileItemDict) -> tuple[str, bool]:
    """The text of a file without a last line that is still being written, and whether there was none."""
    text = file.read_bytes().decode(errors="replace")
    if not file["relative_path"].endswith(".jsonl") or text.endswith("\n"):
        return text, True
    before, end, last = text.rpartition("\n")
    try:
        parsed(last)
    except ValueError:
        if last.strip() and abs(config.machine_time() - file["modification_date"]) < LINE_TAKES_AT_MOST:
            return before + end, False
    return text, True


def _entries(text: str, name: str) -> Iterator[dict[str, Any]]:
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
        if isinstance(item, Mapping) and {"received_at", "text", "unreadable"} <= item.keys():
            yield {"where": where, "text": str(item["text"]), "unreadable": str(item["unreadable"])}
            continue
        is_envelope = "event_type" not in item and "event" in item if isinstance(item, Mapping) else False
        event = item["event"] if is_envelope else item
        yield {"where": where, "event": event, "received_at": at(item, "received_at")}
