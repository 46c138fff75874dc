"""HubSpot: every path that the connector reads stands in the models of its own package, or is listed with its place."""

from __future__ import annotations

import importlib
import inspect
import json
import re
from collections.abc import Callable, Iterable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hubspot.crm import associations, companies, contacts, deals, owners, pipelines
from hubspot.crm.associations.v4 import models as association_models
from hubspot.crm.contacts import models as search_models
from hubspot.crm.deals import models as deal_models
from hubspot.crm.objects import feedback_submissions
from hubspot.crm.objects.feedback_submissions import models as feedback_models
from hubspot.crm.owners import models as owner_models
from hubspot.crm.pipelines import models as pipeline_models

from ingestion.intake import Intake
from ingestion.sources import hubspot
from ingestion.sources.hubspot import (
    COMPANY,
    CONTACT,
    DEAL,
    Kind,
    association_rows,
    feedback_row,
    history_rows,
    judge,
    object_row,
    owner_row,
    stage_rows,
)
from ingestion.sources.hubspot import check as hubspot_check
from ingestion.tables import RawTable
from tests.contract.wire import WIRE, Recorded, left_out, payload, untold

VENDOR = "hubspot"
# Read, and described by HubSpot's pages only: the package has a mapping without names there.
ON_PAGES_ONLY = {
    "stages.metadata.isClosed": "pipelines: stages of deals",
    "stages.metadata.probability": "pipelines: stages of deals",
}
ACCOUNT_PATH = "/account-info/v3/details"  # account information: retrieve account details; not in the package
OWN_PROPERTIES = {"customer_number"}  # the company's own
# Values that HubSpot publishes and no model looks for, and what becomes of them.
NOT_LOOKED_FOR = {
    "category of an association": {
        "USER_DEFINED": "its label is a role, as the vocabulary or the portal names it",
        "INTEGRATOR_DEFINED": "its label is a role, as the vocabulary or the app names it",
    },
    "type of an owner": {
        "PERSON": "an owner",
        "QUEUE": "an owner: what it owns has an owner with its name",
    },
}
LOOKED_FOR = {"category of an association": {"HUBSPOT_DEFINED"}, "type of an owner": set[str]()}

Rows = Callable[[Any], Iterable[dict[str, Any]]]
# Payload -> its records' model, the rows made of each, the table.
RECORDS: dict[str, tuple[Any, Rows, RawTable]] = {
    "contacts": (deal_models.SimplePublicObject, lambda record: [object_row(record)], hubspot.CONTACTS),
    "companies": (deal_models.SimplePublicObject, lambda record: [object_row(record)], hubspot.COMPANIES),
    "deals": (deal_models.SimplePublicObject, lambda record: [object_row(record)], hubspot.DEALS),
    "archived_deals": (
        deal_models.SimplePublicObjectWithAssociations,
        lambda record: [object_row(record)],
        hubspot.DEALS,
    ),
    "feedback_submissions": (
        feedback_models.SimplePublicObjectWithAssociations,
        lambda record: [feedback_row(record)],
        hubspot.FEEDBACK_SUBMISSIONS,
    ),
    "owners": (owner_models.PublicOwner, lambda record: [owner_row(record)], hubspot.OWNERS),
    "pipelines": (pipeline_models.Pipeline, stage_rows, hubspot.DEAL_STAGES),
    "deal_contacts": (
        association_models.PublicAssociationMultiWithLabel,
        lambda record: association_rows(record.get("from").get("id"), record.get("to"), "contact_id"),
        hubspot.DEAL_CONTACTS,
    ),
    "deal_companies": (
        association_models.PublicAssociationMultiWithLabel,
        lambda record: association_rows(record.get("from").get("id"), record.get("to"), "company_id"),
        hubspot.DEAL_COMPANIES,
    ),
}


def published(model: Any, prefix: str = "") -> Iterator[str]:
    """Every path of a model of the package; a mapping without names holds anything under `*`."""
    home = importlib.import_module(model.__module__.rsplit(".", 1)[0])
    for attribute, kind in model.openapi_types.items():
        path = prefix + model.attribute_map[attribute]
        yield path
        for name in re.findall(r"\b[A-Z]\w+", kind):
            inner = f"{path}.*" if kind.startswith(("dict(", "dict[")) else path
            yield inner
            if hasattr(home, name):
                yield from published(getattr(home, name), f"{inner}.")


@pytest.mark.parametrize("name", RECORDS)
def test_what_is_read_of_a_record_is_published(name: str) -> None:
    model, rows, _ = RECORDS[name]
    asked: set[str] = set()
    for record in payload(VENDOR, name)["results"]:
        recorded = Recorded(record, asked)
        list(rows(recorded))
        list(history_rows(recorded))
    assert asked
    asked = {path.replace("associations.contacts", "associations.*") for path in asked}  # a mapping without names
    unpublished = {path for path in asked if path != "*" and path not in {*published(model), "propertiesWithHistory"}}
    assert unpublished == (set(ON_PAGES_ONLY) if name == "pipelines" else set())


def test_a_path_that_nobody_publishes_is_found() -> None:
    asked: set[str] = set()
    Recorded({"associationTypes": [{"typeid": 5}]}, asked).get("associationTypes")[0].get("typeid")
    found = asked - {*published(association_models.MultiAssociatedObjectWithLabel)}
    assert found == {"associationTypes.typeid"}


@pytest.mark.parametrize("name", RECORDS)
def test_a_documented_record_is_accepted_and_what_no_row_holds_is_said(name: str) -> None:
    _, rows, table = RECORDS[name]
    records = payload(VENDOR, name)["results"]
    made = [row for record in records for row in (*rows(record), *history_rows(record))]
    intake = Intake(VENDOR)
    accepted = list(intake.accept(table, (row for record in records for row in rows(record))))
    history = (row for record in records for row in history_rows(record))
    list(intake.accept(hubspot.CONTACT_PROPERTY_HISTORY, history))
    assert accepted and not intake.rejected
    assert untold({"results": records}, made) == set(left_out(VENDOR, name))


def test_documented_records_become_the_rows_that_they_say() -> None:
    def accepted(name: str) -> list[dict[str, Any]]:
        _, rows, table = RECORDS[name]
        records = payload(VENDOR, name)["results"]
        return list(Intake(VENDOR).accept(table, (row for record in records for row in rows(record))))

    (contact,) = accepted("contacts")
    assert (contact["hs_email_optout"], contact["hs_merged_object_ids"]) == (None, "510;511")
    (deal,) = accepted("deals")
    assert (str(deal["amount"]), deal["hs_is_closed"], deal["hs_is_closed_won"]) == ("1250.50", True, False)
    (gone,) = accepted("archived_deals")
    assert gone["archived"] and gone["archived_at"] is not None
    (stage,) = accepted("pipelines")
    assert (stage["is_closed"], stage["probability"]) == (True, 0)
    (answer,) = accepted("feedback_submissions")
    assert (answer["contact_id"], answer["hs_survey_type"], answer["hs_value"]) == ("501", "CSAT", "2")
    (company,) = accepted("deal_companies")
    assert (company["company_id"], company["association_types"]) == ("901", "HUBSPOT_DEFINED:341;HUBSPOT_DEFINED:5")


@pytest.mark.parametrize("kind", [CONTACT, COMPANY, DEAL], ids=lambda kind: kind.path)
def test_every_property_that_is_asked_for_stands_in_a_documented_payload(kind: Kind) -> None:
    (record,) = payload(VENDOR, kind.path)["results"]
    assert {*kind.properties} - OWN_PROPERTIES <= record["properties"].keys()
    assert {*kind.history} <= record.get("propertiesWithHistory", {}).keys()


def test_every_property_of_an_answer_that_is_asked_for_stands_in_a_documented_payload() -> None:
    (record,) = payload(VENDOR, "feedback_submissions")["results"]
    assert {*hubspot.FEEDBACK_PROPERTIES} <= record["properties"].keys()


class Paths:
    """A client that notes what is asked for, and answers with the documented payloads."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def get(self, path: str, params: Any = None) -> Any:
        self.asked.add(f"GET {path}")
        name = {"/crm/v3/owners": "owners", "/crm/v3/pipelines/deals": "pipelines", ACCOUNT_PATH: "account"}.get(path)
        return payload(VENDOR, name) if name else {"results": []}

    def post(self, path: str, *, params: Any = None, body: Any = None) -> Any:
        self.asked.add(f"POST {path}")
        return {"results": []}


def test_every_endpoint_is_one_of_the_packages_or_listed() -> None:
    client = Paths()
    crm = hubspot.Crm(client)  # type: ignore[arg-type]
    for kind in (CONTACT, COMPANY, DEAL):
        list(crm.changed_ids(kind, 0))
        list(crm.objects(kind, ["1"], Intake(VENDOR)))
        crm.archived(kind)
    for target in ("contacts", "companies"):
        list(crm.associations(["1"], target))
    assert len(crm.feedback()) == 0
    assert len(crm.owners()) == 1 and len(crm.pipelines()) == 1
    assert crm.currency() == payload(VENDOR, "account")["companyCurrency"]
    assert unpublished_endpoints(client.asked) == {f"GET {ACCOUNT_PATH}"}


def test_every_endpoint_and_field_of_a_check_is_the_packages_or_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    told = json.loads((WIRE / "checks" / f"{VENDOR}.json").read_text())
    read: dict[str, set[str]] = {}

    class Answers:
        vendor, latest_headers = VENDOR, {}

        def get(self, path: str, params: Any = None) -> Any:
            return Recorded(told[f"GET {path}"]["body"], read.setdefault(f"GET {path}", set()))

        def post(self, path: str, *, params: Any = None, body: Any = None) -> Any:
            assert body.keys() <= {*search_models.PublicObjectSearchRequest.attribute_map.values()}
            return Recorded(told[f"POST {path}"]["body"], read.setdefault(f"POST {path}", set()))

    monkeypatch.setattr(hubspot_check, "connect", lambda settings: Answers())
    settings = SimpleNamespace(feedback=True)
    assert len(list(hubspot_check.check(settings))) == 9  # type: ignore[arg-type]
    assert unpublished_endpoints(read) == {f"GET {ACCOUNT_PATH}"}
    assert read.pop(f"GET {ACCOUNT_PATH}") <= payload(VENDOR, "account").keys()
    known = {*published(search_models.CollectionResponseWithTotalSimplePublicObjectForwardPaging)}
    assert {path.removesuffix(".createdate") for paths in read.values() for path in paths} <= known


def unpublished_endpoints(asked: Iterable[str]) -> set[str]:
    source = ""
    for package in (contacts, companies, deals, feedback_submissions, owners, pipelines, associations.v4):
        for module in vars(importlib.import_module(f"{package.__name__}.api")).values():
            if inspect.isclass(module):
                source += inspect.getsource(module)
    known = {path.rstrip("/") for path in re.findall(r'"(/crm/v[34][^"]*)"', source)}
    patterns = [re.compile(re.sub(r"\\{\w+\\}", "[a-z]+", re.escape(path))) for path in known]
    return {path for path in asked if not any(pattern.fullmatch(path.split(" ")[1]) for pattern in patterns)}


def test_what_is_read_of_a_refusal_is_published_but_for_the_name_of_the_scopes() -> None:
    told = json.loads((WIRE / "checks" / f"{VENDOR}.json").read_text())["scope missing"]
    asked: set[str] = set()
    problem = judge(SimpleNamespace(status_code=403, headers={}), Recorded(told["body"], asked))  # type: ignore[arg-type]
    assert problem is not None and problem.lacks == ("crm.objects.deals.read",)
    # `status` and `errorType` are those of other documented errors; the package has a mapping where scopes are named
    unpublished = asked - {*published(owner_models.Error)} - {"status", "errorType"}
    assert unpublished == {"errors.context.requiredGranularScopes"}
    assert "errors.context" in {*published(owner_models.Error)}


def test_values_that_are_published_are_looked_for_or_listed() -> None:
    def allowed(model: Any, attribute: str) -> set[str]:
        setter = inspect.getsource(getattr(model, attribute).fset)
        return {*re.findall(r'"(\w+)"', re.search(r"allowed_values = \[(.*?)\]", setter, re.DOTALL)[1])}  # type: ignore[index]

    found = {
        "category of an association": allowed(association_models.AssociationSpecWithLabel, "category"),
        "type of an owner": allowed(owner_models.PublicOwner, "type"),
    }
    assert found == {what: {*LOOKED_FOR[what], *NOT_LOOKED_FOR[what]} for what in NOT_LOOKED_FOR}


@pytest.mark.parametrize("each", payload(VENDOR, "errors")["errors"], ids=lambda each: each["error"]["message"])
def test_a_documented_error_is_waited_for_or_ends_the_load(each: dict[str, Any]) -> None:
    problem = judge(SimpleNamespace(status_code=each["status"], headers={}), each["error"])  # type: ignore[arg-type]
    assert problem is not None and problem.retry == (each["_done"] == "wait")


def test_every_payload_names_its_source_and_is_read_here() -> None:
    files = {file.stem: json.loads(file.read_text()) for file in (WIRE / VENDOR).glob("*.json")}
    assert all(body["_source"] for body in files.values())
    assert files.keys() == {*RECORDS, "account", "errors"}
