"""What Shopify is asked before anything is loaded, and what its documented answers tell."""

from __future__ import annotations

import pytest

from ingestion.sources.shopify import queries
from tests.unit.ingestion.sources.documented import TOKEN, Vendor


class Shop(Vendor):
    def key_of(self, method, path, body):
        assert (method, path) == ("POST", f"/admin/api/{self.version}/graphql.json")
        return {queries.SHOP: "SHOP", queries.OLDEST_ORDER: "OLDEST_ORDER"}[body["query"]]


@pytest.fixture
def shop(web, monkeypatch):
    vendor = Shop(web, "shopify", "https://shop.example", monkeypatch)
    vendor.version = "2026-07"
    vendor.set(base_url=vendor.base, access_token=TOKEN, api_version="2026-07", unit_costs="true", disputes="true")
    vendor.answers = {name: vendor.told[name] for name in ("SHOP", "OLDEST_ORDER")}
    return vendor


def grant(shop, *, without):
    installation = shop.answers["SHOP"]["body"]["data"]["currentAppInstallation"]
    installation["accessScopes"] = [each for each in installation["accessScopes"] if each["handle"] not in without]


def test_the_shop_tells_whose_it_is_and_since_when_it_sells(shop):
    told = {finding.asked: finding.answer for finding in shop.findings()}

    assert told == {
        "reached": "yes",
        "token": "accepted",
        "clock": "agrees",
        "API version": "2026-07",
        "account": "Shop (my-shop.myshopify.com)",
        "currency": "SEK",
        "time zone": "Europe/Stockholm",
        "scopes": "all",
        "oldest record": "2021-02-03",
    }
    assert shop.failed() == []


@pytest.mark.parametrize(
    ("scope", "state"),
    [
        ("read_all_orders", "failed"),
        ("read_customers", "failed"),
        ("read_products", "failed"),
        ("read_shopify_payments_disputes", "failed"),
        ("read_shopify_payments_payouts", "warning"),  # the load goes on without
    ],
)
def test_a_scope_that_is_missing_is_named(shop, scope, state):
    grant(shop, without=(scope,))

    assert shop.told_of("scopes") == [(f"lacks {scope}", state)]


def test_what_is_not_read_needs_no_scope(shop):
    grant(shop, without=("read_products", "read_shopify_payments_disputes", "read_shopify_payments_payouts"))
    shop.set(unit_costs="false", disputes="false")

    assert shop.told_of("scopes") == [("all", "ok")]


def test_without_the_scope_for_orders_none_is_asked_for(shop):
    grant(shop, without=("write_orders",))

    assert shop.told_of("scopes") == [("lacks read_orders", "failed")]
    assert shop.told_of("oldest record") == [("not asked", "ok")]
    assert {asked for asked, _ in shop.asked} == {"SHOP"}


def test_a_version_that_is_answered_in_another_one_is_named_with_those_that_are_supported(shop):
    shop.set(api_version="2024-01")
    shop.version = "2024-01"
    shop.answers["SHOP"]["headers"]["X-Shopify-API-Version"] = "2025-10"

    (failed,) = shop.failed()

    assert (failed.asked, failed.answer) == ("API version", "2024-01, answered in 2025-10")
    assert "2025-10, 2026-07" in failed.advice and "SOURCES__SHOPIFY__API_VERSION" in failed.advice


def test_a_version_that_is_not_stable_yet_is_to_look_at(shop):
    shop.set(api_version="2026-10")
    shop.version = shop.answers["SHOP"]["headers"]["X-Shopify-API-Version"] = "2026-10"

    assert shop.told_of("API version") == [("2026-10, not supported", "warning")]


def test_a_refused_token_names_the_setting(shop):
    shop.answers["SHOP"] = shop.told["token refused"]

    (failed,) = shop.failed()

    assert (failed.asked, failed.answer) == ("token", "refused")
    assert "SOURCES__SHOPIFY__ACCESS_TOKEN" in failed.advice
