"""What Meta is asked before anything is loaded, and what its documented answers tell."""

from __future__ import annotations

import pytest

from tests.unit.ingestion.sources.documented import TOKEN, Vendor

PERMISSIONS = "GET /v25.0/me/permissions"


@pytest.fixture
def meta(web, monkeypatch):
    vendor = Vendor(web, "meta_ads", "https://meta.example", monkeypatch)
    vendor.set(
        base_url=vendor.base, access_token=TOKEN, api_version="v25.0", account_ids="7", insights_window_days="28"
    )
    return vendor


def test_an_ad_account_tells_its_currency_and_time_zone(meta):
    told = {finding.asked: finding.answer for finding in meta.findings()}

    assert (told["account"], told["currency"], told["time zone"]) == ("Shop (7)", "SEK", "Europe/Stockholm")
    assert (told["scopes"], told["API version"], told["oldest record"]) == ("all", "v25.0", "not asked")
    assert meta.failed() == []
    assert len(meta.asked) == 2 * 2  # permissions and account, and both once more


def test_of_several_accounts_each_is_told_and_one_that_is_not_active_is_to_look_at(meta):
    meta.set(account_ids="7,8")

    assert meta.told_of("account") == [("Shop (7)", "ok"), ("Outlet (8), not active", "warning")]
    assert [answer for answer, _ in meta.told_of("currency")] == ["SEK", "NOK"]


def test_a_permission_that_is_not_granted_is_named(meta):
    granted = meta.answers[PERMISSIONS]["body"]["data"][0]
    granted["status"] = "declined"

    assert meta.told_of("scopes") == [("lacks ads_read", "failed")]


def test_the_permission_to_manage_ads_is_enough(meta):
    meta.answers[PERMISSIONS]["body"]["data"][0]["permission"] = "ads_management"

    assert meta.told_of("scopes") == [("all", "ok")]


def test_an_account_that_the_token_may_not_read_is_named_and_the_others_are_asked(meta):
    meta.set(account_ids="7,8")
    meta.answers["GET /v25.0/act_8"] = meta.told["scope missing"]

    failed = meta.failed()

    assert [(each.asked, each.answer) for each in failed] == [("scopes", "lacks ads_read"), ("account", "8 refused")]
    assert ("Shop (7)", "ok") in meta.told_of("account")


def test_where_meta_does_not_say_what_was_granted_the_account_tells(meta):
    meta.answers[PERMISSIONS] = meta.told["scope missing"]
    assert meta.failed() == []

    meta.answers["GET /v25.0/act_7"] = meta.told["scope missing"]
    assert meta.told_of("scopes") == [("lacks ads_read", "failed")]


def test_an_expired_token_names_the_setting_though_the_status_is_400(meta):
    meta.answers[PERMISSIONS] = meta.told["token refused"]

    (failed,) = meta.failed()

    assert (failed.asked, failed.answer) == ("token", "refused")
    assert "SOURCES__META_ADS__ACCESS_TOKEN" in failed.advice


@pytest.mark.parametrize("what", ["version retired", "version upgraded"])
def test_a_version_that_is_not_served_any_more_is_named(meta, what):
    meta.answers[PERMISSIONS] = meta.told[what]

    (failed,) = meta.failed()

    assert (failed.asked, failed.answer) == ("API version", "v25.0 retired")
    assert "SOURCES__META_ADS__API_VERSION" in failed.advice


def test_a_version_that_is_served_with_a_warning_is_to_look_at(meta):
    meta.answers[PERMISSIONS]["headers"]["X-Ad-Api-Version-Warning"] = "v25.0 will be deprecated"

    assert meta.told_of("API version") == [("v25.0, soon retired", "warning")]
