"""Events of Stripe that the receiver wrote into the inbox, beside those that the API lists."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion import pipelines
from ingestion.sources.stripe import CUSTOMER, completed, latest_events, pushed_events
from ingestion.watermark import instant
from ingestion.wire import Spool
from tests.unit.ingestion.sources.stripe.test_stripe import DAY, NOW, account, customer, subscription

__all__ = ["account"]


class Inbox:
    """The inbox of the account, as the receiver writes it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.file = folder / "received-1.jsonl"

    def push(self, *events: object) -> None:
        with self.file.open("a") as file:
            for event in events:
                envelope = {"received_at": "2026-10-31T06:00:00Z", "headers": {}, "event": event}
                file.write(json.dumps(envelope) + "\n")


@pytest.fixture
def pushed(data_dir: Path) -> Inbox:
    return Inbox(data_dir / "inbox" / "stripe")


def spooled(events: list[Any]) -> Spool:
    found = Spool()
    for event in events:
        found.add(event["id"], event)
    return found


@given(st.data())
def test_by_whichever_way_events_come_the_same_ones_count(data: st.DataObject) -> None:
    number = data.draw(st.integers(0, 12))
    times = data.draw(st.permutations(range(NOW, NOW + number)))
    events = [
        {"id": f"evt_{at}", "type": "customer.updated", "created": at, "data": {"object": customer(at % 3, name=at)}}
        for at in times
    ]
    newest_first = sorted(events, key=lambda event: -event["created"])
    since, before = (data.draw(st.none() | st.integers(NOW - 1, NOW + 12)) for _ in range(2))
    within = [
        event
        for event in newest_first
        if (since is None or event["created"] >= since) and (before is None or event["created"] < before)
    ]
    is_listed = data.draw(st.lists(st.booleans(), min_size=len(within), max_size=len(within)))
    listed = [event for event, is_so in zip(within, is_listed, strict=True) if is_so]
    # what is not listed was pushed; of what is listed, some was pushed too, in any order and more than once
    unlisted = [event for event in events if event not in listed]
    again = data.draw(st.lists(st.sampled_from(events), max_size=6)) if events else []
    arrived = data.draw(st.permutations([*unlisted, *again]))
    # what is listed counts as Stripe lists it: an endpoint may be told in a version of its own
    written = [{**event, "api_version": "of the endpoint"} if event in listed else event for event in arrived]
    entries = [{"where": "line", "event": event, "received_at": None} for event in written]

    found = completed(
        spooled(listed),
        pushed_events(entries).events,
        "customer.*",
        None if since is None else instant(since),
        None if before is None else instant(before),
    )

    assert sorted(found, key=lambda event: -event["created"]) == within
    by_customer = {event["data"]["object"]["id"]: event for event in latest_events(CUSTOMER, found)}
    assert by_customer == {event["data"]["object"]["id"]: event for event in latest_events(CUSTOMER, spooled(within))}


def test_what_was_only_pushed_is_loaded_once_and_what_came_late_undoes_nothing(
    account, pushed, query, monkeypatch, caplog
):
    account.lists = {"/customers": [customer(1, email="first@x.io")], "/subscriptions": [subscription("active")]}
    listed = account.tell("customer.subscription.updated", NOW - DAY, subscription("active"), status="past_due")
    # longer ago than Stripe lists
    forgotten = account.tell("customer.subscription.updated", NOW - 50 * DAY, subscription("past_due"), status="active")
    late = account.tell("customer.updated", NOW - 2 * DAY, customer(1, email="late@x.io"))
    news = account.tell("customer.updated", NOW + DAY, customer(1, email="second@x.io"))
    elsewhere = {**account.tell("customer.updated", NOW + DAY + 5, customer(1)), "account": "acct_connected"}
    account.happened = [listed]
    pushed.push(forgotten, listed, forgotten, [1], {"id": "evt_x", "type": "payout.paid", "created": NOW})
    with pushed.file.open("a") as file:
        file.write('{"received_at": "2026-10-31T06:00:00Z", "text": "{half", "unreadable": "not JSON: why"}\n')

    with caplog.at_level("INFO"):
        pipelines.run("stripe")

    history = "select id, status from raw_stripe.subscription_events order by created"
    assert query(history) == [(forgotten["id"], "past_due"), (listed["id"], "active")]
    assert query("select status from raw_stripe.subscriptions") == ["active"]  # as it is, not as it was told long ago
    assert query("select record, reason from raw_stripe.rejected_records order by reason") == [
        ("[1]", "received-1.jsonl line 4: an event with id and type is expected"),
        ("{half", "received-1.jsonl line 6: not JSON: why"),
    ]
    assert "stripe: 3 events in the inbox, 1 of them of kinds that no table reads" in caplog.text

    pushed.push(news, late, elsewhere)
    monkeypatch.setenv("LIFECYCLE_AS_OF", "2026-11-01T07:00:00Z")
    for _ in range(2):
        pipelines.run("stripe")

        emails = "select email, _dlt_valid_to is null from raw_stripe.customers order by _dlt_valid_from"
        assert query(emails) == [("first@x.io", False), ("second@x.io", True)]
        assert query(history) == [(forgotten["id"], "past_due"), (listed["id"], "active")]
