"""Meta Marketing API: ad accounts, campaigns, ad sets, ads and daily insights.

Belongs here: Meta's paging, throttling, reports and field names. Does not: what spend means, other platforms.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import dlt
import requests
from dlt.extract import DltResource

from ingestion import config
from ingestion.http import Client, Problem, VendorError, expect_list, judge_status, pages
from ingestion.intake import Intake
from ingestion.sources.meta_ads.models import AD_ACCOUNTS, AD_INSIGHTS, AD_SETS, ADS, CAMPAIGNS, TABLES
from ingestion.sources.meta_ads.settings import SOURCE, Settings, load
from ingestion.tables import RawTable
from ingestion.watermark import Watermark
from ingestion.wire import Spool, at, batches

__all__ = ["TABLES", "resources"]

log = logging.getLogger(__name__)

THROTTLED = frozenset({4, 17, 32, 613, *range(80000, 80015)})
TRANSIENT = frozenset({1, 2})
TOKEN_INVALID = 190
TOO_MUCH_DATA = "100/1487534"
REPORT_FAILED = "report_failed"

PAGE = 500
UPDATED_LAG = timedelta(seconds=60)
RETENTION_MONTHS = 37  # insights older than this are not kept by the platform
REPORT_FROM_DAYS = 8  # longer ranges are read as an asynchronous report
POLL_SECONDS = (0.05, 30.0)  # first pause, longest pause; it doubles
REPORT_TIMEOUT_SECONDS = 1800.0

# Archived objects are left out of a list unless asked for, but their insights are not.
STATUSES = ("ACTIVE", "PAUSED", "ARCHIVED", "IN_PROCESS", "WITH_ISSUES")
MORE_STATUSES = {
    "adsets": ("CAMPAIGN_PAUSED",),
    "ads": (
        *("CAMPAIGN_PAUSED", "ADSET_PAUSED", "PENDING_REVIEW", "DISAPPROVED", "PREAPPROVED"),
        "PENDING_BILLING_INFO",
    ),
}

ACCOUNT_FIELDS = "id,account_id,name,currency,timezone_name"
OBJECTS: dict[str, tuple[RawTable, str]] = {
    "campaigns": (
        CAMPAIGNS,
        "id,account_id,name,objective,status,effective_status,created_time,updated_time",
    ),
    "adsets": (
        AD_SETS,
        "id,account_id,campaign_id,name,status,effective_status,created_time,updated_time",
    ),
    "ads": (
        ADS,
        "id,account_id,campaign_id,adset_id,name,status,effective_status,created_time,updated_time",
    ),
}
INSIGHT_FIELDS = (
    "date_start,date_stop,account_id,account_currency,campaign_id,adset_id,ad_id,spend,impressions,clicks,reach,"
    "attribution_setting,actions,action_values"
)


def judge(response: requests.Response, body: Any) -> Problem | None:
    """Meta words every error as `{"error": {code, error_subcode, message}}`, throttling as a 400."""
    error = at(body, "error")
    if not isinstance(error, Mapping):
        return judge_status(response, body)
    code, subcode = error.get("code"), error.get("error_subcode")
    said = f"{error.get('message')} [code {code}{f'/{subcode}' if subcode else ''}]"
    full_code = f"{code}/{subcode}" if subcode else str(code)
    if code in THROTTLED:
        advice = "The rate limit stayed exceeded: run again later, or ask for a higher access tier."
        return Problem(said, retry=True, wait_seconds=_wait_seconds(response), advice=advice, code=full_code)
    if code in TRANSIENT or response.status_code >= 500:
        return Problem(said, retry=True, advice="Run again later.", code=full_code)
    if code == TOKEN_INVALID:
        advice = f"The access token is invalid or expired: set {config.variable_name(SOURCE, 'access_token')}."
        return Problem(said, advice=advice, code=full_code)
    return Problem(
        said,
        advice="Check the account ids, the token's ads_read permission and the API version.",
        code=full_code,
        cursor_expired=code == 100 and "cursor" in str(error.get("message")).lower(),
    )


def _wait_seconds(response: requests.Response) -> float | None:
    """The longest "minutes until access is regained" of the usage header; None where it says nothing."""
    try:
        usage = json.loads(response.headers.get("X-Business-Use-Case-Usage", "{}"))
        minutes = [float(entry["estimated_time_to_regain_access"]) for entries in usage.values() for entry in entries]
    except (ValueError, KeyError, TypeError, AttributeError):
        return None  # a header without that estimate: pauses double instead
    return max(minutes, default=0) * 60 or None


def account_row(record: Any) -> Any:
    """Wire record of an ad account -> row of `ad_accounts`. The other tables' rows are the wire records as they are."""
    if not isinstance(record, Mapping):
        return record
    plain = {name: value for name, value in record.items() if name != "account_id"}
    return {**plain, "id": record.get("account_id") or str(record.get("id") or "").removeprefix("act_") or None}


def month_ranges(since: date, until: date) -> Iterator[tuple[date, date]]:
    """Calendar months from `since` to `until`, both included, the first and last one cut to size."""
    while since <= until:
        next_month = (since.replace(day=1) + timedelta(days=32)).replace(day=1)
        yield since, min(until, next_month - timedelta(days=1))
        since = next_month


def earliest_day(today: date) -> date:
    """First day of the month in which the platform's retention ends."""
    months = today.year * 12 + today.month - 1 - RETENTION_MONTHS
    return date(months // 12, months % 12 + 1, 1)


class Account:
    """Reads one ad account."""

    def __init__(self, client: Client, account_id: str) -> None:
        self.account_id = account_id
        self._client = client

    def info(self) -> Any:
        return self._client.get(f"/act_{self.account_id}", {"fields": ACCOUNT_FIELDS})

    def objects(self, edge: str, fields: str, since: datetime | None) -> Spool:
        """Campaigns, ad sets or ads updated since `since`, or all of them."""
        params: dict[str, Any] = {
            "fields": fields,
            "limit": PAGE,
            "effective_status": json.dumps([*STATUSES, *MORE_STATUSES.get(edge, ())]),
        }
        if since is not None:
            after = int((since - UPDATED_LAG).timestamp())
            params["filtering"] = json.dumps([{"field": "updated_time", "operator": "GREATER_THAN", "value": after}])
        found = Spool()
        for page in self._pages(f"/act_{self.account_id}/{edge}", params):
            for record in page:
                found.add(at(record, "id"), record)
        log.info("meta_ads: account %s: %s %s", self.account_id, len(found), edge)
        return found

    def insights(self, since: date, until: date) -> Iterator[Any]:
        """Every ad's days from `since` to `until`, both included, each (ad, day) once.

        A range that is too much for one answer is read in halves, down to a day.
        """
        try:
            found = self._insights(since, until)
        except VendorError as error:
            if error.code not in (TOO_MUCH_DATA, REPORT_FAILED) or since == until:
                raise
            middle = since + (until - since) // 2
            log.info("meta_ads: %s to %s is too much for one report: reading it in halves", since, until)
            yield from self.insights(since, middle)
            yield from self.insights(middle + timedelta(days=1), until)
            return
        log.info("meta_ads: account %s: %s insights from %s to %s", self.account_id, len(found), since, until)
        yield from found

    def _insights(self, since: date, until: date) -> Spool:
        path = f"/act_{self.account_id}/insights"
        params: dict[str, Any] = {
            "level": "ad",
            "time_increment": 1,
            "time_range": json.dumps({"since": since.isoformat(), "until": until.isoformat()}),
            "fields": INSIGHT_FIELDS,
        }
        if (until - since).days + 1 >= REPORT_FROM_DAYS:
            path, params = self._report(path, params), {}
        found = Spool()
        for page in self._pages(path, {**params, "limit": PAGE}):
            for record in page:
                key = [at(record, name) for name in ("ad_id", "date_start")]
                found.add(None if None in key else "\x1f".join(map(str, key)), record)
        return found

    def _report(self, path: str, params: Mapping[str, Any]) -> str:
        """Start an asynchronous report, wait until it is complete, return the path of its rows."""
        run_id = at(self._client.post(path, params=params), "report_run_id")
        if not run_id:
            raise VendorError(f"meta_ads: POST {path}: the answer has no report_run_id.")
        pause, waited = POLL_SECONDS[0], 0.0
        while True:
            report = self._client.get(f"/{run_id}")
            status = at(report, "async_status")
            if status == "Job Completed":
                return f"/{run_id}/insights"
            if status in ("Job Failed", "Job Skipped"):
                raise VendorError(
                    f"meta_ads: report {run_id} on {params['time_range']}: {status} "
                    f"({at(report, 'error_message') or 'no reason given'}). Run again later.",
                    problem=Problem(str(status), code=REPORT_FAILED),
                )
            if waited >= REPORT_TIMEOUT_SECONDS:
                raise VendorError(
                    f"meta_ads: report {run_id} on {params['time_range']} is not complete after "
                    f"{waited:.0f} s (status {status}). Run again later."
                )
            time.sleep(pause)
            waited, pause = waited + pause, min(pause * 2, POLL_SECONDS[1])

    def _pages(self, path: str, params: Mapping[str, Any]) -> Iterator[list[Any]]:
        def fetch(cursor: str | None) -> tuple[list[Any], str | None]:
            # The cursor rather than the vendor's `next` link: that one repeats the token in a URL.
            body = self._client.get(path, {**params, "after": cursor} if cursor else params)
            items = expect_list(SOURCE, path, body, at(body, "data"))
            following = at(body, "paging", "cursors", "after") if at(body, "paging", "next") else None
            return items, following

        return pages(fetch)


def insights_range(info: Any, loaded_until: str | None, settings: Settings) -> tuple[date, date]:
    """First and last day to read, in the account's time zone."""
    try:
        zone: ZoneInfo | Any = ZoneInfo(str(at(info, "timezone_name")))
    except (ZoneInfoNotFoundError, ValueError):
        log.warning("meta_ads: unknown time zone %r: days end at midnight UTC", at(info, "timezone_name"))
        zone = UTC
    today = config.as_of().astimezone(zone).date()
    if loaded_until:
        return date.fromisoformat(loaded_until) - timedelta(days=settings.insights_window_days - 1), today
    return max(settings.initial_date or date.min, earliest_day(today)), today


def resources(intake: Intake) -> Iterable[DltResource]:
    """The source's resources in run order. Settings and secrets are resolved when the first one runs."""
    settings = cache(load)

    @cache
    def accounts() -> dict[str, Account]:
        found = settings()
        client = Client(
            SOURCE,
            f"{found.base_url.rstrip('/')}/{found.api_version}",
            {"Authorization": f"Bearer {found.access_token}"},
            judge,
        )
        return {account_id: Account(client, account_id) for account_id in found.account_ids}

    @cache
    def info(account_id: str) -> Any:
        return accounts()[account_id].info()

    def ad_accounts() -> Iterator[Any]:
        yield list(intake.accept(AD_ACCOUNTS, (account_row(info(account_id)) for account_id in accounts())))

    def updated(edge: str) -> Callable[[], Iterator[Any]]:
        table, fields = OBJECTS[edge]

        def rows() -> Iterator[Any]:
            for account_id, account in accounts().items():
                state = dlt.current.resource_state().setdefault(account_id, {})
                watermark = Watermark(state.get("updated_until"))
                for batch in batches(account.objects(edge, fields, watermark.at)):
                    yield list(intake.accept(table, batch))
                    for record in batch:
                        watermark.see(at(record, "updated_time"))
                state["updated_until"] = watermark.stored

        return rows

    def ad_insights() -> Iterator[Any]:
        for account_id, account in accounts().items():
            state = dlt.current.resource_state().setdefault(account_id, {})
            since, until = insights_range(info(account_id), state.get("loaded_until"), settings())
            for first, last in month_ranges(since, until):
                for batch in batches(account.insights(first, last)):
                    yield list(intake.accept(AD_INSIGHTS, batch))
            state["loaded_until"] = max(until.isoformat(), state.get("loaded_until", ""))

    yield dlt.resource(ad_accounts, **AD_ACCOUNTS.hints())
    for edge, (table, _) in OBJECTS.items():
        yield dlt.resource(updated(edge), **table.hints())
    yield dlt.resource(ad_insights, **AD_INSIGHTS.hints())
