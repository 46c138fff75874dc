"""Google Ads API: POST /{version}/customers/{id}:uploadClickConversions and :uploadConversionAdjustments.

Sources: the protos `conversion_upload_service` (v25) and `conversion_adjustment_upload_service` (v20), the enums
`ConversionUploadError` and `ConversionAdjustmentUploadError`, "Manage online click conversions" (normal forms), "Best
practices for partial failures", "Using OAuth 2.0 for Web Server Applications" (refreshing a token).

What was taken is not taken again: an order id serves one conversion of an action, so each event has one, its own where
it is of no order. A refund is told as RETRACTION where nothing is left of the order, else as RESTATEMENT of what is
left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from activation.http import Answer, Http
from activation.ledger import State
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

CONVERSIONS, ADJUSTMENTS = "conversions", "conversionAdjustments"
METHODS = {CONVERSIONS: "uploadClickConversions", ADJUSTMENTS: "uploadConversionAdjustments"}
# That it is there already means that an earlier request was taken, of which no answer came.
TAKEN_BEFORE = {
    "CLICK_CONVERSION_ALREADY_EXISTS",
    "ORDER_ID_ALREADY_IN_USE",
    "CONVERSION_ALREADY_RETRACTED",
    "RESTATEMENT_ALREADY_EXISTS",
}
# Google says to try again later.
TOO_SOON = {"TOO_RECENT_EVENT", "TOO_RECENT_CONVERSION_ACTION", "TOO_RECENT_CONVERSION"}


@dataclass(frozen=True)
class GoogleAdsAccount:
    """
    Attributes:
        customer_id: digits of the account that has the conversion actions.
        login_customer_id: digits of the manager account that the token is of; empty: none.
        conversion_actions: id of the conversion action of each event name.
        api_version: such as v25.
        client_id, client_secret, refresh_token: of the OAuth client; they are exchanged for a token once a delivery.
    """

    customer_id: str
    api_version: str
    client_id: str
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)
    developer_token: str = field(repr=False)
    login_customer_id: str = ""
    conversion_actions: Mapping[str, str] = field(default_factory=dict)


class GoogleAds(Sink):
    name = "google_ads"
    per_request = 2000
    oldest = timedelta(days=90)

    def __init__(self, http: Http, sign_in: Http, account: GoogleAdsAccount) -> None:
        """
        Args:
            http: the API, without any header.
            sign_in: the server that gives tokens.
        """
        super().__init__(http)
        self._sign_in = sign_in
        self._account = account
        self._is_signed_in = False

    def payload(self, event: Event) -> Payload:
        action = self._account.conversion_actions.get(event.event_name)
        if action is None:
            raise CannotBeToldError(f"ACTIVATION__GOOGLE_ADS__CONVERSION_ACTIONS has no action for {event.event_name}")
        common = {"conversionAction": f"customers/{self._account.customer_id}/conversionActions/{action}"}
        if event.adjustment is not None:
            is_gone = event.adjustment == "retraction"
            return {
                **common,
                "adjustmentType": event.adjustment.upper(),
                "orderId": event.order_id,
                "adjustmentDateTime": _date_time(event.occurred_at),
                **told({"restatementValue": None if is_gone else _restated(event)}),
            }
        identifiers = [
            each
            for each in (
                told({"hashedEmail": event.email_sha256}),
                told({"hashedPhoneNumber": event.phone_sha256}),
            )
            if each
        ]
        if not identifiers and event.gclid is None:
            raise CannotBeToldError("no identifier")
        return told(
            {
                **common,
                "conversionDateTime": _date_time(event.occurred_at),
                "conversionValue": None if event.value_amount is None else float(event.value_amount),
                "currencyCode": event.currency,
                "orderId": event.order_id or event.event_id,
                "gclid": event.gclid,
                "userIdentifiers": identifiers or None,
                "consent": {"adUserData": "GRANTED"} if event.consent_verdict == "granted" else None,
            }
        )

    def kind(self, event: Event) -> str:
        return CONVERSIONS if event.adjustment is None else ADJUSTMENTS

    def send(self, batch: Sequence[tuple[Event, Payload]]) -> Outcomes:
        if not self._is_signed_in:
            self._authorise()
        kind = self.kind(batch[0][0])
        answer = self._http.post(
            f"/{self._account.api_version}/customers/{self._account.customer_id}:{METHODS[kind]}",
            {kind: [payload for _, payload in batch], "partialFailure": True},
        )
        if answer.status in (401, 403, 404):
            raise SinkStoppedError(f"Google denies access ({_said(answer)}). Check ACTIVATION__GOOGLE_ADS__*.")
        if answer.status != 200 or not isinstance(answer.body, dict):
            raise BatchRefusedError(_said(answer))
        problems = _problems(answer.body, kind)
        if problems is None:
            raise BatchRefusedError(_said(answer))
        outcomes = self.all_confirmed(batch)
        for place, (code, message) in problems.items():
            state: State = "confirmed" if code in TAKEN_BEFORE else "pending" if code in TOO_SOON else "refused"
            outcomes[batch[place][0].event_id] = (state, f"{code}: {message}")
        return outcomes

    def _authorise(self) -> None:
        account = self._account
        answer = self._sign_in.post(
            "/token",
            {
                "client_id": account.client_id,
                "client_secret": account.client_secret,
                "refresh_token": account.refresh_token,
                "grant_type": "refresh_token",
            },
            as_form=True,
        )
        token = answer.body.get("access_token") if isinstance(answer.body, dict) else None
        if answer.status != 200 or not token:
            said = answer.body.get("error_description", "") if isinstance(answer.body, dict) else ""
            raise SinkStoppedError(
                f"Google gave no access token ({said or f'status {answer.status}'}). Sign in anew, and write the "
                "refresh token to ACTIVATION__GOOGLE_ADS__REFRESH_TOKEN."
            )
        self._http.use(
            {
                "Authorization": f"Bearer {token}",
                "developer-token": account.developer_token,
                **({"login-customer-id": account.login_customer_id} if account.login_customer_id else {}),
            }
        )
        self._is_signed_in = True


def _date_time(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(" ", timespec="seconds")


def _restated(event: Event) -> Payload:
    value = None if event.value_amount is None else float(event.value_amount)
    return told({"adjustedValue": value, "currencyCode": event.currency})


def _problems(body: Mapping[str, Any], kind: str) -> dict[int, tuple[str, str]] | None:
    """Code and message of each operation that failed, by its place; None: one of them concerns no single operation."""
    found: dict[int, tuple[str, str]] = {}
    for detail in (body.get("partialFailureError") or {}).get("details", []):
        for error in detail.get("errors", []):
            path = (error.get("location") or {}).get("fieldPathElements") or [{}]
            if path[0].get("fieldName") not in (kind, "operations"):
                return None
            (code,) = [*(error.get("errorCode") or {"": "UNKNOWN"}).values()][:1]
            found[int(path[0].get("index", 0))] = (code, error.get("message", ""))
    return found


def _said(answer: Answer) -> str:
    error = answer.body.get("error") if isinstance(answer.body, dict) else None
    return f"{error.get('status')}: {error.get('message')}" if isinstance(error, dict) else f"status {answer.status}"
