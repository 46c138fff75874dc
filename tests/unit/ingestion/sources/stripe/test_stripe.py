from __future__ import annotations

import json
import re
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pytest
import responses
from hypothesis import given
from hypothesis import strategies as st

from ingestion import pipelines
from ingestion.http import Client, VendorError
from ingestion.sources import stripe
from ingestion.sources.stripe import (
    CUSTOMER,
    SUBSCRIPTION,
    Billing,
    credit_note_row,
    discount_rows,
    dispute_rows,
    invoice_row,
    item_rows,
    judge,
    latest_events,
    line_rows,
    subscription_event_item_rows,
    subscription_event_row,
    tier_rows,
)
from ingestion.wire import ABSENT, AbsentRows, Spool

BASE = "https://stripe.example/v1"
VERSION = "2025-03-31.basil"
NOW = 1_793_426_400  # 2026-10-31T06:00:00Z, the instant of the tests' settings
DAY = 86_400
NO_LIST = {"object": "list", "data": [], "has_more": False}


class FakeStripe:
    """An account: its lists by path, its events; pages as the caller asks."""

    def __init__(self) -> None:
        self.writes = VERSION  # the account's own version, in which its events are written
        self.lists: dict[str, list[dict]] = {}
        self.happened: list[dict] = []
        self.faults: list[tuple[int, dict]] = []
        self.expire_cursors = 0
        self.asked: list[tuple[str, dict]] = []
        self.versions: set[str] = set()

    def tell(self, kind: str, at: int, record: dict, **previous: object) -> dict:
        event = {"id": f"evt_{len(self.happened)}", "type": kind, "created": at, "api_version": self.writes}
        event["data"] = {"object": record} | ({"previous_attributes": previous} if previous else {})
        self.happened.insert(0, event)
        return event

    def answer(self, path: str, params: dict) -> tuple[int, dict]:
        self.asked.append((path, params))
        if self.faults:
            return self.faults.pop(0)
        parent, _, identifier = path.rpartition("/")
        if parent in self.lists and path not in self.lists:
            found = next((each for each in self.lists[parent] if each["id"] == identifier), None)
            gone = {"type": "invalid_request_error", "code": "resource_missing", "param": "id", "message": "No such"}
            return (200, found) if found else (404, {"error": gone})
        rows = self.lists.get(path, [])
        if path == "/events":
            group = params.get("type", "").removesuffix("*")
            since = int(params.get("created[gte]", NOW - 30 * DAY))
            rows = [each for each in self.happened if each["type"].startswith(group) and each["created"] >= since]
        start = 0
        if after := params.get("starting_after"):
            if self.expire_cursors:
                self.expire_cursors -= 1
                error = {"type": "invalid_request_error", "code": "resource_missing", "param": "starting_after"}
                return 400, {"error": {**error, "message": f"No such object: '{after}'"}}
            start = 1 + next(place for place, each in enumerate(rows) if each["id"] == after)
        end = start + int(params.get("limit", 10))
        return 200, {"object": "list", "data": rows[start:end], "has_more": end < len(rows)}


@pytest.fixture
def account(web, monkeypatch, begin_with_raw_tables) -> FakeStripe:
    begin_with_raw_tables("stripe")
    fake = FakeStripe()

    def answer(request):
        parts = urlsplit(request.url)
        params = {name: values[0] for name, values in parse_qs(parts.query).items()}
        fake.versions.add(request.headers["Stripe-Version"])
        if request.headers["Authorization"] != "Bearer stripe-key":
            return 401, {}, json.dumps({"error": {"type": "invalid_request_error", "message": "Invalid API Key"}})
        status, body = fake.answer(parts.path.removeprefix("/v1"), params)
        headers = {"Stripe-Rate-Limited-Reason": "endpoint-rate"} if status == 429 else {}
        return status, headers, json.dumps(body)

    web.add_callback(responses.GET, re.compile(f"{BASE}/.*"), answer)
    monkeypatch.setenv("SOURCES__STRIPE__BASE_URL", BASE)
    monkeypatch.setenv("SOURCES__STRIPE__API_KEY", "stripe-key")
    monkeypatch.setenv("SOURCES__STRIPE__API_VERSION", VERSION)
    return fake


def reader() -> Billing:
    headers = {"Authorization": "Bearer stripe-key", "Stripe-Version": VERSION}
    return Billing(Client("stripe", BASE, headers, judge), VERSION)


def customer(number: int, **fields: object) -> dict:
    return {"id": f"cus_{number}", "object": "customer", "created": NOW - 90 * DAY, "email": f"{number}@x.io", **fields}


def item(number: int, amount: int = 900, quantity: int = 1) -> dict:
    recurring = {"interval": "month", "interval_count": 1, "usage_type": "licensed"}
    price = {"id": f"price_{amount}", "currency": "eur", "unit_amount_decimal": str(amount), "recurring": recurring}
    period = {"current_period_start": NOW - DAY, "current_period_end": NOW + 29 * DAY}
    return {"id": f"si_{number}", "created": NOW - 60 * DAY, "price": price, "quantity": quantity, **period}


def subscription(status: str = "active", items: list[dict] | None = None, **fields: object) -> dict:
    held = {"object": "list", "data": [item(1)] if items is None else items, "has_more": False}
    begun = {"created": NOW - 60 * DAY, "customer": "cus_1", "currency": "eur", "start_date": NOW - 60 * DAY}
    return {"id": "sub_1", "object": "subscription", "status": status, "items": held, **begun, **fields}


def invoice(number: int, lines: dict | None = None, **fields: object) -> dict:
    details = {"subscription": "sub_1", "subscription_item": "si_1", "proration": False}
    line = {"id": f"il_{number}", "amount": 900, "quantity": 1, "period": {"start": NOW - DAY, "end": NOW}}
    line |= {"parent": {"subscription_item_details": details}, "pricing": {"price_details": {"price": "price_900"}}}
    money = {"currency": "jpy", "total": 1080, "total_excluding_tax": 900}
    record = {"id": f"in_{number}", "object": "invoice", "created": NOW - DAY, "status": "paid", **money}
    record["parent"] = {"subscription_details": {"subscription": "sub_1"}}
    record["status_transitions"] = {"finalized_at": NOW - DAY, "paid_at": NOW - DAY + 5}
    return {**record, "lines": lines or {"data": [line], "has_more": False}, **fields}


# ---- the whole way


def test_the_first_run_reads_the_lists_and_the_history_that_events_tell(account, query):
    account.lists = {
        "/customers": [customer(1, address={"country": "JP"}, metadata={"customer_number": "C1"})],
        "/products": [{"id": "prod_1", "created": NOW, "name": "Basic"}],
        "/prices": [{"id": "price_900", "created": NOW, "currency": "jpy", "unit_amount": 900}],
        "/subscriptions": [subscription("past_due")],
        "/invoices": [invoice(1)],
        "/charges": [{"id": "ch_1", "created": NOW, "currency": "jpy", "amount": 1080, "status": "failed"}],
    }
    account.tell("customer.subscription.updated", NOW - DAY, subscription("past_due"), status="active")
    intake = pipelines.run("stripe")
    assert not intake.rejected
    assert account.versions == {VERSION}
    assert {params["status"] for path, params in account.asked if path == "/subscriptions"} == {"all"}
    assert query("select email, address_country, metadata_customer_number, deleted from raw_stripe.customers") == [
        ("1@x.io", "JP", "C1", False)
    ]
    assert query("select total, total_excluding_tax, subscription, epoch(paid_at) from raw_stripe.invoices") == [
        (1080, 900, "sub_1", NOW - DAY + 5)
    ]
    assert query("select status, previous_status, has_items from raw_stripe.subscription_events") == [
        ("past_due", "active", True)
    ]
    assert query("select unit_amount_decimal from raw_stripe.prices") == [900]
    assert query("select subscription, id, unit_amount_decimal, quantity from raw_stripe.subscription_items") == [
        ("sub_1", "si_1", 900, 1)
    ]


def test_a_second_run_reads_events_alone_with_a_lag_and_replays_add_nothing(account, query, monkeypatch):
    account.lists = {"/customers": [customer(1), customer(2)]}
    pipelines.run("stripe")
    account.asked.clear()
    account.tell("customer.updated", NOW + 60, customer(1, email="new@x.io"))
    monkeypatch.setenv("LIFECYCLE_AS_OF", "2026-11-01T06:00:00Z")
    pipelines.run("stripe")
    assert {path for path, _ in account.asked} == {"/events"}
    began, *read = [params for _, params in account.asked]
    assert began == {"type": "customer.*", "limit": "1"}  # what time it is
    assert {params["created[gte]"] for params in read} == {str(NOW - 3600)}
    pipelines.run("stripe")
    versions = "select id, email, _dlt_valid_to is null from raw_stripe.customers order by id, _dlt_valid_from"
    assert query(versions) == [("cus_1", "1@x.io", False), ("cus_1", "new@x.io", True), ("cus_2", "2@x.io", True)]


@pytest.mark.parametrize(
    ("present", "reads_everything"), [("2026-11-30T04:00:00Z", False), ("2026-11-30T06:00:00Z", True)]
)
def test_a_pause_longer_than_events_are_kept_reads_everything_again(
    account, query, monkeypatch, caplog, present, reads_everything
):
    account.lists = {"/customers": [customer(1)]}
    pipelines.run("stripe")
    account.lists["/customers"].append(customer(2))  # of which no event tells any more
    account.asked.clear()
    monkeypatch.setenv("LIFECYCLE_AS_OF", present)
    pipelines.run("stripe")
    assert ("/customers" in {path for path, _ in account.asked}) == reads_everything
    assert (query("select count(*) from raw_stripe.customers") == [2]) == reads_everything
    assert ("everything is read again" in caplog.text) == reads_everything


def test_a_deleted_customer_is_known_and_a_cancelled_subscription_is_not_deleted(account, query):
    account.lists = {"/customers": [customer(1)], "/subscriptions": [subscription()]}
    pipelines.run("stripe")
    ended = subscription("canceled", canceled_at=NOW - 60, ended_at=NOW - 60)
    account.tell("customer.subscription.deleted", NOW - 60, ended)
    account.tell("customer.deleted", NOW - 50, customer(1))
    pipelines.run("stripe")
    current = "where _dlt_valid_to is null"
    assert query(f"select email, deleted from raw_stripe.customers {current}") == [("1@x.io", True)]
    assert query(f"select status, deleted from raw_stripe.subscriptions {current}") == [("canceled", False)]


def test_an_item_that_was_removed_is_retired(account, query):
    account.lists = {"/subscriptions": [subscription(items=[item(1), item(2)])]}
    pipelines.run("stripe")
    account.tell("customer.subscription.updated", NOW - 60, subscription(items=[item(2, quantity=3)]))
    pipelines.run("stripe")
    assert query("select id, quantity from raw_stripe.subscription_items where _dlt_valid_to is null") == [("si_2", 3)]


def test_lists_within_objects_are_read_to_their_end(account, query, monkeypatch):
    monkeypatch.setattr(stripe, "PAGE", 2)
    many = [item(number) for number in range(1, 6)]
    account.lists = {
        "/subscriptions": [{**subscription(), "items": {"data": many[:2], "has_more": True}}],
        "/subscription_items": many,
        "/invoices": [invoice(1, lines={"data": [{"id": "il_1"}], "has_more": True})],
        "/invoices/in_1/lines": [{"id": f"il_{number}"} for number in range(1, 4)],
    }
    intake = pipelines.run("stripe")
    assert not intake.rejected
    assert query("select id from raw_stripe.subscription_items order by 1") == [f"si_{n}" for n in range(1, 6)]
    assert query("select id from raw_stripe.invoice_lines order by 1") == ["il_1", "il_2", "il_3"]
    assert {params["subscription"] for path, params in account.asked if path == "/subscription_items"} == {"sub_1"}


def test_malformed_records_are_rejections(account, query):
    account.lists = {"/customers": [customer(1, created="last week"), customer(2)], "/refunds": ["no object"]}
    intake = pipelines.run("stripe")
    assert dict(intake.rejected) == {"customers": 1, "refunds": 1}
    assert query("select id from raw_stripe.customers") == ["cus_2"]


def test_a_wrong_key_and_a_missing_one_name_the_setting(account, monkeypatch, capsys):
    monkeypatch.setenv("SOURCES__STRIPE__API_KEY", "wrong-key")
    assert pipelines.main("stripe") == 1
    failed = capsys.readouterr().err.strip().splitlines()[-1]
    assert failed.startswith("failed: stripe: GET /v1/events: ")
    assert "SOURCES__STRIPE__API_KEY" in failed and "wrong-key" not in failed
    monkeypatch.delenv("SOURCES__STRIPE__API_KEY")
    assert pipelines.main("stripe") == 1
    assert "the secret api_key is missing" in capsys.readouterr().err


# ---- pages, limits, errors


def test_both_kinds_of_429_are_waited_for(account, pauses):
    limit = {"error": {"type": "invalid_request_error", "code": "rate_limit", "message": "slow down"}}
    lock = {"error": {"type": "invalid_request_error", "code": "lock_timeout", "message": "locked"}}
    failed = {"error": {"type": "api_error", "message": "oops"}}
    account.faults = [(429, limit), (429, lock), (200, failed)]
    account.lists = {"/customers": [customer(1)]}
    assert len(reader().objects(CUSTOMER)) == 1
    assert pauses == [1, 2, 4]


def test_a_limit_that_stays_says_which(account, pauses):
    limit = {"error": {"type": "invalid_request_error", "code": "rate_limit", "message": "slow down"}}
    account.faults = [(429, limit)] * 9
    with pytest.raises(VendorError, match=r"slow down \[rate_limit\] \(endpoint-rate\)"):
        reader().objects(CUSTOMER)


def test_a_record_that_vanished_while_paging_starts_the_pages_again(account, monkeypatch):
    monkeypatch.setattr(stripe, "PAGE", 2)
    account.lists = {"/customers": [customer(number) for number in range(5)]}
    account.expire_cursors = 1
    assert sorted(reader().objects(CUSTOMER).keys()) == [f"cus_{number}" for number in range(5)]


def test_a_page_that_cannot_be_followed_is_an_error(account):
    account.faults = [(200, {"data": [{"name": "no id"}], "has_more": True})]
    with pytest.raises(VendorError, match="/customers: more records follow"):
        reader().objects(CUSTOMER)


def test_another_error_is_told_as_it_is(account):
    unknown = {"type": "invalid_request_error", "code": "parameter_unknown", "message": "Received unknown parameter"}
    account.faults = [(400, {"error": unknown})]
    with pytest.raises(VendorError, match="Received unknown parameter.*SOURCES__STRIPE__API_VERSION"):
        reader().objects(CUSTOMER)


# ---- events


@given(told=st.lists(st.tuples(st.integers(1, 4), st.integers(0, 5)), max_size=30))
def test_the_latest_event_of_each_object_counts(told):
    """`told`: object and instant of events as Stripe lists them, newest first, but for pages that moved."""
    events = Spool()
    for number, (key, created) in enumerate(told):
        record = {"id": key, "object": "customer", "number": number}
        events.add(number, {"id": number, "type": "customer.updated", "created": created, "data": {"object": record}})
    objects = [event["data"]["object"] for event in latest_events(CUSTOMER, events)]
    found = {each["id"]: each["number"] for each in objects}
    expected: dict[int, int] = {}
    for number, (key, created) in enumerate(told):
        if key not in expected or created > told[expected[key]][1]:
            expected[key] = number
    assert found == expected


def test_events_of_other_objects_are_not_taken():
    events = Spool()
    for kind in ("customer", "subscription", "source"):
        events.add(kind, {"type": f"{kind}.x", "created": 1, "data": {"object": {"id": "1", "object": kind}}})
    assert [each["data"]["object"]["object"] for each in latest_events(SUBSCRIPTION, events)] == ["subscription"]


def test_a_preview_of_an_object_that_does_not_exist_is_no_record(account, query):
    pipelines.run("stripe")
    preview = {key: value for key, value in invoice(1).items() if key != "id"}
    account.tell("invoice.upcoming", NOW - 60, preview)
    intake = pipelines.run("stripe")
    assert (dict(intake.rejected), query("select count(*) from raw_stripe.invoices")) == ({}, [0])


# ---- other versions of the API, and what is shown in part


def in_an_old_version(record: dict) -> dict:
    """An invoice as versions before the configured one wrote it: the subscription stands at the top."""
    return {**{key: value for key, value in record.items() if key != "parent"}, "subscription": "sub_1"}


def test_an_object_told_in_another_version_is_read_again_in_ours(account, query):
    account.lists = {"/invoices": [invoice(1)]}
    pipelines.run("stripe")
    account.lists["/invoices"].append(invoice(2))
    account.writes = "2022-11-15"
    account.tell("invoice.updated", NOW - 60, in_an_old_version(invoice(1)))
    account.tell("invoice.paid", NOW - 50, in_an_old_version(invoice(2)))
    intake = pipelines.run("stripe")
    assert not intake.rejected
    current = "select id, subscription from raw_stripe.invoices where _dlt_valid_to is null order by id"
    assert query(current) == [("in_1", "sub_1"), ("in_2", "sub_1")]
    assert account.versions == {VERSION}


def test_an_answer_that_is_not_the_object_asked_for_stops_the_load_and_says_what_to_do(account):
    account.lists = {"/invoices": [invoice(1)]}
    pipelines.run("stripe")
    account.writes = "2022-11-15"
    account.tell("invoice.updated", NOW - 60, in_an_old_version(invoice(1)))
    account.lists["/invoices/in_1"] = []
    with pytest.raises(Exception) as failed:
        pipelines.run("stripe")
    said = str(pipelines.cause(failed.value))
    assert "2022-11-15" in said and "SOURCES__STRIPE__API_VERSION" in said and "/invoices/in_1" in said


def test_an_object_that_is_gone_since_it_was_told_of_is_left_to_its_own_event(account, query):
    account.lists = {"/customers": [customer(1)]}
    pipelines.run("stripe")
    account.writes = "2022-11-15"
    account.tell("customer.created", NOW - 60, customer(2))
    pipelines.run("stripe")
    assert query("select id from raw_stripe.customers") == ["cus_1"]


def test_an_object_without_what_numbers_depend_on_is_rejected_and_the_last_good_one_stays(account, query):
    account.lists = {"/invoices": [invoice(1)]}
    pipelines.run("stripe")
    account.tell("invoice.updated", NOW - 60, in_an_old_version(invoice(1)))  # said to be in our version
    intake = pipelines.run("stripe")
    assert dict(intake.rejected) == {"invoices": 1, "invoice_lines": 1}
    assert "parent: absent" in next(iter(intake.rejections()))["reason"]
    assert query("select subscription from raw_stripe.invoices where _dlt_valid_to is null") == ["sub_1"]


def test_history_is_read_from_events_of_every_version_that_shows_prices(account, query):
    pipelines.run("stripe")
    account.writes = "2018-02-28"
    account.lists = {"/subscriptions": [subscription("past_due")]}
    plan = {"id": "si_1", "plan": {"id": "plan_1", "amount": 900}, "quantity": 1}
    account.tell("customer.subscription.updated", NOW - 60, subscription("past_due", [plan]), status="active")
    pipelines.run("stripe")
    assert query("select status, previous_status, has_items from raw_stripe.subscription_events") == [
        ("past_due", "active", False)
    ]
    assert query("select count(*) from raw_stripe.subscription_event_items") == [0]


def test_what_an_event_shows_as_ids_is_read_in_full(account, query):
    """Discounts are ids in an event, and of a price neither tiers nor other currencies are there."""
    pipelines.run("stripe")
    coupon = {"id": "half", "duration": "forever", "percent_off": 50, "amount_off": None, "currency": None}
    shown = {"id": "di_1", "start": NOW - DAY, "end": None, "coupon": coupon}
    account.lists["/subscriptions"] = [subscription(discounts=[shown])]
    price = {"id": "price_1", "object": "price", "created": NOW, "currency": "usd", "billing_scheme": "tiered"}
    tiers = [{"up_to": 10, "unit_amount": 500, "flat_amount": None}, {"up_to": None, "unit_amount_decimal": "0.5"}]
    account.lists["/prices"] = [{**price, "tiers": tiers, "currency_options": {"jpy": {"unit_amount": 1500}}}]
    account.tell("customer.subscription.updated", NOW - 60, subscription(discounts=["di_1"]))
    account.tell("price.created", NOW - 60, price)
    pipelines.run("stripe")
    assert query("select id, percent_off, duration from raw_stripe.subscription_discounts") == [("di_1", 50, "forever")]
    assert query("select currency, tier, up_to, unit_amount_decimal from raw_stripe.price_tiers order by 1, 2") == [
        ("jpy", 0, None, 1500),
        ("usd", 0, 10, 500),
        ("usd", 1, None, Decimal("0.5")),
    ]


def test_an_event_tells_the_status_and_the_items_before_it():
    before = {"data": [item(1, 900)], "has_more": False}
    event = {"id": "evt_1", "type": "customer.subscription.updated", "created": NOW, "data": {}}
    event["data"] = {
        "object": subscription("active", [item(1, 1900)]),
        "previous_attributes": {"status": "trialing", "items": before},
    }
    row = subscription_event_row(event)
    assert (row["status"], row["previous_status"], row["has_items"]) == ("active", "trialing", True)
    rows = list(subscription_event_item_rows(event))
    assert [(each["is_previous"], each["unit_amount_decimal"]) for each in rows] == [(False, "1900"), (True, "900")]
    event["data"]["object"]["items"]["has_more"] = True
    assert subscription_event_row(event)["has_items"] is False
    assert list(subscription_event_item_rows(event)) == []


def test_a_discount_tells_of_the_customer_who_got_it(account, query):
    account.lists = {"/customers": [customer(1), customer(2)], "/subscriptions": [subscription()]}
    pipelines.run("stripe")
    coupon = {"id": "half", "duration": "forever", "percent_off": 50}
    discount = {"id": "di_1", "object": "discount", "coupon": coupon, "start": NOW, "customer": "cus_1"}
    account.lists["/customers"][0] = customer(1, discount=discount)
    account.tell("customer.discount.created", NOW - 60, {**discount, "subscription": None})
    pipelines.run("stripe")
    current = "select id, discount_percent_off from raw_stripe.customers where _dlt_valid_to is null order by id"
    assert query(current) == [("cus_1", 50), ("cus_2", None)]
    assert query("select count(*) from raw_stripe.subscriptions") == [1]


# ---- rows


def test_a_subscription_without_items_and_an_invoice_without_lines_are_one_row_each():
    assert [row["id"] for row in item_rows({"id": "sub_1", "items": NO_LIST})] == [None]
    assert [(row["invoice"], row["id"]) for row in line_rows({"id": "in_1"})] == [("in_1", None)]


def test_an_invoice_names_its_subscription_and_its_instants():
    row = invoice_row(invoice(1, billing_reason="subscription_cycle"))
    assert (row["subscription"], row["paid_at"], row["voided_at"]) == ("sub_1", NOW - DAY + 5, ABSENT)
    assert invoice_row({"id": "in_2", "parent": None})["subscription"] is None


def test_part_of_a_cent_is_a_price_too():
    assert (
        list(item_rows({"items": {"data": [{"price": {"unit_amount_decimal": "0.05"}}]}}))[0]["unit_amount_decimal"]
        == "0.05"
    )


def test_a_discount_of_an_item_names_it_and_a_subscription_without_any_is_one_row():
    coupon = {"id": "co", "duration": "forever", "amount_off": 500, "currency": "eur"}
    coupon["applies_to"] = {"products": ["prod_1", "prod_2"]}
    held = {**item(1), "discounts": [{"id": "di_1", "coupon": coupon}]}
    rows = list(discount_rows(subscription(items=[held, {**item(2), "discounts": []}], discounts=[])))
    assert [(row["id"], row["subscription_item"], row["applies_to_products"]) for row in rows] == [
        ("di_1", "si_1", "prod_1,prod_2")
    ]
    assert [row["id"] for row in discount_rows(subscription(items=[], discounts=[]))] == [None]
    (absent,) = discount_rows(subscription(items=[item(2)], discounts=[]))
    assert isinstance(absent, AbsentRows)
    assert absent.unit == {"subscription": "sub_1", "subscription_item": "si_2"}


def test_a_price_that_says_no_amount_is_one_row_without_a_currency():
    price = {"id": "price_1", "currency": "eur", "billing_scheme": "tiered", "unit_amount": None}
    price |= {"unit_amount_decimal": None, "currency_options": {}}
    absent, row = tier_rows(price)
    assert isinstance(absent, AbsentRows)
    assert row == {"price": "price_1"}  # the tiers are not shown: perhaps it has some
    (row,) = tier_rows({**price, "tiers": None})
    assert row["currency"] is row["unit_amount_decimal"] is None
    assert [row["unit_amount_decimal"] for row in tier_rows({**price, "tiers": None, "unit_amount": 0})] == [0]


def test_a_dispute_is_a_row_for_each_movement_and_one_where_nothing_moved():
    taken = {"id": "txn_1", "amount": -11, "fee": 15, "currency": "eur", "created": NOW}
    given_back = {"id": "txn_2", "amount": 11, "fee": 0, "currency": "eur", "created": NOW + DAY}
    record = {"id": "dp_1", "currency": "usd", "amount": 12, "status": "won", "balance_transactions": []}
    assert [row["id"] for row in dispute_rows(record)] == [None]
    rows = list(dispute_rows({**record, "balance_transactions": [taken, given_back]}))
    assert [(row["moved_amount"], row["moved_fee"], row["moved_at"]) for row in rows] == [
        (-11, 15, NOW),
        (11, 0, NOW + DAY),
    ]


def test_a_credit_note_knows_what_refunds_of_their_own_pay_back():
    refunds = [{"amount_refunded": 300, "refund": "re_1"}, {"amount_refunded": 200, "refund": "re_2"}]
    note = {"id": "cn_1", "invoice": "in_1", "pre_payment_amount": 0, "post_payment_amount": 700, "refunds": refunds}
    assert credit_note_row(note)["refunded_amount"] == 500


@pytest.mark.parametrize(
    ("previous", "was_paused"),
    [({}, True), ({"pause_collection": None}, False), ({"status": "active"}, True), (None, True)],
)
def test_a_pause_was_there_before_the_event_unless_the_event_changed_it(previous, was_paused):
    data = {"object": subscription(pause_collection={"behavior": "void"}), "previous_attributes": previous}
    row = subscription_event_row({"id": "evt_1", "data": data})
    assert row["pause_collection_behavior"] == "void"
    assert (row["previous_pause_collection_behavior"] is not None) == was_paused
