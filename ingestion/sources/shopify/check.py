"""What the shop is asked before anything is loaded: whose it is, what the token may, the version, the oldest order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ingestion import check as checks
from ingestion.check import Finding
from ingestion.http import Client
from ingestion.sources.shopify import connect, graphql_path, queries
from ingestion.sources.shopify.settings import Settings
from ingestion.wire import at

ORDERS, ALL_ORDERS = "read_orders", "read_all_orders"
PAYOUTS = "read_shopify_payments_payouts"  # without it a load goes on, and says what is not known


def check(settings: Settings) -> Iterator[Finding]:
    """Ask the shop of the settings."""
    client = connect(settings)
    path = graphql_path(settings)
    data = at(client.post(path, body={"query": queries.SHOP}), "data")
    yield from checks.answered(client)
    yield _version(client, settings, at(data, "publicApiVersions") or [])
    name, domain = at(data, "shop", "name"), at(data, "shop", "myshopifyDomain")
    yield checks.told(checks.ACCOUNT, name and f"{name} ({domain})")
    yield checks.told(checks.CURRENCY, at(data, "shop", "currencyCode"))
    yield checks.told(checks.TIME_ZONE, at(data, "shop", "ianaTimezone"))
    granted = {at(scope, "handle") for scope in at(data, "currentAppInstallation", "accessScopes") or []}
    missing = [scope for scope in needed(settings) if not granted & {scope, scope.replace("read_", "write_", 1)}]
    yield _scopes(missing)
    if ORDERS in missing:
        yield Finding(checks.OLDEST, checks.NOT_ASKED)
        return
    orders = at(client.post(path, body={"query": queries.OLDEST_ORDER}), "data", "orders", "nodes") or []
    yield checks.told(checks.OLDEST, str(at(orders[0], "createdAt"))[:10] if orders else "no order")


def needed(settings: Settings) -> list[str]:
    """The scopes that a load needs."""
    scopes = [ORDERS, ALL_ORDERS, "read_customers"]
    if settings.unit_costs:
        scopes.append("read_products")
    if settings.disputes:
        scopes += ["read_shopify_payments_disputes", PAYOUTS]
    return scopes


def _scopes(missing: list[str]) -> Finding:
    advice = "Add it to the app's Admin API scopes and install the app anew."
    if ALL_ORDERS in missing:
        advice += " Without read_all_orders Shopify shows the orders of the last 60 days only, and no error."
    if missing == [PAYOUTS]:
        said = f"The token lacks {PAYOUTS}: what disputes cost will not be known. {advice}"
        return Finding(checks.SCOPES, f"lacks {PAYOUTS}", "warning", said)
    return checks.scopes(missing, advice)


def _version(client: Client, settings: Settings, public: list[Any]) -> Finding:
    """The version that answered: Shopify answers in the oldest one it still serves where that is later."""
    asked = settings.api_version
    served = client.latest_headers.get("X-Shopify-API-Version", asked)
    supported = sorted(str(at(version, "handle")) for version in public if at(version, "supported"))
    advice = f"Shopify supports {', '.join(supported)}. Set {settings.variable('api_version')} to one of them."
    if served != asked:
        said = f"{asked} is not served any more: Shopify answers in {served}, with other fields perhaps. {advice}"
        return Finding(checks.VERSION, f"{asked}, answered in {served}", "failed", said)
    if asked not in supported:
        return Finding(
            checks.VERSION, f"{asked}, not supported", "warning", f"{asked} is not a stable version. {advice}"
        )
    return Finding(checks.VERSION, served)
