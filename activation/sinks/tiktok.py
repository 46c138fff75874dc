"""TikTok Events API 2.0: POST /open_api/v1.3/event/track/.

Sources: TikTok's own GTM template (`tiktok/gtm-template-eapi`) and the curl example that Events Manager gives, for the
shape; Segment's and Tealium's destinations for CRM and limits. Unconfirmed, because TikTok publishes its reference
behind a login: see `activation/README.md`.

There is no adjustment of what was told: a refund cannot be told to TikTok.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from activation.http import Answer, Http, UnclearError
from activation.outbox import Event
from activation.sinks.base import (
    BatchRefusedError,
    CannotBeToldError,
    Outcomes,
    Payload,
    Sink,
    SinkStoppedError,
    told,
)

OK, NO_PERMISSION, TOO_MANY = 0, 40001, 40100
TOKEN_CODES = {40101, 40102, 40104, 40105}
SERVER_CODES = range(50000, 60000)


@dataclass(frozen=True)
class TikTokAccount:
    """
    Attributes:
        event_source: what takes the events: web (a pixel), offline, crm (an event set).
        event_source_id: its id.
        test_event_code: shows events in the tool "Test events"; empty: they count.
    """

    event_source: str
    event_source_id: str
    test_event_code: str = ""


class TikTok(Sink):
    name = "tiktok"
    per_request = 1000
    oldest = timedelta(days=7)

    def __init__(self, http: Http, account: TikTokAccount) -> None:
        super().__init__(http)
        self._account = account

    def payload(self, event: Event) -> Payload:
        user = told({"email": event.email_sha256, "phone": event.phone_sha256, "ttclid": event.ttclid})
        if not user:
            raise CannotBeToldError("no identifier")
        user |= told({"external_id": event.external_id_sha256})
        properties: dict[str, Any] = told(
            {
                "currency": event.currency,
                "value": None if event.value_amount is None else float(event.value_amount),
                "order_id": event.order_id,
            }
        )
        return told(
            {
                "event": event.event_name,
                "event_time": int(event.occurred_at.timestamp()),
                "event_id": event.event_id,
                "user": user,
                "properties": properties or None,
            }
        )

    def resend_window(self, event: Event) -> timedelta:
        return timedelta(hours=48)  # what comes twice with one event id within it is counted once

    def send(self, batch: Sequence[tuple[Event, Payload]]) -> Outcomes:
        account = self._account
        body = {
            "event_source": account.event_source,
            "event_source_id": account.event_source_id,
            **told({"test_event_code": account.test_event_code or None}),
            "data": [payload for _, payload in batch],
        }
        answer = self._http.post("/open_api/v1.3/event/track/", body, lambda it: _code(it) == TOO_MANY)
        code, said = _code(answer), _said(answer)
        if code == OK:
            return self.all_confirmed(batch)
        if code in TOKEN_CODES or answer.status == 401:
            raise SinkStoppedError(
                f"the access token is not valid any more ({said}). Make one in Events Manager, Settings, and write it "
                "to ACTIVATION__TIKTOK__ACCESS_TOKEN."
            )
        if code == NO_PERMISSION or answer.status in (403, 404):
            raise SinkStoppedError(f"the token may not send to this source ({said}). Check ACTIVATION__TIKTOK__*.")
        if code is None or code in SERVER_CODES:
            raise UnclearError(f"its server failed ({said})")
        raise BatchRefusedError(said)


def _code(answer: Answer) -> int | None:
    return answer.body.get("code") if isinstance(answer.body, dict) else None


def _said(answer: Answer) -> str:
    if _code(answer) is None:
        return f"status {answer.status}"
    return f"{_code(answer)}: {answer.body.get('message', '')}"
