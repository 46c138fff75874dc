"""Alerts: a message to the people who run the warehouse when a refresh fails, and another when the trouble is over.

Belongs here: where alerts go, when one is due, its delivery. Does not: what a run reports (`summary/`); anything of a
person or a secret, because a message leaves the machine: it has the reasons of failures, and no sample rows.

Apprise delivers: one URL a target, whether a webhook, a chat or a mailbox is behind it.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, SecretStr
from pydantic_settings import SettingsConfigDict

from ingestion import config, secrecy
from ingestion.config import Settings, SettingsError, Write

log = logging.getLogger(__name__)

# published: from every source. partly: published, without news of some. failed: what BI reads is as it was.
Outcome = Literal["published", "partly", "failed"]
TRIES = 3
OWN_SERVERS = ("E-Mail", "JSON", "XML", "Form")  # whose host is no part of a token


def _known_services(urls: SecretStr) -> SecretStr:
    for url in urls.get_secret_value().split():
        secrecy.remember(url)  # each by itself: together they are one text that nobody repeats
        if _service(url) is None:
            raise ValueError(url)
    return urls


def _service(url: str) -> object | None:
    from apprise import Apprise  # its services take a moment to import, and most installations have no alerts

    return Apprise.instantiate(url)


class AlertSettings(Settings):
    """Who hears of a refresh that nobody watches.

    Attributes:
        urls: targets in Apprise's form, separated by blanks; a secret, because most contain a token or a password.
        late_after_hours: age of the publication, or of the last load of a source, from which on it is late.
    """

    model_config = SettingsConfigDict(env_prefix="LIFECYCLE_ALERT_")

    urls: Annotated[
        SecretStr,
        AfterValidator(_known_services),
        Write(
            "one of the URLs is of no service that Apprise knows. Separate them by blanks and write each like "
            "jsons://example.com/hook or mailtos://user:password@example.com?to=data@example.com"
        ),
    ] = SecretStr("")
    late_after_hours: config.Count = 30


@dataclass(frozen=True)
class State:
    """How the last run ended, and since when that is so."""

    outcome: Outcome
    since: str


@dataclass(frozen=True)
class Target:
    """Where alerts go.

    Attributes:
        service: its name, which may be shown, as the URL may not.
        host, port: of a server of one's own; None for the servers of a chat, whose URLs have tokens in their place.
    """

    service: str
    host: str | None = None
    port: int = 0


def targets() -> list[Target]:
    """Where alerts go. Raises SettingsError."""
    found: list[Target] = []
    for url in AlertSettings.read().urls.get_secret_value().split():
        service: Any = _service(url)
        name, is_secure = str(service.service_name), bool(service.secure)
        if name in OWN_SERVERS:
            host = getattr(service, "smtp_host", None) or service.host
            found.append(Target(name, host, service.port or (443 if is_secure else 80)))
        else:
            found.append(Target(name))
    return found


def tell(outcome: Outcome, title: str, lines: Sequence[str]) -> list[str]:
    """Send what is due after a run with this outcome: each failure, and the first success after one.

    Args:
        outcome: of the run that has just ended.
        title: what happened, in one line.
        lines: reasons, and where to look.

    Returns:
        A line for each target that says whether the alert was delivered, where one was due; and what went wrong.
    """
    before = _state()
    since = before.since if before and before.outcome == outcome else f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    sentences: list[str] = []
    try:
        if outcome != "published":
            repeated = [f"It has been so since {since}."] if before and before.outcome == outcome else []
            sentences = list(send(title, [*lines, *repeated], is_good=False))
        elif before and before.outcome != "published":
            over = f"The trouble since {before.since} is over."
            sentences = list(send(title, [*lines, over], is_good=True))
    except SettingsError as error:
        sentences = [f"No alert was sent: {error}"]
    try:
        _remember(State(outcome, since))
    except OSError as error:  # the disk may be full, which is what the alert is about
        sentences.append(f"{_place()} could not be written ({error.strerror}): the next alert may say too much.")
    return sentences


def send(title: str, lines: Sequence[str], *, is_good: bool) -> Iterator[str]:
    """Deliver one message to every target.

    Yields:
        A sentence for each target; it names the service and never the URL.
    """
    urls = AlertSettings.read().urls.get_secret_value().split()
    if not urls:
        return
    from apprise import Apprise, AppriseAsset, NotifyType

    asset = AppriseAsset(app_id="Customer-lifecycle warehouse", app_desc="Refresh", async_mode=False)
    for position, url in enumerate(urls, start=1):
        target = Apprise.instantiate(url, asset=asset)
        assert target is not None  # the settings refuse such a URL
        name = f"alert {position} ({target.service_name})"
        kind = NotifyType.SUCCESS if is_good else NotifyType.FAILURE
        delivered = any(target.notify(body="\n".join(lines), title=title, notify_type=kind) for _ in range(TRIES))
        if delivered:
            yield f"Sent {name}: {title}"
        else:
            yield f"Not sent after {TRIES} tries: {name}. Check LIFECYCLE_ALERT_URLS and whether the service answers."


def _place() -> Path:
    return config.data_dir() / "last_outcome.json"


def _state() -> State | None:
    try:
        return State(**json.loads(_place().read_text()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        log.warning("%s does not read (%s): it is written anew", _place(), error)
        return None


def _remember(state: State) -> None:
    draft = _place().with_suffix(".new")
    draft.write_text(json.dumps(asdict(state)))
    os.replace(draft, _place())
