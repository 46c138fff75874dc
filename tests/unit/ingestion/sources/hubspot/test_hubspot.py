from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
import responses
from hypothesis import given
from hypothesis import strategies as st

from ingestion import pipelines
from ingestion.http import Client, VendorError
from ingestion.intake import Intake
from ingestion.sources import hubspot
from ingestion.sources.hubspot import CONTACT, Crm, association_rows, history_rows, judge, object_row, stage_rows

BASE = "https://hubspot.example"


def iso(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


NOON = 1_790_000_000_000  # 2026-09-21T14:13:20Z
SOON = NOON + 3_600_000


class FakeHubSpot:
    """A CRM: objects with an instant of modification in ms; search pages through `search_limit` results at most."""

    def __init__(self, search_limit: int = 10_000) -> None:
        self.search_limit = search_limit
        self.modified: dict[str, dict[str, int]] = {"contacts": {}, "companies": {}, "deals": {}}
        self.extra: dict[str, dict[str, object]] = {}
        self.archived: list[dict] = []
        self.associations: dict[str, list[dict]] = {}
        self.feedback: list[dict] = []
        self.feedback_refusal: tuple[int, dict] | None = None
        self.not_in_search: set[str] = set()
        self.account: dict = {"portalId": 1, "timeZone": "Europe/Paris", "companyCurrency": "SEK"}
        self.batch_errors: list[dict] = []
        self.faults: list[tuple[int, dict]] = []
        self.expire_cursors = 0
        self.asked: list[tuple[str, dict]] = []

    def put(self, kind: str, id_: str, modified: int, **properties: object) -> None:
        self.modified[kind][id_] = modified
        self.extra[id_] = properties

    def record(self, kind: str, id_: str) -> dict:
        at = iso(self.modified[kind][id_])
        name = "lastmodifieddate" if kind == "contacts" else "hs_lastmodifieddate"
        properties = {"createdate": at, name: at, "hs_object_id": id_, **self.extra[id_]}
        history = {
            "lifecyclestage": [
                {"value": "", "timestamp": at, "sourceType": "API", "sourceId": "9", "updatedByUserId": 4},
                {"value": "lead", "timestamp": iso(NOON - 1000), "sourceType": "FORM"},
            ]
        }
        return {"id": id_, "archived": False, "properties": properties, "propertiesWithHistory": history}

    def answer(self, method: str, path: str, params: dict, body: dict) -> tuple[int, dict]:
        self.asked.append((f"{method} {path}", body or params))
        if self.faults:
            return self.faults.pop(0)
        if (body or params).get("after") and self.expire_cursors:
            self.expire_cursors -= 1
            return 400, {"status": "error", "message": "The paging cursor is invalid", "category": "VALIDATION_ERROR"}
        if found := re.fullmatch(r"/crm/v3/objects/(\w+)/search", path):
            return self.search(found[1], body)
        if found := re.fullmatch(r"/crm/v3/objects/(\w+)/batch/read", path):
            return self.batch_read(found[1], body)
        if path == "/crm/v3/objects/feedback_submissions":
            return self.feedback_refusal or self.answers(params)
        if found := re.fullmatch(r"/crm/v3/objects/(\w+)", path):
            return 200, {"results": [each for each in self.archived if each["kind"] == found[1]]}
        if found := re.fullmatch(r"/crm/v4/associations/deals/(\w+)/batch/read", path):
            return self.associated(found[1], body)
        if path == "/account-info/v3/details":
            return (200 if "status" not in self.account else 403), self.account
        if path == "/crm/v3/owners":
            former = params["archived"] == "true"
            owner = {"id": "2" if former else "1", "email": "a@x.io", "firstName": "Ana", "archived": former}
            return 200, {"results": [owner]}
        if path == "/crm/v3/pipelines/deals":
            stage = {"id": "won", "label": "Won", "displayOrder": 1}
            stage["metadata"] = {"isClosed": "true", "probability": "1.0"}
            return 200, {"results": [{"id": "default", "label": "Sales", "stages": [stage]}]}
        return 404, {"status": "error", "message": path}

    @staticmethod
    def survey(id_: str, modified: int, contact: str | None = "501", **properties: object) -> dict:
        at = iso(modified)
        own = {"hs_object_id": id_, "hs_createdate": at, "hs_lastmodifieddate": at, **properties}
        names = (*hubspot.FEEDBACK_PROPERTIES, *own)
        answer = {"id": id_, "archived": False, "updatedAt": at, "properties": {name: own.get(name) for name in names}}
        tie = {"id": contact, "type": "feedback_submission_to_contact"}
        return {**answer, "associations": {"contacts": {"results": [tie]}}} if contact else answer

    def answers(self, params: dict) -> tuple[int, dict]:
        """Answers to surveys, two a page, with the properties and associations that are asked for."""
        names = params["properties"].split(",")
        found = [
            {
                name: value
                for name, value in each.items()
                if name != "associations" or params["associations"] == "contacts"
            }
            | {"properties": {name: value for name, value in each["properties"].items() if name in names}}
            for each in self.feedback
            if each["archived"] == (params["archived"] == "true")
        ]
        start = int(params.get("after", 0))
        answer: dict = {"results": found[start : start + 2]}
        if start + 2 < len(found):
            answer["paging"] = {"next": {"after": str(start + 2)}}
        return 200, answer

    def search(self, kind: str, body: dict) -> tuple[int, dict]:
        indexed = ((id_, at) for id_, at in self.modified[kind].items() if id_ not in self.not_in_search)
        rows = sorted(indexed, key=lambda item: (item[1], int(item[0])))
        for each in body["filterGroups"][0]["filters"]:
            value = int(each["value"])
            test = {"GTE": lambda a, b: a >= b, "EQ": lambda a, b: a == b, "GT": lambda a, b: a > b}[each["operator"]]
            place = 0 if each["propertyName"] == "hs_object_id" else 1
            rows = [row for row in rows if test(int(row[place]), value)]
        if body["sorts"][0]["propertyName"] == "hs_object_id":
            rows.sort(key=lambda item: int(item[0]))
        start, limit = int(body.get("after", 0)), body["limit"]
        if start + limit > self.search_limit:
            return 400, {"status": "error", "message": "too many results", "category": "VALIDATION_ERROR"}
        page = [self.record(kind, id_) for id_, _ in rows[start : start + limit]]
        answer: dict = {"total": len(rows), "results": page}
        if start + limit < len(rows):
            answer["paging"] = {"next": {"after": str(start + limit)}}
        return 200, answer

    def batch_read(self, kind: str, body: dict) -> tuple[int, dict]:
        if len(body["inputs"]) > (50 if "propertiesWithHistory" in body else 100):
            return 400, {"status": "error", "message": "too many inputs", "category": "VALIDATION_ERROR"}
        asked = [each["id"] for each in body["inputs"]]
        gone = {id_ for error in self.batch_errors for id_ in error["context"].get("ids", [])}
        results = [self.record(kind, id_) for id_ in asked if id_ in self.modified[kind] and id_ not in gone]
        errors = [error for error in self.batch_errors if set(error["context"].get("ids", [])) & set(asked)]
        return (207 if errors else 200), {"status": "COMPLETE", "results": results, "errors": errors}

    def associated(self, target: str, body: dict) -> tuple[int, dict]:
        results, errors = [], []
        for each in body["inputs"]:
            targets = self.associations.get(f"{target}/{each['id']}", [])
            start = int(each.get("after", 0))
            if not targets:
                missing = {"category": "OBJECT_NOT_FOUND", "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND"}
                errors.append({**missing, "message": "none", "context": {"fromObjectId": [each["id"]]}})
                continue
            result: dict = {"from": {"id": each["id"]}, "to": targets[start : start + 1]}  # one a page
            if start + 1 < len(targets):
                result["paging"] = {"next": {"after": str(start + 1)}}
            results.append(result)
        return (207 if errors else 200), {"status": "COMPLETE", "results": results, "errors": errors}

    # ---- as the connector's client, for tests that need no HTTP

    def post(self, path: str, *, params=None, body=None):
        return self._direct("POST", path, params or {}, body)

    def get(self, path: str, params=None):
        return self._direct("GET", path, params or {}, {})

    def _direct(self, method, path, params, body):
        status, answer = self.answer(method, path, params, body)
        assert status < 400, answer
        return answer


@pytest.fixture
def crm(web, monkeypatch, begin_with_raw_tables) -> FakeHubSpot:
    begin_with_raw_tables("hubspot")
    fake = FakeHubSpot()

    def answer(request):
        parts = urlsplit(request.url)
        params = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if request.headers["Authorization"] != "Bearer hubspot-token":
            return 401, {}, json.dumps({"status": "error", "message": "expired", "category": "INVALID_AUTHENTICATION"})
        status, body = fake.answer(request.method, parts.path, params, json.loads(request.body or "{}"))
        return status, {}, json.dumps(body)

    for method in (responses.GET, responses.POST):
        web.add_callback(method, re.compile(f"{BASE}/.*"), answer)
    monkeypatch.setenv("SOURCES__HUBSPOT__BASE_URL", BASE)
    monkeypatch.setenv("SOURCES__HUBSPOT__ACCESS_TOKEN", "hubspot-token")
    monkeypatch.setenv("SOURCES__HUBSPOT__WHOLE_READ_DAYS", "7")
    return fake


def reader() -> Crm:
    return Crm(Client("hubspot", BASE, {"Authorization": "Bearer hubspot-token"}, judge))


# ---- the whole way


def test_a_run_loads_objects_history_associations_owners_and_stages(crm, query):
    crm.put("contacts", "501", NOON, email="a@x.io", hs_email_optout="", lifecyclestage="")
    crm.put("companies", "601", NOON, name="X")
    crm.put("deals", "701", NOON, amount="12.50", dealstage="won")
    crm.associations["contacts/701"] = [
        {"toObjectId": 501, "associationTypes": [{"label": None}, {"label": "Decision maker"}]},
        {"toObjectId": 502, "associationTypes": [{"label": None}]},
    ]
    intake = pipelines.run("hubspot")
    assert not intake.rejected
    assert query("select id, email, hs_email_optout, lifecyclestage, archived from raw_hubspot.contacts") == [
        ("501", "a@x.io", None, None, False)
    ]
    history = "select value, source_type from raw_hubspot.contact_property_history order by timestamp"
    assert query(history) == [("lead", "FORM"), ("", "API")]  # the empty value is kept: the stage was cleared
    assert query("select contact_id, label from raw_hubspot.deal_contacts order by 1") == [
        ("501", "Decision maker"),
        ("502", None),
    ]
    assert query("select deal_id, company_id from raw_hubspot.deal_companies") == [("701", None)]
    assert query("select id, archived from raw_hubspot.owners order by 1") == [("1", False), ("2", True)]
    assert query("select stage_id, is_closed from raw_hubspot.deal_stages") == [("won", True)]


def test_a_second_run_reads_what_changed_since_with_a_lag_and_replays_add_nothing(crm, query):
    crm.put("contacts", "1", NOON - 2 * 3_600_000)
    crm.put("contacts", "2", NOON - 1_800_000)
    crm.put("contacts", "3", NOON)
    pipelines.run("hubspot")
    crm.asked.clear()
    crm.put("contacts", "1", SOON, email="new@x.io")
    intake = pipelines.run("hubspot")
    search = next(body for path, body in crm.asked if path == "POST /crm/v3/objects/contacts/search")
    assert search["filterGroups"][0]["filters"][0]["value"] == str(NOON - 3_600_000)
    assert intake.received["contacts"] == 3  # the changed one, and two within the lag
    versions = "select id, count(*), count(*) filter (where _dlt_valid_to is null) from raw_hubspot.contacts"
    assert query(f"{versions} group by 1 order by 1") == [("1", 2, 1), ("2", 1, 1), ("3", 1, 1)]
    assert query("select count(*) from raw_hubspot.contact_property_history") == [7]  # one new entry


def test_answers_to_surveys_are_read_with_who_gave_them_and_again_add_nothing(crm, query):
    crm.feedback = [
        crm.survey("1", NOON, hs_survey_type="NPS", hs_value="9", hs_content="Good", hs_response_group="PROMOTER"),
        crm.survey("2", NOON, contact=None, hs_survey_type="CSAT", hs_value="2"),
        crm.survey("3", NOON, hs_survey_type="CUSTOM", hs_value="by chance"),
    ]
    intake = pipelines.run("hubspot")
    assert (intake.received["feedback_submissions"], intake.warnings) == (3, [])
    columns = "id, contact_id, hs_survey_type, hs_value, hs_content"
    rows = f"select {columns} from raw_hubspot.feedback_submissions where _dlt_valid_to is null order by id"
    assert query(rows) == [
        ("1", "501", "NPS", "9", "Good"),
        ("2", None, "CSAT", "2", None),
        ("3", "501", "CUSTOM", "by chance", None),
    ]
    pipelines.run("hubspot")
    assert query("select count(*) from raw_hubspot.feedback_submissions") == [3]
    # Changed, and deleted.
    crm.feedback[0] = crm.survey("1", SOON, hs_survey_type="NPS", hs_value="4", hs_response_group="DETRACTOR")
    crm.feedback[1] = {**crm.feedback[1], "archived": True, "archivedAt": iso(SOON)}
    pipelines.run("hubspot")
    state = "select hs_value, archived from raw_hubspot.feedback_submissions where _dlt_valid_to is null order by id"
    assert query(state) == [("4", False), ("2", True), ("by chance", False)]


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        (
            {
                "status": "error",
                "message": "This app hasn't been granted all required scopes to make this call.",
                "category": "MISSING_SCOPES",
                "errors": [{"context": {"requiredGranularScopes": ["crm.objects.feedback_submissions.read"]}}],
            },
            "crm.objects.feedback_submissions.read",
        ),
        ({"status": "error", "message": "Unable to infer object type", "category": "VALIDATION_ERROR"}, "infer"),
    ],
)
def test_answers_that_may_not_be_read_hold_nothing_else_up(crm, query, answer, named):
    crm.put("contacts", "501", NOON)
    crm.feedback = [crm.survey("1", NOON, hs_survey_type="NPS", hs_value="9")]
    pipelines.run("hubspot")
    crm.feedback_refusal = (403 if "errors" in answer else 400), answer
    crm.put("contacts", "502", SOON)
    (warning,) = pipelines.run("hubspot").warnings
    assert "survey answers are not loaded" in warning and named in warning
    assert "SOURCES__HUBSPOT__FEEDBACK to false" in warning
    assert query("select id from raw_hubspot.contacts order by id") == ["501", "502"]
    assert query("select count(*) from raw_hubspot.feedback_submissions where _dlt_valid_to is null") == [1]


def test_answers_are_not_asked_for_where_a_portal_has_no_surveys(crm, monkeypatch):
    monkeypatch.setenv("SOURCES__HUBSPOT__FEEDBACK", "false")
    pipelines.run("hubspot")
    assert not [path for path, _ in crm.asked if "feedback" in path]


def test_a_failure_that_may_pass_is_no_portal_without_surveys(crm, pauses):
    crm.feedback_refusal = 503, {"status": "error", "message": "Try again", "category": "INTERNAL_ERROR"}
    with pytest.raises(Exception) as raised:
        pipelines.run("hubspot")
    assert "Try again" in str(pipelines.cause(raised.value))


@pytest.mark.parametrize(
    ("kind", "value"), [("NPS", "11"), ("NPS", "-1"), ("CES", "0"), ("CES", "easy"), ("nps", "NaN")]
)
def test_a_rating_off_its_scale_is_rejected_with_its_reason(crm, query, kind, value):
    crm.feedback = [crm.survey("1", NOON, hs_survey_type=kind, hs_value=value)]
    assert pipelines.run("hubspot").rejected["feedback_submissions"] == 1
    (reason,) = query("select reason from raw_hubspot.rejected_records")
    assert f"hs_value: a rating of {kind} from {'0 to 10' if kind.upper() == 'NPS' else '1 to 7'} is expected" in reason


def test_answers_from_before_the_first_day_are_left_out(crm, query, monkeypatch):
    monkeypatch.setenv("SOURCES__HUBSPOT__INITIAL_DATE", "2026-09-21")
    crm.feedback = [crm.survey("1", NOON, hs_survey_type="NPS", hs_value="9"), crm.survey("2", NOON - 86_400_000)]
    pipelines.run("hubspot")
    assert query("select id from raw_hubspot.feedback_submissions") == ["1"]


def test_a_removed_association_is_retired(crm, query):
    crm.put("deals", "701", NOON)
    crm.associations["contacts/701"] = [{"toObjectId": 501, "associationTypes": []}]
    pipelines.run("hubspot")
    crm.associations.clear()
    crm.put("deals", "701", SOON)
    pipelines.run("hubspot")
    assert query("select contact_id from raw_hubspot.deal_contacts where _dlt_valid_to is null") == [None]


def test_an_association_that_changes_without_its_deal_is_read_again(crm, query):
    for deal in ("701", "702", "703"):
        crm.put("deals", deal, NOON - 9 * 3_600_000)
    crm.put("deals", "704", NOON)
    ends = {"createdate": iso(NOON), "hs_lastmodifieddate": iso(NOON)}
    crm.associations = {f"companies/{deal}": [{"toObjectId": 1, "associationTypes": []}] for deal in ("701", "702")}
    pipelines.run("hubspot")
    crm.associations = {"companies/702": [{"toObjectId": 2, "associationTypes": []}]}
    crm.archived = [{"id": "703", "kind": "deals", "archived": True, "properties": ends}]
    del crm.modified["deals"]["703"]
    crm.asked.clear()
    pipelines.run("hubspot")
    current = (
        "select deal_id, company_id from raw_hubspot.deal_companies where _dlt_valid_to is null and deal_id < '703'"
    )
    assert sorted(query(current)) == [("701", None), ("702", "2")]
    (asked,) = (body for path, body in crm.asked if path == "POST /crm/v4/associations/deals/companies/batch/read")
    assert {each["id"] for each in asked["inputs"]} == {"701", "702", "704"}
    before = query("select count(*) from raw_hubspot.deal_companies")
    pipelines.run("hubspot")
    assert query("select count(*) from raw_hubspot.deal_companies") == before  # only what differs is written


def test_an_object_that_the_index_shows_late_is_found(crm, query):
    crm.put("deals", "1", NOON - 1_800_000)
    crm.put("deals", "2", NOON)
    crm.not_in_search = {"1"}
    pipelines.run("hubspot")
    crm.not_in_search.clear()
    pipelines.run("hubspot")
    assert sorted(query("select id from raw_hubspot.deals")) == ["1", "2"]


def test_everything_is_read_again_when_it_is_due_and_only_what_differs_is_written(crm, query, monkeypatch):
    crm.put("deals", "1", NOON - 90 * 86_400_000)
    crm.put("deals", "2", NOON)
    crm.not_in_search = {"1"}
    monkeypatch.setenv("LIFECYCLE_AS_OF", "2026-10-01T02:00:00Z")
    pipelines.run("hubspot")
    crm.not_in_search.clear()
    for day, found in (("2026-10-07T02:00:00Z", ["2"]), ("2026-10-08T02:00:00Z", ["1", "2"])):
        monkeypatch.setenv("LIFECYCLE_AS_OF", day)
        pipelines.run("hubspot")
        assert sorted(query("select id from raw_hubspot.deals")) == found
    monkeypatch.setenv("SOURCES__HUBSPOT__WHOLE_READ_DAYS", "often")
    with pytest.raises(Exception) as raised:
        pipelines.run("hubspot")
    assert "SOURCES__HUBSPOT__WHOLE_READ_DAYS" in str(pipelines.cause(raised.value))


def test_a_whole_read_finds_what_known_objects_became_though_search_does_not_show_it(crm, query, monkeypatch):
    crm.put("deals", "1", NOON)
    crm.put("deals", "2", NOON)
    monkeypatch.setenv("LIFECYCLE_AS_OF", "2026-10-01T02:00:00Z")
    pipelines.run("hubspot")
    crm.put("deals", "3", NOON - 90 * 86_400_000, hs_merged_object_ids="1;2")
    merged = crm.record("deals", "3")
    crm.modified["deals"].clear()
    read = crm.batch_read
    crm.batch_read = lambda kind, body: (200, {"results": [merged]}) if kind == "deals" else read(kind, body)
    monkeypatch.setenv("LIFECYCLE_AS_OF", "2026-10-09T02:00:00Z")
    intake = pipelines.run("hubspot")
    assert query("select hs_merged_object_ids from raw_hubspot.deals where id = '3'") == ["1;2"]
    assert not intake.rejected


def test_a_portal_with_one_currency_is_asked_for_it_once(crm, query):
    crm.put("deals", "1", NOON, amount="5")
    crm.put("deals", "2", NOON, amount="5", deal_currency_code="")
    crm.put("deals", "3", NOON, amount="5", deal_currency_code="EUR")
    pipelines.run("hubspot")
    assert sorted(query("select id, portal_currency from raw_hubspot.deals")) == [
        ("1", "SEK"),
        ("2", "SEK"),
        ("3", None),
    ]
    assert [path for path, _ in crm.asked].count("GET /account-info/v3/details") == 1


@pytest.mark.parametrize(
    "answer", [{"portalId": 1}, {"status": "error", "category": "MISSING_SCOPES", "message": "no"}]
)
def test_a_currency_that_cannot_be_asked_for_is_a_warning(crm, query, answer):
    crm.put("deals", "1", NOON, amount="5")
    crm.account = answer
    (warning,) = pipelines.run("hubspot").warnings
    assert "currency" in warning
    assert query("select portal_currency from raw_hubspot.deals") == [None]


def test_a_portal_whose_deals_all_name_a_currency_is_not_asked(crm):
    crm.put("deals", "1", NOON, amount="5", deal_currency_code="EUR")
    crm.put("deals", "2", NOON)  # without an amount
    crm.account = {"status": "error", "category": "MISSING_SCOPES", "message": "no"}
    assert pipelines.run("hubspot").warnings == []


def test_archived_objects_are_known_and_stay_one_version_a_run(crm, query):
    crm.put("contacts", "1", NOON)
    pipelines.run("hubspot")
    at = {"createdate": iso(NOON), "lastmodifieddate": iso(SOON)}
    crm.archived = [{"id": "1", "kind": "contacts", "archived": True, "archivedAt": iso(SOON), "properties": at}]
    crm.modified["contacts"].clear()
    pipelines.run("hubspot")
    pipelines.run("hubspot")
    current = "select archived, archived_at is not null from raw_hubspot.contacts where _dlt_valid_to is null"
    assert query(current) == [(True, True)]
    assert query("select count(*) from raw_hubspot.contacts") == [2]


def test_an_object_that_vanished_after_the_search_is_a_rejection_with_its_reason(crm, query):
    for id_ in ("1", "2", "3"):
        crm.put("contacts", id_, NOON)
    error = {"category": "OBJECT_NOT_FOUND", "message": "Could not get some CONTACT objects", "context": {"ids": ["2"]}}
    crm.batch_errors = [error]
    intake = pipelines.run("hubspot")
    assert (intake.received["contacts"], intake.loaded["contacts"], intake.rejected["contacts"]) == (3, 2, 1)
    assert query("select record, reason from raw_hubspot.rejected_records") == [
        ('{"id": "2"}', "known or changed, but not readable: Could not get some CONTACT objects [OBJECT_NOT_FOUND]")
    ]


def test_a_merged_object_answers_with_its_survivor_and_is_no_rejection(crm):
    crm.put("contacts", "1", NOON, hs_merged_object_ids="2;3")
    survivor = crm.record("contacts", "1")
    crm.batch_read = lambda kind, body: (200, {"status": "COMPLETE", "results": [survivor]})
    intake = Intake("hubspot")
    assert [each["id"] for each in reader().objects(CONTACT, ["2", "3"], intake)] == ["1"]
    assert not intake.rejected


def test_any_other_partial_failure_stops_the_run(crm):
    crm.put("contacts", "1", NOON)
    crm.batch_errors = [{"category": "SERVER_ERROR", "message": "timed out", "context": {"ids": ["1"]}}]
    with pytest.raises(Exception) as raised:
        pipelines.run("hubspot")
    assert "part of a batch failed: timed out [SERVER_ERROR]" in str(pipelines.cause(raised.value))


def test_malformed_values_are_rejections_and_new_properties_columns(crm, query):
    crm.put("contacts", "1", NOON, createdate="2026-02-31")
    crm.put("contacts", "2", NOON, favourite_colour="teal")
    crm.put("deals", "3", NOON, amount="1.2OO,-")
    intake = pipelines.run("hubspot")
    assert dict(intake.rejected) == {"contacts": 1, "deals": 1}
    assert query("select favourite_colour from raw_hubspot.contacts") == ["teal"]


# ---- search, batches, errors


@given(
    modified=st.dictionaries(st.integers(1, 500).map(str), st.integers(0, 6), max_size=60),
    pages_at_once=st.integers(1, 4),
    page=st.integers(1, 5),
)
def test_every_changed_object_is_found_whatever_the_search_can_page_through(modified, pages_at_once, page):
    fake = FakeHubSpot(search_limit=pages_at_once * page)
    for id_, at in modified.items():
        fake.put("contacts", id_, NOON + at)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hubspot, "SEARCH_LIMIT", fake.search_limit)
        patch.setattr(hubspot, "SEARCH_PAGE", page)
        found = {id_ for id_, _ in Crm(fake).changed_ids(CONTACT, NOON + 2)}
    assert found == {id_ for id_, at in modified.items() if at >= 2}


def test_an_expired_cursor_starts_the_search_again(crm, monkeypatch):
    monkeypatch.setattr(hubspot, "SEARCH_PAGE", 2)
    for number in range(1, 6):
        crm.put("contacts", str(number), NOON + number)
    crm.expire_cursors = 1
    assert {id_ for id_, _ in reader().changed_ids(CONTACT, NOON)} == {"1", "2", "3", "4", "5"}


def test_objects_are_read_fifty_at_once_because_of_their_history(crm):
    for number in range(1, 121):
        crm.put("contacts", str(number), NOON)
    found = list(reader().objects(CONTACT, list(crm.modified["contacts"]), Intake("hubspot")))
    assert len(found) == 120
    assert [len(body["inputs"]) for _, body in crm.asked] == [50, 50, 20]


def test_a_rate_limit_is_waited_for(crm, pauses):
    limit = {"status": "error", "message": "You have reached your limit", "errorType": "RATE_LIMIT"}
    crm.faults = [(429, limit), (200, limit), (500, {"status": "error", "message": "oops"})]
    assert len(reader().pipelines()) == 1
    assert pauses == [1, 2, 4]


def test_an_error_in_a_200_body_is_an_error(crm):
    crm.faults = [(200, {"status": "error", "message": "no such property", "category": "VALIDATION_ERROR"})]
    with pytest.raises(VendorError, match="no such property"):
        reader().pipelines()


def test_a_wrong_token_and_a_missing_one_name_the_setting(crm, monkeypatch, capsys):
    monkeypatch.setenv("SOURCES__HUBSPOT__ACCESS_TOKEN", "wrong-token")
    assert pipelines.main("hubspot") == 1
    failed = capsys.readouterr().err.strip().splitlines()[-1]
    assert failed.startswith("failed: hubspot: GET /crm/v3/owners: ")
    assert "SOURCES__HUBSPOT__ACCESS_TOKEN" in failed and "wrong-token" not in failed
    monkeypatch.delenv("SOURCES__HUBSPOT__ACCESS_TOKEN")
    assert pipelines.main("hubspot") == 1
    assert "the secret access_token is missing" in capsys.readouterr().err


def test_the_first_pass_may_begin_on_a_day(crm, monkeypatch):
    monkeypatch.setenv("SOURCES__HUBSPOT__INITIAL_DATE", "2026-01-01")
    assert hubspot._first_millisecond(hubspot.Settings.read()) == round(
        datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000
    )


# ---- rows


def test_an_object_is_its_properties_beside_its_id():
    record = {"id": "1", "properties": {"email": "a", "hs_object_id": "1"}, "archived": True, "url": "u"}
    assert object_row(record) == {"id": "1", "email": "a", "archived": True, "archived_at": None, "url": "u"}
    assert object_row("no object") == "no object"


def test_history_without_a_value_is_a_cleared_value():
    changes = {"dealstage": [{"value": None, "timestamp": "t"}]}
    assert [row["value"] for row in history_rows({"id": "1", "propertiesWithHistory": changes})] == [""]
    assert list(history_rows({"id": "1"})) == []


def test_a_deal_without_associations_is_one_row_without_a_target():
    nothing = {"deal_id": "7", "contact_id": None, "label": None, "association_types": None}
    assert list(association_rows("7", [], "contact_id")) == [nothing]


def test_stages_bear_their_pipeline():
    pipeline = {"id": "p", "label": "P", "stages": [{"id": "s", "metadata": {"isClosed": "false"}}]}
    (row,) = stage_rows(pipeline)
    assert (row["pipeline_id"], row["stage_id"], row["is_closed"]) == ("p", "s", "false")
