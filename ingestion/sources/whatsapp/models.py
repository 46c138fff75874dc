"""Row models of what the WhatsApp Cloud API pushes. There is no API to read from: webhooks are all there is.

A delivery holds many messages, receipts and preferences; each of them is a row, beside what it tells of its contact.
None of them changes: all tables hold facts. A contact is known by the WhatsApp id, which is a phone number without its
plus, or else, where WhatsApp keeps the number to itself, by the user's id within the business.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ingestion.personal import TEXT, Code, Record
from ingestion.tables import AccountRow, RawTable

WA_ID = Record("contact", is_phone=True, is_hashed=True)
MESSAGE_ID = Code("whatsapp message")  # WhatsApp writes the contact's number into it


class ToldRow(AccountRow):
    """Base of what is told of one of the company's phone numbers."""

    business_account_id: str | None = None  # of the entry
    phone_number_id: str | None = None  # of the company's number


class Contact(ToldRow):
    """What a message, receipt or preference told of its contact."""

    personal = {"wa_id": WA_ID, "phone": WA_ID, "told_by": MESSAGE_ID, "profile_name": TEXT, "user_id": Code()}
    not_personal = ("business_account_id", "phone_number_id")

    wa_id: str
    told_by: str  # the message, or the list of preferences and its instant
    told_at: datetime
    phone: str | None = None  # digits; null where WhatsApp keeps the number to itself
    profile_name: str | None = None  # as the contact wrote it; receipts do not tell it
    user_id: str | None = None  # the user's id within the business


class Message(ToldRow):
    """A message of a contact, or one that somebody of the company sent from the WhatsApp Business app (an echo)."""

    personal = {
        "wa_id": WA_ID,
        "message_id": MESSAGE_ID,
        "text": TEXT,
        "content": TEXT,
        "context": TEXT,
        "referral": TEXT,
        "ctwa_clid": TEXT,
        "new_wa_id": WA_ID,
    }
    not_personal = (
        "business_account_id",
        "phone_number_id",
        "direction",
        "message_type",
        "group_id",
        "referral_source_type",
        "referral_source_id",
        "referral_source_url",
        "error_code",
        "errors",
    )

    message_id: str
    wa_id: str
    direction: str  # inbound, outbound
    sent_at: datetime
    message_type: str | None = None  # text, image, button, interactive, order, system, unsupported, …
    text: str | None = None  # what a person reads of it: the text, a caption, the title of a button
    content: dict[str, Any] | None = None  # the field that is named as the type
    context: dict[str, Any] | None = None  # what it replies to
    group_id: str | None = None
    referral: dict[str, Any] | None = None  # the ad or post that led to it
    referral_source_type: str | None = None  # ad, post
    referral_source_id: str | None = None  # of an ad: Meta's id of it
    referral_source_url: str | None = None
    ctwa_clid: str | None = None  # id of the click on the ad
    new_wa_id: str | None = None  # the contact has another number now
    error_code: str | None = None  # of the first of `errors`
    errors: list[Any] | None = None


class Status(ToldRow):
    """A receipt: what became of a message of ours at a contact. Of each kind there is one."""

    personal = {"wa_id": WA_ID, "message_id": MESSAGE_ID}
    not_personal = (
        "business_account_id",
        "phone_number_id",
        "status",
        "group_id",
        "conversation_id",
        "conversation_origin",
        "pricing_category",
        "pricing_model",
        "error_code",
        "errors",
    )

    message_id: str
    status: str  # sent, delivered, read, failed
    wa_id: str
    occurred_at: datetime
    group_id: str | None = None
    conversation_id: str | None = None  # window that is billed as one; only in older pricing
    conversation_origin: str | None = None  # marketing, utility, authentication, service, referral_conversion
    pricing_category: str | None = None  # as conversation_origin
    pricing_model: str | None = None  # CBP: a conversation is billed; PMP: a message is
    is_billable: bool | None = None
    error_code: str | None = None  # of the first of `errors`
    errors: list[Any] | None = None


class Preference(ToldRow):
    """A contact said whether the company may send them marketing messages."""

    personal = {"wa_id": WA_ID, "detail": TEXT}
    not_personal = ("business_account_id", "phone_number_id", "category", "preference")

    wa_id: str
    category: str  # marketing_messages
    preference: str  # stop, resume
    told_at: datetime
    detail: str | None = None


class OtherEvent(AccountRow):
    """Whatever else arrives, as it came: template reviews, quality ratings, calls, groups, …"""

    personal = {"payload": TEXT}
    not_personal = ("event_id", "field", "business_account_id", "phone_number_id")

    event_id: str  # made of what it says, so that one delivered twice is one row
    field: str  # what the event is about, by the name under which webhooks are subscribed to
    business_account_id: str | None = None
    phone_number_id: str | None = None
    occurred_at: datetime | None = None  # of the entry, or else when it was received
    payload: dict[str, Any]


CONTACTS = RawTable("contacts", Contact, "events", ("wa_id", "told_by"), happened_at="told_at")
MESSAGES = RawTable("messages", Message, "events", ("message_id",), happened_at="sent_at", kind="message_type")
STATUSES = RawTable(
    "statuses", Status, "events", ("message_id", "status", "wa_id"), happened_at="occurred_at", kind="status"
)
PREFERENCES = RawTable(
    "preferences", Preference, "events", ("wa_id", "category", "preference", "told_at"), happened_at="told_at"
)
OTHER_EVENTS = RawTable("other_events", OtherEvent, "events", ("event_id",), happened_at="occurred_at", kind="field")
TABLES = (CONTACTS, MESSAGES, STATUSES, PREFERENCES, OTHER_EVENTS)
