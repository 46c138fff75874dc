from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from sandbox.advertising import ACCOUNT_ID, account_day
from sandbox.running import running_sandbox
from sandbox.settings import ServerSettings

ACCOUNT = f"/v25.0/act_{ACCOUNT_ID}"
FIELDS = "date_start,campaign_id,adset_id,ad_id,spend,impressions,clicks,actions,action_values,account_currency"


def read_all(api: Any, path: str, **params: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    while True:
        body = api.get(path, **params).json()
        rows += body["data"]
        if "next" not in body.get("paging", {}):
            return rows
        params["after"] = body["paging"]["cursors"]["after"]


def span(since: date, until: date) -> str:
    return json.dumps({"since": since.isoformat(), "until": until.isoformat()})


def every_ad() -> str:
    statuses = ["ACTIVE", "PAUSED", "ARCHIVED", "DELETED"]
    return json.dumps([{"field": "ad.effective_status", "operator": "IN", "value": statuses}])


@pytest.fixture
def meta(api: Callable[[str], Any]) -> Any:
    return api("meta_ads")


def test_a_wrong_token_is_refused(meta: Any) -> None:
    answer = meta.request("GET", ACCOUNT, token="wrong")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, 190)


def test_the_account_keeps_its_own_currency_and_time(meta: Any) -> None:
    body = meta.get(ACCOUNT, fields="account_id,currency,timezone_name").json()
    assert body == {"id": f"act_{ACCOUNT_ID}", "account_id": ACCOUNT_ID, "currency": "USD",
                    "timezone_name": "America/New_York"}  # fmt: skip


@pytest.mark.parametrize("edge", ["campaigns", "adsets", "ads"])
def test_pages_of_objects_hold_everything_once(meta: Any, edge: str) -> None:
    clock = meta.sandbox.state.clock
    campaigns = meta.sandbox.company.advertising.campaigns(clock)
    expected = {
        "campaigns": [c.id for c in campaigns],
        "adsets": [s.id for c in campaigns for s in c.ad_sets],
        "ads": [a.id for c in campaigns for a in c.ads],
    }[edge]
    everything = json.dumps(["ACTIVE", "PAUSED", "ARCHIVED", "DELETED"])
    params = {"fields": "id,name,effective_status,updated_time", "limit": 3}
    listed = read_all(meta, f"{ACCOUNT}/{edge}", **params)
    found = read_all(meta, f"{ACCOUNT}/{edge}", effective_status=everything, **params)
    hidden = {row["id"] for row in found if row["effective_status"] in ("ARCHIVED", "DELETED")}
    assert hidden and {row["id"] for row in listed} == {row["id"] for row in found} - hidden
    assert sorted(row["id"] for row in found) == sorted(expected)
    assert found[0]["updated_time"][-5:] in ("-0400", "-0500")


def test_objects_are_filtered_by_update(meta: Any) -> None:
    rows = [c.updated_at(meta.sandbox.state.clock) for c in
            meta.sandbox.company.advertising.campaigns(meta.sandbox.state.clock)]  # fmt: skip
    cut = sorted(rows)[len(rows) // 2]
    condition = [{"field": "updated_time", "operator": "GREATER_THAN", "value": cut}]
    statuses = json.dumps(["ACTIVE", "PAUSED", "ARCHIVED"])
    params = {"fields": "id", "filtering": json.dumps(condition), "effective_status": statuses}
    found = read_all(meta, f"{ACCOUNT}/campaigns", **params)
    assert len(found) == sum(at > cut for at in rows)


def test_an_unknown_field_is_refused(meta: Any) -> None:
    error = meta.get(f"{ACCOUNT}/ads", fields="id,nonsense").json()["error"]
    assert error["code"] == 100 and "nonsense" in error["message"]


def test_only_what_is_asked_for_is_answered(meta: Any) -> None:
    row = meta.get(f"{ACCOUNT}/ads", fields="id,name", limit=1).json()["data"][0]
    assert row.keys() == {"id", "name"}


def test_insights_equal_the_simulation(meta: Any) -> None:
    sandbox = meta.sandbox
    until = account_day(sandbox.state.clock)
    since = until - timedelta(days=30)
    params = {"level": "ad", "time_increment": 1, "time_range": span(since, until), "fields": FIELDS, "limit": 50}
    params["filtering"] = every_ad()
    found = read_all(meta, f"{ACCOUNT}/insights", **params)
    advertising = sandbox.company.advertising
    expected = [
        row
        for campaign in advertising.campaigns(sandbox.state.clock)
        for day in advertising.days(campaign, sandbox.state.clock)
        if since <= day <= until
        for row in advertising.insights(campaign, day, sandbox.state.clock)
    ]
    keys = [(row["ad_id"], row["date_start"]) for row in found]
    assert sorted(keys) == sorted((row.ad_id, row.day.isoformat()) for row in expected)
    assert round(sum(float(row["spend"]) for row in found), 2) == round(sum(row.spend for row in expected), 2)
    assert all(isinstance(row[name], str) for row in found for name in ("spend", "impressions", "clicks"))
    claimed = sum(int(a["value"]) for row in found for a in row.get("actions", []) if a["action_type"] == "purchase")
    assert claimed == sum(row.purchases for row in expected)


def test_insights_leave_out_deleted_ads_unless_they_are_asked_for(meta: Any) -> None:
    clock = meta.sandbox.state.clock
    campaigns = meta.sandbox.company.advertising.campaigns(clock)
    deleted = {ad.id for each in campaigns for ad in each.ads if each.ad_status(ad, clock) == "DELETED"}
    ended = next(each for each in campaigns if each.kind != "free" and deleted & {ad.id for ad in each.ads})
    day = account_day(ended.ends_at) - timedelta(days=2)
    params = {"level": "ad", "time_increment": 1, "time_range": span(day, day), "fields": "ad_id", "limit": 500}
    shown = {row["ad_id"] for row in read_all(meta, f"{ACCOUNT}/insights", **params)}
    every = {row["ad_id"] for row in read_all(meta, f"{ACCOUNT}/insights", filtering=every_ad(), **params)}
    assert every - shown == every & deleted != set()


def test_a_report_may_not_begin_more_than_37_months_ago(meta: Any) -> None:
    today = account_day(meta.sandbox.state.clock)
    params = {"level": "ad", "time_increment": 1, "time_range": span(today - timedelta(days=37 * 31), today)}
    assert meta.get(f"{ACCOUNT}/insights", fields="ad_id", **params).json()["error"]["code"] == 3018


def test_a_report_tells_the_same_as_the_direct_way() -> None:
    with running_sandbox(people=20, days=40, settings=ServerSettings(async_polls=2)) as sandbox:
        import requests

        url = sandbox.environment["SOURCES__META_ADS__BASE_URL"]
        headers = {"Authorization": f"Bearer {sandbox.environment['SOURCES__META_ADS__ACCESS_TOKEN']}"}
        until = account_day(sandbox.state.clock)
        params = {"level": "ad", "time_increment": "1", "time_range": span(until - timedelta(days=20), until),
                  "fields": FIELDS, "limit": "500"}  # fmt: skip
        direct = requests.get(f"{url}{ACCOUNT}/insights", params=params, headers=headers, timeout=9).json()["data"]
        started = requests.post(f"{url}{ACCOUNT}/insights", data=params, headers=headers, timeout=9).json()
        report = f"{url}/v25.0/{started['report_run_id']}"
        early = requests.get(f"{report}/insights", headers=headers, timeout=9)
        assert early.status_code == 400
        polls = [requests.get(report, headers=headers, timeout=9).json()["async_status"] for _ in range(3)]
        assert polls == ["Job Running", "Job Running", "Job Completed"]
        rows = requests.get(f"{report}/insights", params={"limit": 500}, headers=headers, timeout=9).json()["data"]
        assert direct and rows == direct


def test_too_much_data_is_refused(meta: Any) -> None:
    until = account_day(meta.sandbox.state.clock)
    params = {"level": "ad", "time_increment": 1, "fields": "spend"}
    for method in ("GET", "POST"):
        answer = meta.request(
            method, f"{ACCOUNT}/insights", params={**params, "time_range": span(until - timedelta(days=92), until)}
        )
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error["error_subcode"]) == (400, 100, 1487534)
    fine = {**params, "time_range": span(until - timedelta(days=91), until)}
    assert meta.get(f"{ACCOUNT}/insights", **fine).status_code == 200


def test_insights_of_a_past_day_change_as_the_clock_moves(own_api: Callable[[str], Any]) -> None:
    meta = own_api("meta_ads")
    day = account_day(meta.sandbox.state.clock) - timedelta(days=2)
    params = {
        "level": "ad",
        "time_increment": 1,
        "time_range": span(day - timedelta(days=4), day),
        "fields": FIELDS,
        "limit": 500,
    }

    def claimed() -> int:
        rows = read_all(meta, f"{ACCOUNT}/insights", **params)
        return sum(int(a["value"]) for r in rows for a in r.get("actions", []) if a["action_type"] == "purchase")

    before = claimed()
    meta.sandbox.advance(20)
    assert claimed() >= before
    meta.sandbox.advance(10)
    settled = claimed()
    meta.sandbox.advance(5)
    assert claimed() == settled > before
