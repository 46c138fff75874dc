"""Google Ads API: uploadClickConversions, uploadConversionAdjustments, and the server that gives tokens.

As documented: 2,000 operations a request; with `partialFailure` those that are wrong are named and the others taken; an
order id serves one conversion of an action; what was taken is not taken again; an adjustment needs its conversion,
which is 24 hours old or more.

Not confirmed against the real API: that an adjustment counts from when its conversion was uploaded (the errors speak of
when it occurred), and the wording of errors.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sandbox.books import Told
from sandbox.servers.base import Call, Handler, Refused, Reply, TokenBucket, VendorServer, bearer
from sandbox.settings import DAY

CUSTOMER = "1234567890"
ACTIONS = {"purchase": "700000001", "lead": "700000002"}
CLIENT_ID, CLIENT_SECRET = "sandbox-google-client", "sandbox-google-client-secret"
REFRESH_TOKEN, DEVELOPER_TOKEN = "sandbox-google-refresh-token", "sandbox-google-developer-token"
OPERATIONS_MOST, OLDEST = 2000, 90 * DAY
REQUESTS_PER_SECOND = 10.0
FAILURE = "type.googleapis.com/google.ads.googleads.v25.errors.GoogleAdsFailure"
HASH = re.compile(r"[0-9a-f]{64}")
INSTANT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d\d:\d\d")


def error(status: int, code: str, message: str) -> Reply:
    return Reply({"error": {"code": status, "message": message, "status": code}}, status)


class GoogleAds(VendorServer):
    vendor = "google_ads"
    token = "sandbox-google-ads-token"

    def tell(self, clock: int) -> None:
        if not hasattr(self, "_bucket"):
            rate = REQUESTS_PER_SECOND * self.settings.rate_scale
            self._bucket = TokenBucket(rate, rate)

    def routes(self) -> Iterable[tuple[str, str, Handler]]:
        yield "POST", "/token", self.sign_in
        yield "POST", "/v25/customers/{customer}:uploadClickConversions", self.conversions
        yield "POST", "/v25/customers/{customer}:uploadConversionAdjustments", self.adjustments

    def authorise(self, call: Call) -> None:
        if call.path == "/token":
            return
        if bearer(call) != self.token or call.headers.get("developer-token") != DEVELOPER_TOKEN:
            said = "Request had invalid authentication credentials. Expected OAuth 2 access token."
            raise Refused(error(401, "UNAUTHENTICATED", said))

    def limit(self, call: Call) -> dict[str, str]:
        if not self._bucket.take():
            raise Refused(error(429, "RESOURCE_EXHAUSTED", "Too many requests. Retry in 1 seconds."))
        return {}

    def fault(self, kind: str, call: Call) -> Reply:
        if kind in ("429", "429_retry_after", "throttled"):
            reply = error(429, "RESOURCE_EXHAUSTED", "Too many requests. Retry in 1 seconds.")
            reply.headers = {"Retry-After": "1"} if kind == "429_retry_after" else {}
            return reply
        return error(500, "INTERNAL", "Internal error encountered.")

    def has_cursor(self, call: Call) -> bool:
        return False

    def not_found(self, call: Call) -> Reply:
        return error(404, "NOT_FOUND", f"{call.path} was not found.")

    def sign_in(self, call: Call) -> Reply:
        asked = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "refresh_token": REFRESH_TOKEN}
        if any(call.params.get(name) != value for name, value in asked.items()):
            said = {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}
            return Reply(said, 400)
        return Reply({"access_token": self.token, "expires_in": 3599, "token_type": "Bearer"})

    def conversions(self, call: Call) -> Reply:
        return self._upload(call, "conversions", "conversionUploadError", self._conversion)

    def adjustments(self, call: Call) -> Reply:
        return self._upload(call, "conversionAdjustments", "conversionAdjustmentUploadError", self._adjustment)

    def _upload(self, call: Call, kind: str, family: str, judge: Any) -> Reply:
        if call.path_params["customer"] != CUSTOMER:
            return error(403, "PERMISSION_DENIED", "The caller does not have permission.")
        body = call.body if isinstance(call.body, dict) else {}
        operations = body.get(kind)
        if not isinstance(operations, list) or not 1 <= len(operations) <= OPERATIONS_MOST:
            return error(400, "INVALID_ARGUMENT", f"Between 1 and {OPERATIONS_MOST} operations.")
        if body.get("partialFailure") is not True:
            return error(400, "INVALID_ARGUMENT", "partial_failure should be true.")
        errors, results = [], []
        for place, operation in enumerate(operations):
            code, told = judge(operation)
            if told is not None:
                self.books.write(self.vendor, [told])
                results.append({"conversionAction": operation["conversionAction"]})
                continue
            results.append({})
            errors.append(
                {
                    "errorCode": {family: code},
                    "message": f"{code.replace('_', ' ').capitalize()}.",
                    "location": {"fieldPathElements": [{"fieldName": kind, "index": place}]},
                }
            )
        answer: dict[str, Any] = {"results": results, "jobId": "42"}
        if errors:
            failure = {"@type": FAILURE, "errors": errors}
            answer["partialFailureError"] = {"code": 3, "message": errors[0]["message"], "details": [failure]}
        return Reply(answer)

    def _conversion(self, operation: dict[str, Any]) -> tuple[str, Told | None]:
        if operation.get("conversionAction", "").rpartition("/")[2] not in ACTIONS.values():
            return "INVALID_CONVERSION_ACTION", None
        written = operation.get("conversionDateTime", "")
        if not INSTANT.fullmatch(written):
            return "INVALID_CONVERSION_DATE_TIME", None
        if datetime.fromisoformat(written).timestamp() < self.clock - OLDEST:
            return "EXPIRED_EVENT", None
        identifiers = operation.get("userIdentifiers", [])
        if any(not HASH.fullmatch(value) for each in identifiers for value in each.values()):
            return "INVALID_USER_IDENTIFIER", None
        if not identifiers and not operation.get("gclid"):
            return "EVENT_NOT_FOUND", None
        key = self._key(operation)
        if any(each.is_counted for each in self.books.told(self.vendor, key)):
            return "ORDER_ID_ALREADY_IN_USE", None
        return "", Told(key, self.clock, operation, True)

    def _adjustment(self, operation: dict[str, Any]) -> tuple[str, Told | None]:
        conversions = self.books.told(self.vendor, self._key(operation))
        if not conversions:
            return "CONVERSION_NOT_FOUND", None
        if self.clock - conversions[0].at < DAY:
            return "TOO_RECENT_CONVERSION", None
        if not INSTANT.fullmatch(operation.get("adjustmentDateTime", "")):
            return "INVALID_ADJUSTMENT_DATE_TIME", None
        is_retraction = operation.get("adjustmentType") == "RETRACTION"
        if is_retraction == ("restatementValue" in operation):
            return "INVALID_ADJUSTMENT_TYPE", None
        key = f"adjustment:{self._key(operation)}:{operation['adjustmentType']}:{operation['adjustmentDateTime']}"
        if self.books.told(self.vendor, key):
            return "CONVERSION_ALREADY_RETRACTED" if is_retraction else "RESTATEMENT_ALREADY_EXISTS", None
        return "", Told(key, self.clock, operation, True)

    @staticmethod
    def _key(operation: dict[str, Any]) -> str:
        return f"{operation['conversionAction'].rpartition('/')[2]}:{operation.get('orderId')}"
