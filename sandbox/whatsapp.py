"""Who writes to the company's own WhatsApp number, what it sends there, and what the Cloud API pushes of it.

Belongs here: messages, receipts, clicks on ads and refusals of that number, in WhatsApp's field names. Does not: the
chats in respond.io, which have a number of their own (`conversations`); the folder they are written to (`files`).

Each person's messages come from a random stream of their own, so that nothing else of the simulation depends on them.
What the company sends is known from receipts alone, unless somebody wrote it in the app on the phone.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from sandbox.records import Activity, OwnedRecord, Person, Webhook
from sandbox.settings import DAY

HOUR = 3600
FOLLOWED_DAYS = 1200  # as long as a life (`life.LIFE_DAYS`)
ACCOUNT_ID, NUMBER_ID, NUMBER = "102290129340398", "106540352242922", "34910000001"
WRITER_SHARE, CLICK_SHARE = 0.12, 0.3
# Of every hundred people: the two who share a phone never write; this one does, and soon refuses what we send.
SHARED_PHONE = (3, 4)
REFUSES = 17
BROADCAST_EVERY_DAYS, BROADCAST_SHARE = 45, 0.5
READ_SHARE, FAILED_SHARE, ANSWER_SHARE = 0.7, 0.04, 0.12
REFUSAL_SHARE, RESUMED_SHARE = 0.12, 0.3
APP_SHARE = 0.4  # replies that somebody writes in the app, of which an echo is pushed
LATE_SHARE, TWICE_SHARE, TOGETHER_SHARE = 0.02, 0.03, 0.2
QUALITY_EVERY_DAYS = 2
AD = {
    "source_url": "https://fb.me/3cr4Wqqkv",
    "source_type": "ad",
    "body": "Summer is here!",
    "headline": "Chat with us",
    "media_type": "image",
    "image_url": "https://scontent.example/ad.jpg",
}


class Number:
    """One person's messages with the company's number."""

    def __init__(self, seed: int, person: Person) -> None:
        self.person = person
        self.rng = np.random.default_rng([seed, 8, person.index])
        self._taken = {activity.at for activity in person.activities}
        self._contact: OwnedRecord | None = None
        self._told = 0

    @property
    def _reference(self) -> tuple[str, str, str]:
        """The contact as the warehouse knows it: by a hash, since WhatsApp's id is the number."""
        return ("whatsapp", "contact", hashlib.md5(self.wa_id.encode(), usedforsecurity=False).hexdigest())

    @property
    def wa_id(self) -> str:
        return self.person.phone.removeprefix("+")

    def live(self) -> None:
        """Let the person write, or not, and follow them."""
        person, place = self.person, self.person.index % 100
        is_writer = self.chance(WRITER_SHARE) or place == REFUSES
        if place in SHARED_PHONE or not is_writer:
            return
        if person.ad_id is not None and self.chance(CLICK_SHARE):
            at = self.ask(person.arrived_at + 1, from_ad=True)
        else:
            mean = DAY if place == REFUSES else 20 * DAY
            at = self.ask(person.arrived_at + HOUR + int(self.rng.exponential(mean)))
        if self.chance(0.85):
            self.reply(at)
        self._receive_broadcasts(at)

    def _receive_broadcasts(self, since: int) -> None:
        """Now and then the company sends them a template; a few answer, and some want no more."""
        is_sure = self.person.index % 100 == REFUSES
        at = since + (2 * DAY if is_sure else self.between(10 * DAY, BROADCAST_EVERY_DAYS * DAY))
        while at < self.person.arrived_at + FOLLOWED_DAYS * DAY:
            if is_sure or self.chance(BROADCAST_SHARE):
                sent = self.send(at, "marketing")
                if is_sure or self.chance(REFUSAL_SHARE):
                    stopped = self.prefer(sent + self.between(60, 4 * HOUR), "stop")
                    if is_sure or not self.chance(RESUMED_SHARE):
                        return
                    at = self.prefer(stopped + self.between(5 * DAY, 40 * DAY), "resume")
                elif self.chance(ANSWER_SHARE):
                    self.reply(self.ask(sent + self.between(HOUR, 30 * HOUR)))
            at += BROADCAST_EVERY_DAYS * DAY

    # ---- what happens

    def ask(self, at: int, *, from_ad: bool = False) -> int:
        """The person writes; where they come by an ad, that opens a conversation."""
        at = self.tick(at)
        kind, content = self._content()
        message = {"from": self.wa_id, "id": self._id(at), "timestamp": str(at), "type": kind, kind: content}
        if from_ad:
            message["referral"] = {**AD, "source_id": self.person.ad_id, "ctwa_clid": _click_id(self._id(at))}
        contact = {"profile": {"name": self.person.first_name}, "wa_id": self.wa_id}
        seen = self._push(at, {"contacts": [contact], "messages": [message]}, may_be_late=self._contact is not None)
        if from_ad:
            self._note("conversation_opened", at, seen, "ctc_ads", self.person.campaign_id)
        self._note("message_received", at, seen)
        return at

    def reply(self, at: int) -> int:
        """Somebody answers, in the app or through the API; what fails is sent once more."""
        at = self.tick(at + 60 + int(self.rng.exponential(2 * HOUR)))
        if not self.chance(APP_SHARE):
            return self.send(at, "service", is_ticked=True)
        echo = {"from": NUMBER, "to": self.wa_id, "id": self._id(at), "timestamp": str(at), "type": "text"}
        seen = self._push(at, {"message_echoes": [{**echo, "text": {"body": "Happy to help."}}]}, "smb_message_echoes")
        self._note("message_sent", at, seen)
        return at

    def send(self, at: int, category: str, *, is_ticked: bool = False) -> int:
        """A message through the API, of which receipts are pushed: one each, or several in a delivery."""
        at = at if is_ticked else self.tick(at)
        if self.chance(FAILED_SHARE):
            error = {"code": 131026, "title": "Message undeliverable"}
            self._push(at, {"statuses": [{**self._receipt(at, at, "failed", category), "errors": [error]}]})
            at = self.tick(at + 300)
        steps = [("sent", at), ("delivered", at + 2)]
        if self.chance(READ_SHARE):
            steps.append(("read", at + self.between(10, 6 * HOUR)))
        receipts = [self._receipt(at, moment, status, category) for status, moment in steps]
        if self.chance(TOGETHER_SHARE):
            seen = self._push(steps[1][1], {"statuses": receipts[:2][::-1]})
        else:
            seen = self._push(at, {"statuses": receipts[:1]})
            self._push(steps[1][1], {"statuses": receipts[1:2]})
        for (_, moment), receipt in zip(steps[2:], receipts[2:], strict=True):
            self._push(moment, {"statuses": [receipt]}, may_be_late=True)
        self._note("broadcast_sent" if category == "marketing" else "message_sent", at, seen)
        return at

    def prefer(self, at: int, value: str) -> int:
        """The person stops marketing messages in WhatsApp, or lets them come again."""
        at = self.tick(at)
        preference = {"wa_id": self.wa_id, "detail": f"User requested to {value} marketing messages", "timestamp": at}
        preference |= {"category": "marketing_messages", "value": value}
        seen = self._push(at, {"user_preferences": [preference]}, "user_preferences")
        self._note("opted_out" if value == "stop" else "opted_in", at, seen)
        return at

    # ---- what is pushed

    def _content(self) -> tuple[str, dict[str, Any]]:
        draw = float(self.rng.random())
        if draw < 0.7:
            return "text", {"body": "Does it come in another color?"}
        if draw < 0.85:
            return "image", {
                "caption": "Like this one",
                "mime_type": "image/jpeg",
                "sha256": "x",
                "id": "1003383421387256",
            }
        return "interactive", {"type": "button_reply", "button_reply": {"id": "more", "title": "Tell me more"}}

    def _receipt(self, sent_at: int, at: int, status: str, category: str) -> dict[str, Any]:
        receipt = {"id": self._id(sent_at), "status": status, "timestamp": str(at), "recipient_id": self.wa_id}
        if status == "failed":
            return receipt
        pricing = {"billable": category != "service", "pricing_model": "PMP", "category": category, "type": "regular"}
        return {**receipt, "pricing": pricing}

    def _id(self, at: int) -> str:
        """A message's id: no two of a person are of one second."""
        return f"wamid.{self.wa_id}.{at}"

    def _push(self, at: int, value: dict[str, Any], field: str = "messages", *, may_be_late: bool = False) -> int:
        """Hand an event to the inbox and return when it gets there."""
        late = may_be_late and self.chance(LATE_SHARE)
        seen = at + self.between(2 * DAY, 9 * DAY) if late else at
        self._told += 1
        event_id = f"wa-{self.person.index}-{self._told}"
        body = delivery(value, field)
        self.person.whatsapp.append(Webhook(event_id, at, seen, body))
        if self.chance(TWICE_SHARE):
            self.person.whatsapp.append(Webhook(event_id, at, seen + self.between(1, 2 * DAY), body))
        if self._contact is None:
            self._contact = OwnedRecord(*self._reference, seen)
            self._contact.keys.append((seen, ("phone", self.person.phone)))
            self.person.records.append(self._contact)
        return seen

    def _note(self, kind: str, at: int, seen: int, detail: str | None = None, campaign_id: str | None = None) -> None:
        self.person.activities.append(Activity(kind, at, max(at, seen), self._reference, detail, campaign_id))

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def between(self, low: float, high: float) -> int:
        return int(low + (high - low) * self.rng.random())

    def tick(self, at: int) -> int:
        """The instant `at`, or the next free one: no two things happen to a person in the same second."""
        while at in self._taken:
            at += 1
        self._taken.add(at)
        return at


def delivery(value: dict[str, Any], field: str) -> dict[str, Any]:
    """A value as WhatsApp delivers it."""
    metadata = {"display_phone_number": NUMBER, "phone_number_id": NUMBER_ID}
    whole = {"messaging_product": "whatsapp", "metadata": metadata, **value}
    return {
        "object": "whatsapp_business_account",
        "entry": [{"id": ACCOUNT_ID, "changes": [{"value": whole, "field": field}]}],
    }


def _click_id(message_id: str) -> str:
    """Meta's id of the click behind a message. It is opaque: nobody's number is in it."""
    return f"Aff-{hashlib.md5(message_id.encode(), usedforsecurity=False).hexdigest()}"


def quality_updates(start: int, clock: int) -> list[Webhook]:
    """What WhatsApp says of the company's templates every other day: nobody reads it."""
    found = []
    for number, at in enumerate(range(start + 2 * DAY, clock + 1, QUALITY_EVERY_DAYS * DAY)):
        scores = ("GREEN", "YELLOW") if number % 2 == 0 else ("YELLOW", "GREEN")
        value = {"previous_quality_score": scores[0], "new_quality_score": scores[1], "message_template_id": number % 7}
        changes = [{"value": value, "field": "message_template_quality_update"}]
        entry = {"id": ACCOUNT_ID, "time": at, "changes": changes}
        body = {"object": "whatsapp_business_account", "entry": [entry]}
        found.append(Webhook(f"wa-quality-{number}", at, at, body))
    return found
