"""respond.io API v2 and its webhook inbox: users, channels, contacts, events, messages.

Belongs here: respond.io's paging, limits and field names, and which contacts to ask for. Does not: what a lifecycle
stage or a closing category means.

REST has no filter by update and no list of conversations. The first run reads every contact with all messages. Later
runs read the messages of contacts that an event of the inbox names, that were created since, or whose last receipts
were still to come. Events get lost. So once a day the list of all contacts is read and kept alongside what the events
said, and after a day without any event the messages are read too.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

import dlt
import requests
from dlt.extract import DltResource
from pydantic import TypeAdapter, ValidationError

from ingestion import config, inbox
from ingestion.clock import Clock
from ingestion.days import ByDay, DaysError
from ingestion.http import Client, Problem, VendorError, expect_list, judge_status, pages
from ingestion.intake import Intake
from ingestion.sources.respond_io.models import (
    CHANNELS,
    CLOSED,
    CONTACTS,
    MESSAGES,
    OPENED,
    TABLES,
    USERS,
    WEBHOOK_EVENTS,
)
from ingestion.sources.respond_io.settings import SOURCE, Settings
from ingestion.watermark import Watermark, believable
from ingestion.wire import ABSENT, Spool, at, batches, mapped, one, told, unknown

__all__ = ["BY_DAY", "ROWS_OF", "TABLES", "resources"]

log = logging.getLogger(__name__)

PAGE = 100
CREATED_LAG = timedelta(hours=1)
QUEUED = 449  # the request waits in the vendor's queue: ask again
CONTACTS_A_LOG_LINE = 100
ALL_CONTACTS_EVERY = timedelta(hours=20)  # once a night, whenever the night begins
SILENCE = timedelta(days=1)  # so long without any event, and webhooks may not be arriving
RECEIPTS_FOLLOWED = timedelta(days=3)
TO_COME = ("pending", "sent")  # receipts that others follow
ASSIGNED = "contact.assignee.updated"
# Where an event says when it happened. The other kinds do not: the receiver knows when it got them.
OWN_INSTANTS = {
    OPENED: ("conversation", "conversationOpenedAt"),
    CLOSED: ("conversation", "closedTime"),
    "message.received": ("message", "timestamp"),
    "message.sent": ("message", "timestamp"),
    "call.ended": ("call", "end_time"),
    "contact.created": ("contact", "created_at"),
}
INSTANT = TypeAdapter(datetime)
ALL_CONTACTS: Mapping[str, Any] = {"search": "", "timezone": "UTC", "filter": {"$and": []}}


@dataclass(frozen=True)
class Contacts:
    """What one pass over the contacts found.

    Attributes:
        records: contacts to load.
        with_news: ids of contacts whose messages may be new.
        gone: ids that events name and the API no longer knows.
        position: where the next pass begins.
    """

    records: Spool
    with_news: tuple[str, ...]
    gone: tuple[str, ...]
    position: Position


@dataclass(frozen=True)
class Position:
    """Where a pass over the contacts begins.

    Attributes:
        created_until: latest creation of a contact seen (ISO); None: no pass yet.
        inbox: position in the webhook inbox.
        known: contacts that the last full list held.
        listed_at: when all contacts were listed last (ISO).
    """

    created_until: str | None = None
    inbox: str | None = None
    known: int = 0
    listed_at: str | None = None


def judge(response: requests.Response, body: Any) -> Problem | None:
    """respond.io words errors as `{"code": 4xx, "message": …}`; 449 means that the request is queued."""
    code = at(body, "code")
    said = f"{at(body, 'message') or 'no message'} [code {code or response.status_code}]"
    status = code if response.status_code == 200 and isinstance(code, int) else response.status_code
    if status in (QUEUED, 429):
        return Problem(said, retry=True, advice="The rate limit stayed exceeded: run again later.", code=str(status))
    if status >= 500:
        return Problem(said, retry=True, advice="Run again later.", code=str(status))
    if status in (401, 403):
        return Problem(said, advice=f"Check {config.variable_name(SOURCE, 'access_token')}.", code=str(status))
    if status >= 400:
        expired = status == 400 and "cursor" in said.lower()
        return Problem(said, advice="The API may have changed.", code=str(status), cursor_expired=expired)
    return judge_status(response, body)


def connect(settings: Settings, clock: Clock | None = None) -> Client:
    """A client that asks the workspace of the settings."""
    headers = {"Authorization": f"Bearer {settings.access_token.get_secret_value()}"}
    limit = settings.time_limit_minutes
    return Client(SOURCE, settings.base_url, headers, judge, clock=clock, time_limit_minutes=limit)


def _custom_field(record: Any, name: str) -> Any:
    fields = told(record, "custom_fields")
    if fields is ABSENT:
        return ABSENT
    for field in fields if isinstance(fields, list) else []:
        if at(field, "name") == name:
            return at(field, "value")
    return None


def contact_row(record: Any) -> Any:
    """Wire contact -> row of `contacts`."""
    if not isinstance(record, Mapping):
        return record
    known = ("firstName", "lastName", "countryCode", "isBlocked", "assignee", "created_at")
    return {
        **unknown(record, known),
        "first_name": told(record, "firstName"),
        "last_name": told(record, "lastName"),
        "country_code": told(record, "countryCode"),
        "is_blocked": told(record, "isBlocked"),
        "assignee_id": told(record, "assignee", "id"),
        "assignee_email": told(record, "assignee", "email"),
        "customer_number": _custom_field(record, "customer_number"),
        "hubspot_contact_id": _custom_field(record, "hubspot_contact_id"),
        "created_at": told(record, "created_at"),
    }


def user_row(record: Any) -> Any:
    """Wire user -> row of `users`."""
    if not isinstance(record, Mapping):
        return record
    return {
        **unknown(record, ("firstName", "lastName")),
        "first_name": told(record, "firstName"),
        "last_name": told(record, "lastName"),
        "team_id": told(record, "team", "id"),
    }


def message_row(record: Any) -> Any:
    """Wire message -> row of `messages`. It was sent at its own instant, or at that of its first receipt."""
    if not isinstance(record, Mapping):
        return record
    known = (
        *("messageId", "channelMessageId", "contactId", "channelId", "traffic", "timestamp", "sender", "message"),
        *("status", "replyTo"),
    )
    listed = record.get("status")
    receipts = [
        (moment, at(each, "value"))
        for each in (listed if isinstance(listed, list) else [])
        if (moment := instant(at(each, "timestamp"))) is not None
    ]
    first = min(receipts, key=lambda receipt: receipt[0], default=(None, None))
    # Of receipts of one second the one listed last is the last.
    last = max(reversed(receipts), key=lambda receipt: receipt[0], default=(None, None))
    return {
        **unknown(record, known),
        "message_id": record.get("messageId"),
        "contact_id": record.get("contactId"),
        "channel_id": record.get("channelId"),
        "channel_message_id": record.get("channelMessageId"),
        "traffic": record.get("traffic"),
        "message_type": at(record, "message", "type"),
        "text": at(record, "message", "text"),
        "sender_source": at(record, "sender", "source"),
        "sender_user_id": at(record, "sender", "userId"),
        "sender_team_id": at(record, "sender", "teamId"),
        "delivery_status": last[1],
        "delivery_status_at": last[0],
        "sent_at": record.get("timestamp") or first[0],
    }


def instant(value: Any) -> datetime | None:
    """An instant as respond.io writes it; None where it is none."""
    try:
        moment = INSTANT.validate_python(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValidationError, OverflowError):
        return None


def told_message(event: Any) -> Any:
    """The message of a webhook event as REST would show it; None where the event brings none."""
    message = at(event, "message")
    if not isinstance(message, Mapping) or message.get("messageId") is None:
        return None
    about = {"contactId": at(event, "contact", "id"), "sender": at(event, "sender")}
    return {**message, **{name: value for name, value in about.items() if message.get(name) is None}}


def completed_message(listed: Any, told: Any) -> Any:
    """A message as the list of messages shows it, with what only its event says."""
    if not isinstance(listed, Mapping) or told is None:
        return listed
    return {**told, **{name: value for name, value in listed.items() if value is not None and value != []}}


def event_row(event: Any, received_at: Any = None) -> Any:
    """Webhook event -> row of `webhook_events`. Whatever else it holds stays in `payload`.

    Args:
        event: as respond.io sent it.
        received_at: when the receiver got it: the instant of those kinds that have none of their own.
    """
    if not isinstance(event, Mapping):
        return event
    conversation, message, event_type = event.get("conversation"), event.get("message"), event.get("event_type")
    own_instant = at(event, *OWN_INSTANTS[event_type]) if event_type in OWN_INSTANTS else None
    stamped = received_at if event.get("timestamp") is None else event["timestamp"]
    occurred_at = stamped if own_instant is None else own_instant
    opened_at = occurred_at if event_type == OPENED else at(conversation, "openedTime")
    return {
        "event_id": event.get("event_id"),
        "event_type": event_type,
        "occurred_at": occurred_at,
        "contact_id": at(event, "contact", "id"),
        "lifecycle": event.get("lifecycle"),
        "old_lifecycle": event.get("oldLifecycle"),
        "tag": event.get("tag"),
        "tag_action": event.get("action") if event.get("tag") is not None else None,
        "conversation_id": at(conversation, "id") or _conversation_id(at(event, "contact", "id"), opened_at),
        "conversation_opened_at": opened_at,
        "conversation_source": at(conversation, "source") or at(conversation, "openedBySource"),
        "channel_id": (
            at(conversation, "firstIncomingMessageChannelId")
            or at(conversation, "channelId")
            or at(message, "channelId")
            or at(event, "channel", "id")
            or at(event, "call", "channel", "id")
        ),
        "ad_id": at(conversation, "adId"),
        "closing_category": at(conversation, "category"),
        "closing_summary": at(conversation, "summary"),
        "closed_by_source": at(conversation, "closedBySource") or at(conversation, "closedBy", "source"),
        "user_id": (
            at(conversation, "closedBy", "id")
            or at(conversation, "closedBy", "userId")
            or at(event, "sender", "userId")
            or at(message, "sender", "userId")
            or at(event, "user", "id")
            or (at(event, "contact", "assignee", "id") if event_type == ASSIGNED else None)
        ),
        "payload": dict(event),
    }


def _conversation_id(contact_id: Any, opened_at: Any) -> str | None:
    moment = instant(opened_at)
    return None if contact_id is None or moment is None else f"{contact_id}:{moment:%Y-%m-%dT%H:%M:%SZ}"


class Workspace:
    """Reads one respond.io workspace."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def _list(self, path: str, body: Any = None) -> Iterator[list[Any]]:
        """Pages of a list: GET, or POST with the same `body` for every page."""

        def fetch(cursor: str | None) -> tuple[list[Any], str | None]:
            params = {"limit": PAGE, "cursorId": cursor} if cursor else {"limit": PAGE}
            if body is None:
                answer = self._client.get(path, params)
            else:
                answer = self._client.post(path, params=params, body=body)
            return expect_list(SOURCE, path, answer, at(answer, "items")), next_cursor(answer)

        return pages(f"{SOURCE}: {path}", fetch)

    def listed(self, path: str) -> Iterator[Any]:
        """Records of a list of the space (users, channels), each once."""
        found = Spool()
        for page in self._list(path):
            for record in page:
                found.add(at(record, "id"), record)
        return iter(found)

    def contacts(self, created_since: datetime | None) -> Spool:
        """Every contact, or those created since."""
        conditions = []
        if created_since is not None:
            after = f"{created_since - CREATED_LAG:%Y-%m-%dT%H:%M:%SZ}"
            conditions.append(
                {"category": "contactField", "field": "created_at", "operator": "isTimestampAfter", "value": after}
            )
        found = Spool()
        for page in self._list("/contact/list", {**ALL_CONTACTS, "filter": {"$and": conditions}}):
            for record in page:
                found.add(at(record, "id"), record)
            log.info("respond_io: %s contacts read", len(found))
        return found

    def contact(self, contact_id: str) -> Any:
        """One contact; None if the workspace no longer has it."""
        try:
            return self._client.get(f"/contact/id:{contact_id}")
        except VendorError as error:
            if error.status == 404:
                return None
            raise

    def messages(self, contact_id: str) -> Spool:
        """All messages of a contact, each once; none if the workspace no longer has it."""
        found = Spool()
        try:
            for page in self._list(f"/contact/id:{contact_id}/message/list"):
                for message in page:
                    found.add(at(message, "messageId"), message)
        except VendorError as error:
            if error.status != 404:
                raise
        return found


def next_cursor(answer: Any) -> str | None:
    """`cursorId` of the link to the next page; the last page has an empty link."""
    link = at(answer, "pagination", "next")
    return next(iter(parse_qs(urlsplit(link).query).get("cursorId", [])), None) if link else None


def find_contacts(workspace: Workspace, position: Position, news: inbox.News | None, clock: Clock) -> Contacts:
    """The contacts that are new or that have news since `position`.

    All are listed once a day, and where the inbox names so many that the full list takes fewer requests. All messages
    may be new where there is no inbox, or none to which events still come.
    """
    now = clock.present
    named = named_contacts(news)
    watermark = Watermark(position.created_until, clock)
    is_silent = news is None or news.latest_at is None or now - news.latest_at > SILENCE
    listed_before = believable(position.listed_at, clock)
    is_due = listed_before is None or now - listed_before >= ALL_CONTACTS_EVERY
    everything = watermark.at is None or is_silent
    full = everything or is_due or len(named) > position.known / PAGE
    found = workspace.contacts(None if full else watermark.at)
    known = len(found) if full else position.known + len(found)
    gone: list[str] = []
    if everything:
        with_news = tuple(found.keys())
    else:
        created = workspace.contacts(watermark.at) if full else found
        with_news = tuple(dict.fromkeys([*created.keys(), *sorted(named)]))
        for contact_id in sorted(id_ for id_ in named if id_ not in found):
            record = workspace.contact(contact_id)
            if record is None:
                gone.append(contact_id)
            else:
                found.add(contact_id, record)
    for record in found:
        watermark.see(at(record, "created_at"))
    listed_at = clock.present.isoformat() if full else position.listed_at
    after = Position(watermark.stored, news.position if news else None, known, listed_at)
    return Contacts(found, with_news, tuple(gone), after)


def named_contacts(news: inbox.News | None) -> set[str]:
    """Contacts that the events of the inbox name."""
    ids = (str(at(entry, "event", "contact", "id")) for entry in (news.entries if news else ()))
    # Anything else is not a contact: the row model judges its event.
    return {contact_id for contact_id in ids if contact_id.isdigit()}


def entry_row(entry: Any) -> Any:
    """Entry of the inbox -> row of `webhook_events`."""
    return event_row(entry["event"], entry["received_at"])


ROWS_OF = {
    USERS.name: one(user_row),
    CONTACTS.name: one(contact_row),
    MESSAGES.name: one(message_row),
    WEBHOOK_EVENTS.name: one(entry_row),
}
BY_DAY = ByDay((WEBHOOK_EVENTS,))


def has_receipts_to_come(row: Mapping[str, Any], now: datetime) -> bool:
    """Whether a message of ours may still be delivered or fail. Days after it was sent nothing is expected."""
    return (
        row["traffic"] == "outgoing"
        and row["delivery_status"] in TO_COME
        and row["sent_at"] is not None
        and now - row["sent_at"] <= RECEIPTS_FOLLOWED
    )


def resources(intake: Intake) -> Iterable[DltResource]:
    """The source's resources in run order. Settings and secrets are resolved when the first one runs."""

    settings = cache(lambda: Settings.of(intake.account))

    @cache
    def workspace() -> Workspace:
        return Workspace(connect(settings(), intake.clock))

    # Tables that need the same pass share it; one that is run alone makes it from its own position.
    @cache
    def news(position: str | None) -> inbox.News | None:
        events = settings().inbox
        if events is None:
            log.warning("respond_io: there is no inbox of webhook events: every contact is read each run")
            return None
        return inbox.read(events, position, intake.clock)

    @cache
    def found_contacts(position: Position) -> Contacts:
        return find_contacts(workspace(), position, news(position.inbox), intake.clock)

    def users() -> Iterator[Any]:
        for batch in batches(workspace().listed("/space/user")):
            yield list(intake.accept(USERS, mapped(user_row, batch)))

    def channels() -> Iterator[Any]:
        for batch in batches(workspace().listed("/space/channel")):
            yield list(intake.accept(CHANNELS, batch))

    def webhook_events() -> Iterator[Any]:
        state = dlt.current.resource_state()
        found = news(state.get("inbox"))
        if found is None:
            return
        yield from event_rows(found.entries)
        state["inbox"] = found.position

    def webhook_events_again() -> Iterator[Any]:
        events = settings().inbox
        if events is None or intake.days is None:
            variable = config.variable_name(SOURCE, "inbox_path")
            raise DaysError(f"{SOURCE}: there is no inbox ({variable}), so that there are no events to read again.")
        yield from event_rows(inbox.written_in(events, intake.days))

    def event_rows(entries: Spool) -> Iterator[list[Any]]:
        for batch in batches(entries):
            rows: list[Any] = []
            for entry in batch:
                if "unreadable" in entry:
                    intake.reject(WEBHOOK_EVENTS.name, entry["text"], f"{entry['where']}: {entry['unreadable']}")
                else:
                    arrived = mapped(entry_row, [entry])
                    rows.extend(intake.accept(WEBHOOK_EVENTS, arrived, origin=entry["where"]))
            yield rows

    def contacts() -> Iterator[Any]:
        state = dlt.current.resource_state()
        found = found_contacts(Position(**state.get("position", {})))
        for batch in batches(found.records):
            yield list(intake.accept(CONTACTS, mapped(contact_row, batch)))
        for contact_id in found.gone:
            intake.reject(CONTACTS.name, {"id": contact_id}, "an event names this contact, the workspace has none")
        state["position"] = vars(found.position)

    def messages() -> Iterator[Any]:
        state = dlt.current.resource_state()
        position = Position(**state.get("position", {}))
        found = found_contacts(position)
        in_events = told_messages(news(position.inbox))
        listed: set[str] = set()
        to_read = list(dict.fromkeys([*found.with_news, *state.get("receipts_to_come", [])]))
        receipts_to_come: list[str] = []
        for number, contact_id in enumerate(to_read, start=1):
            messages = workspace().messages(contact_id)
            listed.update(messages.keys())
            completed = (completed_message(message, in_events.get(at(message, "messageId"))) for message in messages)
            rows = list(intake.accept(MESSAGES, mapped(message_row, completed)))
            if any(has_receipts_to_come(row, intake.clock.present) for row in rows):
                receipts_to_come.append(contact_id)
            yield rows
            if number % CONTACTS_A_LOG_LINE == 0 or number == len(to_read):
                log.info("respond_io: messages of %s of %s contacts read", number, len(to_read))
        for batch in batches(sorted({*in_events.keys()} - listed)):
            yield list(intake.accept(MESSAGES, mapped(message_row, map(in_events.get, batch))))
        state["position"], state["receipts_to_come"] = vars(found.position), receipts_to_come

    def told_messages(found: inbox.News | None) -> Spool:
        told = Spool()
        for entry in found.entries if found else ():
            if (message := told_message(entry.get("event"))) is not None:
                told.add(message["messageId"], message)
        return told

    yield dlt.resource(users, **USERS.hints())
    yield dlt.resource(channels, **CHANNELS.hints())
    yield dlt.resource(webhook_events if intake.days is None else webhook_events_again, **WEBHOOK_EVENTS.hints())
    yield dlt.resource(contacts, **CONTACTS.hints())
    yield dlt.resource(messages, **MESSAGES.hints())
