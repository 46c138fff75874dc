"""What the workspace is asked before anything is loaded: one record of each list, and whether the inbox can be read."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from ingestion import check as checks
from ingestion import inbox
from ingestion.check import Finding
from ingestion.sources.respond_io import ALL_CONTACTS, connect
from ingestion.sources.respond_io.settings import Settings


def check(settings: Settings) -> Iterator[Finding]:
    """Ask the workspace of the settings. The API tells nothing of the workspace itself."""
    client = connect(settings)
    one = {"limit": 1}
    client.post("/contact/list", params=one, body=ALL_CONTACTS)
    yield from checks.answered(client)
    for asked in (checks.ACCOUNT, checks.CURRENCY, checks.TIME_ZONE):
        yield Finding(asked, checks.NOT_TOLD)
    questions = {name: partial(client.get, f"/space/{name}", one) for name in ("user", "channel")}
    missing = [name for name, _ in checks.lacking(questions)]
    yield checks.scopes(missing, "Make a new token under Settings, Integrations, Developer API.")
    yield Finding(checks.OLDEST, checks.NOT_ASKED)
    yield Finding(checks.VERSION, "v2")
    yield _inbox(settings)


def _inbox(settings: Settings) -> Finding:
    if settings.inbox is None:
        advice = (
            "without webhook events there is no history of conversations and stages, and every contact is read each "
            f"night. Set {settings.variable('webhook_secret')} and run `make receive`, or name the folder where your "
            f"own receiver writes them in {settings.variable('inbox_path')}."
        )
        return Finding(checks.ACCOUNT, "no inbox", "warning", advice)
    latest = inbox.latest_at(settings.inbox)
    if latest is None:
        advice = f"{settings.inbox.path} holds no event yet: check that the receiver of webhooks writes there."
        return Finding(checks.ACCOUNT, "empty inbox", "warning", advice)
    return Finding(checks.ACCOUNT, f"inbox of {latest:%Y-%m-%d}")
