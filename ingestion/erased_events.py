"""The events of persons in the inboxes, and the inboxes without them.

Belongs here: files of events. Does not: how a load reads them (`ingestion/inbox.py`), who these persons are.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from ingestion import config, inbox
from ingestion.config import Account
from ingestion.erasure import PeopleOf
from ingestion.inbox import SUFFIXES, InboxSettings
from ingestion.personal import People
from ingestion.wire import at, parsed, unfolded


def events_of(people_of: PeopleOf) -> Iterator[tuple[Account, Path, Any]]:
    """The events of persons, each with its account and file."""
    for account, folder in _folders():
        people = people_of(account.source)
        for file in _in(folder):
            yield from ((account, file, item) for item in _items(file) if tells_of(item, account, people))


def clean_inboxes(people_of: PeopleOf) -> None:
    """Take the events of persons out of the files, whose size and time stay: a load finds them read, or as new.

    What a delivery tells of others stays in it. A receiver may go on writing meanwhile.
    """
    for account, folder in _folders():
        people = people_of(account.source)
        with inbox.writing(folder):
            for file in _in(folder):
                _clean(file, account, people)


def _folders() -> Iterator[tuple[Account, Path]]:
    """The inboxes that settings state or the receiver writes, also of accounts that are enabled no more."""
    enabled = [
        account for account in config.enabled_accounts() if issubclass(config.settings_of(account), InboxSettings)
    ]
    places = {InboxSettings.alone(account).place: account for account in enabled}
    for folder in inbox.inboxes().glob("*"):
        source, _, name = folder.name.partition(".")
        if source in config.SOURCE_NAMES:
            places.setdefault(str(folder), Account(source, name))
    yield from ((account, Path(place)) for place, account in places.items() if Path(place).is_dir())


def _in(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.name.endswith(SUFFIXES))


def _items(file: Path) -> list[Any]:
    text = file.read_bytes()
    if file.suffix == ".jsonl":
        return [_parsed(line) for line in text.split(b"\n") if line.strip()]
    found = _parsed(text)
    return found if isinstance(found, list) else [found]


def _clean(file: Path, account: Account, people: People) -> None:
    text = file.read_bytes()
    if file.suffix == ".jsonl":
        cleaned = b"\n".join(_cleaned_line(line, account, people) for line in text.split(b"\n"))
    else:
        items = _items(file)
        left = [left for item in items for left in _left_of(item, account, people)]
        cleaned = text if left == items else _written(left, len(text))
    if cleaned != text:
        rewrite(file, cleaned)


def _cleaned_line(line: bytes, account: Account, people: People) -> bytes:
    item = _parsed(line) if line.strip() else None
    if item is None or not tells_of(item, account, people):
        return line
    return b"".join(_written(left, 0) for left in _left_of(item, account, people)).ljust(len(line))


def _written(value: Any, size: int) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="surrogatepass").ljust(size)


def _parsed(text: bytes) -> Any:
    try:
        return parsed(text.decode(errors="replace"))
    except ValueError:  # what is no JSON is looked through as a text
        return text.decode(errors="replace")


def _left_of(item: Any, account: Account, people: People) -> list[Any]:
    """The event; without what its lists tell of them, where something is left; or nothing, where it is all theirs."""
    if not tells_of(item, account, people):
        return [item]
    rest = _without(item, people)
    is_of_others = rest != item and rest != _without_lists(item) and not tells_of(rest, account, people)
    return [rest] if is_of_others else []


def _without(value: Any, people: People) -> Any:
    if isinstance(value, Mapping):
        return {name: _without(each, people) for name, each in value.items()}
    if isinstance(value, list):
        left = (_without(each, people) for each in value)
        return [each for each in left if not people.are_named_in(each)]
    return value


def _without_lists(value: Any) -> Any:
    """What is left of an event that tells of one person alone: the lists around its records, and nothing in them."""
    if isinstance(value, Mapping):
        return {name: _without_lists(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_without_lists(each) for each in value if _holds_a_list(each)]
    return value


def _holds_a_list(value: Any) -> bool:
    each = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return isinstance(value, list) or any(map(_holds_a_list, each))


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
