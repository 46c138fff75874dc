"""respond.io: every path that the connector reads is documented or listed as unconfirmed, and so is every value.

The vendor publishes no specification; `tests/wire/respond_io` holds its documented records and events.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ingestion.intake import Intake
from ingestion.sources.respond_io import Workspace, contact_row, event_row, message_row, models, told_message, user_row
from ingestion.sources.respond_io import check as respond_io_check
from ingestion.tables import AccountRow, RawTable, Row

WIRE = Path(__file__).resolve().parents[1] / "wire" / "respond_io"
# What is read although nothing published describes it, and why. The source's README says so too.
UNCONFIRMED = {
    "event": {
        "timestamp": "an instant that a receiver added to the event",
        "conversation.id": "an id that a receiver added, or that the vendor may add",
        "conversation.channelId": "as firstIncomingMessageChannelId",
        "conversation.adId": "the ad of a conversation with source ctc_ads",
        "conversation.closedBy.source": "as closedBySource",
        "conversation.closedBy.userId": "as closedBy.id",
        "message.sender": "as sender",
    },
    "message": {
        "timestamp": "message events have it; of the list of messages only receipts are published",
        "sender": "message events have it beside the message",
    },
}
# Published values that no model looks for, and what becomes of them.
NOT_LOOKED_FOR = {
    "who opens a conversation": {
        "user": "begun by the company",
        "workflow": "begun by the company",
        "api": "begun by the company",
        "zapier": "begun by the company",
        "make": "begun by the company",
    },
    "who closes a conversation": {
        value: "kept as closed_by of the closing"
        for value in ("user", "workflow", "api", "zapier", "bot", "make", "n8n", "ai_agent", "auto_close")
    },
    "who sends a message": {
        value: "a program: it answers as a bot does"
        for value in ("workflow", "api", "zapier", "bot", "make", "n8n", "ai_agent")
    },
    "what a receipt says": {
        value: "the message may have reached the contact" for value in ("pending", "sent", "delivered", "read")
    },
    "which way a message goes": {"outgoing": "whatever is not incoming"},
    "what an event is": {
        "contact.created": "kept; the contact itself is read",
        "contact.updated": "kept; the contact itself is read",
        "comment.created": "kept, no model reads it",
        "message.received": "its message is a row of messages",
        "message.sent": "its message is a row of messages",
        "call.ended": "kept, no model reads it",
    },
}
# The models that decide what a value means.
DECIDES = {
    "who opens a conversation": ("canonical/respond_io/respond_io__conversations.sql", "conversation_source in"),
    "who closes a conversation": ("canonical/respond_io/respond_io__conversations.sql", "closed_by_source in"),
    "who sends a message": ("staging/respond_io/stg_respond_io__messages.sql", "sender_source "),
    "what a receipt says": ("staging/respond_io/stg_respond_io__messages.sql", "delivery_status ="),
    "which way a message goes": ("staging/respond_io/stg_respond_io__messages.sql", "traffic ="),
    "what an event is": ("*", "event_type"),
}
RECORDS: dict[str, tuple[RawTable, Callable[[Any], Any]]] = {
    "contact": (models.CONTACTS, contact_row),
    "user": (models.USERS, user_row),
    "channel": (models.CHANNELS, lambda record: record),
    "message": (models.MESSAGES, message_row),
}
EXAMPLES = sorted(path for path in WIRE.glob("*.json") if not path.name.startswith("_"))


class Recorder(dict[str, Any]):
    """A record that notes which paths are read; where it `is_bare` of values, every fallback is read too."""

    def __init__(self, record: dict[str, Any], read: set[str], *, is_bare: bool = False, path: str = "") -> None:
        self._read, self._path, self._is_bare = read, path, is_bare
        super().__init__({name: self._wrapped(value, f"{path}{name}") for name, value in record.items()})

    def _wrapped(self, value: Any, path: str) -> Any:
        if isinstance(value, dict):
            return Recorder(value, self._read, is_bare=self._is_bare, path=f"{path}.")
        if isinstance(value, list):
            return [self._wrapped(item, f"{path}[]") for item in value]
        return None if self._is_bare and path != "event_type" else value

    def get(self, name: str, default: Any = None) -> Any:
        self._read.add(self._path + name)
        return super().get(name, default)

    def __getitem__(self, name: str) -> Any:
        self._read.add(self._path + name)
        return super().__getitem__(name)


def example(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())


def paths(value: Any, path: str = "") -> Iterator[str]:
    """Every path of a record, also those that lead to objects."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield f"{path}{name}"
            yield from paths(inner, f"{path}{name}.")
    elif isinstance(value, list):
        for item in value:
            yield from paths(item, f"{path.removesuffix('.')}[].")


def leaves(value: Any) -> set[str]:
    found = set(paths(value))
    return {path for path in found if not any(other.startswith((f"{path}.", f"{path}[]")) for other in found)}


def passed_on(row: type[Row], to_row: Callable[[Any], Any]) -> set[str]:
    """Fields that a row takes from the record under their own name."""
    return {*row.model_fields} - {*to_row({})} - {*AccountRow.model_fields}


def read_paths(kind: str) -> set[str]:
    """What the connector reads of a kind of record, over all documented examples of it."""
    read: set[str] = set()
    for is_bare in (False, True):
        for path in files_of(kind):
            record = Recorder(example(path)["payload"], read, is_bare=is_bare)
            if kind == "event":
                event_row(record)
                told_message(record)
            else:
                RECORDS[kind][1](record)
    # `Recorder` sees steps; what is passed on whole is read by the row model.
    return read | (passed_on(RECORDS[kind][0].row, RECORDS[kind][1]) if kind in RECORDS else set())


def files_of(kind: str) -> list[Path]:
    return [path for path in EXAMPLES if (path.stem if path.stem in RECORDS else "event") == kind]


def published_paths(kind: str) -> set[str]:
    return {path for file in files_of(kind) for path in paths(example(file)["payload"])}


@pytest.mark.parametrize("kind", [*RECORDS, "event"])
def test_every_path_that_is_read_is_documented_or_listed_as_unconfirmed(kind: str) -> None:
    assert read_paths(kind) - published_paths(kind) == {*UNCONFIRMED.get(kind, {})}


def test_a_check_asks_for_nothing_but_what_a_load_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: set[tuple[str, str]] = set()

    class Asked:
        vendor, latest_headers = "respond_io", {}

        def get(self, path: str, params: Any = None) -> Any:
            asked.add(("GET", path))
            return {"items": []}

        def post(self, path: str, *, params: Any = None, body: Any = None) -> Any:
            asked.add(("POST", path))
            return {"items": []}

    workspace = Workspace(Asked())  # type: ignore[arg-type]
    workspace.contacts(None)
    for name in ("user", "channel"):
        list(workspace.listed(f"/space/{name}"))
    of_loads = {*asked}
    asked.clear()
    monkeypatch.setattr(respond_io_check, "connect", lambda settings: Asked())
    settings = SimpleNamespace(inbox=None, variable=str)
    assert len(list(respond_io_check.check(settings))) == 10  # type: ignore[arg-type]
    assert asked == of_loads


def test_the_readme_names_what_is_unconfirmed() -> None:
    readme = Path(models.__file__).with_name("README.md").read_text()
    said = readme[readme.index("Unconfirmed") :]
    assert [path for known in UNCONFIRMED.values() for path in known if f"`{path}`" not in said] == []


def test_every_published_kind_of_event_has_an_example() -> None:
    published = set(example(WIRE / "_values.json")["what an event is"])
    assert {path.stem for path in EXAMPLES} == published | {*RECORDS}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_connector_makes_the_documented_row_and_says_what_it_leaves_out(path: Path) -> None:
    told = example(path)
    table, to_row = RECORDS.get(path.stem, (models.WEBHOOK_EVENTS, None))
    made = to_row(told["payload"]) if to_row else event_row(told["payload"], told["received_at"])
    intake = Intake("respond_io")
    (row,) = list(intake.accept(table, [made]))
    columns = {name: _as_json(value) for name, value in row.items()}
    assert {name: columns[name] for name in told["row"]} == told["row"]
    read: set[str] = set()
    recorder = Recorder(told["payload"], read)
    if to_row:
        to_row(recorder)
        # What no column is declared for becomes a column of its own name.
        read |= {*told["payload"]} if path.stem != "message" else set()
    else:
        event_row(recorder)
        read |= {"event_type"}
    left_out = {leaf for leaf in leaves(told["payload"]) if not _is_read(leaf, read)}
    assert sorted(left_out) == sorted(told["left_out"])


def _is_read(leaf: str, read: set[str]) -> bool:
    """Whether a column holds the value: it was read itself, or what holds it became a column whole."""
    whole = {"tags", "custom_fields", "team", "restrictions"}
    return leaf in read or leaf.split(".")[0].split("[")[0] in whole


def _as_json(value: Any) -> Any:
    if isinstance(value, datetime):
        moment = value.astimezone(UTC)
        return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds").replace("+00:00", "Z")
    return value


@pytest.mark.parametrize("enumeration", [*DECIDES])
def test_every_published_value_is_known_to_a_model_or_listed_with_what_becomes_of_it(
    enumeration: str, root: Path
) -> None:
    pattern, words_before = DECIDES[enumeration]
    project = root / "dbt_project" / "models"
    folders = ("staging/respond_io", "canonical/respond_io")
    files = (
        [project / pattern]
        if pattern != "*"
        else [path for folder in folders for path in (project / folder).glob("*.sql")]
    )
    known = {
        value
        for file in files
        for clause in re.findall(rf"{words_before}[^\n]*(?:\n\s+when[^\n]*)*", file.read_text())
        for value in re.findall(r"'([a-z_.0-9]+)'", clause)
    }
    published = set(example(WIRE / "_values.json")[enumeration])
    assert published - known == {*NOT_LOOKED_FOR[enumeration]}
