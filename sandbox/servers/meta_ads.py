"""Meta Marketing API: ad account, campaigns, ad sets, ads, daily insights (also as asynchronous reports).

Endpoints: GET /{version}/act_{id}, /act_{id}/{campaigns|adsets|ads|insights}; POST /act_{id}/insights;
GET /{report}, /{report}/insights, /me/permissions. Insights are by ad and day (level=ad, time_increment=1) only.

As documented: lists leave out archived and deleted objects, and insights those of deleted ads, unless the status is
asked for; a report may not begin more than 37 months ago.

Not confirmed against the real API: the wording of errors other than codes 17, 100/1487534 and 190, the exact score
of a call in the rate limit (here: one point), the cursor's format.
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

from ingestion.sources.meta_ads.models import WINDOWS
from sandbox import malformed
from sandbox.advertising import (
    ACCOUNT_ID,
    ACCOUNT_NAME,
    CURRENCY,
    TIMEZONE,
    Campaign,
    Insight,
    account_day,
)
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

Record = dict[str, Any]

SCORE, SCORE_SECONDS = 9000, 300  # standard access: points in a window
VERSION = re.compile(r"^v\d+\.\d+$")
SERVED = ("v24.0", "v25.0", "v26.0")  # a call of an earlier version is answered in the first of them, and told so
OBJECT_FIELDS = {
    "campaigns": {"id", "account_id", "name", "objective", "status", "effective_status", "created_time",
                  "updated_time"},
    "adsets": {"id", "account_id", "campaign_id", "name", "status", "effective_status", "created_time",
               "updated_time"},
    "ads": {"id", "account_id", "campaign_id", "adset_id", "name", "status", "effective_status", "created_time",
            "updated_time"},
}  # fmt: skip
ACCOUNT_FIELDS = {"id", "account_id", "name", "currency", "timezone_name", "account_status"}
INSIGHT_FIELDS = {
    "date_start", "date_stop", "account_id", "account_currency", "campaign_id", "campaign_name", "adset_id", "ad_id",
    "spend", "impressions", "clicks", "reach", "attribution_setting", "actions", "action_values",
}  # fmt: skip
ATTRIBUTION = "7d_click_1d_view"
RETENTION_MONTHS = 37
STATUSES = {"ACTIVE", "PAUSED", "ARCHIVED", "DELETED", "IN_PROCESS", "WITH_ISSUES"}
EFFECTIVE_STATUSES = {
    "campaigns": STATUSES,
    "adsets": STATUSES | {"CAMPAIGN_PAUSED"},
    "ads": STATUSES | {"CAMPAIGN_PAUSED", "ADSET_PAUSED", "PENDING_REVIEW", "DISAPPROVED", "PREAPPROVED",
                       "PENDING_BILLING_INFO"},
}  # fmt: skip


def local(at: int) -> str:
    """An instant as Meta writes it, in the account's time zone: 2026-01-02T08:00:00-0500."""
    return datetime.fromtimestamp(at, UTC).astimezone(TIMEZONE).strftime("%Y-%m-%dT%H:%M:%S%z")


def error(
    message: str, code: int, *, status: int = 400, subcode: int | None = None, kind: str = "OAuthException"
) -> Reply:
    body: Record = {"message": message, "type": kind, "code": code, "fbtrace_id": "AsandboxTrace"}
    if subcode is not None:
        body["error_subcode"] = subcode
    return Reply({"error": body}, status)


class MetaAds(VendorServer):
    vendor = "meta_ads"
    token = "sandbox-meta-ads-token"

    def tell(self, clock: int) -> None:
        if not hasattr(self, "_bucket"):
            scale = self.settings.rate_scale
            self._bucket = TokenBucket(SCORE * scale, SCORE * scale / SCORE_SECONDS)
            self._reports: dict[str, tuple[dict[str, str], int]] = {}
        campaigns = self.company.advertising.campaigns(clock)
        self._campaigns = campaigns
        self._objects: dict[str, list[tuple[int, Record]]] = {
            "campaigns": [(c.updated_at(clock), _campaign(c, clock)) for c in campaigns],
            "adsets": [(c.updated_at(clock), {**_part(c, clock), "id": s.id, "name": s.name})
                       for c in campaigns for s in c.ad_sets],
            "ads": [(c.updated_at(clock), {**_part(c, clock), "id": a.id, "adset_id": a.adset_id, "name": a.name,
                                           "effective_status": c.ad_status(a, clock)})
                    for c in campaigns for a in c.ads],
        }  # fmt: skip
        self._days = lru_cache(maxsize=256)(self._insights_between)

    def routes(self) -> Iterable[tuple[str, str, Handler]]:
        yield "GET", "/{version}/me/permissions", self.permissions
        yield "GET", "/{version}/act_{account}", self.account
        for edge in OBJECT_FIELDS:
            yield "GET", f"/{{version}}/act_{{account}}/{edge}", self.objects
        yield "GET", "/{version}/act_{account}/insights", self.insights
        yield "POST", "/{version}/act_{account}/insights", self.start_report
        yield "GET", "/{version}/{report:int}", self.report
        yield "GET", "/{version}/{report:int}/insights", self.report_insights

    # ---- the common parts

    def authorise(self, call: Call) -> None:
        if (call.params.get("access_token") or bearer(call)) != self.token:
            raise Refused(error("Invalid OAuth access token - Cannot parse access token", 190, status=401))

    def limit(self, call: Call) -> dict[str, str]:
        if not self._bucket.take():
            raise Refused(self._throttled(self._bucket.seconds_until()))
        return {**self._usage(0), **self._version(call)}

    def _usage(self, minutes: int) -> dict[str, str]:
        used = int(100 * (1 - self._bucket.left / self._bucket.capacity))
        entry = {"type": "ads_insights", "call_count": used, "total_cputime": used // 2, "total_time": used // 2}
        usage = {ACCOUNT_ID: [{**entry, "estimated_time_to_regain_access": minutes}]}
        return {
            "X-Business-Use-Case-Usage": json.dumps(usage),
            "X-Ad-Account-Usage": json.dumps({"acc_id_util_pct": used}),
            "x-fb-ads-insights-throttle": json.dumps({"app_id_util_pct": used, "acc_id_util_pct": used}),
        }

    def _throttled(self, seconds: float) -> Reply:
        reply = error("User request limit reached", 17, subcode=2446079)
        reply.headers = self._usage(int(seconds // 60))
        return reply

    def fault(self, kind: str, call: Call) -> Reply:
        if kind in ("429", "429_retry_after"):
            reply = error("Application request limit reached", 4, status=429)
            reply.headers = {"Retry-After": "1"} if kind == "429_retry_after" else {}
            return reply
        if kind == "throttled":
            return self._throttled(0)
        if kind == "error_in_200":
            return error("An unknown error occurred", 1, status=200)
        if kind == "expired_cursor":
            return error("(#100) The after cursor specified exceeds the max limit or is invalid", 100)
        return error("Service temporarily unavailable", 2, status=int(kind))

    def has_cursor(self, call: Call) -> bool:
        return "after" in call.params

    def not_found(self, call: Call) -> Reply:
        return error("Unknown path components: " + call.path, 2500, status=404)

    def bad_request(self, message: str) -> Reply:
        return error(f"(#100) {message}", 100)

    def _account(self, call: Call) -> None:
        if not VERSION.match(call.path_params["version"]):
            raise Refused(error("Unknown API version", 2500, status=404))
        if "account" in call.path_params and call.path_params["account"] != ACCOUNT_ID:
            raise Refused(error("Unsupported get request. Object does not exist", 100, subcode=33))

    def _fields(self, call: Call, known: set[str], default: set[str]) -> list[str]:
        wanted = [name for name in call.params.get("fields", "").split(",") if name] or sorted(default)
        for name in wanted:
            if name not in known:
                raise Refused(error(f"(#100) Tried accessing nonexisting field ({name})", 100))
        return wanted

    def _page(self, call: Call, rows: Sequence[Record], fields: list[str], always: tuple[str, ...]) -> Reply:
        try:
            limit = whole_number(call.params.get("limit"), 25, 500)
            start = int(urlsafe_b64decode(call.params["after"]).decode()) if self.has_cursor(call) else 0
        except ValueError as problem:
            raise Refused(error(f"(#100) Invalid cursor or limit: {problem}", 100)) from None
        chosen, end, more = slice_from(rows, start, limit, call.drift)
        names = list(dict.fromkeys([*always, *fields]))
        body: Record = {"data": [{name: row[name] for name in names if name in row} for row in chosen]}
        if chosen:
            cursors = {"before": _cursor(start), "after": _cursor(end)}
            body["paging"] = {"cursors": cursors}
            if more:
                query = {**call.params, "after": cursors["after"]}
                pairs = "&".join(f"{name}={value}" for name, value in query.items() if name != "access_token")
                body["paging"]["next"] = f"{call.base_url}{call.path}?{pairs}"
        return Reply(body)

    def _version(self, call: Call) -> dict[str, str]:
        """Headers that tell the version that answers."""
        asked = call.path.split("/")[1]
        if asked in SERVED or not VERSION.match(asked):
            return {"facebook-api-version": asked}
        warning = f"The call has been auto-upgraded to {SERVED[0]} as {asked} has been deprecated."
        return {"facebook-api-version": SERVED[0], "X-Ad-Api-Version-Warning": warning}

    # ---- objects

    def permissions(self, call: Call) -> Reply:
        """What the token was granted."""
        status = "declined" if call.lacks_scope else "granted"
        return Reply({"data": [{"permission": "ads_read", "status": status}]})

    def account(self, call: Call) -> Reply:
        self._account(call)
        names = self._fields(call, ACCOUNT_FIELDS, {"id", "account_id"})
        found = {
            "id": f"act_{ACCOUNT_ID}",
            "account_id": ACCOUNT_ID,
            "name": ACCOUNT_NAME,
            "currency": CURRENCY,
            "timezone_name": TIMEZONE.key,
            "account_status": 1,
        }
        return Reply({name: found[name] for name in dict.fromkeys([*names, "id"])})

    def objects(self, call: Call) -> Reply:
        self._account(call)
        edge = call.path.rsplit("/", 1)[1]
        fields = self._fields(call, OBJECT_FIELDS[edge], {"id"})
        after, statuses = -1, EFFECTIVE_STATUSES[edge] - {"ARCHIVED", "DELETED"}
        if "effective_status" in call.params:
            statuses = self._statuses(edge, json.loads(call.params["effective_status"]))
        for condition in json.loads(call.params.get("filtering") or "[]"):
            name, operator, value = condition.get("field"), condition.get("operator"), condition.get("value")
            if (name, operator) == ("updated_time", "GREATER_THAN"):
                after = max(after, int(value))
            elif (name, operator) == (f"{edge.removesuffix('s')}.effective_status", "IN"):
                statuses = self._statuses(edge, value)
            else:
                raise Refused(error(f"(#100) Filtering field {name} with operator {operator} is invalid", 100))
        rows = [
            row for updated_at, row in self._objects[edge] if updated_at > after and row["effective_status"] in statuses
        ]
        return self._page(call, rows, fields, ("id",))

    def _statuses(self, edge: str, asked: Any) -> set[str]:
        unknown = [status for status in asked if status not in EFFECTIVE_STATUSES[edge]]
        if unknown:
            raise Refused(error(f"(#100) Param effective_status: {unknown[0]} is not one of the statuses", 100))
        return set(asked)

    # ---- insights

    def insights(self, call: Call) -> Reply:
        self._account(call)
        return self._insights(call, call.params)

    def start_report(self, call: Call) -> Reply:
        self._account(call)
        asked = {**call.params, **{name: str(value) for name, value in (call.body or {}).items()}}
        self._fields(Call("GET", call.path, "", asked, {}, None), INSIGHT_FIELDS, set())
        self._range(asked)
        report_id = str(6_021_000_000_000 + len(self._reports))
        self._reports[report_id] = (asked, self.settings.async_polls)
        return Reply({"report_run_id": report_id})

    def _report(self, call: Call) -> tuple[str, dict[str, str], int]:
        self._account(call)
        report_id = call.path_params["report"]
        if report_id not in self._reports:
            raise Refused(error("Unsupported get request. Object does not exist", 100, subcode=33))
        asked, polls = self._reports[report_id]
        return report_id, asked, polls

    def report(self, call: Call) -> Reply:
        report_id, asked, polls = self._report(call)
        if polls > 0:
            self._reports[report_id] = (asked, polls - 1)
            done = int(100 * (1 - polls / (self.settings.async_polls + 1)))
            return Reply({"id": report_id, "async_status": "Job Running", "async_percent_completion": done})
        return Reply({"id": report_id, "async_status": "Job Completed", "async_percent_completion": 100})

    def report_insights(self, call: Call) -> Reply:
        _, asked, polls = self._report(call)
        if polls > 0:
            raise Refused(error("(#100) The report is not complete", 100))
        return self._insights(call, asked)

    def _range(self, asked: dict[str, str]) -> tuple[date, date]:
        if asked.get("level") != "ad" or asked.get("time_increment") != "1":
            raise Refused(error("(#100) This server reports with level=ad and time_increment=1", 100))
        try:
            span = json.loads(asked["time_range"])
            since, until = date.fromisoformat(span["since"]), date.fromisoformat(span["until"])
        except (KeyError, ValueError, TypeError):
            raise Refused(error("(#100) Must specify a valid time_range", 100)) from None
        today = account_day(self.clock)
        months = today.year * 12 + today.month - 1 - RETENTION_MONTHS
        if (since.year * 12 + since.month - 1, since.day) < (months, today.day):
            message = f"(#3018) The start date of the time range cannot be beyond {RETENTION_MONTHS} months"
            raise Refused(error(f"{message} from the current date", 3018))
        if since > until:
            raise Refused(error("(#100) time_range: since is after until", 100))
        if (until - since).days + 1 > self.settings.meta_max_days:
            message = "Please reduce the amount of data you're asking for, then retry your request"
            raise Refused(error(message, 100, subcode=1487534))
        return since, until

    def _insights(self, call: Call, asked: dict[str, str]) -> Reply:
        fields = self._fields(Call("GET", call.path, "", asked, {}, None), INSIGHT_FIELDS, {"spend", "impressions"})
        statuses = EFFECTIVE_STATUSES["ads"] - {"DELETED"}
        for condition in json.loads(asked.get("filtering") or "[]"):
            if (condition.get("field"), condition.get("operator")) != ("ad.effective_status", "IN"):
                raise Refused(error(f"(#100) Filtering field {condition.get('field')} is invalid", 100))
            statuses = self._statuses("ads", condition.get("value"))
        rows = self._days(*self._range(asked), frozenset(statuses), self._windows(asked))
        return self._page(call, rows, fields, ("date_start", "date_stop"))

    def _windows(self, asked: dict[str, str]) -> tuple[str, ...]:
        """Windows that claims are told in, beside `value`."""
        windows = json.loads(asked.get("action_attribution_windows") or "[]")
        for position, window in enumerate(windows):
            if window not in ("default", *WINDOWS):
                known = ", ".join(("default", *WINDOWS))
                message = f"(#100) Param action_attribution_windows[{position}] must be one of {{{known}}}"
                raise Refused(error(message, 100))
        return tuple(window for window in windows if window != "default")

    def _insights_between(
        self, since: date, until: date, statuses: frozenset[str], windows: tuple[str, ...]
    ) -> list[Record]:
        clock, advertising = self.clock, self.company.advertising
        until = min(until, account_day(clock))
        rows = []
        for campaign in self._campaigns:
            shown = {ad.id for ad in campaign.ads if campaign.ad_status(ad, clock) in statuses}
            for day in advertising.days(campaign, clock):
                if since <= day <= until:
                    found = advertising.insights(campaign, day, clock)
                    rows += [_insight(campaign, each, windows) for each in found if each.ad_id in shown]
        first_day = account_day(self.company.start)
        for days, overrides in malformed.INSIGHTS:
            day = first_day + timedelta(days=days)
            if since <= day <= until:
                row = {**_blank_insight(self._campaigns[0], day), **overrides}
                rows.append({name: value for name, value in row.items() if value is not None})
        return sorted(rows, key=lambda row: (row["date_start"], row.get("ad_id", "")))


def _cursor(position: int) -> str:
    return urlsafe_b64encode(str(position).encode()).decode()


def _part(campaign: Campaign, clock: int) -> Record:
    return {
        "account_id": ACCOUNT_ID,
        "campaign_id": campaign.id,
        "status": campaign.status(clock),
        "effective_status": campaign.status(clock),
        "created_time": local(campaign.starts_at),
        "updated_time": local(campaign.updated_at(clock)),
    }


def _campaign(campaign: Campaign, clock: int) -> Record:
    return {**_part(campaign, clock), "id": campaign.id, "name": campaign.name, "objective": campaign.objective}


def _insight(campaign: Campaign, found: Insight, windows: tuple[str, ...] = ()) -> Record:
    row: Record = {
        "date_start": found.day.isoformat(),
        "date_stop": found.day.isoformat(),
        "account_id": ACCOUNT_ID,
        "account_currency": CURRENCY,
        "campaign_id": found.campaign_id,
        "campaign_name": campaign.name,
        "adset_id": found.adset_id,
        "ad_id": found.ad_id,
        "spend": f"{found.spend:.2f}",
        "impressions": str(found.impressions),
        "clicks": str(found.clicks),
        "reach": str(found.reach),
        "attribution_setting": ATTRIBUTION,
    }
    actions, values = [], []
    if found.conversations:
        kind = "onsite_conversion.messaging_conversation_started_7d"
        clicked = {window: found.conversations for window in windows if window.endswith("_click")}
        actions.append(_claim(kind, found.conversations, clicked))
    if found.purchases:
        counts = {window: count for window, count in _purchases_in(found).items() if window in windows}
        money = {window: found.purchase_value * count / found.purchases for window, count in counts.items()}
        for kind in ("purchase", "omni_purchase"):
            actions.append(_claim(kind, found.purchases, counts))
            values.append(_claim(kind, found.purchase_value, money))
    if actions:
        row["actions"] = actions
    if values:
        row["action_values"] = values
    return row


def _purchases_in(found: Insight) -> dict[str, int]:
    """What each window claims of the purchases: on some days everybody had only viewed the ad, or took days to buy."""
    kind_of_day = (found.day.toordinal() + int(found.ad_id)) % 4
    viewed = found.purchases if kind_of_day == 0 else 0
    clicked = found.purchases - viewed
    return {
        "1d_view": viewed,
        "1d_click": clicked if kind_of_day != 1 else 0,
        "7d_click": clicked,
        "28d_click": clicked,
    }


def _claim(kind: str, value: float, in_windows: dict[str, Any]) -> Record:
    """An entry of `actions` or `action_values`; a window without any is left out."""

    def told(number: float) -> str:
        return str(number) if isinstance(number, int) else f"{number:.2f}"

    windows = {window: told(number) for window, number in in_windows.items() if number}
    return {"action_type": kind, "value": told(value), **windows}


def _blank_insight(campaign: Campaign, day: date) -> Record:
    """A row of an ad that does not exist, for what is malformed on purpose."""
    ad = campaign.ads[0]
    nothing = Insight(campaign.id, ad.adset_id, malformed.AD_ID, day, 0.0, 0, 0, 0, 0, 0, 0.0)
    return _insight(campaign, nothing)
