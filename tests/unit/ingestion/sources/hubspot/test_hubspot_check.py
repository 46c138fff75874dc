"""What HubSpot is asked before anything is loaded, and what its documented answers tell."""

from __future__ import annotations

import pytest

from tests.unit.ingestion.sources.documented import TOKEN, Vendor


@pytest.fixture
def portal(web, monkeypatch):
    vendor = Vendor(web, "hubspot", "https://hubspot.example", monkeypatch)
    vendor.set(base_url=vendor.base, access_token=TOKEN, whole_read_days="7")
    return vendor


def test_the_portal_tells_whose_it_is_and_how_far_back_it_goes(portal):
    told = {finding.asked: finding.answer for finding in portal.findings()}

    assert told == {
        "reached": "yes",
        "token": "accepted",
        "clock": "agrees",
        "account": "portal 1234",
        "currency": "SEK",
        "time zone": "Europe/Stockholm",
        "scopes": "all",
        "oldest record": "2022-12-31",
        "API version": "v3",
    }
    assert portal.failed() == []


def test_each_kind_is_asked_for_one_record_the_oldest(portal):
    portal.findings()

    searches = {asked: body for asked, body in portal.asked if asked.endswith("/search")}
    assert len(searches) == 3
    for body in searches.values():
        assert (body["limit"], body["sorts"]) == (1, [{"propertyName": "createdate", "direction": "ASCENDING"}])
    assert len(portal.asked) == 7


def test_a_scope_that_is_missing_is_named_and_the_rest_is_asked(portal):
    portal.answers["POST /crm/v3/objects/deals/search"] = portal.told["scope missing"]

    (failed,) = portal.failed()

    assert (failed.asked, failed.answer) == ("scopes", "lacks crm.objects.deals.read")
    assert "private app" in failed.advice
    assert portal.told_of("oldest record") == [("2022-12-31", "ok")]


def test_without_the_scope_for_answers_to_surveys_a_load_would_go_on(portal):
    refusal = {**portal.told["scope missing"]}
    context = {"requiredGranularScopes": ["crm.objects.feedback_submissions.read"]}
    refusal["body"] = {**refusal["body"], "errors": [{"message": "m", "context": context}]}
    portal.answers["GET /crm/v3/objects/feedback_submissions"] = refusal

    assert portal.failed() == []
    assert portal.told_of("scopes") == [("lacks crm.objects.feedback_submissions.read", "warning")]

    portal.set(feedback="false")
    portal.asked.clear()
    assert portal.told_of("scopes") == [("all", "ok")]
    assert len(portal.asked) == 6


def test_a_refused_token_names_the_setting(portal):
    portal.answers["GET /account-info/v3/details"] = portal.told["token refused"]

    (failed,) = portal.failed()

    assert (failed.asked, failed.answer) == ("token", "refused")
    assert "SOURCES__HUBSPOT__ACCESS_TOKEN" in failed.advice


def test_a_portal_without_records_says_so(portal):
    for kind in ("contacts", "companies"):
        portal.answers[f"POST /crm/v3/objects/{kind}/search"] = {"body": {"total": 0, "results": []}}

    assert portal.told_of("oldest record") == [("no record", "ok")]
