"""The events of persons in the inboxes of the enabled accounts, and the inboxes without them.

Belongs here: files of events. Does not: how a load reads them (`ingestion/inbox.py`), who these persons are.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from ingestion import config
from ingestion.config import Account
from ingestion.erasure import PeopleOf
from ingestion.inbox import SUFFIXES
from ingestion.personal import People
from ingestion.wire import at, parsed, unfolded


def events_of(people_of: PeopleOf) -> Iterator[tuple[Account, Path, Any]]:
    """The events of persons, each with its account and file."""
    for account, file in _files():
        people = people_of(account.source)
        for item in _items(file):
            if tells_of(item, account, people):
                yield account, file, item


def clean_inboxes(people_of: PeopleOf) -> None:
    """Take the events of persons out of the files, whose size and time stay: a load finds them read, or as new."""
    for account, file in _files():
        _clean(file, account, people_of(account.source))


def _files() -> Iterator[tuple[Account, Path]]:
    for account in config.enabled_accounts():
        settings = config.settings_of(account)
        path = config.source_setting(str(account), "inbox_path") if "inbox_path" in settings.model_fields else None
        if path and "://" not in path:
            yield from ((account, file) for file in sorted(Path(path).rglob("*")) if file.name.endswith(SUFFIXES))


def _items(file: Path) -> list[Any]:
    text = file.read_bytes()
    if file.suffix == ".jsonl":
        return [_parsed(line) for line in text.split(b"\n") if line.strip()]
    found = _parsed(text)
    return found if isinstance(found, list) else [found]


def _clean(file: Path, account: Account, people: People) -> None:
    text = file.read_bytes()
    if file.suffix == ".jsonl":
        lines = text.split(b"\n")
        theirs = [bool(line.strip()) and tells_of(_parsed(line), account, people) for line in lines]
        cleaned = b"\n".join(b" " * len(line) if is_one else line for line, is_one in zip(lines, theirs, strict=True))
    else:
        items = _items(file)
        left = [item for item in items if not tells_of(item, account, people)]
        cleaned = text if len(left) == len(items) else json.dumps(left, ensure_ascii=False).encode().ljust(len(text))
    if cleaned != text:
        rewrite(file, cleaned)


def _parsed(text: bytes) -> Any:
    try:
        return parsed(text.decode(errors="replace"))
    except ValueError:  # what is no JSON is looked through as a text
        return text.decode(errors="replace")


def tells_of(item: Any, account: Account, people: People) -> bool:
    """Whether an event is of a person: by the rows that the source makes of it, or because it names an address."""
    if people.are_named_in(item):
        return True
    source = import_module(f"ingestion.sources.{account.source}")
    tables = {table.name: table for table in source.TABLES}
    is_envelope = isinstance(item, Mapping) and "event" in item and "event_type" not in item
    event = item["event"] if is_envelope else item
    # what a source makes rows of: an entry of the inbox, the event itself, or the object that the event is about
    records = [{"event": event, "received_at": None}, event, at(event, "data", "object")]
    return any(
        people.is_of(tables[name], {**row, "source_account": account.name})
        for name, to_rows in source.ROWS_OF.items()
        for row in unfolded(to_rows, records)
        if isinstance(row, Mapping)
    )


def rewrite(path: Path, text: bytes) -> None:
    """Write a file beside itself and rename it, with its mode and its time."""
    before, draft = path.stat(), path.with_name(f"{path.name}.tmp")
    with open(draft, "wb", opener=lambda name, flags: os.open(name, flags, before.st_mode & 0o777)) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.utime(draft, ns=(before.st_atime_ns, before.st_mtime_ns))
    os.replace(draft, path)
