"""respond.io API v2: contacts, their messages, users, channels. Also the wire form of its webhook events.

Endpoints: POST /v2/contact/list, GET /v2/contact/{identifier}, GET /v2/contact/{identifier}/message/list,
GET /v2/space/user, GET /v2/space/channel, POST /v2/contact/{identifier}/lifecycle/update (it does not show:
the company's own story goes on).

Not confirmed against the real API: `timestamp` and `sender` of a message in the list of messages, newest messages
first, `adId` of a conversation that an ad led to; filters beyond contactField/created_at are refused.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sandbox import malformed
from sandbox.books import Told
from sandbox.conversations import AGENTS, INSTAGRAM, WHATSAPP
from sandbox.records import Message, Record, RespondContact, Webhook
from sandbox.servers.base import (
    Call,
    Handler,
    Refused,
    Reply,
    TokenBucket,
    VendorServer,
    bearer,
    slice_from,
    whole_number,
)

Wire = dict[str, Any]

PER_SECOND = 5
DEFAULT_PAGE, PAGE_MOST = 10, 100
LIFECYCLE = ("New Lead", "Hot Lead", "Payment", "Customer", "Cold Lead")
CHANNELS = (
    {"id": WHATSAPP, "name": "WhatsApp", "source": "whatsapp_cloud"},
    {"id": INSTAGRAM, "name": "Instagram", "source": "instagram"},
)


def error(message: str, status: int = 400) -> Reply:
    return Reply({"code": status, "message": message}, status)


def message_wire(contact_id: int, message: Message) -> Wire:
    """A message as REST and webhooks show it."""
    wire: Wire = {
        "messageId": message.id,
        "channelMessageId": f"wamid.{message.id}",
        "contactId": contact_id,
        "channelId": message.channel_id,
        "traffic": "incoming" if message.incoming else "outgoing",
        "timestamp": message.at,
        "sender": {"source": message.source, "userId": message.user_id},
        "message": {"type": "text", "text": message.text},
        "status": [],
    }
    if not message.incoming:
        wire["status"] = [
            {"value": "sent", "timestamp": message.at},
            {"value": "failed", "timestamp": message.at + 1, "message": "The channel refused it."}
            if message.has_failed
            else {"value": "delivered", "timestamp": message.at + 1},
        ]
    return wire


def event_wire(contact: RespondContact, webhook: Webhook) -> Wire:
    """An event as it is pushed: at that moment, a message of ours has not been delivered yet."""
    body = dict(webhook.body)
    message = body.get("message")
    if isinstance(message, Message):
        wire = message_wire(contact.id, message)
        body["sender"] = wire.pop("sender")
        body["message"] = {**wire, "status": wire["status"][:1]}
        body["channel"] = next(channel for channel in CHANNELS if channel["id"] == message.channel_id)
    return body


class RespondIo(VendorServer):
    vendor = "respond_io"
    token = "sandbox-respond-io-token"
    base_path = "/v2"

    def tell(self, clock: int) -> None:
        if not hasattr(self, "_buckets"):
            scale = PER_SECOND * self.settings.rate_scale
            self._buckets = {method: TokenBucket(scale, scale) for method in ("GET", "POST")}
        contacts: list[Record] = [
            *self.company.inbox_contacts(clock),
            *malformed.respond_contacts(self.company.start),
        ]
        known = sorted((c for c in contacts if c.visible(clock)), key=lambda contact: contact.id)
        self._contacts = {contact.id: contact for contact in known}
        self._phones = {contact.state(clock).get("phone"): contact for contact in known}
        self._emails = {contact.state(clock).get("email"): contact for contact in known}
        self._wires = lru_cache(maxsize=None)(self._contact)
        self._messages = lru_cache(maxsize=1024)(self._messages_of)
        self._matching = lru_cache(maxsize=64)(self._match)

    def routes(self) -> Iterable[tuple[str, str, Handler]]:
        yield "POST", "/v2/contact/list", self.list_contacts
        yield "GET", "/v2/contact/{identifier}", self.contact
        yield "GET", "/v2/contact/{identifier}/message/list", self.messages
        yield "POST", "/v2/contact/{identifier}/lifecycle/update", self.update_lifecycle
        yield "GET", "/v2/space/user", self.users
        yield "GET", "/v2/space/channel", self.channels

    # ---- the common parts

    def authorise(self, call: Call) -> None:
        if bearer(call) != self.token:
            raise Refused(error("Unauthorized", 401))
        if call.lacks_scope:
            raise Refused(error("Forbidden", 403))

    def limit(self, call: Call) -> dict[str, str]:
        bucket = self._buckets["POST" if call.method == "POST" else "GET"]
        taken = bucket.take()
        headers = {"X-RateLimit-Limit": str(int(bucket.capacity)), "X-RateLimit-Remaining": str(int(bucket.left))}
        if not taken:
            reply = error("Too Many Requests", 429)
            reply.headers = {**headers, "Retry-After": "1"}
            raise Refused(reply)
        return headers

    def fault(self, kind: str, call: Call) -> Reply:
        if kind in ("429", "429_retry_after"):
            reply = error("Too Many Requests", 429)
            reply.headers = {"Retry-After": "1"} if kind == "429_retry_after" else {}
            return reply
        if kind == "throttled":
            return error("The request is queued, retry", 449)
        if kind == "error_in_200":
            return Reply({"code": 500, "message": "Internal Server Error"}, 200)
        if kind == "expired_cursor":
            return error("Invalid cursorId")
        return error("Internal Server Error", int(kind))

    def has_cursor(self, call: Call) -> bool:
        return bool(call.params.get("cursorId"))

    def not_found(self, call: Call) -> Reply:
        return error(f"Cannot {call.method} {call.path}", 404)

    def bad_request(self, message: str) -> Reply:
        return error(message)

    # ---- contacts

    def _contact(self, contact_id: int) -> Wire:
        contact = self._contacts[contact_id]
        state = contact.state(self.clock)
        agent = next((agent for agent in AGENTS if agent.user_id == state.get("assignee")), None)
        return {
            "id": contact.id,
            "firstName": state.get("firstName"),
            "lastName": state.get("lastName"),
            "phone": state.get("phone"),
            "email": state.get("email"),
            "language": state.get("language"),
            "countryCode": state.get("countryCode"),
            "status": state.get("status"),
            "isBlocked": state.get("isBlocked", False),
            "tags": list(state.get("tags") or ()),
            "assignee": agent.wire() if agent else None,
            "lifecycle": state.get("lifecycle"),
            "custom_fields": [{"name": name, "value": value} for name, value in state.get("custom_fields") or ()],
            "created_at": state.get("created_at", contact.created_at),
        }

    def list_contacts(self, call: Call) -> Reply:
        body = call.body if isinstance(call.body, dict) else {}
        missing = [name for name in ("search", "timezone", "filter") if name not in body]
        if missing:
            raise Refused(error(f"{', '.join(missing)} should not be empty"))
        ids = self._matching(json.dumps(body["filter"], sort_keys=True))
        limit, cursor = self._paging(call)
        page, _, more = slice_from(ids, bisect_right(ids, cursor) if cursor else 0, limit, call.drift)
        return self._page(call, [self._wires(key) for key in page], page[-1] if more else None)

    def _match(self, filter_text: str) -> list[int]:
        conditions = (json.loads(filter_text) or {}).get("$and") or []
        low, high = float("-inf"), float("inf")
        for condition in conditions:
            name = (condition.get("category"), condition.get("field"))
            operator, value = condition.get("operator"), condition.get("value")
            if name != ("contactField", "created_at"):
                raise Refused(error(f"filter {name[0]}/{name[1]} is not known"))
            if operator == "isTimestampAfter":
                low = max(low, _seconds(value))
            elif operator == "isTimestampBefore":
                high = min(high, _seconds(value))
            elif operator == "isTimestampBetween":
                low, high = max(low, _seconds(value[0])), min(high, _seconds(value[1]))
            else:
                raise Refused(error(f"operator {operator} is not known"))
        return [key for key, contact in self._contacts.items() if low <= contact.created_at <= high]

    def _find(self, call: Call) -> Record:
        """The contact of an identifier: id:1, email:a@x, phone:+60…, or a bare id."""
        kind, _, value = call.path_params["identifier"].rpartition(":")
        found: Record | None = None
        if kind in ("", "id") and value.isdigit():
            found = self._contacts.get(int(value))
        elif kind == "email":
            found = self._emails.get(value)
        elif kind == "phone":
            found = self._phones.get(value)
        if found is None:
            raise Refused(error(f"Contact not found, id: {value}", 404))
        return found

    def contact(self, call: Call) -> Reply:
        return Reply(self._wires(self._find(call).id))

    def update_lifecycle(self, call: Call) -> Reply:
        contact = self._find(call)
        name = call.body.get("name") if isinstance(call.body, dict) else None
        if name is not None and name not in LIFECYCLE:
            raise Refused(error(f"Lifecycle {name} not found"))
        key = str(contact.id)
        before = [each.body["name"] for each in self.books.told(self.vendor, key)]
        held = before[-1] if before else contact.state(self.clock).get("lifecycle")
        self.books.write(self.vendor, [Told(key, self.clock, {"name": name}, name != held)])
        return Reply({"contactId": contact.id})

    # ---- messages

    def _messages_of(self, contact_id: int) -> list[Message]:
        """Messages up to the clock, oldest first."""
        contact = self._contacts[contact_id]
        if not isinstance(contact, RespondContact):
            return []
        return sorted((m for m in contact.messages if m.at <= self.clock), key=lambda message: message.id)

    def messages(self, call: Call) -> Reply:
        contact = self._find(call)
        found = self._messages(contact.id)
        limit, cursor = self._paging(call)
        end = bisect_left(found, cursor, key=lambda message: message.id) if cursor else len(found)
        newest_first = found[::-1]
        page, _, more = slice_from(newest_first, len(found) - end, limit, call.drift)
        return self._page(call, [message_wire(contact.id, m) for m in page], page[-1].id if more else None)

    # ---- the workspace

    def users(self, call: Call) -> Reply:
        users: Sequence[Wire] = [
            {**agent.wire(), "role": "agent", "team": agent.team, "restrictions": []} for agent in AGENTS
        ]
        return self._space(call, users)

    def channels(self, call: Call) -> Reply:
        return self._space(call, CHANNELS)

    def _space(self, call: Call, items: Sequence[Wire]) -> Reply:
        limit, cursor = self._paging(call)
        page, _, more = slice_from(items, sum(1 for item in items if item["id"] <= cursor), limit, call.drift)
        return self._page(call, page, page[-1]["id"] if more else None)

    def _paging(self, call: Call) -> tuple[int, int]:
        try:
            limit = whole_number(call.params.get("limit"), DEFAULT_PAGE, PAGE_MOST)
            return limit, int(call.params.get("cursorId") or 0)
        except ValueError as problem:
            raise Refused(error(f"Invalid cursorId or limit: {problem}")) from None

    def _page(self, call: Call, items: Sequence[Wire], cursor: int | None) -> Reply:
        limit = call.params.get("limit", str(DEFAULT_PAGE))
        following = f"{call.base_url}{call.path}?limit={limit}&cursorId={cursor}" if cursor is not None else ""
        return Reply({"items": list(items), "pagination": {"next": following, "previous": ""}})


def _seconds(value: Any) -> float:
    """Epoch seconds of a number or an ISO instant."""
    try:
        return float(value)
    except (TypeError, ValueError):
        pass
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        raise Refused(error(f"{value!r} is no timestamp")) from None
    return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
