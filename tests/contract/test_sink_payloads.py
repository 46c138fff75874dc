"""What is sent is what each vendor documents, and what it answers is read as it means it.

Belongs here: `tests/wire/activation/<sink>.json`: rows of the outbox with their documented wire form, and documented
answers with what follows from each. Does not: what goes and when (`tests/unit/activation`).
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import responses
from facebook_business.adobjects.serverside.event import Event as MetaEvent
from facebook_business.adobjects.serverside.normalize import Normalize
from hubspot.crm.contacts.models import SimplePublicObjectBatchInput

from activation import delivery
from activation.http import Http
from activation.ledger import Ledger
from activation.outbox import Event
from activation.sinks.base import Sink
from activation.sinks.google_ads import GoogleAds, GoogleAdsAccount
from activation.sinks.hubspot import HubSpot, HubSpotProperties
from activation.sinks.meta import Meta, MetaAccount
from activation.sinks.respond_io import RespondIo
from activation.sinks.tiktok import TikTok, TikTokAccount
from sandbox.sinks import google_ads, meta, tiktok
from tests.unit.activation.conftest import NOW, purchase, state

WIRE = Path(__file__).resolve().parents[1] / "wire" / "activation"
EXAMPLES = {path.stem: json.loads(path.read_text()) for path in sorted(WIRE.glob("*.json"))}
URL = "https://sink.invalid"
FOLLOWS = {
    "confirmed": "confirmed",
    "refused": "refused",
    "stopped": "pending",
    "throttled": "pending",
    "unclear": "sent",
}
INSTANTS, AMOUNTS = ("occurred_at", "clicked_at"), ("value_amount", "lifetime_value_amount")


def places(kind: str) -> list[tuple[str, int]]:
    return [(name, place) for name, example in EXAMPLES.items() for place in range(len(example[kind]))]


def sink(name: str) -> Sink:
    http = Http(URL, {}, lambda seconds: None)
    if name == "meta":
        return Meta(http, MetaAccount(meta.DATASET, "v25.0", meta.WHATSAPP_ACCOUNT, "HubSpot"))
    if name == "tiktok":
        return TikTok(http, TikTokAccount("web", tiktok.PIXEL))
    if name == "hubspot":
        return HubSpot(http, HubSpotProperties("lifecyclestage", "lifetime_value", "churn_band"))
    if name == "respond_io":
        return RespondIo(http)
    account = GoogleAdsAccount(google_ads.CUSTOMER, "v25", "c", "s", "r", "d", "", google_ads.ACTIONS)
    return GoogleAds(http, http, account)


def event(name: str, stated: dict[str, Any]) -> Event:
    """A row of the outbox: what is stated, else as `conftest` has it."""
    found = {
        column: datetime.fromisoformat(value)
        if value and column in INSTANTS
        else Decimal(value)
        if value and column in AMOUNTS
        else value
        for column, value in stated.items()
    }
    if name in ("hubspot", "respond_io"):
        return state(name, **found)
    return purchase(name, 1, **found)


@pytest.mark.parametrize(
    ("name", "place"), [(n, i) for n, each in EXAMPLES.items() for i in range(len(each["payloads"]))]
)
def test_a_row_has_the_wire_form_that_is_documented(name: str, place: int) -> None:
    example = EXAMPLES[name]["payloads"][place]

    assert sink(name).payload(event(name, example["event"])) == example["payload"]


@pytest.mark.parametrize(
    ("name", "place"), [(n, i) for n, each in EXAMPLES.items() for i in range(len(each["answers"]))]
)
def test_an_answer_means_what_is_documented(name: str, place: int, tmp_path: Path) -> None:
    answer = EXAMPLES[name]["answers"][place]
    told = event(name, EXAMPLES[name]["payloads"][0]["event"] | {"occurred_at": NOW.isoformat()})
    with responses.RequestsMock(assert_all_requests_are_fired=False) as web, Ledger(tmp_path / "l.sqlite") as ledger:
        web.post(f"{URL}/token", json={"access_token": "t"})
        web.add_callback(
            responses.POST,
            re.compile(f"{URL}/(?!token).*"),
            lambda _: (answer["status"], {}, json.dumps(answer["body"])),
        )
        planned = delivery.plan(sink(name), [told], {}, NOW)
        delivery.deliver(sink(name), planned, ledger, NOW, lambda seconds: None)

        assert ledger.entries()[told.event_id].state == FOLLOWS[answer["_done"]]


def test_each_sink_has_documented_payloads_and_answers_and_says_from_where() -> None:
    assert {*EXAMPLES} == {"google_ads", "hubspot", "meta", "respond_io", "tiktok"}
    for name, example in EXAMPLES.items():
        assert example["_source"], name
        assert {"refused", "stopped", "throttled", "unclear"} <= {each["_done"] for each in example["answers"]}, name


# As Meta publishes them beside its parameters: what is put in, its normal form, its hash.
META_HASHES = [
    ("em", "John_Smith@gmail.com", "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f"),
    ("ph", "1(650)555-1212", "e323ec626319ca94ee8bff2e4c87cf613be6ea19919ed1364124e16807ab3176"),
]


@pytest.mark.parametrize(("kind", "written", "hashed"), META_HASHES)
def test_the_package_that_meta_publishes_hashes_to_what_its_page_says(kind: str, written: str, hashed: str) -> None:
    """And so does the model, whose unit test expects the same hashes."""
    normal = {"em": written.strip().lower(), "ph": "".join(filter(str.isdigit, written))}[kind]

    assert Normalize.normalize(kind, written, True) == hashed == hashlib.sha256(normal.encode()).hexdigest()


def test_every_field_of_meta_is_one_of_its_own_package() -> None:
    known = {*MetaEvent.param_types}
    for example in EXAMPLES["meta"]["payloads"]:
        assert {*example["payload"]} <= known | {"messaging_channel"}


def test_every_field_of_hubspot_is_one_of_its_own_package() -> None:
    known = {*SimplePublicObjectBatchInput.attribute_map.values()}
    for example in EXAMPLES["hubspot"]["payloads"]:
        assert {*example["payload"]} <= known
