"""Attribution: conversions, the touches that count for each, their credit, and the paths, worked out again in Python.

Histories are drawn: several conversions a person, paybacks, touches after the last conversion and at one instant, deals
of companies, guests. The published figures are a dbt unit test beside `attribution_credits`.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.dbt_project.compiling import compiled, compiled_models, dbt_environment, invoke
from tests.unit.dbt_project.databases import empty_database

AS_OF = datetime(2026, 3, 10, 6, tzinfo=UTC)
START = datetime(2025, 6, 1)
WINDOW, HALF_LIFE = 90, 7  # days
ANY_TOUCH = [
    "ad_clicked",
    "form_submitted",
    "lead_created",
    "conversation_opened",
    "broadcast_replied",
    "referral_made",
]
MODELS = ["first", "last", "last_non_direct", "linear", "position", "time_decay"]
STAGE = ("b2c", "consideration")
TABLES = ("fct_touches", "fct_conversions", "fct_attribution_paths", "attribution_credits", "campaign_attribution")
INPUTS = """
    create schema core; create schema marts;
    create table core.fct_activities (
        activity_id text, person_id text, account_id text, activity text, occurred_at timestamp, channel text,
        campaign_id text, ad_id text, attributes text
    );
    create table core.fct_orders (order_id text, person_id text, paid_at timestamp);
    create table core.fct_revenue_entries (
        order_id text, subscription_id text, entry_type text, amount_reporting decimal(18, 4),
        gross_margin_amount_reporting decimal(18, 4)
    );
    create table core.fct_subscriptions (subscription_id text, person_id text, started_at timestamp);
    create table core.fct_deals (
        deal_id text, person_id text, account_id text, is_won boolean, closed_at timestamp,
        deal_amount_reporting decimal(18, 4)
    );
    create table core.fct_lifecycle_episodes (
        episode_id text, lifecycle_model text, stage text, entity_type text, entity_id text, entered_at timestamp
    );
    create table core.dim_campaigns (campaign_id text, platform text, campaign_name text);
    insert into core.dim_campaigns values ('c1', 'meta_ads', 'One');
    create table core.fct_ad_spend (
        campaign_id text, spent_on date, spend_amount_reporting decimal(18, 4), claimed_conversion_count decimal(18, 4)
    );
"""


@dataclass(frozen=True)
class Activity:
    person: int
    account: int | None
    kind: str
    hour: int
    channel: str | None
    campaign: str | None
    begun_by: str | None


@dataclass(frozen=True)
class Company:
    """What happened: people and accounts by number, hours since the start, amounts in ten-thousandths."""

    activities: list[Activity]
    orders: list[tuple[int | None, int | None, int]]  # person, hour of payment, amount
    refunds: list[tuple[int, int]]  # number of the order, amount
    subscriptions: list[tuple[int, int | None, int | None]]  # person, hour of the start, amount where it has a rate
    deals: list[tuple[int | None, int, bool, int | None, int]]  # person, account, won, amount, hour
    entries: list[tuple[str, str, int]]  # entity type, stage, hour: of the first person or account
    spend: list[tuple[str, int, int]]  # campaign, hour, amount


# Few hours, so that many things happen at one instant, and several conversions lie within one window.
HOURS = st.integers(0, 80).map(lambda step: step * 60)
PEOPLE, AMOUNTS = st.integers(0, 2), st.integers(0, 3_000_000)
ACTIVITIES = st.builds(
    Activity,
    person=PEOPLE,
    account=st.sampled_from([None, 0, 1]),
    kind=st.sampled_from([*ANY_TOUCH[:4], "checkout_started", "message_received"]),
    hour=HOURS,
    channel=st.sampled_from([None, "web", "whatsapp"]),
    campaign=st.sampled_from([None, "c1", "c2"]),
    begun_by=st.sampled_from([None, "contact", "company"]),
)
COMPANIES = st.builds(
    Company,
    activities=st.lists(ACTIVITIES, max_size=14),
    orders=st.lists(st.tuples(st.none() | PEOPLE, st.none() | HOURS, AMOUNTS), max_size=6),
    refunds=st.lists(st.tuples(st.integers(0, 5), AMOUNTS), max_size=4),
    subscriptions=st.lists(st.tuples(PEOPLE, st.none() | HOURS, st.none() | AMOUNTS), max_size=3),
    deals=st.lists(
        st.tuples(st.none() | PEOPLE, st.integers(0, 1), st.booleans(), st.none() | AMOUNTS, HOURS), max_size=3
    ),
    entries=st.lists(
        st.tuples(st.sampled_from(["person", "account"]), st.sampled_from([STAGE[1], "awareness"]), HOURS), max_size=3
    ),
    spend=st.lists(st.tuples(st.sampled_from(["c1", "c3"]), HOURS, AMOUNTS), max_size=4),
)


@pytest.fixture(scope="module")
def queries(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    variables = {"LIFECYCLE_AS_OF": AS_OF.isoformat(), "LIFECYCLE_REPORTING_CURRENCY": "EUR"}
    with dbt_environment(tmp_path_factory.mktemp("attribution"), variables):
        return compiled_models(*TABLES)


@pytest.fixture
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with empty_database("warehouse") as connection:
        connection.execute(INPUTS)
        yield connection


def at(hour: int) -> datetime:
    return START + timedelta(hours=hour)


def money(units: int | None) -> Decimal | None:
    return None if units is None else Decimal(units) / 10_000


def named(letter: str, number: int | None) -> str | None:
    return None if number is None else f"{letter}{number}"


def build(database: duckdb.DuckDBPyConnection, queries: dict[str, str], company: Company) -> None:
    sold = [
        (f"o{n}", None, "sale", money(amount), None)
        for n, (_, paid, amount) in enumerate(company.orders)
        if paid is not None
    ]
    rows: dict[str, list[tuple[Any, ...]]] = {
        "fct_activities": [
            (
                f"t{n:02}",
                f"p{each.person}",
                named("a", each.account),
                each.kind,
                at(each.hour),
                each.channel,
                each.campaign,
                None,
                f'{{"begun_by": "{each.begun_by}"}}' if each.begun_by else None,
            )
            for n, each in enumerate(company.activities)
        ],
        "fct_orders": [
            (f"o{n}", named("p", person), None if paid is None else at(paid))
            for n, (person, paid, _) in enumerate(company.orders)
        ],
        "fct_revenue_entries": [
            *sold,
            *(
                (f"o{order}", None, "refund", -(money(amount) or 0), None)
                for order, amount in company.refunds
                if f"o{order}" in {entry[0] for entry in sold}
            ),
            *(
                (None, f"s{n}", "subscription_payment", money(amount), money(amount))
                for n, (_, start, amount) in enumerate(company.subscriptions)
                if start is not None
            ),
        ],
        "fct_subscriptions": [
            (f"s{n}", f"p{person}", None if start is None else at(start))
            for n, (person, start, _) in enumerate(company.subscriptions)
        ],
        "fct_deals": [
            (f"d{n}", named("p", person), f"a{account}", won, at(hour), money(amount))
            for n, (person, account, won, amount, hour) in enumerate(company.deals)
        ],
        "fct_lifecycle_episodes": [
            (f"e{n}", STAGE[0], stage, kind, f"{kind[0]}0", at(hour))
            for n, (kind, stage, hour) in enumerate(company.entries)
        ],
        "fct_ad_spend": [(c, at(hour).date(), money(amount), 1) for c, hour, amount in company.spend],
    }
    for table, values in rows.items():
        database.execute(f"delete from core.{table}")
        if values:
            database.executemany(f"insert into core.{table} values ({', '.join('?' * len(values[0]))})", values)
    for name in TABLES:
        schema = "core" if name.startswith("fct_") else "marts"
        database.execute(f"create or replace table {schema}.{name} as {queries[name]}")


def touches_of(company: Company, entity: str) -> list[tuple[datetime, str, bool]]:
    """Instant, id, and whether it is direct, in order."""
    found = []
    for n, each in enumerate(company.activities):
        is_touch = each.kind in ANY_TOUCH or (each.kind == "checkout_started" and each.campaign is not None)
        if is_touch and each.begun_by != "company" and entity in (f"p{each.person}", named("a", each.account)):
            found.append((at(each.hour), f"t{n:02}", each.channel is None and each.campaign is None))
    return sorted(found)


def conversions_of(company: Company) -> list[tuple[str, str, str, str | None, datetime, Decimal | None]]:
    """Kind, series, record, entity, instant and value of each conversion."""
    found: list[tuple[str, str, str, str | None, datetime, Decimal | None]] = []
    paid = sorted((at(hour), f"o{n}", person) for n, (person, hour, _) in enumerate(company.orders) if hour is not None)
    seen = set()
    for instant, order, person in paid:
        returned = sum(amount for number, amount in company.refunds if f"o{number}" == order)
        kind = "repeat_order" if person in seen else "first_order"
        if person is not None:
            seen.add(person)
        found.append(
            (kind, "order", order, named("p", person), instant, money(company.orders[int(order[1:])][2] - returned))
        )
    for n, (person, start, amount) in enumerate(company.subscriptions):
        if start is not None:
            kind = "subscription_started"
            found.append((kind, kind, f"s{n}", f"p{person}", at(start), money(amount)))
    for n, (buyer, account, won, worth, hour) in enumerate(company.deals):
        if won:
            found.append(("deal_won", "deal_won", f"d{n}", named("p", buyer) or f"a{account}", at(hour), money(worth)))
    for n, (kind_of_entity, stage, hour) in enumerate(company.entries):
        if stage == STAGE[1]:
            kind = f"stage:{STAGE[0]}.{stage}"
            found.append((kind, kind, f"e{n}", f"{kind_of_entity[0]}0", at(hour), None))
    return found


def shares(touches: list[tuple[datetime, str, bool]], converted_at: datetime) -> dict[str, dict[str | None, float]]:
    """Of each model, the share of each touch."""
    if not touches:
        return {model: {None: 1.0} for model in MODELS}
    ids = [touch for _, touch, _ in touches]
    named_ones = [touch for _, touch, is_direct in touches if not is_direct]
    weights = [2 ** (-((converted_at - instant) / timedelta(days=HALF_LIFE))) for instant, _, _ in touches]
    between = 0.2 / max(len(ids) - 2, 1)
    position = {1: [1.0], 2: [0.5, 0.5]}.get(len(ids), [0.4, *([between] * (len(ids) - 2)), 0.4])
    return {
        "first": {ids[0]: 1.0},
        "last": {ids[-1]: 1.0},
        "last_non_direct": {(named_ones or ids)[-1]: 1.0},
        "linear": {touch: 1 / len(ids) for touch in ids},
        "position": dict(zip(ids, position, strict=True)),
        "time_decay": {touch: weight / sum(weights) for touch, weight in zip(ids, weights, strict=True)},
    }


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(company=COMPANIES)
def test_credits_are_those_of_the_rules_and_add_up(
    database: duckdb.DuckDBPyConnection, queries: dict[str, str], company: Company
) -> None:
    build(database, queries, company)
    credits: dict[tuple[str, str], dict[str | None, tuple[float, Decimal, Decimal | None]]] = defaultdict(dict)
    for source, kind, model, touch, credit, value in database.execute(
        "select source_id, conversion_kind, attribution_model, touch_id, credit, value_amount_reporting "
        "from marts.attribution_credits"
    ).fetchall():
        credits[f"{kind} {source}", model][touch] = (float(credit), credit, value)

    latest: dict[tuple[str, str | None], datetime] = {}
    conversions = conversions_of(company)
    assert credits.keys() == {(f"{kind} {source}", model) for kind, _, source, *_ in conversions for model in MODELS}
    for kind, series, source, entity, instant, value in sorted(conversions, key=lambda each: (each[4], each[2])):
        begins = instant - timedelta(days=WINDOW)
        begins = max(begins, latest.get((series, entity or source), begins))
        latest[series, entity or source] = instant
        counted = [touch for touch in touches_of(company, entity or "") if begins < touch[0] <= instant]
        for model, expected in shares(counted, instant).items():
            found = credits[f"{kind} {source}", model]
            assert found.keys() == expected.keys(), (model, found, expected)
            for touch, share in expected.items():
                assert math.isclose(found[touch][0], share, abs_tol=2e-9)
            assert sum(credit for _, credit, _ in found.values()) == 1
            parts = [part for _, _, part in found.values() if part is not None]
            assert (sum(parts) if parts else None) == value
            for touch, (_, _, part) in found.items():
                assert part is None or abs(float(part) - expected[touch] * float(value or 0)) < 1.5e-4 + 2e-9 * abs(
                    float(value or 0)
                )


def steps_of(company: Company, touches: list[tuple[datetime, str, bool]]) -> tuple[str, str]:
    """The path of touches by channel and by campaign; one that does not move is one step."""
    named_ones = [company.activities[int(touch[1:])] for _, touch, _ in touches]
    channels = ["direct" if each.channel is each.campaign is None else each.channel or "unknown" for each in named_ones]
    campaigns = [each.campaign or "none" for each in named_ones]
    by_channel, by_campaign = (" > ".join(step for step, _ in groupby(steps)) for steps in (channels, campaigns))
    return by_channel or "direct", by_campaign or "none"


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(company=COMPANIES)
def test_a_touch_is_on_the_path_of_its_conversion_or_on_a_lost_one_or_still_open(
    database: duckdb.DuckDBPyConnection, queries: dict[str, str], company: Company
) -> None:
    build(database, queries, company)
    found = database.execute(
        "select conversion_kind, entity_id, is_converted, touch_count, channel_path, campaign_path, "
        "value_amount_reporting from core.fct_attribution_paths"
    ).fetchall()

    window, expected = timedelta(days=WINDOW), []
    latest: dict[tuple[str, str | None], datetime] = {}
    first_paid: dict[str | None, datetime] = {}
    taken: dict[tuple[str, str | None], set[str]] = defaultdict(set)
    for kind, series, source, entity, instant, value in sorted(conversions_of(company), key=lambda c: (c[4], c[2])):
        begins = max(instant - window, latest.get((series, entity or source), instant - window))
        latest[series, entity or source] = instant
        if kind == "first_order":
            first_paid[entity] = instant
        touches = [touch for touch in touches_of(company, entity or "") if begins < touch[0] <= instant]
        taken[series, entity] |= {touch for _, touch, _ in touches}
        expected.append((kind, entity, True, len(touches), *steps_of(company, touches), value))
    for kind, series in (
        ("first_order", "order"),
        ("repeat_order", "order"),
        ("subscription_started", "subscription_started"),
        ("deal_won", "deal_won"),
        (f"stage:{STAGE[0]}.{STAGE[1]}", f"stage:{STAGE[0]}.{STAGE[1]}"),
        ("stage:b2b.negotiation_and_purchase", "stage:b2b.negotiation_and_purchase"),
    ):
        for entity in ("a0", "a1") if kind.startswith("stage:b2b") else ("p0", "p1", "p2"):
            lost: list[list[tuple[datetime, str, bool]]] = []
            for touch in touches_of(company, entity):
                is_before = touch[0] <= first_paid.get(entity, touch[0])
                if touch[1] in taken[series, entity] or touch[0] > AS_OF.replace(tzinfo=None) - window:
                    continue
                if series == "order" and is_before != (kind == "first_order"):
                    continue
                if not lost or touch[0] - lost[-1][-1][0] >= window:
                    lost.append([])
                lost[-1].append(touch)
            expected += [(kind, entity, False, len(path), *steps_of(company, path), None) for path in lost]
    assert Counter(found) == Counter(expected)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(company=COMPANIES)
def test_a_campaign_has_the_sum_of_its_credits_and_every_view_has_all_of_the_spend(
    database: duckdb.DuckDBPyConnection, queries: dict[str, str], company: Company
) -> None:
    build(database, queries, company)
    credited = database.execute(
        "select conversion_kind, attribution_model, sum(credit), sum(coalesce(value_amount_reporting, 0)) "
        "from marts.attribution_credits group by all order by all"
    ).fetchall()
    in_campaigns = database.execute(
        "select conversion_kind, attribution_model, sum(credited_conversion_count), "
        "sum(coalesce(value_amount_reporting, 0)) from marts.campaign_attribution group by all order by all"
    ).fetchall()
    unknown = database.execute(
        "select count(*) from marts.attribution_credits where value_amount_reporting is null"
    ).fetchall()[0][0]
    assert [row[:3] for row in in_campaigns] == [row[:3] for row in credited]
    assert unknown or in_campaigns == credited
    spent = sum((money(amount) or Decimal(0) for _, _, amount in company.spend), Decimal(0))
    for (spend,) in database.execute(
        "select sum(spend_amount_reporting) from marts.campaign_attribution group by conversion_kind, attribution_model"
    ).fetchall():
        assert spend == spent


@pytest.mark.parametrize(
    ("windows", "message"),
    [
        ({"first_oder": 90}, "first_oder: a conversion is first_order, repeat_order"),
        ({"first_order": 0}, "first_order: give the days"),
        ({"first_order": "90"}, "first_order: give the days"),
        ({"stage:b2c.considering": 90}, "stage:b2c.considering: the stage model b2c has the stages awareness, "),
        ({"stage:b2c": 90}, "stage:b2c: a conversion is"),
    ],
)
def test_a_conversion_that_nothing_can_be_is_refused(
    tmp_path_factory: pytest.TempPathFactory, windows: dict[str, Any], message: str
) -> None:
    with dbt_environment(tmp_path_factory.mktemp("refused")):
        result = invoke("{{ refuse_unknown_conversions(" + repr(windows) + ") }} select 1 as one")

    assert not result.success
    assert re.search(re.escape(message), str(result.exception)), result.exception


def test_a_stage_of_a_model_that_is_not_enabled_is_no_mistake(tmp_path_factory: pytest.TempPathFactory) -> None:
    with dbt_environment(tmp_path_factory.mktemp("allowed")):
        assert compiled("{{ refuse_unknown_conversions({'stage:nobody_s.stage': 90}) }} select 1 as one").split()
