"""Meta Conversions API: POST /{version}/{dataset_id}/events.

Sources: Meta, "Server Event Parameters" (7 days; one event that is too old refuses the whole request; events with the
same name and id within 48 hours are one), "Customer Information Parameters" (normal forms and hashes), "Using the API"
(1,000 events a request), "Conversions API for Business Messaging" (click-to-WhatsApp), "Conversion Leads Integration:
Payload Specification" (stages of a lead), "ClickID and the fbp and fbc Parameters", "Handling Errors" of the Graph API.

There is no adjustment of what was told: a refund cannot be told to Meta.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from activation.http import Answer, Http
from activation.outbox import Event
from activation.sinks.base import (
    NEVER,
    BatchRefusedError,
    CannotBeToldError,
    Outcomes,
    Payload,
    Sink,
    SinkStoppedError,
    told,
)

# What is accepted of a conversation that an ad led to; other names are refused there.
OF_CONVERSATIONS = {"LeadSubmitted", "Purchase", "AddToCart", "InitiateCheckout", "ViewContent"}
TOKEN_CODES = {102, 190}
PERMISSION_CODES = {3, 10, *range(200, 300)}
THROTTLE_CODES = {4, 17, 32, 341, 613, 80000, 80003, 80004, 80014}


@dataclass(frozen=True)
class MetaAccount:
    """
    Attributes:
        dataset_id: the dataset (pixel) that takes the events.
        api_version: of the Graph API, such as v25.0.
        whatsapp_business_account_id: the account that people reach by click-to-WhatsApp; empty: there is none.
        lead_event_source: what the CRM is called, of stages of leads.
        test_event_code: shows events in the tool "Test events" and counts none of them; empty: they count.
    """

    dataset_id: str
    api_version: str
    whatsapp_business_account_id: str = ""
    lead_event_source: str = ""
    test_event_code: str = ""


class Meta(Sink):
    name = "meta"
    per_request = 1000
    oldest = timedelta(days=7)

    def __init__(self, http: Http, account: MetaAccount) -> None:
        super().__init__(http)
        self._account = account

    def payload(self, event: Event) -> Payload:
        common = {
            "event_name": event.event_name,
            "event_time": int(event.occurred_at.timestamp()),
            "event_id": event.event_id,
        }
        custom = told(
            {
                "currency": event.currency,
                "value": None if event.value_amount is None else float(event.value_amount),
                "order_id": event.order_id,
            }
        )
        if self._is_of_a_conversation(event):
            user: Payload = {
                "ctwa_clid": event.ctwa_clid,
                "whatsapp_business_account_id": self._account.whatsapp_business_account_id,
            }
            source = {"action_source": "business_messaging", "messaging_channel": "whatsapp"}
            return told({**common, **source, "user_data": user, "custom_data": custom or None})
        user = told(
            {
                "em": event.email_sha256 and [event.email_sha256],
                "ph": event.phone_sha256 and [event.phone_sha256],
                "fbc": _fbc(event),
                "lead_id": int(event.lead_id) if event.lead_id and event.lead_id.isdigit() else None,
            }
        )
        if not user:
            raise CannotBeToldError("no identifier")
        if "lead_id" in user:
            custom |= {"event_source": "crm", "lead_event_source": self._account.lead_event_source or "CRM"}
        if event.external_id_sha256:
            user["external_id"] = [event.external_id_sha256]
        return told({**common, "action_source": "system_generated", "user_data": user, "custom_data": custom or None})

    def resend_window(self, event: Event) -> timedelta:
        # Meta joins what comes twice within 48 hours, though not what comes of conversations.
        return NEVER if self._is_of_a_conversation(event) else timedelta(hours=48)

    def kind(self, event: Event) -> str:
        return "business_messaging" if self._is_of_a_conversation(event) else ""

    def send(self, batch: Sequence[tuple[Event, Payload]]) -> Outcomes:
        account = self._account
        body = told({"data": [payload for _, payload in batch], "test_event_code": account.test_event_code or None})
        answer = self._http.post(
            f"/{account.api_version}/{account.dataset_id}/events", body, lambda it: _code(it) in THROTTLE_CODES
        )
        if answer.status == 200 and isinstance(answer.body, dict) and "events_received" in answer.body:
            if answer.body["events_received"] == len(batch):
                return self.all_confirmed(batch)
            raise BatchRefusedError(f"{answer.body['events_received']} of {len(batch)} events were received")
        said = _said(answer)
        if _code(answer) in TOKEN_CODES or answer.status == 401:
            raise SinkStoppedError(
                f"the access token is not valid any more ({said}). Make one in Events Manager, Settings, and write it "
                "to ACTIVATION__META__ACCESS_TOKEN."
            )
        if _code(answer) in PERMISSION_CODES or answer.status in (403, 404):
            raise SinkStoppedError(f"the token may not send to this dataset ({said}). Check ACTIVATION__META__*.")
        raise BatchRefusedError(said)

    def _is_of_a_conversation(self, event: Event) -> bool:
        return bool(
            event.ctwa_clid and self._account.whatsapp_business_account_id and event.event_name in OF_CONVERSATIONS
        )


def _fbc(event: Event) -> str | None:
    """The click id as a browser's cookie `_fbc` would hold it: version, subdomain index, milliseconds, fbclid."""
    if not event.fbclid or event.clicked_at is None:
        return None
    return f"fb.1.{int(event.clicked_at.timestamp() * 1000)}.{event.fbclid}"


def _code(answer: Answer) -> int | None:
    error = answer.body.get("error") if isinstance(answer.body, dict) else None
    return error.get("code") if isinstance(error, dict) else None


def _said(answer: Answer) -> str:
    error = answer.body.get("error") if isinstance(answer.body, dict) else None
    if not isinstance(error, dict):
        return f"status {answer.status}"
    text = error.get("error_user_msg") or error.get("message") or ""
    return f"{error.get('code')}/{error.get('error_subcode', 0)}: {text}"
