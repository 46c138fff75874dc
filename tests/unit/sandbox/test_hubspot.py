from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

from sandbox import malformed
from sandbox.crm import COLLEAGUES_ROLES, DECISION_MAKER
from sandbox.records import Record
from sandbox.running import running_sandbox
from sandbox.settings import DAY, ServerSettings


@pytest.fixture
def crm(api: Callable[[str], Any]) -> Any:
    return api("hubspot")


def contacts(api: Any) -> list[Record]:
    clock = api.sandbox.state.clock
    people = api.sandbox.company.people(clock)
    found = [c for person in people for c in person.hubspot if c.visible(clock)]
    return found + malformed.hubspot_contacts(api.sandbox.company.start)


def search(api: Any, kind: str, filters: list[dict[str, Any]], limit: int = 37) -> list[dict[str, Any]]:
    modified = "lastmodifieddate" if kind == "contacts" else "hs_lastmodifieddate"
    body: dict[str, Any] = {"filterGroups": [{"filters": filters}], "limit": limit, "properties": ["email"],
                            "sorts": [{"propertyName": modified, "direction": "ASCENDING"}]}  # fmt: skip
    rows: list[dict[str, Any]] = []
    while True:
        answer = api.post(f"/crm/v3/objects/{kind}/search", body).json()
        rows += answer["results"]
        if "paging" not in answer:
            assert answer["total"] == len(rows)
            return rows
        body["after"] = answer["paging"]["next"]["after"]


def test_a_wrong_token_is_refused(crm: Any) -> None:
    answer = crm.request("GET", "/crm/v3/owners", token="wrong")
    assert (answer.status_code, answer.json()["category"]) == (401, "INVALID_AUTHENTICATION")


def test_search_pages_through_every_live_contact_in_order(crm: Any) -> None:
    clock = crm.sandbox.state.clock
    found = search(crm, "contacts", [{"propertyName": "lastmodifieddate", "operator": "GTE", "value": "0"}])
    assert sorted(int(row["id"]) for row in found) == sorted(c.id for c in contacts(crm) if not c.is_archived(clock))
    modified = [row["properties"]["lastmodifieddate"] for row in found]
    assert modified == sorted(modified)
    assert found[0]["properties"].keys() == {"hs_object_id", "createdate", "lastmodifieddate", "email"}


def test_search_filters_by_update_in_the_server(crm: Any) -> None:
    clock = crm.sandbox.state.clock
    cut = clock - 30 * DAY
    found = search(crm, "contacts", [{"propertyName": "lastmodifieddate", "operator": "GTE", "value": str(cut * 1000)}])
    expected = [c.id for c in contacts(crm) if not c.is_archived(clock) and c.touched_at(clock) >= cut]
    assert sorted(int(row["id"]) for row in found) == sorted(expected)
    assert 0 < len(found) < len(contacts(crm))


def test_search_stops_at_its_limit() -> None:
    with running_sandbox(people=60, days=60, settings=ServerSettings(hubspot_search_limit=20)) as sandbox:
        url = sandbox.environment["SOURCES__HUBSPOT__BASE_URL"] + "/crm/v3/objects/contacts/search"
        headers = {"Authorization": f"Bearer {sandbox.environment['SOURCES__HUBSPOT__ACCESS_TOKEN']}"}
        body: dict[str, Any] = {"filterGroups": [], "limit": 10}
        statuses = []
        for after in ("0", "10", "20"):
            answer = requests.post(url, json={**body, "after": after}, headers=headers, timeout=9)
            statuses.append(answer.status_code)
        assert statuses == [200, 200, 400]
        assert answer.json()["category"] == "VALIDATION_ERROR"


def test_history_is_read_in_batches_of_fifty(crm: Any) -> None:
    clock = crm.sandbox.state.clock
    ids = [str(c.id) for c in contacts(crm) if not c.is_archived(clock)]
    assert len(ids) > 51
    body: dict[str, Any] = {"properties": ["email"], "propertiesWithHistory": ["lifecyclestage", "hs_lead_status"]}
    path = "/crm/v3/objects/contacts/batch/read"
    refused = crm.post(path, {**body, "inputs": [{"id": key} for key in ids[:51]]})
    assert refused.status_code == 400 and "50" in refused.json()["message"]
    assert crm.post(path, {"properties": [], "inputs": [{"id": key} for key in ids[:51]]}).status_code == 200
    answer = crm.post(path, {**body, "inputs": [{"id": key} for key in ids[:50]]})
    assert answer.status_code == 200 and len(answer.json()["results"]) == 50
    known = {str(c.id): c for c in contacts(crm)}
    for row in answer.json()["results"]:
        told = row["propertiesWithHistory"]["lifecyclestage"]
        changes = [c for c in known[row["id"]].known(clock) if c.name == "lifecyclestage"]
        assert [entry["value"] for entry in told] == [c.value for c in reversed(changes)]
        assert [entry["timestamp"] for entry in told] == sorted((e["timestamp"] for e in told), reverse=True)


def test_a_batch_with_an_unknown_id_succeeds_in_part(crm: Any) -> None:
    known = next(str(c.id) for c in contacts(crm) if not c.is_archived(crm.sandbox.state.clock))
    answer = crm.post("/crm/v3/objects/contacts/batch/read", {"inputs": [{"id": known}, {"id": "1"}]})
    body = answer.json()
    assert (answer.status_code, body["numErrors"], len(body["results"])) == (207, 1, 1)
    assert body["errors"][0]["category"] == "OBJECT_NOT_FOUND" and body["errors"][0]["context"]["ids"] == ["1"]


def test_a_merged_contact_is_archived_and_named_by_the_survivor() -> None:
    with running_sandbox(people=500, days=200) as sandbox:
        clock = sandbox.state.clock
        server = sandbox.servers["hubspot"]
        people = sandbox.company.people(clock)
        doubles = {c.id: p.hubspot[0].id for p in people for c in p.hubspot[1:] if c.is_archived(clock)}
        assert doubles
        url, token = sandbox.environment["SOURCES__HUBSPOT__BASE_URL"], server.token
        headers = {"Authorization": f"Bearer {token}"}
        params: dict[str, Any] = {"archived": "true", "limit": 3, "properties": "email"}
        archived: list[dict[str, Any]] = []
        while True:
            answer = requests.get(f"{url}/crm/v3/objects/contacts", params=params, headers=headers, timeout=9).json()
            archived += answer["results"]
            if "paging" not in answer:
                break
            params["after"] = answer["paging"]["next"]["after"]
        assert sorted(int(row["id"]) for row in archived) == sorted(doubles)
        assert all(row["archived"] and row["archivedAt"] for row in archived)
        inputs = [{"id": str(key)} for key in set(doubles.values())][:50]
        body = {"inputs": inputs, "properties": ["hs_merged_object_ids"]}
        read = requests.post(f"{url}/crm/v3/objects/contacts/batch/read", json=body, headers=headers, timeout=9).json()
        named = {int(row["properties"]["hs_merged_object_ids"]): int(row["id"]) for row in read["results"]}
        assert named.items() <= doubles.items() and named


def test_deals_belong_to_contacts_with_a_role(crm: Any) -> None:
    clock = crm.sandbox.state.clock
    people = crm.sandbox.company.people(clock)
    deals = {str(d.id): d for p in people for d in p.deals if d.visible(clock)}
    body = {"inputs": [{"id": key} for key in list(deals)[:100]]}
    answer = crm.post("/crm/v4/associations/deals/contacts/batch/read", body)
    assert answer.status_code == 200
    labels = set()
    for result in answer.json()["results"]:
        ties = deals[result["from"]["id"]].contacts
        assert {to["toObjectId"] for to in result["to"]} == {t.record_id for t in ties if t.at <= clock}
        labels |= {kind["label"] for to in result["to"] for kind in to["associationTypes"] if kind["label"]}
    assert DECISION_MAKER in labels and labels <= {DECISION_MAKER, *COLLEAGUES_ROLES}


def test_a_deal_without_company_is_an_error_in_part(crm: Any) -> None:
    clock = crm.sandbox.state.clock
    lone = [
        str(d.id) for p in crm.sandbox.company.people(clock) for d in p.deals if d.visible(clock) and not d.companies
    ]
    body = crm.post("/crm/v4/associations/deals/companies/batch/read", {"inputs": [{"id": lone[0]}]}).json()
    assert body["results"] == [] and "NO_ASSOCIATIONS_FOUND" in body["errors"][0]["subCategory"]


def test_companies_have_parents(crm: Any) -> None:
    found = crm.get("/crm/v3/objects/companies", limit=100, properties="name,hs_parent_company_id").json()["results"]
    ids = {row["id"] for row in found}
    parents = {row["properties"]["hs_parent_company_id"] for row in found} - {None}
    assert parents and parents <= ids


def test_stages_and_owners(crm: Any) -> None:
    stages = crm.get("/crm/v3/pipelines/deals").json()["results"][0]["stages"]
    assert [stage["id"] for stage in stages][-2:] == ["closedwon", "closedlost"]
    first = crm.get("/crm/v3/owners", limit=4).json()
    second = crm.get("/crm/v3/owners", limit=4, after=first["paging"]["next"]["after"]).json()
    owners = [row["id"] for row in first["results"] + second["results"]]
    assert len(owners) == len(set(owners)) == 6 and "paging" not in second
