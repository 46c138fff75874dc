from __future__ import annotations

import dataclasses
import re
import shutil
from collections import Counter
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from sandbox.advertising import RESTATED_DAYS, Advertising, account_day, day_start
from sandbox.biography import Biography
from sandbox.company import Company
from sandbox.exchange_rates import ExchangeRates
from sandbox.experiments import MESSAGE, WINDOW_DAYS
from sandbox.files import Files
from sandbox.life import LIFE_DAYS
from sandbox.orders import CATALOGUE
from sandbox.records import Line, Order, Person
from sandbox.settings import DAY, NOW, CompanySettings
from sandbox.truth import Truth

SETTINGS = CompanySettings(people=120, days=150, seed=3)
CLOCK = int(NOW.timestamp())


def test_same_settings_same_history() -> None:
    one, other = Company(SETTINGS), Company(SETTINGS)
    assert one.people(CLOCK) == other.people(CLOCK)
    assert one.companies(CLOCK) == other.companies(CLOCK)


def test_another_seed_is_another_history() -> None:
    other = dataclasses.replace(SETTINGS, seed=4)
    assert Company(SETTINGS).people(CLOCK) != Company(other).people(CLOCK)


def test_history_does_not_depend_on_how_the_clock_got_there() -> None:
    straight, step_by_step = Company(SETTINGS), Company(SETTINGS)
    for days in (-100, -1, 0, 5, 9):
        step_by_step.people(CLOCK + days * DAY)
    later = CLOCK + 9 * DAY
    assert step_by_step.people(later) == straight.people(later)
    # and what is told of an earlier day is the same to one that already knows the later one
    fresh = Company(SETTINGS)
    for table in ("people", "records", "activities", "stage_moves", "orders", "refunds", "first_touch"):
        assert getattr(Truth(straight, CLOCK), table)().equals(getattr(Truth(fresh, CLOCK), table)())


def test_the_number_of_people_is_the_setting_and_more_keep_arriving() -> None:
    company = Company(SETTINGS)
    assert len(company.people(CLOCK)) == SETTINGS.people
    later = company.people(CLOCK + 60 * DAY)
    expected = SETTINGS.people / SETTINGS.days * 60
    assert 0.5 * expected < len(later) - SETTINGS.people < 1.6 * expected
    assert later == sorted(later, key=lambda person: person.arrived_at)


def test_what_was_visible_stays_visible() -> None:
    company = Company(SETTINGS)
    before = Truth(company, CLOCK - DAY).activities().drop_columns(["cluster_key"]).to_pylist()
    after = Truth(company, CLOCK).activities().drop_columns(["cluster_key"]).to_pylist()
    lost = Counter(map(str, before)) - Counter(map(str, after))
    assert not lost
    assert len(after) > len(before)


def test_nothing_of_a_person_happens_twice_in_a_second_or_before_they_arrive() -> None:
    for person in Company(SETTINGS).people(CLOCK):
        instants = [activity.at for activity in person.activities]
        assert min(instants) >= person.arrived_at
        doubled = {at for at, count in Counter(instants).items() if count > 1}
        # cancelling after payment pays back in the same second, and the last payment that fails ends a subscription
        together = {"order_cancelled", "order_refunded"}
        together |= {"payment_failed", "subscription_cancelled", "subscription_ended"}
        # the message that an ad led to opens a conversation
        together |= {"conversation_opened", "message_received"}
        assert all(a.kind in together for a in person.activities if a.at in doubled)


def test_orders_add_up() -> None:
    orders = [order for person in Company(SETTINGS).people(CLOCK) for order in person.orders]
    assert orders
    for order in orders:
        assert order.total == sum(line.discounted_total for line in order.lines) + order.tax + order.shipping
        assert order.refunded(2**40) <= order.total
        assert order.total > 0
        assert sum(payment.amount for payment in order.payments) == (order.total if order.payments else 0)
        assert all(refund.at > order.settled_at for refund in order.refunds if order.settled_at is not None)
    assert any(len(order.payments) == 2 for order in orders)


def test_some_companies_and_deals_have_doubles_that_were_merged_and_name_what_is_left() -> None:
    company = Company(CompanySettings(people=400, days=150, seed=3))
    companies = {record.id: record for record in company.companies(CLOCK)}
    deals = {deal.id: deal for person in company.people(CLOCK) for deal in (*person.deals, *person.merged_deals)}
    for records in (companies, deals):
        doubles = [record for record in records.values() if record.is_archived(CLOCK)]
        assert doubles
        for double in doubles:
            survivors = [r for r in records.values() if r.state(CLOCK).get("hs_merged_object_ids") == str(double.id)]
            assert [survivor.is_archived(CLOCK) for survivor in survivors] == [False]


def test_goods_cost_a_share_of_their_price_by_product_and_one_line_in_a_hundred_has_no_cost() -> None:
    company = Company(CompanySettings(people=400, days=150, seed=3))
    orders = [order for person in company.people(CLOCK) for order in person.orders]
    goods = [(order, line) for order in orders for line in order.lines if not line.is_gift_card]
    shares: dict[str, list[Decimal]] = {}
    for order, line in goods:
        price = line.unit_price / company.rates.shop_rate(order.currency, order.processed_at)
        if line.unit_cost is not None and price > 20:
            shares.setdefault(line.title, []).append(line.unit_cost / price)
    assert all(max(found) - min(found) < Decimal("0.0005") for found in shares.values())  # to the cent
    assert [round(float(shares[title][0]), 2) for title in (CATALOGUE[0], CATALOGUE[-1])] == [0.35, 0.65]
    assert len({round(found[0], 2) for found in shares.values()}) == len(CATALOGUE)
    assert 0 < sum(line.unit_cost is None for _, line in goods) / len(goods) < 0.02
    cards = [line for order in orders for line in order.lines if line.is_gift_card]
    assert cards and all(card.unit_cost is None for card in cards)


def test_the_cost_of_an_order_is_known_where_that_of_all_goods_is() -> None:
    def order(*lines: Line) -> Order:
        zero = Decimal(0)
        return Order(1, None, None, None, "USD", 0, 0, list(lines), zero, zero, zero)

    price = Decimal(10)
    known, unknown = Line(1, "A", "A", 3, price, price, unit_cost=Decimal("1.50")), Line(2, "B", "B", 1, price, price)
    card = Line(3, "GIFT", "Gift card", 1, price, price, is_gift_card=True)
    assert order(known, known, card).cost == 9
    assert order(known, unknown).cost is None
    assert order(card).cost == 0


def test_every_hundred_people_hold_the_hard_cases() -> None:
    people = Company(SETTINGS).people(CLOCK)
    first, second = people[3], people[4]
    assert first.phone == second.phone
    assert first.customer_number and second.customer_number and first.customer_number != second.customer_number
    assert len(people[7].orders[0].lines) > 50
    assert len(people[8].orders[0].refunds) > 20
    assert any(order.email and "unknown.example" in order.email for order in people[12].orders)
    late = [order for order in people[15].orders if order.created_at > order.processed_at + 15 * DAY]
    assert late
    assert any(order.customer_id is None and order.email is None for order in people[20].orders)
    assert {order.currency for order in people[21].orders} == {"CLP"}
    assert any(order.is_test for order in people[25].orders)


def test_buying_is_heterogeneous_and_ends() -> None:
    people = Company(dataclasses.replace(SETTINGS, people=600, days=400)).people(CLOCK)
    buyers = [person for person in people if person.purchase_rate is not None]
    rates = sorted(person.purchase_rate or 0 for person in buyers)
    assert rates[len(rates) // 10] * 5 < rates[9 * len(rates) // 10]
    for person in buyers:
        assert person.alive_until is not None
        assert person.alive_until <= person.arrived_at + (LIFE_DAYS + 60) * DAY
    repeaters = sum(len(person.orders) > 1 for person in buyers)
    assert 0.25 < repeaters / len(buyers) < 0.85


def test_deals_with_companies_take_long_and_have_a_committee() -> None:
    company = Company(dataclasses.replace(SETTINGS, people=1000, days=548))
    deals = [deal for person in company.people(CLOCK) for deal in person.deals if deal.created_at <= CLOCK]
    business = [deal for deal in deals if deal.companies]
    assert max(len({tie.record_id for tie in deal.contacts}) for deal in business) > 3
    assert all([tie.label for tie in deal.contacts].count("Decision maker") == 1 for deal in deals)
    assert all([tie.label for tie in deal.companies].count("Primary") == 1 for deal in business)
    assert any(len(deal.companies) > 1 for deal in business)
    stages = [[change.value for change in deal.known(CLOCK) if change.name == "dealstage"] for deal in business]
    assert any(len(path) == 6 for path in stages)
    assert any("closedlost" in path[:-1] for path in stages)
    closed = [deal.touched_at(CLOCK) - deal.created_at for deal in business if "closedate" in deal.state(CLOCK)]
    assert sorted(closed)[len(closed) // 2] > 30 * DAY
    untouched = [deal for deal in business if deal.touched_at(CLOCK) < CLOCK - 120 * DAY]
    assert any("closedate" not in deal.state(CLOCK) for deal in untouched)
    assert {str(deal.state(CLOCK)["dealname"]).split()[0] for deal in business} == {"Deal", "Expansion", "Renewal"}


def test_groups_of_companies_go_two_levels_deep() -> None:
    parents = {
        str(record.id): record.state(CLOCK)["hs_parent_company_id"] for record in Company(SETTINGS).companies(CLOCK)
    }
    assert any(parents.get(parents.get(company) or "") is not None for company in parents)


def test_spend_and_purchases_are_restated_for_28_days_and_then_stand() -> None:
    advertising = Advertising(5, CLOCK - 100 * DAY)
    campaign = next(c for c in advertising.campaigns(CLOCK) if c.kind == "normal")
    day = advertising.days(campaign, CLOCK)[10]
    told = [advertising.insights(campaign, day, day_start(day) + 12 * 3600 + age * DAY) for age in range(40)]
    purchases = [sum(row.purchases for row in rows) for rows in told]
    spend = [round(sum(row.spend for row in rows), 2) for rows in told]
    assert purchases == sorted(purchases) and purchases[0] < purchases[-1]
    assert 0 < spend[0] < spend[1]  # half a day, then the whole
    assert spend[1] > spend[3] == spend[-1]  # credited back
    assert len(set(purchases[RESTATED_DAYS:])) == 1


def test_a_day_of_the_account_is_new_yorks() -> None:
    assert account_day(CLOCK).isoformat() == "2026-10-31"
    assert account_day(CLOCK - 3 * 3600).isoformat() == "2026-10-30"


def test_some_campaigns_only_cost_and_some_only_bring() -> None:
    company = Company(dataclasses.replace(SETTINGS, people=400, days=400))
    people, campaigns = company.people(CLOCK), company.advertising.campaigns(CLOCK)
    brought = {person.campaign_id for person in people}
    spent = {c.id for c in campaigns if company.advertising.days(c, CLOCK)}
    assert any(c.kind == "wasted" and c.id in spent and c.id not in brought for c in campaigns)
    assert any(c.kind == "free" and c.id not in spent and c.id in brought for c in campaigns)


def test_rates_have_no_weekends_and_do_not_change_later() -> None:
    early, late = ExchangeRates(9, CLOCK - 30 * DAY), ExchangeRates(9, CLOCK - 30 * DAY)
    late.published(CLOCK + 50 * DAY)
    published = early.published(CLOCK)
    assert published == late.published(CLOCK)
    assert all(day.weekday() < 5 for day, _, _ in published)
    assert max(day for day, _, _ in published).isoformat() == "2026-10-30"
    assert "CLP" not in {currency for _, currency, _ in published}


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-10-30T09:00:00", "2026-10-30"),  # a Friday morning
        ("2026-10-30T19:00:00", "2026-11-02"),  # Friday evening -> Monday
        ("2026-10-31T12:00:00", "2026-11-02"),
        ("2026-11-02T05:00:00", "2026-11-02"),
    ],
)
def test_people_answer_in_working_hours(at: str, expected: str) -> None:
    import datetime as dt

    import numpy as np

    story = Biography(Person(0, 0, "ES", "A", "B", "chat", [], ""), np.random.default_rng(1), 0, 0)
    instant = int(dt.datetime.fromisoformat(at).replace(tzinfo=dt.UTC).timestamp())
    answered = dt.datetime.fromtimestamp(story.working_time(instant), dt.UTC)
    assert answered.date().isoformat() == expected
    assert 8 <= answered.hour < 18
    assert answered.timestamp() >= instant


def inbox_of(files: Files) -> dict[str, tuple[str, float]]:
    return {path.name: (path.read_text(), path.stat().st_mtime) for path in files.inbox.iterdir()}


def test_files_of_past_days_never_change_and_tell_nothing_of_the_future(tmp_path: Path) -> None:
    company = Company(SETTINGS)
    step_by_step, straight = Files(tmp_path / "a"), Files(tmp_path / "b")
    before: dict[str, tuple[str, float]] = {}
    for days in range(-8, 1):
        clock = CLOCK + days * DAY
        step_by_step.write(company, clock)
        after = inbox_of(step_by_step)
        assert before.items() <= after.items()
        for text, modified in after.values():
            assert modified <= clock
            instants = re.findall(r'"event_id": "evt-\d[^}]*?"timestamp": (\d+)', text)
            assert all(int(at) <= clock for at in instants)
        before = after
    straight.write(Company(SETTINGS), CLOCK)
    assert before == inbox_of(straight)
    rates = [(folder.data / "exchange_rates.csv").read_text() for folder in (step_by_step, straight)]
    assert rates[0] == rates[1]


def test_folders_that_are_up_to_date_need_nobody_to_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = dataclasses.replace(SETTINGS, people=50)
    Files(tmp_path).write(Company(settings), CLOCK)
    written = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with monkeypatch.context() as patch:
        patch.setattr(Company, "people", lambda *_: pytest.fail("people were made"))
        Files(tmp_path).write(Company(settings), CLOCK)

    shutil.rmtree(tmp_path / "files")
    Files(tmp_path).write(Company(settings), CLOCK)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == written
    later = CLOCK + 20 * DAY
    Files(tmp_path).write(Company(settings), later)
    assert len([*(tmp_path / "inbox").iterdir()]) > len([path for path in written if path.parent.name == "inbox"])


def test_surveys_come_under_addresses_that_the_shop_knows(tmp_path: Path) -> None:
    import csv

    company = Company(dataclasses.replace(SETTINGS, people=600, days=400))
    files = Files(tmp_path)
    files.write(company, CLOCK)
    with (files.data / "surveys.csv").open() as lines:
        answers = [row for row in csv.DictReader(lines) if row["response_id"] != "SV-malformed"]
    assert {row["survey_type"] for row in answers} == {"review", "nps", "csat"}
    assert len({row["score"] for row in answers if row["survey_type"] == "review"}) >= 3
    assert max(row["responded_at"] for row in answers) <= NOW.strftime("%Y-%m-%dT%H:%M:%SZ")
    surveyed = [person for person in company.people(CLOCK) if person.surveys]
    for person in surveyed:
        shown = {
            value for r in person.records if r.system == "shopify" for _, (name, value) in r.keys if name == "email"
        }
        assert {survey.email for survey in person.surveys} <= shown
    expected = sum(survey.at <= CLOCK for person in surveyed for survey in person.surveys)
    assert len(answers) == expected > 50


def test_the_arms_of_the_experiment_are_alike_in_size_and_apart_in_effect(tmp_path: Path) -> None:
    import csv

    company = Company(dataclasses.replace(SETTINGS, people=600, days=400))
    files = Files(tmp_path)
    files.write(company, CLOCK)
    with (files.data / "experiments.csv").open() as lines:
        drawn = {row["assignment_id"]: row for row in csv.DictReader(lines)}
    people = [p for p in company.people(CLOCK) if p.assignment is not None and p.assignment.at <= CLOCK]
    assert len(drawn) == len(people) > 150
    returned = []
    for person in people:
        assert person.assignment is not None
        row, at = drawn[person.assignment.id], person.assignment.at
        paid = sorted(order.paid_at for order in person.orders if order.paid_at is not None and not order.is_test)
        assert (row["email"], row["arm"]) == (person.assignment.email, person.assignment.arm)
        assert at == paid[0] + DAY
        returned.append(any(at < again <= at + WINDOW_DAYS * DAY for again in paid))
    chances = np.array([person.assignment.message_probability for person in people if person.assignment])
    in_message = np.array([person.assignment.arm == MESSAGE for person in people if person.assignment])
    assert abs(in_message.mean() - 0.5) < 4 * np.sqrt(0.25 / len(people))
    expected = [np.average(returned, weights=weights) for weights in (chances, 1 - chances)]
    found = [np.mean(np.array(returned)[arm]) for arm in (in_message, ~in_message)]
    assert 0.07 < expected[0] - expected[1] < 0.16
    assert abs((found[0] - found[1]) - (expected[0] - expected[1])) < 4 * np.sqrt(1 / len(people))


def test_the_inbox_holds_late_double_and_shuffled_events(tmp_path: Path) -> None:
    import json

    files = Files(tmp_path)
    files.write(Company(dataclasses.replace(SETTINGS, people=400)), CLOCK)
    ids: Counter[str] = Counter()
    shuffled = late = 0
    for path in files.inbox.iterdir():
        instants = []
        for line in path.read_text().splitlines():
            try:
                arrived = json.loads(line)
            except ValueError:
                continue  # malformed on purpose
            event = arrived.get("event", arrived)
            ids[str(event["event_id"])] += 1
            if "received_at" in arrived:
                instants.append(datetime.fromisoformat(arrived["received_at"]).timestamp())
            opened_at = event.get("conversation", {}).get("conversationOpenedAt")
            late += opened_at is not None and path.stat().st_mtime - opened_at > 2.5 * DAY
        shuffled += instants != sorted(instants)
    assert shuffled and late
    assert any(count > 1 for event_id, count in ids.items() if event_id != "evt-malformed")
