"""What Stripe is asked before anything is loaded: whose the account is, and one object of each list that is read."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from ingestion import check as checks
from ingestion.check import Finding
from ingestion.http import Client, VendorError
from ingestion.sources.stripe import KINDS, connect
from ingestion.sources.stripe.settings import Settings
from ingestion.wire import at

ACCOUNT_PATH = "/account"


def check(settings: Settings) -> Iterator[Finding]:
    """Ask the account of the settings."""
    client = connect(settings)
    account, refused = None, []
    try:
        account = client.get(ACCOUNT_PATH)
    except VendorError as error:
        if error.status == 400:  # the request has no parameter but its version
            yield Finding(checks.REACHED, "yes")
            yield Finding(checks.VERSION, f"{settings.api_version} refused", "failed", str(error))
            return
        if error.status != 403:
            raise
        refused = [_not_told(error)]  # a load does not need it
    yield from checks.answered(client)
    yield _version(client, settings)
    yield from refused or _account(account)
    lists = {kind.path.strip("/"): partial(client.get, kind.path, {**dict(kind.params), "limit": 1}) for kind in KINDS}
    lists["events"] = partial(client.get, "/events", {"limit": 1})
    missing = [name for name, _ in checks.lacking(lists)]
    yield checks.scopes(missing, "Give it to the restricted key, in the dashboard under Developers, API keys.")
    yield Finding(checks.OLDEST, checks.NOT_ASKED)  # lists come newest first


def _account(account: Any) -> Iterator[Finding]:
    dashboard = at(account, "settings", "dashboard")
    name, identifier = at(dashboard, "display_name"), at(account, "id")
    yield checks.told(checks.ACCOUNT, f"{name} ({identifier})" if name else identifier)
    yield checks.told(checks.CURRENCY, str(at(account, "default_currency") or "").upper())
    yield checks.told(checks.TIME_ZONE, at(dashboard, "timezone"))


def _not_told(error: VendorError) -> Finding:
    lacks = " or ".join(error.problem.lacks) if error.problem else ""
    advice = (
        f"The key may not read the account itself ({lacks or 'no permission is named'}), so that its currency and time "
        "zone are not known here. A load does not need them."
    )
    return Finding(checks.ACCOUNT, checks.NOT_TOLD, "warning", advice)


def _version(client: Client, settings: Settings) -> Finding:
    asked = settings.api_version
    served = client.latest_headers.get("Stripe-Version", asked)
    if served == asked:
        return Finding(checks.VERSION, served)
    advice = (
        f"Stripe answers in {served}, though {asked} is asked for, and the row models know the shapes of that one: "
        f"check {settings.variable('api_version')}."
    )
    return Finding(checks.VERSION, f"{asked}, answered in {served}", "failed", advice)
