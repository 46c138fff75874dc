"""TikTok Events API 2.0: POST /open_api/v1.3/event/track/.

1,000 events a request, hashes in the form that is asked for, events of one id within 48 hours are one. Every answer has
status 200, and says by its code what became of the request.

Not confirmed against the real API, whose reference lies behind a login: that one wrong event refuses the whole request,
the 7 days, and all codes but 0, 40001, 40002, 40100 and 40105.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from sandbox.books import Told
from sandbox.servers.base import Call, Handler, Refused, Reply, TokenBucket, VendorServer
from sandbox.settings import DAY

PIXEL = "CSANDBOX7U2TMR44LI0G"
EVENTS_MOST, OLDEST, JOINED_WITHIN = 1000, 7 * DAY, 2 * DAY
REQUESTS_PER_SECOND = 10.0
HASH = re.compile(r"[0-9a-f]{64}")


def answer(code: int, message: str, status: int = 200) -> Reply:
    return Reply({"code": code, "message": message, "request_id": "20260105000000SANDBOX", "data": {}}, status)


class TikTok(VendorServer):
    vendor = "tiktok"
    token = "sandbox-tiktok-events-token"

    def tell(self, clock: int) -> None:
        if not hasattr(self, "_bucket"):
            rate = REQUESTS_PER_SECOND * self.settings.rate_scale
            self._bucket = TokenBucket(rate, rate)

    def routes(self) -> Iterable[tuple[str, str, Handler]]:
        yield "POST", "/open_api/v1.3/event/track/", self.track

    def authorise(self, call: Call) -> None:
        if call.headers.get("access-token") != self.token:
            raise Refused(answer(40105, "Access token is incorrect or has been revoked."))

    def limit(self, call: Call) -> dict[str, str]:
        if not self._bucket.take():
            raise Refused(answer(40100, "Too many requests. Please retry in some time."))
        return {}

    def fault(self, kind: str, call: Call) -> Reply:
        if kind in ("429", "429_retry_after", "throttled"):
            reply = answer(40100, "Too many requests. Please retry in some time.", 429 if kind != "throttled" else 200)
            reply.headers = {"Retry-After": "1"} if kind == "429_retry_after" else {}
            return reply
        return answer(50000, "System error.", 200 if kind == "error_in_200" else 500)

    def has_cursor(self, call: Call) -> bool:
        return False

    def not_found(self, call: Call) -> Reply:
        return answer(40006, f"No such path: {call.path}", 404)

    def track(self, call: Call) -> Reply:
        body = call.body if isinstance(call.body, dict) else {}
        data = body.get("data")
        if body.get("event_source") not in ("web", "app", "offline", "crm") or body.get("event_source_id") != PIXEL:
            return answer(40001, "No permission to operate on this event source.")
        if not isinstance(data, list) or not 1 <= len(data) <= EVENTS_MOST:
            return answer(40002, f"data: between 1 and {EVENTS_MOST} events are supported.")
        for place, event in enumerate(data):
            if reason := self._wrong(event):
                return answer(40002, f"data.{place}: {reason}")
        found: list[Told] = []
        for event in data:
            key = f"{event['event']}:{event['event_id']}"
            before = [
                each.at for each in (*self.books.told(self.vendor, key), *found) if each.key == key and each.is_counted
            ]
            is_joined = any(self.clock - at <= JOINED_WITHIN for at in before)
            found.append(Told(key, self.clock, event, not is_joined))
        self.books.write(self.vendor, found)
        return answer(0, "OK")

    def _wrong(self, event: Any) -> str:
        """Why an event is not accepted; empty where it is."""
        missing = [name for name in ("event", "event_time", "event_id", "user") if not event.get(name)]
        if missing:
            return f"{', '.join(missing)}: required"
        if not self.clock - OLDEST <= event["event_time"] <= self.clock + 60:
            return "event_time: out of range"
        user = event["user"]
        for name in ("email", "phone", "external_id"):
            if name in user and not HASH.fullmatch(str(user[name])):
                return f"user.{name}: SHA-256 is required"
        if "ttclid" in user and HASH.fullmatch(str(user["ttclid"])):
            return "user.ttclid: must not be hashed"
        if not {"email", "phone", "ttclid"} & {*user}:
            return "user: no identifier"
        if event["event"] == "CompletePayment" and not {"currency", "value"} <= {*event.get("properties", {})}:
            return "properties: currency and value are required"
        return ""
