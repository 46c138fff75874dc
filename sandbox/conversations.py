"""What happens on chat: contacts, conversations, messages, tags and the events respond.io pushes.

Belongs here: respond.io's records. Does not: when and why people write (`life`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.biography import HOUR, Biography
from sandbox.people import spell_email
from sandbox.records import Message, RespondContact, Webhook
from sandbox.settings import DAY

FIRST_CONTACT_ID = 500_000
LATE_SHARE = 0.004  # events whose delivery takes days
FAILING_EVERY, FAILING_PLACE = 41, 9  # of so many people one, whose channel refuses what an agent sends at first
TWICE_SHARE = 0.01  # events delivered twice
WHATSAPP, INSTAGRAM = 5, 6
LANGUAGES = {"ES": "es", "FR": "fr", "DE": "de", "JP": "ja", "KW": "ar", "CL": "es"}


@dataclass(frozen=True)
class Agent:
    """A person who answers. `minutes`: how long they typically take. One user in respond.io, one owner in HubSpot."""

    user_id: int
    owner_id: int
    first_name: str
    last_name: str
    minutes: float
    team: dict[str, Any] | None = None

    @property
    def email(self) -> str:
        return f"{self.first_name.lower()}@sandbox-company.example"

    def wire(self) -> dict[str, Any]:
        """The agent as contacts and events name them."""
        return {
            "id": self.user_id,
            "firstName": self.first_name,
            "lastName": self.last_name,
            "email": self.email,
        }


AGENTS = (
    Agent(9001, 70001, "Nadia", "Brandt", 3),
    Agent(9002, 70002, "Tom", "Okafor", 9),
    Agent(9003, 70003, "Celia", "Roca", 22),
    Agent(9004, 70004, "Piotr", "Lis", 55),
    Agent(9005, 70005, "Mina", "Aoki", 170, {"id": 3, "name": "Tokyo"}),
    Agent(9006, 70006, "Gil", "Serra", 560),
)


BEGUN_BY_CONTACT = ("contact", "ctc_ads", "growth_widget")  # sources of a conversation that we did not begin
TAG_ACTIVITIES = {
    "qualified": "lead_qualified",
    "unqualified": "lead_disqualified",
    "referral": "referral_made",
    "loyalty member": "loyalty_joined",
}


class Chat:
    """One person's contact in respond.io, created when the chat first begins."""

    def __init__(self, story: Biography) -> None:
        self._story = story
        self._contact: RespondContact | None = None
        self._opened: tuple[int, str] = (0, "contact")
        self._events = 0
        self._tags: list[str] = []
        self._fields: dict[str, str] = {}
        self.agent = AGENTS[int(story.rng.integers(0, len(AGENTS)))]
        self.channel_id = WHATSAPP if story.chance(0.8) else INSTAGRAM

    @property
    def exists(self) -> bool:
        return self._contact is not None

    @property
    def contact(self) -> RespondContact:
        if self._contact is None:
            raise RuntimeError("the chat has not begun")
        return self._contact

    @property
    def reference(self) -> tuple[str, str, str]:
        return ("respond_io", "contact", str(self.contact.id))

    def begin(self, at: int, *, email: str | None = None) -> RespondContact:
        """Create the contact, with the person's number as WhatsApp knows it. `email`: shown instead of their own."""
        story, person = self._story, self._story.person
        contact = RespondContact(FIRST_CONTACT_ID + person.index, at)
        self._contact = contact
        person.respond.append(contact)
        owned = story.own("respond_io", "contact", contact.id, at)
        shown = email
        if shown is None and story.chance(0.3):
            shown = spell_email(person.emails[0], story.rng)
            story.shows(owned, at, ("email", person.emails[0]))
        story.shows(owned, at, ("phone", person.phone))
        contact.set(
            at,
            firstName=person.first_name,
            lastName=person.last_name if story.chance(0.7) else None,
            phone=person.phone,
            email=shown,
            countryCode=person.country,
            language=LANGUAGES.get(person.country, "en"),
            status="open",
            lifecycle="New Lead",
            tags=(),
            custom_fields=(),
            assignee=None,
        )
        if person.customer_number is not None and story.chance(0.3):
            self.learn(at, "customer_number", person.customer_number)
            story.shows(owned, at, ("customer_number", person.customer_number))
        self._push(at, "contact.created")
        return contact

    def learn(self, at: int, name: str, value: str) -> None:
        """Set a custom field."""
        self._fields[name] = value
        self.contact.set(at, custom_fields=tuple(sorted(self._fields.items())))

    def link(self, at: int, hubspot_contact_id: int) -> None:
        """The CRM integration writes the HubSpot id onto the contact."""
        self.learn(at, "hubspot_contact_id", str(hubspot_contact_id))
        owned = self._story.owned(self.reference)
        self._story.shows(owned, at, ("hubspot_contact", str(hubspot_contact_id)))

    def open(self, at: int, source: str, *, ad_id: str | None = None, campaign_id: str | None = None) -> int:
        """Open a conversation. `source`: contact, user, workflow, ctc_ads."""
        at = self._story.tick(at)
        self._opened = (at, source)
        self.contact.set(at, status="open")
        is_theirs = source in BEGUN_BY_CONTACT
        conversation: dict[str, Any] = {
            "source": source,
            "conversationOpenedAt": at,
            "firstIncomingMessage": "Hello, I have a question." if is_theirs else None,
            "firstIncomingMessageChannelId": self.channel_id if is_theirs else None,
        }
        if ad_id is not None:
            conversation["adId"] = ad_id
        seen = self._push(at, "conversation.opened", may_be_late=True, conversation=conversation)
        self._story.note(
            "conversation_opened", at, self.reference, visible_at=seen, detail=source, campaign_id=campaign_id
        )
        return at

    def close(self, at: int, category: str | None, by: str = "user") -> int:
        """Close the conversation. `by`: user, bot, workflow, auto_close."""
        at = self._story.tick(at)
        self.contact.set(at, status="close")
        opened_at, opened_by = self._opened
        said = [message.incoming for message in self.contact.messages if opened_at <= message.at <= at]
        conversation = {
            "category": category,
            "summary": f"Closed as {category.lower()}." if category else None,
            "openedTime": opened_at,
            "closedTime": at,
            "openedBySource": opened_by,
            "closedBy": self.agent.wire() if by == "user" else None,
            "closedBySource": by,
            "incomingMessageCount": sum(said),
            "outgoingMessageCount": len(said) - sum(said),
        }
        seen = self._push(at, "conversation.closed", may_be_late=True, conversation=conversation)
        self._story.note("conversation_closed", at, self.reference, visible_at=seen, detail=category)
        return at

    def say(self, at: int, source: str, text: str) -> int:
        """A message. `source`: contact, user, bot, workflow, broadcast."""
        at = self._story.tick(at)
        if source == "user":
            self.contact.set(at, assignee=self.agent.user_id)
            if self._story.person.index % FAILING_EVERY == FAILING_PLACE:
                self._send(at, source, text, has_failed=True)
        self._send(at, source, text)
        kind = {"contact": "message_received", "broadcast": "broadcast_sent"}.get(source, "message_sent")
        self._story.note(kind, at, self.reference)
        return at

    def _send(self, at: int, source: str, text: str, *, has_failed: bool = False) -> None:
        """Put a message into the chat and push it. One that has failed reached nobody: nothing happened."""
        message = Message(
            # Grows with time, as the vendor's do; what is sent again within the second is another message.
            at * 1_000_000 + self._story.person.index + (0 if has_failed else FIRST_CONTACT_ID),
            at,
            source,
            text,
            self.channel_id,
            self.agent.user_id if source == "user" else None,
            has_failed,
        )
        self.contact.messages.append(message)
        self._push(at, "message.received" if message.incoming else "message.sent", message=message)

    def tag(self, at: int, tag: str, action: str = "add") -> int:
        """Add or remove a tag; those of `TAG_ACTIVITIES` say that something happened.

        The event has no instant: nobody can tell that it happened before it was received.
        """
        at = self._story.tick(at)
        self._tags = [*self._tags, tag] if action == "add" else [kept for kept in self._tags if kept != tag]
        self.contact.set(at, tags=tuple(self._tags))
        seen = self._push(at, "contact.tag.updated", may_be_late=True, tag=tag, action=action)
        kind = TAG_ACTIVITIES.get(tag)
        if kind is not None and action == "add":
            self._story.note(kind, seen, self.reference, detail=f"tag {tag}")
        return at

    def move(self, at: int, lifecycle: str | None) -> int:
        """Set the lifecycle of the contact, as an agent or a workflow does."""
        at = self._story.tick(at)
        old = self.contact.state(at).get("lifecycle")
        if old == lifecycle:
            return at
        self.contact.set(at, lifecycle=lifecycle)
        self._push(at, "contact.lifecycle.updated", lifecycle=lifecycle, oldLifecycle=old, action="update")
        return at

    def answer_at(self, at: int) -> int:
        """When the agent answers something said at `at`."""
        delay = self.agent.minutes * 60 * float(self._story.rng.lognormal(0, 0.7))
        return self._story.working_time(at + 20 + int(delay))

    def exchange(self, at: int, rounds: int, *, ends_with_us: bool) -> int:
        """The person writes, a bot greets and may hand over, an agent answers, and so on. Returns the last instant."""
        story = self._story
        at = self.say(at + story.between(1, 40), "contact", "Hello, I have a question.")
        if story.chance(0.85):
            at = self.say(at + story.between(2, 8), "bot", "Thanks for writing, a colleague will be with you.")
            if story.person.index % 2:
                self.assign(at)
        for number in range(rounds):
            if number:
                at = self.say(at + story.soon(2 * HOUR), "contact", "And what about delivery?")
            if number + 1 < rounds or ends_with_us:
                at = self.say(self.answer_at(at), "user", "Happy to help: here is what we offer.")
        return at

    def assign(self, at: int) -> None:
        """A workflow hands the contact over to the agent in the second in which the bot has spoken."""
        self.contact.set(at, assignee=self.agent.user_id)
        body = self._event(at, "contact.assignee.updated")
        body["contact"]["assignee"] = self.agent.wire()
        self.contact.webhooks.append(Webhook(body["event_id"], at, at, body))

    def _event(self, at: int, event_type: str, **fields: Any) -> dict[str, Any]:
        """What an event says."""
        self._events += 1
        state = self.contact.state(at)
        names = ("firstName", "lastName", "phone", "email", "language", "countryCode", "status")
        return {
            "event_type": event_type,
            "event_id": f"evt-{self.contact.id}-{self._events}",
            "contact": {
                "id": self.contact.id,
                **{name: state.get(name) for name in names},
                "created_at": self.contact.created_at,
            },
            **fields,
        }

    def _push(self, at: int, event_type: str, *, may_be_late: bool = False, **fields: Any) -> int:
        """Hand an event to the inbox and return when it gets there."""
        story = self._story
        delivered_at = at
        if may_be_late and story.chance(LATE_SHARE):
            delivered_at = at + story.between(3 * DAY, 20 * DAY)
        body = self._event(at, event_type, **fields)
        self.contact.webhooks.append(Webhook(body["event_id"], at, delivered_at, body))
        if story.chance(TWICE_SHARE):
            again = delivered_at + story.between(1, 2 * DAY)
            self.contact.webhooks.append(Webhook(body["event_id"], at, again, body))
        return delivered_at
