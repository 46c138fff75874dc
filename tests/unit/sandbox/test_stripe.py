from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import requests

from sandbox.company import Company
from sandbox.records import Person, Subscription
from sandbox.running import running_sandbox
from sandbox.settings import DAY, CompanySettings
from sandbox.subscriptions import INVOLUNTARY_SHARE, Subscriber, later, minor, price_of


@pytest.fixture
def billing(api: Callable[[str], Any]) -> Any:
    return api("stripe")


def everything(api: Any, path: str, limit: int = 7, **params: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        after = {"starting_after": found[-1]["id"]} if found else {}
        answer = api.get(path, limit=limit, **params, **after).json()
        found += answer["data"]
        if not answer["has_more"]:
            return found


def subscriptions(api: Any) -> list[Subscription]:
    clock = api.sandbox.state.clock
    people = api.sandbox.company.people(clock)
    return [each for person in people for each in person.subscriptions if each.created_at <= clock]


def test_a_wrong_key_and_another_version_are_refused(billing: Any) -> None:
    assert billing.request("GET", "/customers", token="wrong").status_code == 401
    headers = {"Authorization": f"Bearer {billing.token}", "Stripe-Version": "2014-01-31"}
    answer = requests.get(billing.url + "/customers", headers=headers, timeout=9)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_api_version")


def test_lists_page_newest_first_to_the_end(billing: Any) -> None:
    found = everything(billing, "/invoices")
    assert len(found) == len({each["id"] for each in found}) > 20
    assert [each["created"] for each in found] == sorted((each["created"] for each in found), reverse=True)
    assert found == everything(billing, "/invoices", limit=100)


def test_a_cursor_that_nobody_knows_and_an_unknown_parameter_are_refused(billing: Any) -> None:
    answer = billing.get("/invoices", starting_after="in_nobody")
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "starting_after")
    answer = billing.get("/customers", updated=1)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "parameter_unknown")


def test_cancelled_subscriptions_are_listed_only_when_asked_for(billing: Any) -> None:
    told = {each.id: each for each in subscriptions(billing)}
    found = everything(billing, "/subscriptions", status="all")
    assert {each["id"] for each in found} == set(told)
    live = everything(billing, "/subscriptions")
    assert {each["id"] for each in live} == {each["id"] for each in found if each["status"] != "canceled"}
    assert 0 < len(live) < len(found)


def test_created_filters_in_the_server(billing: Any) -> None:
    cut = billing.sandbox.state.clock - 60 * DAY
    found = everything(billing, "/charges", **{"created[gte]": cut})
    assert found and len(found) < len(everything(billing, "/charges"))
    assert min(each["created"] for each in found) >= cut


def test_events_go_back_thirty_days_and_show_the_object_right_after(billing: Any) -> None:
    clock = billing.sandbox.state.clock
    events = everything(billing, "/events", type="customer.subscription.*")
    assert events and all(clock - 30 * DAY <= each["created"] <= clock for each in events)
    assert [each["created"] for each in events] == sorted((each["created"] for each in events), reverse=True)
    now = {each["id"]: each for each in everything(billing, "/subscriptions", status="all")}
    latest: dict[str, dict[str, Any]] = {}
    for event in events:
        latest.setdefault(event["data"]["object"]["id"], event["data"]["object"])
    assert all(now[key] == record for key, record in latest.items())
    statuses = defaultdict(list)
    for event in reversed(events):
        record, previous = event["data"]["object"], event["data"].get("previous_attributes", {})
        if statuses[record["id"]] and "status" in previous:
            assert previous["status"] == statuses[record["id"]][-1]
        statuses[record["id"]].append(record["status"])
    assert {"trialing", "active"} <= {status for told in statuses.values() for status in told}


def test_a_deleted_customer_is_told_by_an_event_alone(billing: Any) -> None:
    gone = {each["data"]["object"]["id"] for each in everything(billing, "/events", type="customer.deleted")}
    assert gone and not gone & {each["id"] for each in everything(billing, "/customers")}


def test_long_lists_within_objects_are_cut_off_and_have_pages(billing: Any) -> None:
    long = [each for each in everything(billing, "/subscriptions", status="all") if each["items"]["has_more"]]
    assert long and all(len(each["items"]["data"]) == 10 for each in long)
    items = everything(billing, "/subscription_items", limit=5, subscription=long[0]["id"])
    assert len(items) == 12 and items[:10] == long[0]["items"]["data"]
    bill = next(each for each in everything(billing, "/invoices") if each["lines"]["has_more"])
    assert len(everything(billing, f"/invoices/{bill['id']}/lines", limit=5)) == 12


def test_money_adds_up_on_every_invoice(billing: Any) -> None:
    paid = defaultdict(int)
    for payment in everything(billing, "/invoice_payments", limit=100, status="paid"):
        paid[payment["invoice"]] += payment["amount_paid"]
    for bill in everything(billing, "/invoices", limit=100):
        lines = bill["lines"]["data"]
        if bill["lines"]["has_more"]:
            lines = everything(billing, f"/invoices/{bill['id']}/lines")
        taken_off = sum(discount["amount"] for discount in bill["total_discount_amounts"])
        assert sum(line["amount"] for line in lines) == bill["subtotal"] == bill["total_excluding_tax"] + taken_off
        assert bill["total"] == bill["total_excluding_tax"] + sum(tax["amount"] for tax in bill["total_taxes"])
        assert paid[bill["id"]] == bill["amount_paid"] == (bill["total"] if bill["status"] == "paid" else 0)


def billed_units(item: dict[str, Any]) -> int:
    """Pieces, or packages of which one that is begun counts."""
    package = item["price"]["transform_quantity"]
    return item["quantity"] if package is None else -(-item["quantity"] // package["divide_by"])


def test_what_is_true_fits_what_the_api_says(billing: Any) -> None:
    clock = billing.sandbox.state.clock
    wires = {each["id"]: each for each in everything(billing, "/subscriptions", status="all", limit=100)}
    for told in subscriptions(billing):
        wire = wires[told.id]
        has_ended = told.ended_at is not None and told.ended_at <= clock
        assert (wire["status"] in ("canceled", "incomplete_expired")) == has_ended
        # What is paused or priced by tiers has tests of its own.
        is_paused, is_tiered = wire["pause_collection"], "'tiered'" in str(wire["items"])
        if has_ended or is_paused or is_tiered or wire["items"]["has_more"]:
            continue
        if told.started_at is not None and told.started_at <= clock:
            decimals = {"jpy": 0, "kwd": 3}.get(wire["currency"], 2)
            monthly = sum(
                Decimal(item["price"]["unit_amount"] * billed_units(item)).scaleb(-decimals)
                / (12 if item["price"]["recurring"]["interval"] == "year" else 1)
                for item in wire["items"]["data"]
            )
            assert abs(told.rate_at(clock) - monthly) < Decimal("0.0001")


def test_every_turn_of_a_subscription_happens() -> None:
    company = Company(CompanySettings(people=900, days=400, seed=3))
    people = company.people(company.start + 400 * DAY)
    told = [each for person in people for each in person.subscriptions]
    assert any(each.trial_started_at and each.started_at is None for each in told)
    assert any(len(each.rates) > 1 and each.rates[1][1] > each.rates[0][1] for each in told)
    assert any(len(each.rates) > 1 and each.rates[1][1] < each.rates[0][1] for each in told)
    assert any(len(person.subscriptions) > 1 for person in people)
    assert {"EUR", "USD", "GBP", "JPY", "KWD"} == {each.currency for each in told}
    kinds = {activity.kind for person in people for activity in person.activities}
    assert {"subscription_renewed", "payment_failed", "subscription_cancelled", "subscription_ended"} <= kinds
    ends = [each for each in told if each.started_at and each.ended_at]
    involuntary = sum(each.cancelled_at == each.ended_at for each in ends) / len(ends)
    assert abs(involuntary - INVOLUNTARY_SHARE) < 0.08


def test_people_leave_at_a_renewal_with_their_own_probability() -> None:
    """Over all renewals of monthly subscriptions, as many ends as the people's own probabilities add up to."""
    company = Company(CompanySettings(people=900, days=400, seed=3))
    expected, variance, ended = 0.0, 0.0, 0
    for person in company.people(company.start + 400 * DAY):
        renewed = Counter(a.record[2] for a in person.activities if a.kind == "subscription_renewed")
        for each in person.subscriptions:
            is_yearly = any(record.id == each.id and "_year" in str(record.state(each.created_at)["items"])
                            for record in person.billing)  # fmt: skip
            if each.started_at is None or is_yearly:
                continue
            theta = person.monthly_churn_probability
            assert theta is not None
            chances = renewed[each.id] + (each.ended_at is not None)
            expected += theta * chances
            variance += theta * (1 - theta) * chances
            ended += each.ended_at is not None
    assert ended > 100
    assert abs(ended - expected) < 4 * variance**0.5


def test_subscriptions_change_nothing_else_of_a_life(monkeypatch: pytest.MonkeyPatch) -> None:
    def lives(company: Company) -> list[Any]:
        people = company.people(company.start + 60 * DAY)
        return [(p.orders, p.hubspot, p.respond, p.emails, p.checkouts, p.surveys, p.deals) for p in people]

    settings = CompanySettings(people=120, days=60, seed=3)
    with_them = lives(Company(settings))
    monkeypatch.setattr(Subscriber, "live", lambda self: None)
    assert with_them == lives(Company(settings))


def test_the_truth_of_recurring_revenue_follows_from_its_subscriptions() -> None:
    with running_sandbox(people=150, days=200) as sandbox:
        clock, truth = sandbox.state.clock, sandbox.truth()
        now = {row["subscription_id"]: row["mrr_amount"] for row in truth.subscriptions().to_pylist()}
        told = truth.monthly_recurring_revenue([clock + 1]).to_pylist()
        assert {row["subscription_id"]: row["mrr_amount"] for row in told} == {k: v for k, v in now.items() if v}
        assert truth.parameters().keys() >= {"churn_a", "churn_b"}


def one_of(place: int, people: int = 120, days: int = 400) -> Person:
    """A person of a company by their place in a hundred, long after they came."""
    company = Company(CompanySettings(people=people, days=days, seed=3))
    return company.people(company.start + days * DAY)[place]


@pytest.mark.parametrize(
    ("product", "quantity", "amount"),
    [
        ("calls", 10, 10 * 120),
        ("calls", 11, 10 * 120 + 80 + 300),
        ("calls", 25, 10 * 120 + 10 * 80 + 300 + 5 * 50),
        ("mails", 10, 10 * 90 + 500),
        ("mails", 11, 11 * 60 + 200),
        ("mails", 25, 25 * 40),
    ],
)
def test_tiers_are_priced_each_for_itself_or_by_volume(product: str, quantity: int, amount: int) -> None:
    assert price_of(product, "EUR").amount_of(quantity) == amount


def test_an_invoice_has_a_line_for_each_tier_and_its_fee() -> None:
    assert price_of("calls", "EUR").parts(25) == [(10, 1200), (10, 800), (1, 300), (5, 250)]
    assert price_of("mails", "EUR").parts(25) == [(25, 1000)]
    person = one_of(33)
    for invoice in (each for each in person.billing if each.kind == "invoice"):
        lines = invoice.state(10**11)["lines"]
        assert sum(line["amount"] for line in lines) == invoice.state(10**11)["subtotal"]
        assert len({(line["period"]["start"], line["pricing"]["price_details"]["price"]) for line in lines}) == 1
    assert max(len(each.state(10**11)["lines"]) for each in person.billing if each.kind == "invoice") > 2


@pytest.mark.parametrize(("place", "mode"), [(33, "graduated"), (35, "volume")])
def test_what_is_priced_by_tiers_grows_through_them(place: int, mode: str) -> None:
    person = one_of(place)
    told = person.subscriptions[0]
    record = next(each for each in person.billing if each.id == told.id)
    items = [change.values["items"][0] for change in record.changes if "items" in change.values]
    price = items[0]["price"]
    assert (price["billing_scheme"], price["tiers_mode"], price["unit_amount_decimal"]) == ("tiered", mode, None)
    quantities = list(dict.fromkeys(item["quantity"] for item in items))
    assert quantities[:2] == [7, 11] and len(told.rates) == len(quantities)
    listed = price_of(price["product"].removeprefix("prod_"), told.currency)
    assert [minor(amount, told.currency) for _, amount in told.rates] == [listed.amount_of(each) for each in quantities]


@pytest.mark.parametrize(
    ("place", "behavior", "status"),
    [(45, "void", "void"), (145, "keep_as_draft", "draft"), (245, "mark_uncollectible", "uncollectible")],
)
def test_a_pause_collects_nothing_once_what_was_paid_has_run_out(place: int, behavior: str, status: str) -> None:
    person = one_of(place, people=260)
    told = person.subscriptions[0]
    record = next(each for each in person.billing if each.id == told.id)
    paused = next(
        change for change in record.changes if "pause_collection" in change.values and change.values["pause_collection"]
    )
    assert paused.values["pause_collection"]["behavior"] == behavior
    assert record.state(10**11)["status"] == "active" and told.ended_at is None
    (_, first), (runs_out_at, after) = told.rates
    assert first > 0 == after and told.rate_at(runs_out_at - 1) == first
    invoices = [each for each in person.billing if each.kind == "invoice" and each.created_at > paused.at]
    assert len(invoices) > 3 and {each.state(10**11)["status"] for each in invoices} == {status}
    assert invoices[0].created_at == runs_out_at
    assert not any(
        change.event == "charge.succeeded" and change.at > paused.at
        for each in person.billing
        for change in each.changes
    )


def test_some_pay_once_without_a_subscription(billing: Any) -> None:
    told = {row["payment_id"]: row for row in billing.sandbox.truth().one_off_payments().to_pylist()}
    invoices = {each["id"]: each for each in everything(billing, "/invoices")}
    charges = {each["id"]: each for each in everything(billing, "/charges")}
    payments = {each["payment"]["payment_intent"]: each["invoice"] for each in everything(billing, "/invoice_payments")}
    alone = {key for key, each in charges.items() if each["payment_intent"] not in payments and each["paid"]}
    own = {key for key, each in invoices.items() if each["parent"] is None and each["status"] == "paid"}
    assert (
        alone | own == told.keys()
        and len(own) == 1
        and {charges[key]["customer"] is None for key in alone} == {True, False}
    )
    for key, row in told.items():
        wire = invoices.get(key) or charges[key]
        assert minor(row["amount"], row["currency"]) == wire.get("total", wire.get("amount"))
        assert row["cluster_key"] == (row["person_key"] if wire["customer"] else None)


def test_the_same_day_of_the_next_month_or_its_last() -> None:
    def day(at: int) -> str:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H")

    start = int(datetime(2026, 1, 31, 9, tzinfo=UTC).timestamp())
    found = [day(later(start, months)) for months in (0, 1, 2, 12)]
    assert found == ["2026-01-31 09", "2026-02-28 09", "2026-03-31 09", "2027-01-31 09"]


def test_currencies_without_and_with_three_decimals() -> None:
    assert (minor(Decimal("1480"), "JPY"), minor(Decimal("3.25"), "KWD"), minor(Decimal("9"), "EUR")) == (
        1480,
        3250,
        900,
    )
    assert price_of("basic", "CLP").currency == "EUR"
    assert price_of("basic", "EUR", "year").amount == 9000
