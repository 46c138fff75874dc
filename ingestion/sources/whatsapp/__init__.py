"""WhatsApp Cloud API: the events of its webhook inbox, split into messages, receipts, preferences and their contacts.

Belongs here: what a delivery holds, and in which fields. Does not: receiving webhooks, what makes a conversation.

A delivery has the shape `{"object": …, "entry": [{"id": …, "changes": [{"field": …, "value": {…}}]}]}`, and a value
holds lists. Each entry of a list is a record by itself, with what stands around it: one that cannot be read stops no
other. What no list of `LISTS` takes is kept whole in `other_events`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import dlt
from dlt.extract import DltResource

from ingestion import inbox
from ingestion.days import ByDay, DaysError
from ingestion.intake import Intake
from ingestion.sources.whatsapp.models import CONTACTS, MESSAGES, OTHER_EVENTS, PREFERENCES, STATUSES, TABLES
from ingestion.sources.whatsapp.settings import SOURCE, Settings
from ingestion.tables import RawTable
from ingestion.wire import Spool, as_json, at, batches, entries, one, unfolded, unknown

__all__ = ["BY_DAY", "ROWS_OF", "TABLES", "resources"]

OBJECT = "whatsapp_business_account"
# The lists that are read, by the field of the change and the name of the list.
LISTS = {
    ("messages", "messages"): MESSAGES,
    ("messages", "statuses"): STATUSES,
    ("smb_message_echoes", "message_echoes"): MESSAGES,
    ("user_preferences", "user_preferences"): PREFERENCES,
}
AROUND = ("messaging_product", "metadata", "contacts")  # what a value holds beside its lists
CAPTIONED = ("image", "video", "document")


# ---- a delivery and its records


@dataclass(frozen=True)
class Part:
    """A record of a delivery and the table it is for; or what is in no documented shape, and why.

    Attributes:
        table: name of the table.
        record: what happened (`told`), and what stands around it.
        problem: why nothing can be read of it; None where something can.
    """

    table: str
    record: Any
    problem: str | None = None


def parts(event: Any, received_at: Any = None) -> Iterator[Part]:
    """The records of a delivery, in its order.

    Args:
        event: as WhatsApp sent it.
        received_at: when the receiver got it; None: it does not say.
    """
    if at(event, "object") != OBJECT:
        yield _unread(event, f"object: {OBJECT!r} is expected (got {at(event, 'object')!r:.80})")
        return
    if not entries(event, "entry"):
        yield _unread(event, "entry: a list of entries is expected")
    for entry in entries(event, "entry"):
        if not entries(entry, "changes"):
            yield _unread(entry, "changes: a list of changes is expected")
        for change in entries(entry, "changes"):
            yield from _parts_of_change(entry, change, received_at)


def _unread(part: Any, problem: str) -> Part:
    return Part(OTHER_EVENTS.name, part, problem)


def _parts_of_change(entry: Any, change: Any, received_at: Any) -> Iterator[Part]:
    field, value = at(change, "field"), at(change, "value")
    if not isinstance(field, str) or not isinstance(value, Mapping):
        yield _unread(change, "a change with a field and a value is expected")
        return
    around = {
        "business_account_id": at(entry, "id"),
        "phone_number_id": at(value, "metadata", "phone_number_id"),
        "field": field,
        "received_at": received_at,
    }
    known = {name: table for (of, name), table in LISTS.items() if of == field and isinstance(value.get(name), list)}
    for name, table in known.items():
        people = _people(value[name], entries(value, "contacts"))
        for told in value[name]:
            record = {**around, "told": told, "contact": people(told)}
            yield Part(table.name, record)
            if _tells_of_somebody(record):
                yield Part(CONTACTS.name, record)
    if not any(value[name] for name in known) or value.keys() - {*AROUND, *known}:
        yield Part(OTHER_EVENTS.name, {**around, "time": at(entry, "time"), "value": value})


def _people(told: list[Any], contacts: list[Any]) -> Callable[[Any], Any]:
    """Finds the contact that a record names. A number and its WhatsApp id may differ: one of each belong together."""
    by_id = {id_: contact for contact in contacts for id_ in _ids(at(contact, "wa_id"), at(contact, "user_id"))}
    if len(contacts) == 1 and len({str(_address(each)) for each in told}) == 1:
        return lambda each: contacts[0]
    return lambda each: next((by_id[id_] for id_ in _ids(_address(each), _user_id(each)) if id_ in by_id), None)


def _ids(*values: Any) -> list[str]:
    return [str(value) for value in values if isinstance(value, str | int)]


def _tells_of_somebody(record: Mapping[str, Any]) -> bool:
    """Whether a record says whom it is of, and when. One that does not is rejected for that, and once."""
    told = record["told"]
    is_named = at(told, "id") or at(record, "field") == "user_preferences"
    return bool(is_named and _wa_id(record) and str(at(told, "timestamp")).isdigit())


# ---- rows


def message_row(record: Any) -> Any:
    """Message of a delivery -> row of `messages`."""
    message = at(record, "told")
    if not isinstance(message, Mapping):
        return message
    kind = message.get("type")
    known = ("id", "from", "to", "timestamp", "type", "context", "group_id", "referral", "errors", "text", str(kind))
    return {
        **unknown(message, known),
        **_around(record),
        "message_id": message.get("id"),
        "wa_id": _wa_id(record),
        "direction": "outbound" if at(record, "field") == "smb_message_echoes" else "inbound",
        "sent_at": message.get("timestamp"),
        "message_type": kind,
        "text": _text(message),
        "content": {kind: message[kind]} if kind in message else None,
        "context": message.get("context"),
        "group_id": message.get("group_id"),
        "referral": message.get("referral"),
        "referral_source_type": at(message, "referral", "source_type"),
        "referral_source_id": at(message, "referral", "source_id"),
        "referral_source_url": at(message, "referral", "source_url"),
        "ctwa_clid": at(message, "referral", "ctwa_clid"),
        "new_wa_id": at(message, "system", "wa_id") or at(message, "system", "new_wa_id"),
        "error_code": _error_code(message),
        "errors": message.get("errors"),
    }


def status_row(record: Any) -> Any:
    """Status of a delivery -> row of `statuses`."""
    status = at(record, "told")
    if not isinstance(status, Mapping):
        return status
    known = ("id", "status", "timestamp", "recipient_id", "group_id", "conversation", "pricing", "errors")
    return {
        **unknown(status, known),
        **_around(record),
        "message_id": status.get("id"),
        "status": status.get("status"),
        "wa_id": _wa_id(record),
        "occurred_at": status.get("timestamp"),
        "group_id": status.get("group_id"),
        "conversation_id": at(status, "conversation", "id"),
        "conversation_origin": at(status, "conversation", "origin", "type"),
        "pricing_category": at(status, "pricing", "category"),
        "pricing_model": at(status, "pricing", "pricing_model"),
        "is_billable": at(status, "pricing", "billable"),
        "error_code": _error_code(status),
        "errors": status.get("errors"),
    }


def preference_row(record: Any) -> Any:
    """Preference of a delivery -> row of `preferences`."""
    preference = at(record, "told")
    if not isinstance(preference, Mapping):
        return preference
    return {
        **unknown(preference, ("wa_id", "category", "value", "timestamp", "detail")),
        **_around(record),
        "wa_id": _wa_id(record),
        "category": preference.get("category"),
        "preference": preference.get("value"),
        "told_at": preference.get("timestamp"),
        "detail": preference.get("detail"),
    }


def contact_row(record: Any) -> Any:
    """What a record of a delivery tells of its contact -> row of `contacts`."""
    told, contact = at(record, "told"), at(record, "contact")
    address = _address(told) or at(contact, "wa_id")
    fields = unknown(contact, ("wa_id", "profile", "user_id")) if isinstance(contact, Mapping) else {}
    return {
        **fields,
        **_around(record),
        "wa_id": _wa_id(record),
        "told_by": at(told, "id") or f"{at(record, 'field')} {at(told, 'timestamp')}",
        "told_at": at(told, "timestamp"),
        "phone": address if isinstance(address, str) and address.isdigit() else None,
        "profile_name": at(contact, "profile", "name"),
        "user_id": at(contact, "user_id") or _user_id(told),
    }


def other_row(record: Any) -> Any:
    """Change of a delivery -> row of `other_events`."""
    if not isinstance(record, Mapping):
        return record
    about = {name: at(record, name) for name in ("business_account_id", "field", "time", "value")}
    moment = at(record, "time")
    return {
        **_around(record),
        "event_id": hashlib.sha256(as_json(about, sort_keys=True).encode()).hexdigest()[:32],
        "field": at(record, "field"),
        "occurred_at": at(record, "received_at") if moment is None else moment,
        "payload": at(record, "value"),
    }


def _around(record: Any) -> dict[str, Any]:
    return {name: at(record, name) for name in ("business_account_id", "phone_number_id")}


def _address(told: Any) -> Any:
    """The number by which a record names its contact: who wrote, to whom an echo went, who received, who prefers."""
    return next((found for name in ("to", "from", "recipient_id", "wa_id") if (found := at(told, name))), None)


def _user_id(told: Any) -> Any:
    names = ("to_user_id", "from_user_id", "recipient_user_id", "user_id")
    return next((found for name in names if (found := at(told, name))), None)


def _wa_id(record: Any) -> Any:
    """WhatsApp's id of the contact; the number where that is not told, and else the id within the business."""
    told, contact = at(record, "told"), at(record, "contact")
    return at(contact, "wa_id") or _address(told) or at(contact, "user_id") or _user_id(told)


def _text(message: Mapping[str, Any]) -> Any:
    """What a person reads of a message."""
    kind = message.get("type")
    if kind == "interactive":
        return at(message, kind, "button_reply", "title") or at(message, kind, "list_reply", "title")
    if kind in CAPTIONED:
        return at(message, str(kind), "caption")
    if kind == "reaction":
        return at(message, kind, "emoji")
    return at(message, "button", "text") or at(message, "system", "body") or at(message, "text", "body")


def _error_code(told: Any) -> Any:
    return at(next(iter(entries(told, "errors")), None), "code")


ROWS_OF = {
    CONTACTS.name: one(contact_row),
    MESSAGES.name: one(message_row),
    STATUSES.name: one(status_row),
    PREFERENCES.name: one(preference_row),
    OTHER_EVENTS.name: one(other_row),
}
BY_DAY = ByDay(TABLES)


# ---- the inbox


@dataclass(frozen=True)
class News:
    """What is new in the inbox.

    Attributes:
        parts: by table, mappings of `where` (file and line) with a `record`, and its `problem` where there is one.
        position: where the next reading begins; None: it stays where it is.
    """

    parts: Mapping[str, Spool]
    position: str | None


def split(found: Iterable[Mapping[str, Any]], position: str | None) -> News:
    """The records of the entries of an inbox, by table."""
    by_table = {table.name: Spool() for table in TABLES}
    for entry in found:
        if "unreadable" in entry:
            told = [Part(OTHER_EVENTS.name, entry["text"], entry["unreadable"])]
        else:
            told = [*parts(entry["event"], entry["received_at"])]
        for part in told:
            spool = by_table[part.table]
            spool.add(len(spool), {"where": entry["where"], "record": part.record, "problem": part.problem})
    return News(by_table, position)


def resources(intake: Intake) -> Iterable[DltResource]:
    """The source's resources in run order. Settings are resolved when the first one runs."""

    @cache
    def news(position: str | None) -> News:
        """News since `position`, read once for the tables that stand there."""
        settings = Settings.of(intake.account)
        events = settings.inbox
        if events is None and intake.days is not None:
            raise DaysError(
                f"{SOURCE}: there is no inbox ({settings.variable('inbox_path')}), and no day to read again."
            )
        if events is None:
            intake.warn(f"no webhook has arrived: there is no inbox ({settings.variable('inbox_path')})")
            return split((), None)
        if intake.days is not None:
            return split(inbox.written_in(events, intake.days), None)
        found = inbox.read(events, position, intake.clock)
        return split(found.entries, found.position)

    def reader(table: RawTable) -> Callable[[], Iterator[Any]]:
        def read() -> Iterator[Any]:
            state = dlt.current.resource_state()
            found = news(None if intake.days else state.get("inbox"))
            for batch in batches(found.parts[table.name]):
                rows: list[Any] = []
                for part in batch:
                    if part["problem"] is not None:
                        intake.reject(table.name, part["record"], f"{part['where']}: {part['problem']}")
                    else:
                        made = unfolded(ROWS_OF[table.name], [part["record"]])
                        rows.extend(intake.accept(table, made, origin=part["where"]))
                yield rows
            if found.position is not None:
                state["inbox"] = found.position

        return read

    for table in TABLES:
        yield dlt.resource(reader(table), **table.hints())
