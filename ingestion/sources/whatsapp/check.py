"""What is asked before anything is loaded: whether the inbox can be read, and when something last came."""

from __future__ import annotations

from collections.abc import Iterator

from ingestion import check as checks
from ingestion import inbox
from ingestion.check import Finding
from ingestion.sources.whatsapp.settings import Settings


def check(settings: Settings) -> Iterator[Finding]:
    """Look into the inbox of the settings. WhatsApp pushes: there is nobody to ask."""
    if settings.inbox is None:
        advice = (
            "no webhook has arrived: run the receiver of webhooks, or name the folder where your own writes them in "
            f"{settings.variable('inbox_path')}."
        )
        yield Finding(checks.ACCOUNT, "no inbox", "warning", advice)
        return
    latest = inbox.latest_at(settings.inbox)
    yield Finding(checks.REACHED, "yes")
    if latest is None:
        advice = f"{settings.inbox.path} holds no event yet: check that the receiver of webhooks writes there."
        yield Finding(checks.ACCOUNT, "empty inbox", "warning", advice)
    else:
        yield Finding(checks.ACCOUNT, f"inbox of {latest:%Y-%m-%d}")
