"""What goes, what does not, and what becomes of each event, against the servers of the sandbox."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from activation import delivery
from activation.delivery import Delivered
from activation.ledger import Ledger
from activation.outbox import Event
from activation.sinks.base import Sink
from tests.unit.activation.conftest import NOW, Vendors, purchase, state

AD_SINKS = ("google_ads", "meta", "tiktok")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "ledger.sqlite") as book:
        yield book


def tell(sink: Sink, events: list[Event], ledger: Ledger, now: datetime = NOW) -> Delivered:
    planned = delivery.plan(sink, events, ledger.entries(sink.name), now)
    return delivery.deliver(sink, planned, ledger, now, lambda seconds: None)


def states(ledger: Ledger) -> dict[str, str]:
    return {event_id: entry.state for event_id, entry in ledger.entries().items()}


@pytest.mark.parametrize("name", AD_SINKS)
def test_each_event_is_told_once_however_often_it_is_run(name: str, vendors: Vendors, ledger: Ledger) -> None:
    events = [purchase(name, number) for number in range(3)]

    for _ in range(2):
        done = tell(vendors.sink(name), events, ledger)

    assert not done.states.total()
    assert states(ledger) == {event.event_id: "confirmed" for event in events}
    assert len(vendors.books.told(name)) == 3


@pytest.mark.parametrize("name", AD_SINKS)
def test_one_event_that_is_refused_takes_no_other_with_it(name: str, vendors: Vendors, ledger: Ledger) -> None:
    events = [purchase(name, number) for number in range(9)]
    events[4] = replace(events[4], email_sha256="Ana@Example.com", phone_sha256=None)  # as if a hash were forgotten

    done = tell(vendors.sink(name), events, ledger)

    assert done.states == Counter(confirmed=8, refused=1)
    assert states(ledger)[events[4].event_id] == "refused"
    assert len(vendors.books.counted(name)) == 8
    assert "@" not in ledger.entries()[events[4].event_id].answer


def test_what_the_outbox_holds_back_goes_nowhere_and_is_counted_by_reason(vendors: Vendors, ledger: Ledger) -> None:
    old = NOW - timedelta(days=8)
    events = [
        purchase("meta", 1, held_back_reason="no consent"),
        purchase("meta", 2, held_back_reason="no identifier"),
        purchase("meta", 3, occurred_at=old),
        purchase("meta", 4, email_sha256=None, phone_sha256=None),
        purchase("meta", 5),
    ]

    planned = delivery.plan(vendors.sink("meta"), events, {}, NOW)
    done = tell(vendors.sink("meta"), events, ledger)

    assert planned.held_back == {"no consent": 1, "no identifier": 2, "too old": 1}
    assert done.held_back == {"no consent": 1, "no identifier": 2}
    assert states(ledger) == {"meta-3": "expired", "meta-5": "confirmed"}


@pytest.mark.parametrize("name", [*AD_SINKS, "hubspot", "respond_io"])
def test_an_expired_token_stops_the_sink_with_one_line_and_loses_nothing(
    name: str, vendors: Vendors, ledger: Ledger
) -> None:
    events = told(name, vendors, 3)
    vendors.faults.add(name, "token_refused", times=5)

    done = tell(vendors.sink(name), events, ledger)

    assert f"ACTIVATION__{name.upper()}__" in done.stopped
    assert {*states(ledger).values()} == {"pending"}
    vendors.faults.clear()
    assert tell(vendors.sink(name), events, ledger).states["confirmed"] == 3


@pytest.mark.parametrize("kind", ["429", "429_retry_after", "throttled"])
@pytest.mark.parametrize("name", [*AD_SINKS, "hubspot", "respond_io"])
def test_a_throttled_sink_is_waited_for(name: str, kind: str, vendors: Vendors, ledger: Ledger) -> None:
    vendors.faults.add(name, kind, times=3)

    done = tell(vendors.sink(name), told(name, vendors, 2), ledger)

    assert done.states == Counter(confirmed=2)
    assert not vendors.faults.pending


@pytest.mark.parametrize("name", [*AD_SINKS, "hubspot", "respond_io"])
def test_a_sink_that_stays_throttled_is_left_for_the_next_run(name: str, vendors: Vendors, ledger: Ledger) -> None:
    vendors.faults.add(name, "429", times=50)

    done = tell(vendors.sink(name), told(name, vendors, 2), ledger)

    assert "too many" in done.stopped
    assert {*states(ledger).values()} == {"pending"}


@pytest.mark.parametrize("name", [*AD_SINKS, "hubspot", "respond_io"])
def test_where_the_address_is_another_one_nothing_is_refused(name: str, vendors: Vendors, ledger: Ledger) -> None:
    vendors.faults.add(name, "redirect")

    done = tell(vendors.sink(name), told(name, vendors, 2), ledger)

    assert "Correct the base URL." in done.stopped
    assert {*states(ledger).values()} == {"pending"}


@pytest.mark.parametrize("kind", ["500", "html_200", "truncated_json"])
@pytest.mark.parametrize("name", [*AD_SINKS, "hubspot", "respond_io"])
def test_an_answer_that_says_nothing_is_as_none(name: str, kind: str, vendors: Vendors, ledger: Ledger) -> None:
    vendors.faults.add(name, kind, times=2)

    done = tell(vendors.sink(name), told(name, vendors, 2), ledger)

    assert done.states == Counter(confirmed=2)
    assert len(vendors.books.counted(name)) == 2


@pytest.mark.parametrize("name", [*AD_SINKS, "hubspot", "respond_io"])
def test_without_an_answer_it_is_sent_again_where_the_sink_counts_it_once(
    name: str, vendors: Vendors, ledger: Ledger
) -> None:
    # The answer is lost after the event was taken.
    vendors.faults.add(name, "no_answer")

    done = tell(vendors.sink(name), told(name, vendors, 2), ledger)

    assert done.states == Counter(confirmed=2)
    assert len(vendors.books.counted(name)) == 2


def test_without_an_answer_an_event_of_a_conversation_is_for_a_person_to_decide(
    vendors: Vendors, ledger: Ledger
) -> None:
    events = [purchase("meta", 1, ctwa_clid="ARA1"), purchase("meta", 2)]
    vendors.faults.add("meta", "no_answer")

    for _ in range(2):
        tell(vendors.sink("meta"), events, ledger)

    assert states(ledger) == {"meta-1": "unknown", "meta-2": "confirmed"}
    assert len(vendors.books.told("meta", "Purchase:meta-1")) == 1
    assert ledger.decide("unknown", "confirmed", "meta", NOW) == 1
    assert states(ledger)["meta-1"] == "confirmed"


@pytest.mark.parametrize("name", ["meta", "tiktok"])
def test_what_was_sent_without_an_answer_is_unknown_once_the_sink_would_count_it_twice(
    name: str, vendors: Vendors, ledger: Ledger
) -> None:
    event = purchase(name, 1)
    ledger.note([(event.event_id, name, event.person_id)], NOW)
    ledger.send([(event.event_id, "hash")], NOW)

    done = tell(vendors.sink(name), [event], ledger, NOW + timedelta(hours=49))

    assert done.states == Counter(unknown=1)
    assert vendors.books.told(name) == []


def test_a_token_that_expires_between_two_tries_does_not_make_an_unclear_event_certain(
    vendors: Vendors, ledger: Ledger
) -> None:
    event = purchase("meta", 1)
    ledger.note([(event.event_id, "meta", event.person_id)], NOW)
    ledger.send([(event.event_id, "hash")], NOW)  # and then the process died
    vendors.faults.add("meta", "token_refused")
    tell(vendors.sink("meta"), [event], ledger, NOW + timedelta(hours=47))

    done = tell(vendors.sink("meta"), [event], ledger, NOW + timedelta(hours=49))

    assert done.states == Counter(unknown=1)
    assert vendors.books.told("meta") == []


def test_a_refund_is_told_to_google_a_day_after_its_order_as_what_is_left_of_it(
    vendors: Vendors, ledger: Ledger
) -> None:
    sink, order = vendors.sink("google_ads"), purchase("google_ads", 1)
    part, rest = (
        purchase(
            "google_ads",
            number,
            rule="refund",
            order_id=order.order_id,
            adjustment=adjustment,
            adjusted_event_id=order.event_id,
            value_amount=value,
            occurred_at=NOW - timedelta(minutes=10 - number),
        )
        for number, adjustment, value in ((2, "restatement", 30), (3, "retraction", 0))
    )
    other = replace(part, event_id="of an order before", adjusted_event_id="never told")
    done = tell(sink, [order, part, rest, other], ledger)
    assert done.held_back == {"what it adjusts was not told": 3}
    assert tell(sink, [order, part, rest], ledger).held_back == {"what it adjusts was told less than 24 hours ago": 2}

    vendors.servers["google_ads"].advance(vendors.servers["google_ads"].clock + 86_400)
    try:
        done = tell(sink, [order, part, rest], ledger, NOW + timedelta(days=1))
    finally:
        vendors.servers["google_ads"].advance(vendors.servers["google_ads"].clock - 86_400)

    assert done.states == Counter(confirmed=2)
    bodies = [each.body for each in vendors.books.counted("google_ads")][1:]
    assert [(each["adjustmentType"], each.get("restatementValue")) for each in bodies] == [
        ("RESTATEMENT", {"adjustedValue": 30.0, "currencyCode": "EUR"}),
        ("RETRACTION", None),
    ]


def test_google_names_the_conversions_that_it_does_not_take(vendors: Vendors, ledger: Ledger) -> None:
    events = [
        purchase("google_ads", 1),
        purchase("google_ads", 2, order_id="shopify:1001"),  # the order of the first one
        purchase("google_ads", 3, event_name="unheard of"),
    ]

    done = tell(vendors.sink("google_ads"), events, ledger)

    assert done.held_back == {"ACTIVATION__GOOGLE_ADS__CONVERSION_ACTIONS has no action for unheard of": 1}
    assert len(vendors.books.counted("google_ads")) == 1
    assert states(ledger) == {"google_ads-1": "confirmed", "google_ads-2": "confirmed"}


def test_hubspot_is_told_of_a_stage_that_goes_back(vendors: Vendors, ledger: Ledger) -> None:
    (record,) = vendors.record_ids("hubspot", 1)
    sink = vendors.sink("hubspot")

    for hours, stage in enumerate(("customer", "lead", "customer")):
        done = tell(sink, [state("hubspot", record, stage)], ledger, NOW + timedelta(hours=hours))
        assert done.states == Counter(confirmed=1)
        assert stages_of(vendors, record)[-1] == stage

    assert tell(sink, [state("hubspot", record, "customer")], ledger, NOW + timedelta(hours=3)).states.total() == 0
    assert stages_of(vendors, record).count("") == 1  # cleared once, on the way back


def test_hubspot_names_the_records_and_values_that_it_does_not_take(vendors: Vendors, ledger: Ledger) -> None:
    first, second = vendors.record_ids("hubspot", 2)
    events = [
        state("hubspot", first, "customer", lifetime_value_amount=412.5, churn_band="low"),
        state("hubspot", second, "no such stage"),
        state("hubspot", "999999999999", "lead"),
    ]

    done = tell(vendors.sink("hubspot"), events, ledger)

    assert done.states == Counter(confirmed=1, refused=2)
    answers = {entry.event_id: entry.answer for entry in ledger.entries().values() if entry.state == "refused"}
    assert "INVALID_OPTION" in answers[f"hubspot-{second}-no such stage"]
    assert "OBJECT_NOT_FOUND" in answers["hubspot-999999999999-lead"]
    assert vendors.books.told("hubspot", first)[0].body == {
        "lifecyclestage": "customer",
        "lifetime_value": "412.50",
        "churn_band": "low",
    }


def test_respond_io_is_told_each_contact_by_itself(vendors: Vendors, ledger: Ledger) -> None:
    first, second = vendors.record_ids("respond_io", 2)
    events = [state("respond_io", first, "Cold Lead"), state("respond_io", second, "No such stage")]

    done = tell(vendors.sink("respond_io"), events, ledger)

    assert done.states == Counter(confirmed=1, refused=1)
    assert [each.body for each in vendors.books.told("respond_io")] == [{"name": "Cold Lead"}]


def test_a_state_that_was_overtaken_before_its_answer_came_is_not_told_any_more(
    vendors: Vendors, ledger: Ledger
) -> None:
    (record,) = vendors.record_ids("hubspot", 1)
    before, after = state("hubspot", record, "lead"), state("hubspot", record, "customer")
    ledger.note([(before.event_id, "hubspot", before.person_id)], NOW)
    ledger.send([(before.event_id, "hash")], NOW)

    tell(vendors.sink("hubspot"), [after], ledger, NOW + timedelta(hours=1))

    assert states(ledger) == {before.event_id: "expired", after.event_id: "confirmed"}


def test_a_whole_request_has_as_many_events_as_the_sink_takes(vendors: Vendors, ledger: Ledger) -> None:
    done = tell(vendors.sink("meta"), [purchase("meta", number) for number in range(1001)], ledger)

    assert done.states == Counter(confirmed=1001)
    assert vendors.servers["meta"].requests >= 2


def test_no_address_is_in_the_ledger_whatever_a_vendor_repeats(ledger: Ledger) -> None:
    ledger.note([("e", "meta", "p")], NOW)
    ledger.send([("e", "hash")], NOW)
    ledger.settle({"e": ("refused", "100: ana.smith+x@example.com or +33 6 12 34 56 78 is not hashed")}, NOW)

    answer = ledger.entries()["e"].answer

    assert not re.search(r"@|\d{2} \d{2}", answer)
    assert "is not hashed" in answer


def told(name: str, vendors: Vendors, count: int) -> list[Event]:
    """So many events that a sink takes."""
    if name in AD_SINKS:
        return [purchase(name, number) for number in range(count)]
    stage = {"hubspot": "evangelist", "respond_io": "Payment"}[name]
    return [state(name, record, stage) for record in vendors.record_ids(name, count)]


def stages_of(vendors: Vendors, record: str) -> list[str]:
    return [
        each.body["lifecyclestage"] for each in vendors.books.told("hubspot", record) if "lifecyclestage" in each.body
    ]
