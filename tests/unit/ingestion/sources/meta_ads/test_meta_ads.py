from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest
import responses
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from ingestion import config, pipelines
from ingestion.config import SettingsError
from ingestion.http import VendorError
from ingestion.sources import meta_ads
from ingestion.sources.meta_ads import account_row, earliest_day, insights_range, judge, month_ranges
from ingestion.sources.meta_ads.settings import Settings

BASE = "https://graph.example"


class FakeMeta:
    """The Marketing API of one account: ads with an update instant, insights by day, two records a page."""

    def __init__(self, web: responses.RequestsMock, days_at_once: int = 400) -> None:
        self.days_at_once = days_at_once
        self.ads = [self.ad("ad-1", "2026-10-01T08:00:00+0000"), self.ad("ad-2", "2026-10-02T08:00:00+0000")]
        self.insights = [self.insight("ad-1", "2026-10-29"), self.insight("ad-2", "2026-10-29")]
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.faults: list[tuple[int, dict[str, str], str]] = []
        self.reports: list[dict[str, str]] = []
        self.report_status = "Job Completed"
        self.refused: set[str] = set()  # accounts that the token may not read
        self.others: set[str] = set()  # accounts beside the first one, without anything in them
        self.page_limit = 500  # records that a page may ask for
        self.expire_cursors = 0  # how many more requests with a cursor are refused
        web.add_callback(responses.GET, re.compile(f"{BASE}/.*"), self.answer)
        web.add_callback(responses.POST, re.compile(f"{BASE}/.*"), self.answer)

    @staticmethod
    def ad(ad_id: str, updated_time: str) -> dict:
        return {"id": ad_id, "account_id": "7", "campaign_id": "c", "adset_id": "s", "updated_time": updated_time}

    @staticmethod
    def insight(ad_id: str, day: str, **changes) -> dict:
        return {
            **{"account_id": "7", "campaign_id": "c", "adset_id": "s", "ad_id": ad_id, "account_currency": "USD"},
            **{"date_start": day, "date_stop": day, "spend": "34.10", "impressions": "5120", "clicks": "88"},
            **changes,
        }

    def answer(self, request) -> tuple[int, dict, str]:
        parts = urlsplit(request.url)
        params = {name: values[0] for name, values in parse_qs(parts.query).items()}
        path = parts.path.removeprefix("/v25.0")
        self.asked.append((f"{request.method} {path}", params))
        if request.headers["Authorization"] != "Bearer meta-token":
            return self.error(190, status=401, message="Invalid OAuth access token")
        if self.faults:
            return self.faults.pop(0)
        if "after" in params and self.expire_cursors:
            self.expire_cursors -= 1
            return self.error(100, message="(#100) The after cursor specified is invalid")
        if found := re.match(r"/act_(\d+)", path):
            if found[1] in self.refused:
                refusal = {"message": "(#200) no grant", "code": 200, "fbtrace_id": str(len(self.asked))}
                return 403, {}, json.dumps({"error": refusal})
            if found[1] in self.others and request.method == "POST":
                return 200, {}, json.dumps({"report_run_id": "61"})
            if found[1] in self.others and path == f"/act_{found[1]}":
                info = {"id": path[1:], "account_id": found[1], "currency": "EUR", "timezone_name": "Europe/Paris"}
                return 200, {}, json.dumps(info)
            if found[1] in self.others:
                return self.page([], params)
        if path == "/61":
            return 200, {}, json.dumps({"id": "61", "async_status": "Job Completed"})
        if path == "/61/insights":
            return self.page([], params)
        if path == "/act_7":
            info = {"id": "act_7", "account_id": "7", "name": "Shop", "currency": "USD"}
            return 200, {}, json.dumps({**info, "timezone_name": "America/New_York"})
        if path == "/act_7/ads":
            return self.page(self.updated(params), params)
        if path in ("/act_7/campaigns", "/act_7/adsets"):
            return self.page([], params)
        if path == "/act_7/insights" and request.method == "POST":
            self.reports.append(params)
            return 200, {}, json.dumps({"report_run_id": f"60{len(self.reports) - 1}"})
        if path == "/act_7/insights":
            return self.page_of_insights(params, params)
        if report := re.fullmatch(r"/60(\d+)", path):
            return 200, {}, json.dumps({"id": report[1], "async_status": self.report_status})
        if report := re.fullmatch(r"/60(\d+)/insights", path):
            return self.page_of_insights(self.reports[int(report[1])], params)
        return self.error(2500, status=404)

    def updated(self, params: dict[str, str]) -> list[dict]:
        conditions = json.loads(params.get("filtering", "[]"))
        after = max((each["value"] for each in conditions if each["field"] == "updated_time"), default=0)
        return [ad for ad in self.ads if datetime.fromisoformat(ad["updated_time"]).timestamp() > after]

    def page_of_insights(self, asked: dict[str, str], params: dict[str, str]) -> tuple[int, dict, str]:
        span = json.loads(asked["time_range"])
        since, until = date.fromisoformat(span["since"]), date.fromisoformat(span["until"])
        if (until - since).days + 1 > self.days_at_once:
            return self.error(100, 1487534, message="Please reduce the amount of data you're asking for")
        rows = [row for row in self.insights if span["since"] <= row["date_start"] <= span["until"]]
        return self.page(rows, params)

    def page(self, rows: list[dict], params: dict[str, str], size: int = 2) -> tuple[int, dict, str]:
        if int(params["limit"]) > self.page_limit:
            return self.error(1, status=500, message="Please reduce the amount of data you're asking for, then retry")
        start = int(params.get("after", 0))
        end = start + size
        paging = {"cursors": {"before": str(start), "after": str(end)}}  # the cursors stay on the last page
        if end < len(rows):
            paging["next"] = f"{BASE}/next?access_token=leak&after={end}"
        return 200, {}, json.dumps({"data": rows[start:end], "paging": paging})

    @staticmethod
    def error(code, subcode=None, *, status=400, message="said", headers=None) -> tuple[int, dict, str]:
        error = {"message": message, "type": "OAuthException", "code": code, "error_subcode": subcode}
        return status, headers or {}, json.dumps({"error": error})

    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]


@pytest.fixture
def meta(web, monkeypatch, begin_with_raw_tables) -> FakeMeta:
    begin_with_raw_tables("meta_ads")
    for name, value in {
        "BASE_URL": BASE,
        "API_VERSION": "v25.0",
        "ACCESS_TOKEN": "meta-token",
        "ACCOUNT_IDS": "7",
        "INSIGHTS_WINDOW_DAYS": "28",
        "INITIAL_DATE": "2026-10-20",
    }.items():
        monkeypatch.setenv(f"SOURCES__META_ADS__{name}", value)
    monkeypatch.setattr(meta_ads.Client, "pause", lambda self, seconds: None)
    return FakeMeta(web)


def account(meta: FakeMeta) -> meta_ads.Account:
    client = meta_ads.Client("meta_ads", f"{BASE}/v25.0", {"Authorization": "Bearer meta-token"}, judge)
    return meta_ads.Account(client, "7")


# ---- the whole way


def test_a_run_loads_typed_rows_and_a_second_one_asks_only_for_what_may_have_changed(meta, query):
    intake = pipelines.run("meta_ads")
    assert dict(intake.loaded) == {"ad_accounts": 1, "ads": 2, "ad_insights": 2}
    assert query("select id, timezone_name from raw_meta_ads.ad_accounts") == [("7", "America/New_York")]
    assert query("select spend, impressions from raw_meta_ads.ad_insights where ad_id = 'ad-1'")[0][1] == 5120

    meta.asked.clear()
    pipelines.run("meta_ads")
    filters = [json.loads(params["filtering"])[1:] for path, params in meta.asked if path == "GET /act_7/ads"]
    newest = datetime(2026, 10, 2, 8, tzinfo=UTC)
    minute_before = int((newest - timedelta(seconds=60)).timestamp())
    assert filters == [[{"field": "updated_time", "operator": "GREATER_THAN", "value": minute_before}]]
    assert query("select count(*) from raw_meta_ads.ads") == [2]  # the replayed rows added nothing
    assert query("select count(*) from raw_meta_ads.ad_insights") == [2]


def test_a_restated_day_is_a_new_version_and_what_a_deleted_ad_cost_stays(meta, query):
    pipelines.run("meta_ads")
    meta.insights = [meta.insight("ad-1", "2026-10-29", spend="33.90")]  # corrected; ad-2 was deleted
    pipelines.run("meta_ads")
    current = "select ad_id, spend::varchar from raw_meta_ads.ad_insights where _dlt_valid_to is null order by 1"
    assert query(current) == [("ad-1", "33.900000000"), ("ad-2", "34.100000000")]
    assert query("select count(*) from raw_meta_ads.ad_insights") == [3]


def test_claims_are_asked_for_in_the_windows_of_the_settings_and_in_that_of_the_ad_manager(meta, query, monkeypatch):
    asked = [{"action_type": "omni_purchase", "value": "2", "7d_click": "1"}]
    meta.insights = [meta.insight("ad-1", "2026-10-29", actions=asked)]
    pipelines.run("meta_ads")
    monkeypatch.setenv("SOURCES__META_ADS__ATTRIBUTION_WINDOWS", "28d_click, 1d_view, 1d_view")
    # Of a day that is read again: there is one more, and the first one came after a view.
    meta.insights = [meta.insight("ad-1", "2026-10-29", actions=[{**asked[0], "value": "3", "1d_view": "1"}])]
    pipelines.run("meta_ads")
    requests = [params for path, params in meta.asked if path in ("GET /act_7/insights", "POST /act_7/insights")]
    assert {request["use_unified_attribution_setting"] for request in requests} == {"true"}
    windows = [json.loads(request["action_attribution_windows"]) for request in requests]
    assert windows[0] == ["default", "7d_click", "1d_view"]
    assert windows[-1] == ["default", "28d_click", "1d_view"]
    versions = query("select actions, _dlt_valid_to is null from raw_meta_ads.ad_insights order by _dlt_valid_from")
    assert [(json.loads(actions)[0]["value"], is_current) for actions, is_current in versions] == [
        ("2", False),
        ("3", True),
    ]


@pytest.mark.parametrize(
    ("claim", "reason"),
    [
        ({"action_type": "purchase", "value": "12,5"}, "purchase, value: a number below 1e+12 is expected"),
        (
            {"action_type": "purchase", "7d_click": "1e40"},
            "purchase, 7d_click: a number below 1e+12 is expected",
        ),
        ({"action_type": "purchase", "value": "NaN"}, "purchase, value: a number below 1e+12 is expected"),
        ({"value": "1"}, "a list of objects that name their action_type is expected"),
        ("purchase", "a list of objects that name their action_type is expected"),
    ],
)
def test_a_claim_that_is_no_number_is_rejected_with_its_reason(meta, query, claim, reason):
    meta.insights = [meta.insight("ad-1", "2026-10-29", actions=[claim]), meta.insight("ad-2", "2026-10-29")]
    pipelines.run("meta_ads")
    assert query("select ad_id from raw_meta_ads.ad_insights") == ["ad-2"]
    (told,) = query("select reason from raw_meta_ads.rejected_records")
    assert told.startswith("actions: ") and reason in told


def test_deleted_and_archived_objects_are_asked_for(meta):
    pipelines.run("meta_ads")
    for path, params in meta.asked:
        kind = {"campaigns": "campaign", "adsets": "adset", "ads": "ad"}.get(path.rsplit("/", 1)[1])
        if kind or "time_range" in params:
            (condition,) = json.loads(params["filtering"])
            assert (condition["field"], condition["operator"]) == (f"{kind or 'ad'}.effective_status", "IN")
            assert {"ARCHIVED", "DELETED"} <= {*condition["value"]}


@pytest.mark.parametrize("field", ["spend", "impressions", "clicks", "account_currency", "campaign_id"])
def test_a_row_that_comes_again_without_a_field_keeps_what_was_spent(meta, query, field):
    pipelines.run("meta_ads")
    del meta.insights[1][field]
    intake = pipelines.run("meta_ads")
    assert intake.received["ad_insights"] == 2
    current = "select ad_id, spend::double from raw_meta_ads.ad_insights where _dlt_valid_to is null order by 1"
    assert query(current) == [("ad-1", 34.1), ("ad-2", 34.1)]


def test_an_account_that_is_refused_keeps_what_it_has_and_does_not_hold_up_the_others(meta, query, monkeypatch):
    monkeypatch.setenv("SOURCES__META_ADS__ACCOUNT_IDS", "8,7")
    meta.others = {"8"}
    pipelines.run("meta_ads")
    before = query("select id from raw_meta_ads.ad_accounts order by 1"), query("select count(*) from raw_meta_ads.ads")
    meta.refused = {"8"}
    meta.ads.append(meta.ad("ad-3", "2026-10-20T08:00:00+0000"))
    for _ in range(2):
        intake = pipelines.run("meta_ads")
        (warning,) = intake.warnings
        assert warning.startswith("account 8 could not be read: (#200) no grant")
        assert "ads_read" in warning and "SOURCES__META_ADS__ACCOUNT_IDS" in warning
    current = "select id from raw_meta_ads.ad_accounts where _dlt_valid_to is null order by 1"
    assert (query(current), [query("select count(*) from raw_meta_ads.ads")[0] - 1]) == before
    rejected = "select resource, record from raw_meta_ads.rejected_records"
    assert query(rejected) == [("ad_accounts", '{"id": "8"}')]  # one row, however often
    meta.refused = {"7", "8"}
    with pytest.raises(Exception) as raised:
        pipelines.run("meta_ads")
    assert "act_8" in str(pipelines.cause(raised.value))


def test_the_window_reaches_back_from_the_last_day_loaded(meta, monkeypatch):
    pipelines.run("meta_ads")
    meta.asked.clear()
    monkeypatch.setenv("LIFECYCLE_AS_OF", "2026-11-10T06:00:00Z")
    pipelines.run("meta_ads")
    spans = [json.loads(params["time_range"]) for path, params in meta.asked if "time_range" in params]
    assert spans[0]["since"] == "2026-10-04"  # 31 October, less 27 days
    assert spans[-1]["until"] == "2026-11-10"


def test_a_new_field_is_a_column_and_a_changed_type_a_rejection(meta, query):
    meta.insights = [
        meta.insight("ad-1", "2026-10-29", quality_ranking="ABOVE_AVERAGE"),
        meta.insight("ad-2", "2026-10-29", impressions="many"),
        meta.insight(None, "2026-10-29"),
    ]
    intake = pipelines.run("meta_ads")
    assert query("select quality_ranking from raw_meta_ads.ad_insights") == ["ABOVE_AVERAGE"]
    assert (intake.received["ad_insights"], intake.rejected["ad_insights"]) == (3, 2)
    reasons = query("select reason from raw_meta_ads.rejected_records order by reason")
    assert reasons[0].startswith("ad_id: ") and reasons[1].startswith("impressions: ")


def test_a_failed_run_moves_no_cursor_and_leaves_no_half_load(meta, query, pauses):
    pipelines.run("meta_ads")
    meta.ads.append(meta.ad("ad-3", "2026-10-20T08:00:00+0000"))
    answer = meta.page_of_insights
    meta.page_of_insights = lambda *_: meta.error(200, message="(#200) Missing permission ads_read")
    with pytest.raises(Exception) as raised:
        pipelines.run("meta_ads")
    assert isinstance(pipelines.cause(raised.value), VendorError)
    assert query("select count(*) from raw_meta_ads.ads") == [2]
    meta.page_of_insights = answer
    pipelines.run("meta_ads")
    assert query("select count(*) from raw_meta_ads.ads") == [3]


# ---- paging, reports, errors


def test_pages_follow_the_cursor_while_there_is_a_next_page(meta):
    meta.ads = [meta.ad(f"ad-{number}", "2026-10-01T08:00:00+0000") for number in range(5)]
    found = account(meta).objects("ads", "id", None)
    assert [record["id"] for record in found] == [f"ad-{number}" for number in range(5)]
    assert meta.paths() == ["GET /act_7/ads"] * 3  # never the `next` link itself: it repeats the token


def test_a_record_that_moved_to_the_next_page_while_reading_comes_once(meta):
    ads = [meta.ad(f"ad-{number}", "2026-10-01T08:00:00+0000") for number in range(3)]
    meta.ads = [ads[0], ads[1], ads[1], ads[2]]
    assert len(account(meta).objects("ads", "id", None)) == 3


def test_an_expired_cursor_starts_the_pages_again(meta):
    meta.ads = [meta.ad(f"ad-{number}", "2026-10-01T08:00:00+0000") for number in range(3)]
    meta.expire_cursors = 1
    assert len(account(meta).objects("ads", "id", None)) == 3
    assert [params.get("after") for _, params in meta.asked] == [None, "2", None, "2"]


days = st.dates(date(2024, 1, 1), date(2026, 12, 31))


@given(days, days)
def test_months_cover_every_day_once(one, other):
    since, until = min(one, other), max(one, other)
    covered = [
        first + timedelta(days=number)
        for first, last in month_ranges(since, until)
        for number in range((last - first).days + 1)
    ]
    assert covered == [since + timedelta(days=number) for number in range((until - since).days + 1)]
    assert all(first.month == last.month for first, last in month_ranges(since, until))


@pytest.mark.parametrize("days_at_once", [1, 3, 10])
def test_too_much_data_is_read_in_halves_without_losing_or_doubling_a_day(web, meta, days_at_once):
    meta.days_at_once = days_at_once
    meta.insights = [meta.insight("ad-1", f"2026-10-{day:02}") for day in range(1, 32)]
    found = list(account(meta).insights(date(2026, 10, 1), date(2026, 10, 31)))
    assert [row["date_start"] for row in found] == [f"2026-10-{day:02}" for day in range(1, 32)]


@pytest.mark.parametrize("page_limit", [5, 40, 499])
def test_pages_that_are_too_much_are_asked_for_smaller(meta, pauses, page_limit):
    meta.page_limit = page_limit
    meta.ads = [meta.ad(f"ad-{number}", "2026-10-01T08:00:00+0000") for number in range(5)]
    meta.insights = [meta.insight("ad-1", f"2026-10-{day:02}") for day in range(1, 32)]
    assert len(account(meta).objects("ads", "id", None)) == 5
    assert len(list(account(meta).insights(date(2026, 10, 1), date(2026, 10, 31)))) == 31
    assert pauses == []  # waiting would not help


def test_a_report_whose_rows_cannot_be_read_yet_is_asked_again(meta, pauses):
    not_yet = {"message": "Error accessing adreport job.", "code": 2601, "error_subcode": 1815107, "is_transient": True}
    answer, faults = meta.page_of_insights, [(400, {}, json.dumps({"error": not_yet}))]
    meta.page_of_insights = lambda *asked: faults.pop() if faults else answer(*asked)
    assert len(list(account(meta).insights(date(2026, 10, 1), date(2026, 10, 31)))) == 2
    assert pauses == [1]


@pytest.mark.parametrize(
    ("error", "done"),
    [
        ({"code": 1}, "wait"),
        ({"code": 2, "error_subcode": 1504044}, "wait"),
        ({"code": 368, "is_transient": True}, "wait"),
        ({"code": 80004, "error_subcode": 2446079}, "wait"),
        ({"code": 341}, "wait"),
        ({"code": 100, "error_subcode": 1487534, "is_transient": True}, "less"),
        ({"code": 2, "error_subcode": 1504018}, "less"),
        ({"code": 1, "message": "Please reduce the amount of data you're asking for"}, "less"),
        ({"code": 10}, "account"),
        ({"code": 200}, "account"),
        ({"code": 294}, "account"),
        ({"code": 100, "error_subcode": 33}, "account"),
        ({"code": 190, "error_subcode": 463}, "ACCESS_TOKEN"),
        ({"code": 3018}, "INITIAL_DATE"),
        ({"code": 100, "message": "(#100) Tried accessing nonexisting field (nonsense)"}, "API_VERSION"),
    ],
)
def test_an_error_is_judged_by_what_the_platform_documents_of_it(error, done):
    answer = SimpleNamespace(status_code=400, headers={})
    problem = judge(answer, {"error": {"message": "said", **error}})
    assert (problem.retry, problem.too_much, problem.refused) == (done == "wait", done == "less", done == "account")
    assert done.islower() or f"SOURCES__META_ADS__{done}" in problem.advice


def test_where_waiting_does_not_help_fewer_days_are_asked_for(meta, pauses):
    meta.insights = [meta.insight("ad-1", f"2026-10-{day:02}") for day in range(1, 32)]
    answer = meta.page_of_insights

    def unknown_error(asked, params):
        span = json.loads(asked["time_range"])
        days = (date.fromisoformat(span["until"]) - date.fromisoformat(span["since"])).days + 1
        return meta.error(1, 99, status=500) if days > 20 else answer(asked, params)

    meta.page_of_insights = unknown_error
    assert len(list(account(meta).insights(date(2026, 10, 1), date(2026, 10, 31)))) == 31
    assert pauses == [1, 2, 4]  # the attempts of the first report


def test_an_error_names_the_account_also_where_the_path_does_not(meta):
    meta.page_of_insights = lambda *_: meta.error(100, message="(#100) Tried accessing nonexisting field")
    with pytest.raises(Exception) as raised:
        pipelines.run("meta_ads")
    assert str(pipelines.cause(raised.value)).startswith("account 7: meta_ads: GET /v25.0/600/insights: (#100)")


def test_a_single_day_that_is_too_much_is_an_error(meta):
    meta.days_at_once = 0
    with pytest.raises(VendorError, match="Please reduce the amount"):
        list(account(meta).insights(date(2026, 10, 1), date(2026, 10, 2)))


def test_long_ranges_are_reports_short_ones_are_not(meta):
    list(account(meta).insights(date(2026, 10, 1), date(2026, 10, 31)))
    list(account(meta).insights(date(2026, 10, 1), date(2026, 10, 3)))
    assert [path for path in meta.paths() if path.startswith("POST")] == ["POST /act_7/insights"]


@pytest.mark.parametrize(("status", "message"), [("Job Running", "not complete after"), ("Job Failed", "Job Failed")])
def test_a_report_that_does_not_end_well_is_an_error(meta, monkeypatch, status, message):
    monkeypatch.setattr(meta_ads, "REPORT_TIMEOUT_SECONDS", 5)
    monkeypatch.setattr(meta_ads, "REPORT_FROM_DAYS", 1)
    meta.report_status = status
    with pytest.raises(VendorError, match=f"report 60.* {message}"):
        list(account(meta).insights(date(2026, 10, 1), date(2026, 10, 31)))


def test_throttling_is_retried_after_the_time_the_header_tells(meta, pauses):
    usage = json.dumps({"7": [{"type": "ads_insights", "estimated_time_to_regain_access": 3}]})
    throttled = meta.error(17, 2446079, headers={"X-Business-Use-Case-Usage": usage})
    meta.faults = [throttled, meta.error(80000), meta.error(2)]
    assert account(meta).info()["currency"] == "USD"
    assert pauses == [180, 2, 4]


def test_an_error_in_a_200_body_is_an_error(meta, pauses):
    meta.faults = [meta.error(1, status=200)]
    assert account(meta).info()["currency"] == "USD"
    meta.faults = [meta.error(10, status=200, message="Permission denied")]
    with pytest.raises(VendorError, match="Permission denied"):
        account(meta).info()


def test_an_invalid_token_fails_at_once_and_names_the_setting(meta, monkeypatch, pauses):
    monkeypatch.setenv("SOURCES__META_ADS__ACCESS_TOKEN", "wrong-token")
    with pytest.raises(Exception) as raised:
        pipelines.run("meta_ads")
    message = str(pipelines.cause(raised.value))
    assert "SOURCES__META_ADS__ACCESS_TOKEN" in message and "GET /v25.0/act_7" in message
    assert "wrong-token" not in message
    assert (len(meta.asked), pauses) == (1, [])


# ---- settings and small functions


def settings_with(initial_date: date | None) -> Settings:
    return Settings(
        base_url=BASE,
        api_version="v25.0",
        access_token=SecretStr("t"),
        account_ids=("7",),
        insights_window_days=28,
        initial_date=initial_date,
    )


@given(st.dates(date(2024, 1, 1), date(2090, 12, 31)), st.integers(-1, 1))
def test_the_first_load_begins_within_the_37_months_wherever_it_is_today(today, offset):
    first = earliest_day(today)
    platform_today = today + timedelta(days=offset)  # the platform's day may be another than the account's
    months_before = (platform_today.year - first.year) * 12 + platform_today.month - first.month
    assert (months_before, platform_today.day) <= (37, first.day) or months_before < 37
    assert first - timedelta(days=4) < today - timedelta(days=37 * 30.4) + timedelta(days=4)


def test_a_window_that_reaches_further_back_than_the_platform_keeps_is_cut():
    settings = settings_with(initial_date=date(2015, 1, 1))
    for loaded_until in (None, "2020-01-01"):
        assert insights_range({"timezone_name": "UTC"}, loaded_until, settings, config.as_of())[0] == date(2023, 10, 1)


def test_today_is_that_of_the_account(monkeypatch):
    monkeypatch.setenv("LIFECYCLE_AS_OF", "2026-10-31T02:00:00Z")
    settings = settings_with(initial_date=None)
    assert insights_range({"timezone_name": "America/New_York"}, None, settings, config.as_of())[1] == date(
        2026, 10, 30
    )
    assert insights_range({"timezone_name": "Asia/Tokyo"}, None, settings, config.as_of())[1] == date(2026, 10, 31)
    assert insights_range({"timezone_name": "Mars/Base"}, None, settings, config.as_of())[1] == date(2026, 10, 31)


def test_an_account_is_named_by_its_digits():
    assert account_row({"id": "act_7", "account_id": "7", "spend_cap": "1"}) == {"id": "7", "spend_cap": "1"}
    assert account_row({"id": "act_7"})["id"] == "7"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("ACCOUNT_IDS", "my-account", "digits only"),
        ("ACCOUNT_IDS", "", "SOURCES__META_ADS__ACCOUNT_IDS"),
        ("ACCESS_TOKEN", "", "SOURCES__META_ADS__ACCESS_TOKEN"),
        ("INSIGHTS_WINDOW_DAYS", "0", "whole days"),
        ("INITIAL_DATE", "last year", "no date"),
        (
            "ATTRIBUTION_WINDOWS",
            "7d_click, 28d_view",
            "a window is one of 1d_view, 1d_ev, 1d_click, 7d_click, 28d_click",
        ),
    ],
)
def test_a_setting_that_cannot_work_is_named(meta, monkeypatch, name, value, message):
    monkeypatch.setenv(f"SOURCES__META_ADS__{name}", value)
    with pytest.raises(SettingsError, match=message):
        Settings.read()


def test_several_accounts_are_separated_by_commas(meta, monkeypatch):
    monkeypatch.setenv("SOURCES__META_ADS__ACCOUNT_IDS", "act_1, 2")
    assert Settings.read().account_ids == ("1", "2")
