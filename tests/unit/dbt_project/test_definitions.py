"""One word, one meaning: marts that speak of customers, revenue and spend mean the same, whatever a company sells by.

Companies are drawn: people who order, subscribe, sign deals, are paid back or do nothing, and campaigns with costs.
What they are worth and who of them is a customer is worked out in Python, and asked of every mart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.dbt_project.compiling import compiled_models, dbt_environment, parsed

AS_OF = datetime(2026, 3, 10, 6, tzinfo=UTC)
CORE = (
    "dim_customers",
    "dim_cohort_ages",
    "fct_customer_months",
    "fct_purchase_days",
    "fct_purchase_summaries",
)
MARTS = (
    "customer_value",
    "ltv_cohorts",
    "acquisition_payback",
    "revenue_concentration",
    "campaign_performance",
    "retention_cohorts",
)
INPUTS = """
    create table core.dim_persons (
        person_id text, first_touch_platform text, first_touch_channel text, first_touch_campaign_id text,
        first_touched_at timestamp, created_at timestamp
    );
    create table core.fct_orders (order_id text, person_id text, paid_at timestamp, rate_to_reporting double);
    create table core.fct_subscriptions (subscription_id text, person_id text, started_at timestamp);
    create table core.fct_deals (deal_id text, person_id text, is_won boolean, closed_at timestamp);
    create table core.fct_revenue_entries (
        person_id text, order_id text, entry_type text, amount_reporting decimal(18, 4),
        gross_margin_amount_reporting decimal(18, 4), order_view_at timestamp, cash_view_at timestamp
    );
    create table core.fct_ad_spend (
        platform text, campaign_id text, spent_on date, spend_amount_reporting decimal(18, 4), impressions bigint,
        clicks bigint, claimed_conversion_count decimal(18, 4)
    );
    create table core.dim_campaigns (campaign_id text, platform text, campaign_name text);
    insert into core.dim_campaigns values ('c1', 'meta_ads', 'One'), ('c2', 'google_ads', 'Two');
    create table core.dim_days as
        select unnest(generate_series(date '2024-12-01', date '2026-03-11', interval 1 day))::date as date_day;
"""


@dataclass
class Company:
    """People by number, what each did, and what was spent. Amounts are in cents."""

    touches: list[tuple[str | None, int]]  # campaign and day of the first touch, a person each
    orders: list[tuple[int, int | None, int]] = field(default_factory=list)  # person, day of payment, amount
    subscriptions: list[tuple[int, int | None, int]] = field(default_factory=list)  # person, first paid day, payments
    deals: list[tuple[int, bool | None, int]] = field(default_factory=list)  # person, won, day of closing
    refunds: list[tuple[int, int, int]] = field(default_factory=list)  # person, day, amount; of no known order
    spend: list[tuple[str, int, int]] = field(default_factory=list)  # campaign, day, amount


def day(number: int) -> datetime:
    return datetime(2025, 1, 1, 12) + timedelta(days=number)


def companies(*kinds: str) -> st.SearchStrategy[Company]:
    days, person = st.integers(0, 430), st.integers(0, 7)
    cents = st.integers(1, 100_000)
    kept = {
        "orders": st.lists(st.tuples(person, st.none() | days, cents), max_size=12),
        "subscriptions": st.lists(st.tuples(person, st.none() | days, st.integers(1, 4)), max_size=6),
        "deals": st.lists(st.tuples(person, st.none() | st.booleans(), days), max_size=6),
        "refunds": st.lists(st.tuples(person, days, cents), max_size=4),
    }
    touches = st.lists(st.tuples(st.sampled_from(["c1", "c2", None]), days), min_size=8, max_size=8)
    spend = st.lists(st.tuples(st.sampled_from(["c1", "c2"]), days, cents), max_size=8, unique_by=lambda row: row[:2])
    return st.builds(Company, touches=touches, spend=spend, **{kind: kept[kind] for kind in kinds})


@pytest.fixture(scope="module")
def queries(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    settings = {"LIFECYCLE_AS_OF": AS_OF.isoformat(), "LIFECYCLE_REPORTING_CURRENCY": "EUR"}
    with dbt_environment(tmp_path_factory.mktemp("definitions"), settings):
        return compiled_models(*CORE, *MARTS)


@pytest.fixture
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("attach ':memory:' as warehouse; use warehouse")
        connection.execute("create schema core; create schema marts; create schema predictions")
        connection.execute(INPUTS)
        for source in parsed().sources.values():
            if source.source_name == "predictions":
                columns = ", ".join(f"{column.name} {column.data_type}" for column in source.columns.values())
                connection.execute(f"create table predictions.{source.identifier} ({columns})")
        yield connection


def fill(database: duckdb.DuckDBPyConnection, table: str, rows: list[tuple[Any, ...]]) -> None:
    database.execute(f"delete from {table}")
    if rows:
        database.executemany(f"insert into {table} values ({', '.join('?' * len(rows[0]))})", rows)


def entries(company: Company) -> list[tuple[Any, ...]]:
    """The ledger of a company: person, order, kind, amount, margin, both instants."""
    sales = [
        (f"p{person}", f"o{number}", "sale", Decimal(cents) / 100, None, day(paid), day(paid))
        for number, (person, paid, cents) in enumerate(company.orders)
        if paid is not None
    ]
    payments = [
        (f"p{person}", None, "subscription_payment", Decimal(10), Decimal(8), day(start + 30 * n), day(start + 30 * n))
        for person, start, count in company.subscriptions
        if start is not None
        for n in range(count)
        if day(start + 30 * n).replace(tzinfo=UTC) <= AS_OF
    ]
    refunds = [
        (f"p{person}", None, "refund", -Decimal(cents) / 100, None, day(at), day(at))
        for person, at, cents in company.refunds
    ]
    return [*sales, *payments, *refunds]


def build(database: duckdb.DuckDBPyConnection, queries: dict[str, str], company: Company) -> None:
    platforms = {"c1": "meta_ads", "c2": "google_ads"}
    fill(
        database,
        "core.dim_persons",
        [
            (f"p{n}", platforms.get(campaign or ""), "web", campaign, day(at), day(at))
            for n, (campaign, at) in enumerate(company.touches)
        ],
    )
    paid = [
        (f"o{n}", f"p{person}", None if at is None else day(at), 1.0)
        for n, (person, at, _) in enumerate(company.orders)
    ]
    fill(database, "core.fct_orders", paid)
    begun = [
        (f"s{n}", f"p{person}", None if at is None else day(at))
        for n, (person, at, _) in enumerate(company.subscriptions)
    ]
    fill(database, "core.fct_subscriptions", begun)
    fill(
        database,
        "core.fct_deals",
        [(f"d{n}", f"p{person}", won, day(at)) for n, (person, won, at) in enumerate(company.deals)],
    )
    fill(database, "core.fct_revenue_entries", entries(company))
    fill(
        database,
        "core.fct_ad_spend",
        [(platforms[c], c, day(at).date(), Decimal(cents) / 100, 10, 1, None) for c, at, cents in company.spend],
    )
    for name in (*CORE, *MARTS):
        schema = "core" if name in CORE else "marts"
        database.execute(f"create or replace table {schema}.{name} as {queries[name]}")


def first_purchases(company: Company) -> dict[str, datetime]:
    """Each customer's first purchase: an order paid, a subscription begun, a deal won."""
    purchases = [(person, at) for person, at, _ in company.orders if at is not None]
    purchases += [(person, at) for person, at, _ in company.subscriptions if at is not None]
    purchases += [(person, at) for person, won, at in company.deals if won]
    return {f"p{person}": day(min(at for one, at in purchases if one == person)) for person, _ in purchases}


def judge(database: duckdb.DuckDBPyConnection, queries: dict[str, str], company: Company) -> None:
    build(database, queries, company)

    def ask(query: str) -> Any:
        row = database.execute(query).fetchone()
        assert row is not None
        return row[0]

    expected = first_purchases(company)
    customers = len(expected)
    revenue = sum((entry[3] for entry in entries(company)), Decimal(0))
    spent = sum((Decimal(cents) / 100 for *_, cents in company.spend), Decimal(0))

    assert dict(database.execute("select person_id, first_purchased_at from core.dim_customers").fetchall()) == expected
    stated = "select person_id, first_purchased_at from marts.customer_value where is_customer"
    assert dict(database.execute(stated).fetchall()) == expected

    assert ask("select coalesce(sum(customer_count), 0) from marts.campaign_performance") == customers
    everyone = "select coalesce(max(customer_count), 0) from marts.revenue_concentration where period = 'all'"
    assert ask(everyone) == customers
    for breakdown in ("all", "channel", "campaign"):
        where = f"from marts.acquisition_payback where breakdown = '{breakdown}'"
        assert ask(f"select coalesce(sum(customer_count), 0) {where}") == customers
        assert ask(f"select coalesce(sum(spend_amount_reporting), 0) {where}") == spent
    over = sum(at.date().replace(day=1) < date(2026, 3, 1) for at in expected.values())
    assert ask("select coalesce(sum(cohort_size), 0) from marts.ltv_cohorts where age_months = 0") == over
    ordering = len({person for person, at, _ in company.orders if at is not None and day(at).date() < date(2026, 3, 1)})
    cohorts = "select coalesce(sum(cohort_size), 0) from marts.retention_cohorts "
    first_days = "where cohort_period = 'month' and retention_kind = 'n_day' and from_day = 1"
    assert ask(cohorts + first_days) == ordering

    assert ask("select coalesce(sum(historic_value_amount_reporting), 0) from marts.customer_value") == revenue
    assert ask("select coalesce(sum(revenue_amount_reporting), 0) from marts.campaign_performance") == revenue
    assert ask("select coalesce(sum(spend_amount_reporting), 0) from marts.campaign_performance") == spent


DRAWN = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


@DRAWN
@given(company=companies("orders", "subscriptions", "deals", "refunds"))
def test_marts_agree_on_a_company_that_sells_in_every_way(database, queries, company: Company) -> None:
    judge(database, queries, company)


@pytest.mark.parametrize("kind", ["orders", "subscriptions", "deals"])
def test_marts_agree_on_a_company_that_sells_in_one_way(database, queries, kind: str) -> None:
    @settings(DRAWN, max_examples=15)
    @given(company=companies(kind))
    def drawn(company: Company) -> None:
        judge(database, queries, company)

    drawn()


def test_a_company_that_only_signs_deals_has_customers_and_what_they_cost(database, queries) -> None:
    company = Company(
        touches=[("c1", 3), ("c1", 4), (None, 5)],
        deals=[(0, True, 20), (1, True, 25), (2, False, 30), (0, True, 40)],
        spend=[("c1", 3, 10_000)],
    )
    judge(database, queries, company)
    rows = database.execute(
        "select customer_count, spend_amount_reporting, customer_acquisition_cost_reporting "
        "from marts.acquisition_payback where breakdown = 'all'"
    ).fetchall()
    assert rows == [(2, Decimal(100), 50.0)]
