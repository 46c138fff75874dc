"""Row models of the respond.io API v2 and of its webhook events.

What REST does not offer (lifecycle changes, conversation opened and closed) exists only as webhook events: raw JSON
files in the inbox folder. Both are loaded here. Instants are seconds or milliseconds since 1970, told apart by their
size, or ISO texts.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import field_validator, model_validator

from ingestion.personal import CUSTOMER_NUMBER, EMAIL, PHONE, TEXT, Record
from ingestion.tables import AccountRow, RawTable

OPENED, CLOSED = "conversation.opened", "conversation.closed"


class Contact(AccountRow):
    """Snapshot of a contact; REST has no updated_at, so each distinct snapshot is a version."""

    personal = {
        "id": Record("contact"),
        "first_name": TEXT,
        "last_name": TEXT,
        "email": EMAIL,
        "phone": PHONE,
        "customer_number": CUSTOMER_NUMBER,
        "hubspot_contact_id": Record("contact", system="hubspot"),
        "custom_fields": TEXT,
    }
    not_personal = (
        "country_code",
        "language",
        "status",
        "lifecycle",
        "assignee_id",
        "assignee_email",
        "tags",
    )
    country_column = "country_code"

    id: str
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    phone: str | None = None
    country_code: str | None = None
    language: str | None = None
    status: str | None = None
    is_blocked: bool | None = None
    lifecycle: str | None = None
    assignee_id: str | None = None
    assignee_email: str | None = None
    customer_number: str | None = None  # custom field
    hubspot_contact_id: str | None = None  # custom field, written by the CRM integration
    tags: list[Any] | None = None
    custom_fields: list[Any] | None = None
    created_at: datetime


class User(AccountRow):
    not_personal = (
        "id",
        "email",
        "first_name",
        "last_name",
        "role",
        "team_id",
    )

    id: str
    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    role: str | None = None
    team_id: str | None = None


class Channel(AccountRow):
    not_personal = (
        "id",
        "name",
        "source",
    )

    id: str
    name: str | None = None
    source: str | None = None  # whatsapp_cloud, instagram, facebook, …


class Message(AccountRow):
    """A message as it is now: receipts come later, and a merge of contacts moves it to another contact."""

    personal = {
        "contact_id": Record("contact"),
        "channel_message_id": TEXT,
        "text": TEXT,
    }
    not_personal = (
        "message_id",
        "channel_id",
        "traffic",
        "message_type",
        "sender_source",
        "sender_user_id",
        "sender_team_id",
        "delivery_status",
    )

    message_id: str
    contact_id: str
    channel_id: str | None = None
    channel_message_id: str | None = None
    traffic: str  # incoming, outgoing
    message_type: str | None = None
    text: str | None = None
    sender_source: str | None = None  # contact, user, echo (sent from the phone), bot, workflow, broadcast, …
    sender_user_id: str | None = None
    sender_team_id: str | None = None
    delivery_status: str | None = None  # of the last receipt: pending, sent, delivered, read, failed
    delivery_status_at: datetime | None = None
    sent_at: datetime | None = None  # null where this sight of the message has none; another one may


class WebhookEvent(AccountRow):
    """One event of the inbox. `payload` is the whole event; the columns are the parts that every model needs.

    The vendor gives a conversation no id: where the receiver added none, it is known by its contact and its opening.
    """

    personal = {
        "contact_id": Record("contact"),
        "conversation_id": Record("contact", begins=True),
        "closing_summary": TEXT,
        "payload": TEXT,
    }
    not_personal = (
        "event_id",
        "event_type",
        "lifecycle",
        "old_lifecycle",
        "tag",
        "tag_action",
        "conversation_source",
        "channel_id",
        "ad_id",
        "closing_category",
        "closed_by_source",
        "user_id",
    )

    event_id: str
    event_type: str
    occurred_at: datetime
    contact_id: str
    lifecycle: str | None = None  # contact.lifecycle.updated; "" or null: cleared
    old_lifecycle: str | None = None
    tag: str | None = None  # contact.tag.updated
    tag_action: str | None = None  # add, remove
    conversation_id: str | None = None  # conversation.opened, conversation.closed
    conversation_opened_at: datetime | None = None
    conversation_source: str | None = None  # contact, user, workflow, ctc_ads, …
    channel_id: str | None = None
    ad_id: str | None = None  # click-to-chat ad that opened the conversation
    closing_category: str | None = None
    closing_summary: str | None = None
    closed_by_source: str | None = None  # user, bot, workflow, auto_close
    user_id: str | None = None  # agent who acted; contact.assignee.updated: the agent assigned
    payload: dict[str, Any]

    @field_validator("occurred_at", mode="before")
    @classmethod
    def _is_dated(cls, value: Any) -> Any:
        if value is None:
            raise ValueError(
                "this kind of event has no instant of its own: let the receiver write when it arrived, "
                'as {"received_at": …, "event": …}'
            )
        return value

    @model_validator(mode="after")
    def _knows_its_conversation(self) -> WebhookEvent:
        if self.event_type in (OPENED, CLOSED) and self.conversation_id is None:
            raise ValueError("conversation.openedTime is missing: nothing says which conversation this is")
        return self


CONTACTS = RawTable("contacts", Contact, "versions", ("id",))
USERS = RawTable("users", User, "versions", ("id",))
CHANNELS = RawTable("channels", Channel, "versions", ("id",))
MESSAGES = RawTable("messages", Message, "versions", ("message_id",), happened_at="sent_at")
WEBHOOK_EVENTS = RawTable(
    "webhook_events", WebhookEvent, "events", ("event_id",), happened_at="occurred_at", kind="event_type"
)
TABLES = (USERS, CHANNELS, CONTACTS, WEBHOOK_EVENTS, MESSAGES)
