"""Outboxes made by hand, and sinks that stand in the sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from activation.http import Http
from activation.outbox import Event
from activation.sinks.base import Sink
from activation.sinks.google_ads import GoogleAds, GoogleAdsAccount
from activation.sinks.hubspot import HubSpot, HubSpotProperties
from activation.sinks.meta import Meta, MetaAccount
from activation.sinks.respond_io import RespondIo
from activation.sinks.tiktok import TikTok, TikTokAccount
from sandbox.books import Books
from sandbox.company import Company
from sandbox.faults import Faults
from sandbox.running import TOLD_TOO, ServerThread, server_of
from sandbox.settings import CompanySettings, ServerSettings, new_state
from sandbox.sinks import google_ads, meta, tiktok

STATE = new_state(CompanySettings(20, 30, 7))
NOW = datetime.fromtimestamp(STATE.clock, UTC)
EMAIL, PHONE, PERSON = (each * 64 for each in "abc")
COLUMNS = {
    "occurred_at": "timestamp",
    "clicked_at": "timestamp",
    "value_amount": "decimal(18, 4)",
    "lifetime_value_amount": "decimal(18, 4)",
}


def purchase(sink: str, number: int, **other: object) -> Event:
    """A paid order of a person who allowed it, an hour ago."""
    values: dict[str, object] = {
        "event_id": f"{sink}-{number}",
        "sink": sink,
        "rule": "purchase",
        "event_name": {"meta": "Purchase", "tiktok": "CompletePayment"}.get(sink, "purchase"),
        "person_id": f"person-{number}",
        "occurred_at": datetime.fromtimestamp(STATE.clock - 3600, UTC),
        "value_amount": Decimal("80.0000"),
        "currency": "EUR",
        "order_id": f"shopify:{1000 + number}",
        "email_sha256": EMAIL,
        "phone_sha256": PHONE,
        "external_id_sha256": PERSON,
        "consent_purpose": "advertising",
        "consent_verdict": "granted",
    }
    return Event(**{**values, **other})  # type: ignore[arg-type]


def state(sink: str, record_id: str, stage: str, **other: object) -> Event:
    """How a record stands."""
    values: dict[str, object] = {
        "event_id": f"{sink}-{record_id}-{stage}",
        "sink": sink,
        "rule": "state",
        "event_name": "state",
        "person_id": f"person-{record_id}",
        "occurred_at": NOW,
        "record_id": record_id,
        "stage": stage,
        "consent_purpose": "service",
        "consent_verdict": "granted",
    }
    return Event(**{**values, **other})  # type: ignore[arg-type]


def publish(serving_dir: Path, events: list[Event], version: str = "lifecycle-000001-20260101T000000000000Z") -> None:
    """What a publication leaves of an outbox: links, a version, and the outbox beside it."""
    path = serving_dir / "outbox" / f"{version}.duckdb"
    for folder in (serving_dir / "versions" / version, serving_dir / "outbox"):
        folder.mkdir(parents=True, exist_ok=True)
    for name, target in (("lifecycle.duckdb", "current/lifecycle.duckdb"), ("current", f"versions/{version}")):
        (serving_dir / name).unlink(missing_ok=True)
        (serving_dir / name).symlink_to(target)
    path.unlink(missing_ok=True)
    names = [field.name for field in fields(Event)]
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema outbox")
        columns = ", ".join(f"{name} {COLUMNS.get(name, 'varchar')}" for name in names)
        connection.execute(f"create table outbox.events ({columns})")
        for event in events:
            row = [getattr(event, name) for name in names]
            values = [each.replace(tzinfo=None) if isinstance(each, datetime) else each for each in row]
            connection.execute(f"insert into outbox.events values ({', '.join('?' * len(names))})", values)


class Vendors:
    """The servers of all sinks, over books of their own."""

    def __init__(self) -> None:
        company, settings = Company(STATE.company), ServerSettings(rate_scale=10_000)
        self.faults, self.books = Faults(), Books()
        self.servers = {
            name: server_of(name, "sandbox.servers" if name in TOLD_TOO else "sandbox.sinks")(
                company, STATE.clock, settings, self.faults
            )
            for name in ("google_ads", "hubspot", "meta", "respond_io", "tiktok")
        }
        for server in self.servers.values():
            server.books = self.books
        self.threads = {name: ServerThread(server) for name, server in self.servers.items()}

    def sink(self, name: str) -> Sink:
        """A sink as it would be built from settings; it never really waits."""
        url, token = self.threads[name].url, self.servers[name].token
        http = Http(url + self.servers[name].base_path, {"Authorization": f"Bearer {token}"}, lambda seconds: None)
        if name == "meta":
            return Meta(http, MetaAccount(meta.DATASET, "v25.0", meta.WHATSAPP_ACCOUNT))
        if name == "tiktok":
            http.use({"Access-Token": token})
            return TikTok(http, TikTokAccount("web", tiktok.PIXEL))
        if name == "hubspot":
            return HubSpot(http, HubSpotProperties("lifecyclestage", "lifetime_value", "churn_band"))
        if name == "respond_io":
            return RespondIo(http)
        account = GoogleAdsAccount(
            google_ads.CUSTOMER,
            "v25",
            google_ads.CLIENT_ID,
            google_ads.CLIENT_SECRET,
            google_ads.REFRESH_TOKEN,
            google_ads.DEVELOPER_TOKEN,
            conversion_actions=google_ads.ACTIONS,
        )
        return GoogleAds(http, Http(url, {}, lambda seconds: None), account)

    def record_ids(self, name: str, count: int) -> list[str]:
        """Records of the company that a system has."""
        server = self.servers[name]
        server.prepare()
        found = server._records["contacts"] if name == "hubspot" else server._contacts  # type: ignore[attr-defined]
        return [str(key) for key, record in found.items() if not record.is_archived(STATE.clock)][:count]


@contextmanager
def running() -> Iterator[Vendors]:
    vendors = Vendors()
    for thread in vendors.threads.values():
        thread.start()
    try:
        yield vendors
    finally:
        for thread in vendors.threads.values():
            thread.ask_to_stop()
        for thread in vendors.threads.values():
            thread.stop()


@pytest.fixture(scope="session")
def started() -> Iterator[Vendors]:
    with running() as vendors:
        yield vendors


@pytest.fixture
def vendors(started: Vendors) -> Vendors:
    """The servers, which were told nothing yet."""
    started.faults.clear()
    started.books = Books()
    for server in started.servers.values():
        server.books = started.books
    return started
