"""One word, one meaning: marts that speak of customers, money, refunds and churn mean the same, whatever is sold.

Companies are drawn: people who order, subscribe, sign deals, are paid back or do nothing, accounts that they belong to
and that sign deals themselves, and campaigns with costs. What they are worth, who is a customer and who has left is
worked out in Python, and asked of every mart.
"""

from __future__ import annotations

from calendar import monthrange
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.dbt_project.compiling import compiled_models, dbt_environment, parsed
from tests.unit.dbt_project.databases import empty_database

AS_OF = datetime(2026, 3, 10, 6, tzinfo=UTC)
NOW = AS_OF.replace(tzinfo=None)
INACTIVE = timedelta(days=180)  # churn_inactivity_days
CORE = (
    "dim_customers",
    "dim_cohort_ages",
    "fct_customer_months",
    "fct_purchase_days",
    "fct_purchase_summaries",
    "fct_subscriber_spells",
    "fct_mrr_movements",
)
MARTS = (
    "customer_value",
    "ltv_cohorts",
    "acquisition_payback",
    "revenue_concentration",
    "campaign_performance",
    "retention_cohorts",
    "customer_churn",
    "revenue_retention",
)
INPUTS = """
    create table core.dim_persons (
        person_id text, first_touch_platform text, first_touch_channel text, first_touch_campaign_id text,
        first_touched_at timestamp, created_at timestamp
    );
    create table core.fct_orders (order_id text, person_id text, paid_at timestamp, rate_to_reporting double);
    create table core.fct_subscriptions (
        subscription_id text, person_id text, subscriber_id text, started_at timestamp, paying_from_at timestamp,
        recorded_at timestamp, ended_at timestamp, cancelled_at timestamp, trial_started_at timestamp,
        billing_months int
    );
    create table core.fct_subscription_periods (
        subscription_period_id text, subscription_id text, person_id text, subscriber_id text, status text,
        mrr_amount decimal(18, 4), mrr_amount_reporting decimal(18, 4), started_at timestamp, ended_at timestamp
    );
    create table core.fct_activities (person_id text, activity text, occurred_at timestamp);
    create table core.dim_accounts (account_id text, first_person_id text, created_at timestamp);
    create table core.bridge_account_persons (account_id text, person_id text, is_main_account boolean);
    create table core.fct_deals (
        deal_id text, person_id text, account_id text, is_won boolean, closed_at timestamp,
        deal_amount_reporting decimal(18, 4)
    );
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


@dataclass(frozen=True)
class Deal:
    person: int | None
    account: int | None
    is_won: bool | None
    closed_on: int


@dataclass
class Company:
    """People by number, what each did, and what was spent. Amounts are in cents."""

    touches: list[tuple[str | None, int]]  # campaign and day of the first touch, a person each
    orders: list[tuple[int, int | None, int]] = field(default_factory=list)  # person, day of payment, amount
    subscriptions: list[tuple[int, int | None, int]] = field(default_factory=list)  # person, first paid day, months
    deals: list[Deal] = field(default_factory=list)
    members: list[tuple[int, int]] = field(default_factory=list)  # account and person, the main account first
    refunds: list[tuple[int, str, int, int]] = field(default_factory=list)  # person, of what, day, amount
    messages: list[tuple[int, int]] = field(default_factory=list)  # person and day
    spend: list[tuple[str, int, int]] = field(default_factory=list)  # campaign, day, amount


def day(number: int) -> datetime:
    return datetime(2025, 1, 1, 12) + timedelta(days=number)


def companies(*kinds: str) -> st.SearchStrategy[Company]:
    days, person, account = st.integers(0, 430), st.integers(0, 7), st.integers(0, 2)
    decided = st.none() | st.booleans()
    cents = st.integers(1, 100_000)
    kept = {
        "orders": st.lists(st.tuples(person, st.none() | days, cents), max_size=12),
        "subscriptions": st.lists(st.tuples(person, st.none() | days, st.integers(1, 4)), max_size=6),
        "deals": st.lists(st.builds(Deal, st.none() | person, st.none() | account, decided, days), max_size=8),
        "deals of accounts": st.lists(st.builds(Deal, st.none(), st.none() | account, decided, days), max_size=8),
        # Of something that the person bought, or of nothing that is known; what a dispute took comes back below zero.
        "refunds": st.lists(
            st.tuples(
                person, st.sampled_from(["sale", "subscription_payment", ""]), days, st.integers(-50_000, 100_000)
            ),
            max_size=6,
        ),
        "messages": st.lists(st.tuples(person, days), max_size=6),
    }
    touches = st.lists(st.tuples(st.sampled_from(["c1", "c2", None]), days), min_size=8, max_size=8)
    spend = st.lists(st.tuples(st.sampled_from(["c1", "c2"]), days, cents), max_size=8, unique_by=lambda row: row[:2])
    members = st.lists(st.tuples(account, person), max_size=6, unique=True)
    sold = {kind.split()[0]: kept[kind] for kind in kinds}
    return st.builds(Company, touches=touches, spend=spend, members=members, **sold)


@pytest.fixture(scope="module")
def queries(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    settings = {"LIFECYCLE_AS_OF": AS_OF.isoformat(), "LIFECYCLE_REPORTING_CURRENCY": "EUR"}
    with dbt_environment(tmp_path_factory.mktemp("definitions"), settings):
        return compiled_models(*CORE, *MARTS)


@pytest.fixture
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with empty_database("warehouse") as connection:
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
        if day(start + 30 * n) <= NOW
    ]
    bought = [*sales, *payments]
    refunds = []
    for person, kind, at, cents in company.refunds:
        of = next((entry for entry in bought if entry[0] == f"p{person}" and entry[2] == kind), None)
        order, sold_at = (of[1], of[5]) if of else (None, day(at))
        entry_type = "subscription_refund" if of and kind == "subscription_payment" else "refund"
        amount = -Decimal(cents) / 100
        refunds.append((f"p{person}", order, entry_type, amount, None, sold_at, max(day(at), sold_at)))
    return [*bought, *refunds]


def paid_times(company: Company) -> list[tuple[int, int, datetime, datetime | None]]:
    """From when until when each subscription is paid for: its number, who pays, start, and end where that has come."""
    times = [
        (number, person, day(start), day(start + 30 * months))
        for number, (person, start, months) in enumerate(company.subscriptions)
        if start is not None
    ]
    return [(number, person, start, end if end <= NOW else None) for number, person, start, end in times]


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
    times = {number: (start, end) for number, _, start, end in paid_times(company)}
    begun = []
    for n, (person, _, _) in enumerate(company.subscriptions):
        start, end = times.get(n, (None, None))
        begun.append((f"s{n}", f"p{person}", f"p{person}", start, start, start, end, None, None, 1))
    fill(database, "core.fct_subscriptions", begun)
    fill(
        database,
        "core.fct_subscription_periods",
        [
            (f"s{n}:1", f"s{n}", f"p{person}", f"p{person}", "active", 10, 10, start, end)
            for n, person, start, end in paid_times(company)
        ],
    )
    activities = [(f"p{person}", "order_paid", day(at)) for person, at, _ in company.orders if at is not None]
    activities += [(f"p{person}", "message_received", day(at)) for person, at in company.messages]
    fill(database, "core.fct_activities", activities)
    fill(
        database,
        "core.fct_deals",
        [
            (f"d{n}", named("p", deal.person), named("a", deal.account), deal.is_won, day(deal.closed_on), 100)
            for n, deal in enumerate(company.deals)
        ],
    )
    first_persons = {account: first_person(company, account) for account in range(3)}
    fill(
        database,
        "core.dim_accounts",
        [(f"a{account}", named("p", first), day(-account)) for account, first in first_persons.items()],
    )
    main_accounts = {person: account for account, person in reversed(company.members)}
    fill(
        database,
        "core.bridge_account_persons",
        [(f"a{account}", f"p{person}", main_accounts[person] == account) for account, person in company.members],
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


def named(letter: str, number: int | None) -> str | None:
    return None if number is None else f"{letter}{number}"


def first_person(company: Company, account: int) -> int | None:
    """Who was touched first of those who count at an account: everyone counts at the first one of theirs."""
    main_accounts = {person: one for one, person in reversed(company.members)}
    people = [person for person, one in main_accounts.items() if one == account]
    return min(people, key=lambda person: (company.touches[person][1], f"p{person}"), default=None)


def first_purchases(company: Company) -> dict[str, datetime]:
    """Each customer's first purchase: an order paid, a subscription begun, a deal won.

    A deal that names no person makes its account a customer, unless somebody of the account is one.
    """
    purchases = [(f"p{person}", at) for person, at, _ in company.orders if at is not None]
    purchases += [(f"p{person}", at) for person, at, _ in company.subscriptions if at is not None]
    won = [deal for deal in company.deals if deal.is_won]
    purchases += [(f"p{deal.person}", deal.closed_on) for deal in won if deal.person is not None]
    people = {customer for customer, _ in purchases}
    counted = {account for account, person in company.members if f"p{person}" in people}
    purchases += [
        (f"a{deal.account}", deal.closed_on)
        for deal in won
        if deal.person is None and deal.account is not None and deal.account not in counted
    ]
    return {customer: day(min(at for one, at in purchases if one == customer)) for customer, _ in purchases}


def campaign_of(company: Company, customer: str) -> str:
    """The campaign that acquired a customer: of the person's first touch, or of the account's first person."""
    number = int(customer[1:])
    person = number if customer.startswith("p") else first_person(company, number)
    return "none" if person is None else company.touches[person][0] or "none"


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

    def pairs(query: str) -> dict[Any, Any]:
        return dict(database.execute(query).fetchall())

    assert pairs("select customer_id, first_purchased_at from core.dim_customers") == expected
    assert pairs("select customer_id, first_purchased_at from marts.customer_value where is_customer") == expected
    kinds = pairs("select customer_id, coalesce(person_id, account_id) from marts.customer_value where is_customer")
    assert kinds == {customer: customer for customer in expected}
    accounts = "select count(*) from marts.customer_value where customer_type = 'account' and person_id is null"
    assert ask(accounts) == sum(customer.startswith("a") for customer in expected)
    people = "select coalesce(sum(customer_count - account_customer_count), 0) from marts.campaign_performance"
    assert ask(people) == sum(customer.startswith("p") for customer in expected)
    won = sum(
        deal.is_won is True and (named("p", deal.person) or named("a", deal.account)) in expected
        for deal in company.deals
    )
    assert ask("select coalesce(sum(won_deal_count), 0) from marts.customer_value") == won
    assert ask("select coalesce(sum(won_deal_amount_reporting), 0) from marts.customer_value") == 100 * won
    assert ask("select coalesce(sum(won_deal_count), 0) from marts.campaign_performance") == won
    acquired = Counter(campaign_of(company, customer) for customer in expected)
    for mart in ("campaign_performance", "acquisition_payback where breakdown = 'campaign'"):
        by_campaign = pairs(f"select campaign_id, sum(customer_count) from marts.{mart} group by campaign_id")
        assert {campaign: count for campaign, count in by_campaign.items() if count} == acquired

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
    judge_refunds(database, company, expected)
    judge_churn(database, company)


def judge_refunds(database: duckdb.DuckDBPyConnection, company: Company, customers: dict[str, datetime]) -> None:
    """What was paid back is in every sum of money once, on the day that the view counts it."""
    ledger = entries(company)
    back = [entry for entry in ledger if entry[2] in ("refund", "subscription_refund")]
    year_ago = NOW - timedelta(days=365)
    assert database.execute(
        "select coalesce(sum(sold_amount_reporting), 0), coalesce(sum(refunded_amount_reporting), 0), "
        "coalesce(sum(order_view_last_365_days_amount_reporting), 0), "
        "coalesce(sum(cash_view_last_365_days_amount_reporting), 0) from marts.customer_value"
    ).fetchall() == [
        (
            total(entry for entry in ledger if entry not in back),
            -total(back),
            total(entry for entry in ledger if entry[5] > year_ago),
            total(entry for entry in ledger if entry[6] > year_ago),
        )
    ]
    of_customers = [entry for entry in ledger if entry[0] in customers]
    top = "from marts.revenue_concentration where period = 'all' and top_rate = 1"
    whole = database.execute(f"select revenue_amount_reporting, top_revenue_amount_reporting {top}").fetchall()
    assert whole == ([(total(of_customers), total(of_customers))] if customers else [])

    def brought(month: date, age: int, place: int) -> Decimal:
        """What the customers of a month had brought by an age, each counted from their own first purchase."""
        return total(
            entry
            for entry in of_customers
            if customers[entry[0]].date().replace(day=1) == month
            and entry[place] <= months_later(customers[entry[0]], age)
        )

    curves = database.execute(
        "select cohort_month, age_months, sum(order_view_revenue_amount_reporting), "
        "sum(cash_view_revenue_amount_reporting) from marts.ltv_cohorts group by all"
    ).fetchall()
    for month, age, by_order, by_cash in curves:
        assert (by_order, by_cash) == (brought(month, age, 5), brought(month, age, 6))
    paybacks = database.execute(
        "select cohort_month, observed_age_months, revenue_per_customer_amount_reporting * customer_count "
        "from marts.acquisition_payback where breakdown = 'all' and observed_age_months is not null"
    ).fetchall()
    for month, age, amount in paybacks:
        assert amount == pytest.approx(float(brought(month, age, 5)), abs=1e-6)


def judge_churn(database: duckdb.DuckDBPyConnection, company: Company) -> None:
    """Who has left: subscribers when nothing is paid for any more, buyers by the stated rule unless they subscribe."""
    times = paid_times(company)
    subscribers = {person for _, person, _, _ in times}

    def pay(at: datetime) -> set[int]:
        """Who pays for something just before an instant."""
        return {person for _, person, start, end in times if start < at and (end is None or end >= at)}

    signs: dict[int, datetime] = {}
    for person, at, _ in company.orders:
        if at is not None:
            signs[person] = max(day(at), signs.get(person, day(at)))
    buyers = set(signs)
    paying = {person for _, person, _, end in times if end is None}
    gone = subscribers - paying
    ends = {person: max(end for _, one, _, end in times if one == person and end) for person in gone}
    for person, at in [*((person, day(at)) for person, at in company.messages), *ends.items()]:
        if person in buyers:
            signs[person] = max(at, signs[person])
    rows = database.execute(
        "select person_id, is_churned_by_subscription, subscription_ended_at, is_churned_by_inactivity_rule "
        "from marts.customer_churn order by person_id"
    ).fetchall()
    assert rows == [
        (
            f"p{person}",
            person in gone,
            ends.get(person),
            signs[person] + INACTIVE <= NOW if person in buyers - paying else None,
        )
        for person in sorted(buyers | subscribers)
    ]

    months = database.execute(
        "select month, start_customer_count, churned_customer_count, end_customer_count, churn_mrr_amount_reporting "
        "from marts.revenue_retention order by month"
    ).fetchall()
    for month, start, churned, end, amount in months:
        opening = datetime(month.year, month.month, 1)
        before = pay(opening)
        after = pay(min(months_later(opening, 1), NOW + timedelta(microseconds=1)))
        assert (start, churned, end) == (len(before), len(before - after), len(after))
        left = [one for one in times if one[1] in before - after and one[2] < opening]
        assert amount == 10 * sum(end is None or end >= opening for *_, end in left)
    # Whoever is there at the end has not left, and is the same in both marts.
    assert (months[-1][3] if months else 0) == len(paying)


def total(entries: Iterable[tuple[Any, ...]]) -> Decimal:
    return sum((entry[3] for entry in entries), Decimal(0))


def months_later(at: datetime, months: int) -> datetime:
    years, month = divmod(at.month - 1 + months, 12)
    year, month = at.year + years, month + 1
    return at.replace(year=year, month=month, day=min(at.day, monthrange(year, month)[1]))


DRAWN = settings(max_examples=25, suppress_health_check=list(HealthCheck))


@DRAWN
@given(company=companies("orders", "subscriptions", "deals", "refunds", "messages"))
def test_marts_agree_on_a_company_that_sells_in_every_way(database, queries, company: Company) -> None:
    judge(database, queries, company)


@pytest.mark.parametrize("kind", ["orders", "subscriptions", "deals", "deals of accounts"])
def test_marts_agree_on_a_company_that_sells_in_one_way(database, queries, kind: str) -> None:
    @settings(DRAWN, max_examples=10)
    @given(company=companies(kind, "refunds", "messages"))
    def drawn(company: Company) -> None:
        judge(database, queries, company)

    drawn()


def test_a_company_that_only_signs_deals_has_customers_and_what_they_cost(database, queries) -> None:
    company = Company(
        touches=[("c1", 3), ("c1", 4), (None, 5)],
        deals=[Deal(0, None, True, 20), Deal(1, None, True, 25), Deal(2, None, False, 30), Deal(0, None, True, 40)],
        spend=[("c1", 3, 10_000)],
    )
    judge(database, queries, company)
    assert costs(database) == [(2, Decimal(100), 50.0)]


def test_a_company_whose_deals_name_only_accounts_has_customers_and_what_they_cost(database, queries) -> None:
    company = Company(
        touches=[("c1", 3), (None, 2), ("c2", 5)],
        members=[(0, 0), (1, 2)],
        deals=[Deal(None, 0, True, 20), Deal(None, 0, True, 21), Deal(None, 2, True, 25), Deal(None, 1, False, 30)],
        spend=[("c1", 3, 10_000)],
    )
    judge(database, queries, company)
    assert costs(database) == [(2, Decimal(100), 50.0)]
    rows = database.execute(
        "select campaign_id, person_count, customer_count, account_customer_count, won_deal_count "
        "from marts.campaign_performance order by all"
    ).fetchall()
    assert rows == [("c1", 1, 1, 1, 2), ("c2", 1, 0, 0, 0), ("none", 0, 1, 1, 1), ("none", 1, 0, 0, 0)]


def test_a_company_whose_people_are_customers_is_none_besides_them(database, queries) -> None:
    company = Company(
        touches=[("c1", 3), (None, 2)],
        members=[(0, 0), (1, 1)],
        orders=[(0, 40, 500)],
        deals=[Deal(None, 0, True, 20), Deal(1, 1, True, 21), Deal(None, 1, True, 22)],
        spend=[("c1", 3, 10_000)],
    )
    judge(database, queries, company)
    assert costs(database) == [(1, Decimal(100), 100.0), (1, Decimal(0), None)]


def costs(database: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    return database.execute(
        "select customer_count, spend_amount_reporting, customer_acquisition_cost_reporting "
        "from marts.acquisition_payback where breakdown = 'all' order by cohort_month"
    ).fetchall()
