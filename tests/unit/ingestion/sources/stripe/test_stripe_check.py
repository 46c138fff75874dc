"""What Stripe is asked before anything is loaded, and what its documented answers tell."""

from __future__ import annotations

import pytest

from ingestion.sources.stripe import KINDS
from tests.unit.ingestion.sources.documented import TOKEN, Vendor

LISTS = [f"GET {kind.path}" for kind in KINDS] + ["GET /events"]


@pytest.fixture
def account(web, monkeypatch):
    vendor = Vendor(web, "stripe", "https://stripe.example/v1", monkeypatch)
    vendor.set(base_url=vendor.base, api_key=TOKEN, api_version="2025-03-31.basil")
    vendor.answers |= dict.fromkeys(LISTS, vendor.told["list"])
    return vendor


def test_the_account_tells_whose_it_is(account):
    told = {finding.asked: finding.answer for finding in account.findings()}

    assert told == {
        "reached": "yes",
        "token": "accepted",
        "clock": "agrees",
        "API version": "2025-03-31.basil",
        "account": "Shop (acct_1)",
        "currency": "SEK",
        "time zone": "Europe/Stockholm",
        "scopes": "all",
        "oldest record": "not asked",
    }
    assert account.failed() == []


def test_every_list_that_a_load_reads_is_asked_for_one_object(account):
    account.findings()

    assert [asked for asked, _ in account.asked] == ["GET /account", *LISTS]
    assert all(params["limit"] == "1" for asked, params in account.asked if asked in LISTS)


def test_a_permission_that_is_missing_is_named(account):
    account.answers["GET /invoices"] = account.told["scope missing"]

    (failed,) = account.failed()

    assert (failed.asked, failed.answer) == ("scopes", "lacks invoice_read")


def test_where_no_permission_is_named_the_list_is(account):
    refused = {**account.told["scope missing"], "body": {"error": {"message": "no", "type": "invalid_request_error"}}}
    account.answers["GET /refunds"] = refused

    assert account.told_of("scopes") == [("lacks reading refunds", "failed")]


def test_a_key_that_may_not_read_the_account_itself_is_enough(account):
    account.answers["GET /account"] = account.told["scope missing"]

    assert account.told_of("account") == [("not told", "warning")]
    assert account.failed() == []


def test_a_version_that_is_refused_is_named(account):
    account.answers["GET /account"] = account.told["version refused"]

    (failed,) = account.failed()

    assert (failed.asked, failed.answer) == ("API version", "2025-03-31.basil refused")
    assert "SOURCES__STRIPE__API_VERSION" in failed.advice


def test_a_version_that_is_answered_in_another_one_is_named(account):
    account.answers["GET /account"]["headers"]["Stripe-Version"] = "2025-09-30.clover"

    assert account.told_of("API version") == [("2025-03-31.basil, answered in 2025-09-30.clover", "failed")]


def test_a_refused_key_names_the_setting(account):
    account.answers["GET /account"] = account.told["token refused"]

    (failed,) = account.failed()

    assert (failed.asked, failed.answer) == ("token", "refused")
    assert "SOURCES__STRIPE__API_KEY" in failed.advice
