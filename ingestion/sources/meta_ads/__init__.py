"""Meta Marketing API: ad accounts, campaigns, ad sets, ads and daily insights.

Belongs here: Meta's paging, throttling, reports and field names. Does not: what spend means, other platforms.

README.md lists what is not confirmed about the API.
"""

from __future__ import annotations

import json
import logging
from calendar import monthrange
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import dlt
import requests
from dlt.extract import DltResource

from ingestion import config
from ingestion.clock import Clock
from ingestion.days import ByDay
from ingestion.http import Client, Problem, VendorError, expect_list, judge_status, pages
from ingestion.intake import Intake
from ingestion.sources.meta_ads.models import AD_ACCOUNTS, AD_INSIGHTS, AD_SETS, ADS, CAMPAIGNS, TABLES
from ingestion.sources.meta_ads.settings import SOURCE, Settings
from ingestion.tables import RawTable
from ingestion.watermark import Watermark
from ingestion.wire import Spool, at, batches, mapped, one

__all__ = ["BY_DAY", "ROWS_OF", "TABLES", "resources"]

log = logging.getLogger(__name__)

# What Meta documents of its codes ("Handle errors", Marketing API "Error reference", "Manage your ad object's status").
THROTTLED = frozenset({4, 17, 32, 341, 613, *range(80000, 80015)})
TRANSIENT = frozenset({1, 2, 2601})  # 2601: the report is complete, its rows cannot be read yet
TOKEN_INVALID = frozenset({102, 190})
PERMISSION_MISSING = frozenset({3, 10, *range(200, 300)})
PERMISSION = "ads_read"
NOT_FOUND = frozenset({"100/33", "803"})  # also said of what the token may not see
BEFORE_RETENTION = 3018
TOO_MUCH_DATA = frozenset({"100/1487534", "1/1504018", "2/1504018"})
PERHAPS_TOO_MUCH = frozenset({"1", "1/99"})  # "unknown error": where waiting did not help, fewer days often do
TOO_MUCH_DATA_MESSAGE = "reduce the amount of data"  # comes with code 1 too, which otherwise only asks to wait

PAGE = 500
SMALLEST_PAGE = 5
UPDATED_LAG = timedelta(seconds=60)
RETENTION_MONTHS = 37  # insights older than this are refused by the platform
REPORT_FROM_DAYS = 8  # longer ranges are read as an asynchronous report
POLL_SECONDS = (0.05, 30.0)  # first pause, longest pause; it doubles
REPORT_TIMEOUT_SECONDS = 1800.0

# Every status: lists leave out archived and deleted objects, and insights by ad those of deleted ads, unless asked for.
STATUSES = ("ACTIVE", "PAUSED", "ARCHIVED", "DELETED", "IN_PROCESS", "WITH_ISSUES")
EFFECTIVE_STATUSES = {
    "campaigns": STATUSES,
    "adsets": (*STATUSES, "CAMPAIGN_PAUSED"),
    "ads": (
        *(*STATUSES, "CAMPAIGN_PAUSED", "ADSET_PAUSED", "PENDING_REVIEW", "DISAPPROVED", "PREAPPROVED"),
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
DEFAULT_WINDOW = "default"  # of `action_attribution_windows`
INSIGHT_FIELDS = (
    "date_start,date_stop,account_id,account_currency,campaign_id,adset_id,ad_id,spend,impressions,clicks,reach,"
    "attribution_setting,actions,action_values"
)


def judge(response: requests.Response, body: Any) -> Problem | None:
    """Meta words every error as `{"error": {code, error_subcode, message, is_transient}}`, throttling as a 400."""
    error = at(body, "error")
    if not isinstance(error, Mapping):
        return judge_status(response, body)
    code, subcode = error.get("code"), error.get("error_subcode")
    full_code = f"{code}/{subcode}" if subcode else str(code)
    message = str(error.get("message"))
    said = f"{message} [code {full_code}]"
    if full_code in TOO_MUCH_DATA or TOO_MUCH_DATA_MESSAGE in message.lower():
        advice = "Even the smallest request is too much for the platform: run again later."
        return Problem(said, advice=advice, code=full_code, too_much=True)
    if code in THROTTLED:
        advice = "The rate limit stayed exceeded: run again later, or ask for a higher access tier."
        return Problem(said, retry=True, wait_seconds=_wait_seconds(response), advice=advice, code=full_code)
    if code in TOKEN_INVALID:
        advice = f"The access token is invalid or expired: set {config.variable_name(SOURCE, 'access_token')}."
        return Problem(said, advice=advice, code=full_code)
    if error.get("is_transient") is True or code in TRANSIENT or response.status_code >= 500:
        return Problem(said, retry=True, advice="Run again later.", code=full_code)
    if code in PERMISSION_MISSING or full_code in NOT_FOUND:
        advice = (
            "The token lacks the permission ads_read on this account, or there is no such account: let its owner grant "
            f"it, or take the account out of {config.variable_name(SOURCE, 'account_ids')}."
        )
        # of what is not found the token may have every permission
        lacks = (PERMISSION,) if code in PERMISSION_MISSING else ()
        return Problem(said, advice=advice, code=full_code, refused=True, lacks=lacks)
    if code == BEFORE_RETENTION:
        advice = f"Set {config.variable_name(SOURCE, 'initial_date')} to a later day."
        return Problem(said, advice=advice, code=full_code)
    return Problem(
        said,
        advice=f"The request was refused: check {config.variable_name(SOURCE, 'api_version')}.",
        code=full_code,
        cursor_expired=code == 100 and "cursor" in message.lower(),
    )


def _wait_seconds(response: requests.Response) -> float | None:
    """The longest "minutes until access is regained" of the usage header; None where it says nothing."""
    try:
        usage = json.loads(response.headers.get("X-Business-Use-Case-Usage", "{}"))
        minutes = [float(entry["estimated_time_to_regain_access"]) for entries in usage.values() for entry in entries]
    except (ValueError, KeyError, TypeError, AttributeError):
        return None  # a header without that estimate: pauses double instead
    return max(minutes, default=0) * 60 or None


def connect(settings: Settings, clock: Clock | None = None) -> Client:
    """A client that asks in the version of the settings."""
    return Client(
        SOURCE,
        f"{settings.base_url.rstrip('/')}/{settings.api_version}",
        {"Authorization": f"Bearer {settings.access_token.get_secret_value()}"},
        judge,
        clock=clock,
        time_limit_minutes=settings.time_limit_minutes,
    )


def account_row(record: Any) -> Any:
    """Wire record of an ad account -> row of `ad_accounts`. The other tables' rows are the wire records as they are."""
    if not isinstance(record, Mapping):
        return record
    plain = {name: value for name, value in record.items() if name != "account_id"}
    return {**plain, "id": record.get("account_id") or str(record.get("id") or "").removeprefix("act_") or None}


def every_status(edge: str) -> dict[str, Any]:
    """The condition without which deleted and archived objects are left out."""
    field = f"{edge.removesuffix('s')}.effective_status"
    return {"field": field, "operator": "IN", "value": EFFECTIVE_STATUSES[edge]}


def month_ranges(since: date, until: date) -> Iterator[tuple[date, date]]:
    """Calendar months from `since` to `until`, both included, the first and last one cut to size."""
    while since <= until:
        next_month = (since.replace(day=1) + timedelta(days=32)).replace(day=1)
        yield since, min(until, next_month - timedelta(days=1))
        since = next_month


def earliest_day(today: date) -> date:
    """First day that may be asked for: 37 months before tomorrow, since the platform's day may be ahead of ours."""
    tomorrow = today + timedelta(days=1)
    months = tomorrow.year * 12 + tomorrow.month - 1 - RETENTION_MONTHS
    first = date(months // 12, months % 12 + 1, 1)
    # of a shorter month it is the first day after it
    return first + timedelta(days=min(tomorrow.day - 1, monthrange(first.year, first.month)[1]))


class Account:
    """Reads one ad account."""

    def __init__(self, client: Client, account_id: str, windows: Sequence[str] = ()) -> None:
        self.account_id = account_id
        self._client = client
        self._windows = windows

    def info(self) -> Any:
        return self._client.get(f"/act_{self.account_id}", {"fields": ACCOUNT_FIELDS})

    def objects(self, edge: str, fields: str, since: datetime | None) -> Spool:
        """Campaigns, ad sets or ads updated since `since`, or all of them."""
        conditions = [every_status(edge)]
        if since is not None:
            after = int((since - UPDATED_LAG).timestamp())
            conditions.append({"field": "updated_time", "operator": "GREATER_THAN", "value": after})
        params = {"fields": fields, "filtering": json.dumps(conditions)}
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
            is_too_much = error.problem is not None and (error.problem.too_much or error.code in PERHAPS_TOO_MUCH)
            if not is_too_much or since == until:
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
            "filtering": json.dumps([every_status("ads")]),
            # `value` of an action is what the ad manager shows: that of the window which its ad set is judged by.
            "use_unified_attribution_setting": "true",
            "action_attribution_windows": json.dumps([DEFAULT_WINDOW, *self._windows]),
        }
        if (until - since).days + 1 >= REPORT_FROM_DAYS:
            path, params = self._report(path, params), {}
        found = Spool()
        for page in self._pages(path, params):
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
                    problem=Problem(str(status), retry=True, too_much=True),  # documented: it may work for fewer days
                )
            if waited >= REPORT_TIMEOUT_SECONDS:
                raise VendorError(
                    f"meta_ads: report {run_id} on {params['time_range']} is not complete after "
                    f"{waited:.0f} s (status {status}). Run again later."
                )
            self._client.pause(pause)
            waited, pause = waited + pause, min(pause * 2, POLL_SECONDS[1])

    def _pages(self, path: str, params: Mapping[str, Any]) -> Iterator[list[Any]]:
        limit = PAGE

        def fetch(cursor: str | None) -> tuple[list[Any], str | None]:
            # The cursor rather than the vendor's `next` link: that one repeats the token in a URL.
            nonlocal limit
            while True:
                try:
                    asked = {**params, "limit": limit}
                    body = self._client.get(path, {**asked, "after": cursor} if cursor else asked)
                    break
                except VendorError as error:
                    if not (error.problem and error.problem.too_much) or limit == SMALLEST_PAGE:
                        raise
                    limit = max(limit // 5, SMALLEST_PAGE)
                    log.info("meta_ads: %s: asking for pages of %s", path, limit)
            items = expect_list(SOURCE, path, body, at(body, "data"))
            following = at(body, "paging", "cursors", "after") if at(body, "paging", "next") else None
            return items, following

        return pages(f"{SOURCE}: {path}", fetch)


def today_of(info: Any, present: datetime) -> date:
    """The present day in the account's time zone."""
    try:
        zone: ZoneInfo | Any = ZoneInfo(str(at(info, "timezone_name")))
    except (ZoneInfoNotFoundError, ValueError):
        log.warning("meta_ads: unknown time zone %r: days end at midnight UTC", at(info, "timezone_name"))
        zone = UTC
    return present.astimezone(zone).date()


def insights_range(info: Any, loaded_until: str | None, settings: Settings, present: datetime) -> tuple[date, date]:
    """First and last day to read, in the account's time zone."""
    today = today_of(info, present)
    # a day that lies ahead was written by a wrong clock, and says nothing of what was read
    if loaded_until and date.fromisoformat(loaded_until) <= today:
        first = date.fromisoformat(loaded_until) - timedelta(days=settings.insights_window_days - 1)
    else:
        first = settings.initial_date or date.min
    return max(first, earliest_day(today)), today


ROWS_OF = {AD_ACCOUNTS.name: one(account_row)}
BY_DAY = ByDay((AD_INSIGHTS,), earliest_day)


def resources(intake: Intake) -> Iterable[DltResource]:
    """The source's resources in run order. Settings and secrets are resolved when the first one runs."""
    settings = cache(lambda: Settings.of(intake.account))

    @cache
    def accounts() -> dict[str, Account]:
        client = connect(settings(), intake.clock)
        windows = settings().attribution_windows
        return {account_id: Account(client, account_id, windows) for account_id in settings().account_ids}

    @cache
    def info(account_id: str) -> Any:
        return accounts()[account_id].info()

    # An account that the token may not read any more keeps what it has, and does not hold up the others.
    refused: dict[str, VendorError] = {}

    def each_account(read: Callable[[str, Account], Iterator[Any]]) -> Iterator[Any]:
        for account_id, account in accounts().items():
            if account_id in refused:
                continue
            try:
                yield from read(account_id, account)
            except VendorError as error:
                if error.problem is None or not error.problem.refused:
                    # the path of a report does not say whose it is
                    message = f"account {account_id}: {error}"
                    raise VendorError(message, status=error.status, problem=error.problem) from error
                refused[account_id] = error
                reason = f"account {account_id} could not be read: {error.problem.reason}. {error.problem.advice}"
                if intake.days is None:
                    intake.reject(AD_ACCOUNTS.name, {"id": account_id}, reason)
                    intake.warn(f"{reason} What is known of it stays.")
                else:  # what somebody asked for is not there
                    intake.fail(f"{reason} What is known of it stays.")
        if len(refused) == len(accounts()):
            raise next(iter(refused.values()))

    def ad_accounts() -> Iterator[Any]:
        def read(account_id: str, account: Account) -> Iterator[Any]:
            yield list(intake.accept(AD_ACCOUNTS, mapped(account_row, [info(account_id)])))

        yield from each_account(read)

    def updated(edge: str) -> Callable[[], Iterator[Any]]:
        table, fields = OBJECTS[edge]

        def read(account_id: str, account: Account) -> Iterator[Any]:
            state = dlt.current.resource_state().setdefault(account_id, {})
            watermark = Watermark(state.get("updated_until"), intake.clock)
            for batch in batches(account.objects(edge, fields, watermark.at)):
                yield list(intake.accept(table, batch))
                for record in batch:
                    watermark.see(at(record, "updated_time"))
            state["updated_until"] = watermark.stored

        return lambda: each_account(read)

    def rows_of_days(account: Account, since: date, until: date, latest: Watermark) -> Iterator[Any]:
        for first, last in month_ranges(since, until):
            for batch in batches(account.insights(first, last)):
                for record in batch:
                    latest.see(at(record, "date_start"))
                yield list(intake.accept(AD_INSIGHTS, batch))

    def ad_insights() -> Iterator[Any]:
        def read_again(account_id: str, account: Account) -> Iterator[Any]:
            assert intake.days is not None
            until = min(intake.days.last, today_of(info(account_id), intake.clock.present))
            yield from rows_of_days(account, intake.days.first, until, Watermark(clock=intake.clock))

        def read(account_id: str, account: Account) -> Iterator[Any]:
            state = dlt.current.resource_state().setdefault(account_id, {})
            about = info(account_id)
            since, until = insights_range(about, state.get("loaded_until"), settings(), intake.clock.present)
            latest = Watermark(state.get("loaded_until"), intake.clock)
            yield from rows_of_days(account, since, until, latest)
            # Where Meta does not say what time it is, its latest row does.
            shown = latest.at.date() if latest.at else None
            loaded_until = until if intake.clock.is_told else shown
            state["loaded_until"] = loaded_until.isoformat() if loaded_until else None

        yield from each_account(read if intake.days is None else read_again)

    yield dlt.resource(ad_accounts, **AD_ACCOUNTS.hints())
    for edge, (table, _) in OBJECTS.items():
        yield dlt.resource(updated(edge), **table.hints())
    yield dlt.resource(ad_insights, **AD_INSIGHTS.hints())
