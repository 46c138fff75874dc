"""Meta Conversions API: POST /{version}/{dataset}/events.

As documented: 1,000 events a request; an event that is older than 7 days, or has a field in the wrong form, refuses the
whole request; events of one name and id within 48 hours are one, though not those of conversations.

Not confirmed against the real API: the wording of errors, that `events_received` counts what is joined later too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from sandbox.books import Told
from sandbox.servers.base import Call, Handler, Refused, Reply, TokenBucket, VendorServer, bearer
from sandbox.settings import DAY

DATASET = "1000000000000001"
WHATSAPP_ACCOUNT = "200000000000001"
EVENTS_MOST, OLDEST, JOINED_WITHIN = 1000, 7 * DAY, 2 * DAY
REQUESTS_PER_SECOND = 5.0
HASHED = ("em", "ph", "external_id")
HASH = re.compile(r"[0-9a-f]{64}")
OF_CONVERSATIONS = {"LeadSubmitted", "Purchase", "AddToCart", "InitiateCheckout", "ViewContent"}
SOURCES = {
    "email", "website", "app", "phone_call", "chat", "physical_store", "system_generated", "business_messaging",
    "other",
}  # fmt: skip


def error(message: str, code: int, subcode: int, *, status: int = 400, title: str = "") -> Reply:
    body: dict[str, Any] = {
        "message": message,
        "type": "OAuthException",
        "code": code,
        "error_subcode": subcode,
        "is_transient": False,
        "fbtrace_id": "AsandboxTrace",
    }
    if title:
        body |= {"error_user_title": title, "error_user_msg": title}
    return Reply({"error": body}, status)


class Meta(VendorServer):
    vendor = "meta"
    token = "sandbox-meta-conversions-token"

    def tell(self, clock: int) -> None:
        if not hasattr(self, "_bucket"):
            rate = REQUESTS_PER_SECOND * self.settings.rate_scale
            self._bucket = TokenBucket(rate, rate)

    def routes(self) -> Iterable[tuple[str, str, Handler]]:
        yield "POST", "/{version}/{dataset}/events", self.events

    def authorise(self, call: Call) -> None:
        if (call.params.get("access_token") or bearer(call)) != self.token:
            said = "Error validating access token: Session has expired on Monday, 05-Jan-26 00:00:00 PST."
            raise Refused(error(said, 190, 463, status=401))

    def limit(self, call: Call) -> dict[str, str]:
        if not self._bucket.take():
            raise Refused(error("(#80004) There have been too many calls to this ad-account.", 80004, 2446079))
        return {}

    def fault(self, kind: str, call: Call) -> Reply:
        if kind in ("429", "429_retry_after", "throttled"):
            reply = error("(#4) Application request limit reached", 4, 1504022, status=429)
            reply.headers = {"Retry-After": "1"} if kind == "429_retry_after" else {}
            return reply
        if kind == "error_in_200":
            return error("An unknown error occurred", 1, 99, status=200)
        return error("Service temporarily unavailable", 2, 0, status=500)

    def has_cursor(self, call: Call) -> bool:
        return False

    def not_found(self, call: Call) -> Reply:
        return error("Unsupported post request.", 100, 33)

    def events(self, call: Call) -> Reply:
        if call.path_params["dataset"] != DATASET:
            return self.not_found(call)
        data = call.body.get("data") if isinstance(call.body, dict) else None
        if not isinstance(data, list) or not 1 <= len(data) <= EVENTS_MOST:
            return error("Invalid parameter", 100, 2804001, title=f"Between 1 and {EVENTS_MOST} events")
        for place, event in enumerate(data):
            if reason := self._wrong(event):
                subcode = 2804003 if "Timestamp" in reason else 2804050
                return error("Invalid parameter", 100, subcode, title=f"{reason} (event {place})")
        self.books.write(self.vendor, self._arrived(data))
        return Reply({"events_received": len(data), "messages": [], "fbtrace_id": "AsandboxTrace"})

    def _arrived(self, data: list[dict[str, Any]]) -> list[Told]:
        found: list[Told] = []
        for event in data:
            key = f"{event['event_name']}:{event['event_id']}"
            before = [
                each.at for each in (*self.books.told(self.vendor, key), *found) if each.key == key and each.is_counted
            ]
            is_joined = event["action_source"] != "business_messaging" and any(
                self.clock - at <= JOINED_WITHIN for at in before
            )
            found.append(Told(key, self.clock, event, not is_joined))
        return found

    def _wrong(self, event: Any) -> str:
        """Why an event is not accepted; empty where it is."""
        missing = [name for name in ("event_name", "event_time", "event_id", "action_source", "user_data")
                   if not event.get(name)]  # fmt: skip
        if missing:
            return f"Missing {', '.join(missing)}"
        if event["event_time"] < self.clock - OLDEST:
            return "Event Timestamp Too Old"
        if event["event_time"] > self.clock + 60:
            return "Event Timestamp in the Future"
        if event["action_source"] not in SOURCES:
            return "Invalid action_source"
        user = event["user_data"]
        for name in HASHED:
            if not all(HASH.fullmatch(str(value)) for value in user.get(name, [])):
                return f"{name} is not hashed"
        for name in ("fbc", "lead_id", "ctwa_clid"):
            if name in user and HASH.fullmatch(str(user[name])):
                return f"{name} is hashed"
        if "lead_id" in user and not re.fullmatch(r"\d{15,17}", str(user["lead_id"])):
            return "lead_id is not valid"
        if event["action_source"] == "business_messaging":
            if event.get("messaging_channel") != "whatsapp" or event["event_name"] not in OF_CONVERSATIONS:
                return "Event name or channel is not supported for business messaging"
            if not user.get("ctwa_clid") or user.get("whatsapp_business_account_id") != WHATSAPP_ACCOUNT:
                return "ctwa_clid and whatsapp_business_account_id are required"
        elif not {"em", "ph", "fbc", "lead_id"} & {*user}:
            return "Too little customer information"
        if event["event_name"] == "Purchase" and not {"currency", "value"} <= {*event.get("custom_data", {})}:
            return "Purchase needs currency and value"
        return ""
