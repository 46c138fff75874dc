"""Meta: every field, parameter and status that the connector names stands in the field lists of its own package."""

from __future__ import annotations

import inspect
import json
import re
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from facebook_business.adobjects.ad import Ad
from facebook_business.adobjects.adaccount import AdAccount
from facebook_business.adobjects.adreportrun import AdReportRun
from facebook_business.adobjects.adsactionstats import AdsActionStats
from facebook_business.adobjects.adset import AdSet
from facebook_business.adobjects.adsinsights import AdsInsights
from facebook_business.adobjects.campaign import Campaign
from facebook_business.adobjects.permission import Permission
from facebook_business.adobjects.user import User
from facebook_business.exceptions import FacebookRequestError

from ingestion.intake import Intake
from ingestion.sources import meta_ads
from ingestion.sources.meta_ads import ACCOUNT_FIELDS, EFFECTIVE_STATUSES, INSIGHT_FIELDS, OBJECTS, account_row, judge
from ingestion.sources.meta_ads import check as meta_ads_check
from ingestion.sources.meta_ads.models import WINDOWS
from tests.contract.wire import WIRE, Recorded, left_out, payload, untold

ROOT = Path(__file__).resolve().parents[2]
VENDOR = "meta_ads"
CLASSES = {"campaigns": Campaign, "adsets": AdSet, "ads": Ad}
TABLES = {edge: table for edge, (table, _) in OBJECTS.items()} | {"insights": meta_ads.AD_INSIGHTS}
# Published values that no model looks for, and what becomes of them.
NOT_LOOKED_FOR = {
    "objective": "shown as it is",
    "effective_status": "shown as it is; every one is asked for",
}


def values(holder: Any) -> set[str]:
    return {value for name, value in vars(holder).items() if not name.startswith("_")}


def parameters(method: Any) -> set[str]:
    """Names of the parameters that the package publishes of an edge."""
    block = re.search(r"param_types = \{(.*?)\}", inspect.getsource(method), re.DOTALL)
    assert block is not None
    return {*re.findall(r"'(\w+)':", block[1])}


@pytest.mark.parametrize(
    ("fields", "published"),
    [
        (ACCOUNT_FIELDS, AdAccount),
        (INSIGHT_FIELDS, AdsInsights),
        *((fields, CLASSES[edge]) for edge, (_, fields) in OBJECTS.items()),
    ],
)
def test_every_field_that_is_asked_for_is_published(fields: str, published: Any) -> None:
    assert {*fields.split(",")} - values(published.Field) == set()


def test_every_attribution_window_may_be_asked_for_and_is_a_field_of_an_action() -> None:
    asked = {*WINDOWS, meta_ads.DEFAULT_WINDOW}
    assert asked - values(AdsInsights.ActionAttributionWindows) == set()
    fields = values(AdsActionStats.Field)
    assert {*WINDOWS, "value", "action_type"} - fields == set()
    told = payload(VENDOR, "insights")["data"][0]
    assert {name for claim in (*told["actions"], *told["action_values"]) for name in claim} - fields == set()


def test_staging_reads_the_windows_that_the_source_may_ask_for() -> None:
    file = ROOT / "dbt_project/models/staging/meta_ads/stg_meta_ads__ad_claims.sql"
    windows = re.search(r"set windows = \{(.*?)\}", file.read_text(), re.DOTALL)
    assert windows is not None
    assert dict(re.findall(r'"(\w+)": "(\w+)"', windows[1])) == {
        meta_ads.DEFAULT_WINDOW: "value",
        **{window: window for window in WINDOWS},
    }


@pytest.mark.parametrize("edge", CLASSES)
def test_every_status_is_asked_for(edge: str) -> None:
    assert {*EFFECTIVE_STATUSES[edge]} == values(CLASSES[edge].EffectiveStatus)
    assert "effective_status" in NOT_LOOKED_FOR


class Asked:
    """A client that notes what is asked for, and answers with the documented payloads."""

    def __init__(self) -> None:
        self.read: set[str] = set()
        self.parameters: dict[str, set[str]] = {}

    def get(self, path: str, params: Any = None) -> Any:
        name = path.rsplit("/", 1)[1]
        if name == "6021":
            return Recorded(payload(VENDOR, "report"), self.read)
        self.parameters.setdefault(name, set()).update(params or {})
        return payload(VENDOR, name if name in TABLES else "account")

    def post(self, path: str, *, params: Any = None, body: Any = None) -> Any:
        self.parameters.setdefault("report", set()).update(params or {})
        return {"report_run_id": "6021"}


def test_every_parameter_and_what_is_read_of_a_report_is_published() -> None:
    client = Asked()
    account = meta_ads.Account(client, "7")  # type: ignore[arg-type]
    for edge, (_, fields) in OBJECTS.items():
        assert len(account.objects(edge, fields, None)) == 1
    assert len(list(account.insights(date(2026, 10, 28), date(2026, 10, 29)))) == 2
    assert len(list(account.insights(date(2026, 10, 1), date(2026, 10, 31)))) == 2
    assert client.read and client.read - values(AdReportRun.Field) == set()
    of_lists = {"fields", "limit", "after", "filtering"}  # of every list: Graph API, paging and filtering
    edges = {"campaigns": AdAccount.get_campaigns, "adsets": AdAccount.get_ad_sets, "ads": AdAccount.get_ads}
    for edge, method in edges.items():
        assert client.parameters[edge] - parameters(method) - of_lists == set()
    assert client.parameters["insights"] - parameters(AdAccount.get_insights) == set()
    assert client.parameters["report"] - parameters(AdAccount.get_insights_async) == set()
    assert "ad" in values(AdsInsights.Level)


def test_every_endpoint_and_field_of_a_check_is_published(monkeypatch: pytest.MonkeyPatch) -> None:
    told = json.loads((WIRE / "checks" / f"{VENDOR}.json").read_text())
    read: dict[str, set[str]] = {}
    fields: set[str] = set()

    class Answers:
        vendor, latest_headers = VENDOR, {}

        def get(self, path: str, params: Any = None) -> Any:
            fields.update((params or {}).get("fields", "").split(","))
            return Recorded(told[f"GET /v25.0{path}"]["body"], read.setdefault(path, set()))

    monkeypatch.setattr(meta_ads_check, "connect", lambda settings: Answers())
    settings = SimpleNamespace(account_ids=("7",), api_version="v25.0")
    assert [found.state for found in meta_ads_check.check(settings)] == ["ok"] * 9  # type: ignore[arg-type]
    assert "endpoint='/permissions'" in inspect.getsource(User.get_permissions)
    permission = {*values(Permission.Field), "data", *(f"data.{name}" for name in values(Permission.Field))}
    assert read["/me/permissions"] <= permission and "granted" in values(Permission.Status)
    assert read["/act_7"] <= values(AdAccount.Field) and fields - {""} <= values(AdAccount.Field)


@pytest.mark.parametrize("name", TABLES)
def test_a_documented_record_is_accepted_and_every_value_of_it_is_in_its_row(name: str) -> None:
    records = payload(VENDOR, name)["data"]
    intake = Intake(VENDOR)
    rows = list(intake.accept(TABLES[name], records))
    assert len(rows) == len(records) and not intake.rejected
    assert untold({"data": records}, records) == set()  # the rows are the records: nothing is left out
    fields = ACCOUNT_FIELDS if name == "account" else INSIGHT_FIELDS if name == "insights" else OBJECTS[name][1]
    assert {*fields.split(",")} == records[0].keys()


def test_a_documented_account_is_accepted_and_what_its_row_leaves_out_is_said() -> None:
    record = payload(VENDOR, "account")
    intake = Intake(VENDOR)
    (row,) = intake.accept(meta_ads.AD_ACCOUNTS, [account_row(record)])
    assert (row["id"], row["currency"]) == ("7", "SEK")
    assert untold(record, [account_row(record)]) == set(left_out(VENDOR, "account"))


def test_figures_that_are_left_out_are_not_known_and_not_zero() -> None:
    _, thin = Intake(VENDOR).accept(meta_ads.AD_INSIGHTS, payload(VENDOR, "insights")["data"])
    assert (str(thin["spend"]), thin["impressions"], thin["clicks"]) == ("0.50", 12, None)


@pytest.mark.parametrize("each", payload(VENDOR, "errors")["errors"], ids=lambda each: each["error"]["message"])
def test_a_documented_error_is_judged(each: dict[str, Any]) -> None:
    problem = judge(SimpleNamespace(status_code=each["status"], headers={}), {"error": each["error"]})  # type: ignore[arg-type]
    assert problem is not None
    done = "wait" if problem.retry else "less" if problem.too_much else "account" if problem.refused else "fail"
    assert done == each["_done"]


def test_what_is_read_of_an_error_is_what_the_package_reads_of_it() -> None:
    asked: set[str] = set()
    error = Recorded({"error": {"code": 1, "message": "m", "error_subcode": 2, "is_transient": False}}, asked)
    judge(SimpleNamespace(status_code=400, headers={}), error)  # type: ignore[arg-type]
    published = {"error", *re.findall(r"'(\w+)' in self\._error", inspect.getsource(FacebookRequestError))}
    assert {path.split(".")[-1] for path in asked} - published == set()


def test_every_payload_names_its_source_and_is_read_here() -> None:
    files = {file.stem: json.loads(file.read_text()) for file in (WIRE / VENDOR).glob("*.json")}
    assert all(body["_source"] for body in files.values())
    assert files.keys() == {*TABLES, "account", "report", "errors"}
