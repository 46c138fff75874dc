"""What the portal is asked before anything is loaded: whose it is, and one record of each kind that a load reads."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from ingestion import check as checks
from ingestion.check import Finding
from ingestion.http import Client
from ingestion.sources.hubspot import ACCOUNT_PATH, COMPANY, CONTACT, DEAL, FEEDBACK_PATH, Kind, connect
from ingestion.sources.hubspot.settings import Settings
from ingestion.wire import at

CREATED = "createdate"


def check(settings: Settings) -> Iterator[Finding]:
    """Ask the portal of the settings."""
    client = connect(settings)
    details = client.get(ACCOUNT_PATH)
    yield from checks.answered(client)
    yield checks.told(checks.ACCOUNT, at(details, "portalId") and f"portal {at(details, 'portalId')}")
    yield checks.told(checks.CURRENCY, at(details, "companyCurrency"))
    yield checks.told(checks.TIME_ZONE, at(details, "timeZone"))
    created: list[str] = []
    questions = {kind.path: partial(_oldest, client, kind, created) for kind in (CONTACT, COMPANY, DEAL)}
    questions["owners"] = partial(client.get, "/crm/v3/owners", {"limit": 1})
    questions["pipelines"] = partial(client.get, "/crm/v3/pipelines/deals")
    missing = [name for name, _ in checks.lacking(questions)]
    yield _scopes(client, settings, missing)
    yield checks.told(checks.OLDEST, min(created, default="")[:10] or "no record")
    yield Finding(checks.VERSION, "v3")


def _scopes(client: Client, settings: Settings, missing: list[str]) -> Finding:
    """What the token may read. Without survey answers a load goes on, and says that they are missing."""
    advice = "Add it in the private app, under Scopes."
    if missing or not settings.feedback:
        return checks.scopes(missing, advice)
    refused = dict(checks.lacking({"feedback_submissions": partial(client.get, FEEDBACK_PATH, {"limit": 1})}))
    if not refused:
        return checks.scopes([], advice)
    lacks = ", ".join(refused)
    said = (
        f"The token lacks {lacks}: answers to surveys will not be loaded. {advice} Of a portal without surveys, set "
        f"{settings.variable('feedback')} to false."
    )
    return Finding(checks.SCOPES, f"lacks {lacks}", "warning", said)


def _oldest(client: Client, kind: Kind, created: list[str]) -> None:
    """Note when the first object of a kind was made: a search as a load makes it, with one result."""
    body: dict[str, Any] = {
        "filterGroups": [],
        "sorts": [{"propertyName": CREATED, "direction": "ASCENDING"}],
        "properties": [CREATED],
        "limit": 1,
    }
    answer = client.post(f"/crm/v3/objects/{kind.path}/search", body=body)
    created.extend(str(at(found, "properties", CREATED)) for found in at(answer, "results") or [])
