"""Purchases net of refunds: they add up to the ledger, and equal a pile from whose top refunds take."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.dbt_project.compiling import compiled, dbt_environment, model_sql
from tests.unit.dbt_project.databases import empty_database

Entry = tuple[str, int, int, bool]  # person, day, amount (above 0: sale), has a known order
FIRST_DAY = date(2026, 1, 1)


@pytest.fixture(scope="module")
def sql(tmp_path_factory: pytest.TempPathFactory) -> str:
    with dbt_environment(tmp_path_factory.mktemp("days")):
        return compiled(model_sql("fct_purchase_days"))


def net_days(sql: str, entries: list[Entry]) -> dict[tuple[str, int], Decimal]:
    rows = []
    for number, (person, day, amount, is_linked) in enumerate(entries):
        order = f"{person}:{day}" if amount > 0 or is_linked else f"unknown:{number}" if number % 2 else None
        kind = "sale" if amount > 0 else "refund"
        rows.append((person, kind, order, amount, FIRST_DAY + timedelta(days=day)))
    with empty_database() as connection:
        connection.execute(
            "create table given_fct_revenue_entries (person_id varchar, entry_type varchar, order_id varchar, "
            "amount_reporting decimal(18, 4), order_view_at timestamp)"
        )
        connection.executemany("insert into given_fct_revenue_entries values (?, ?, ?, ?, ?)", rows)
        found = connection.execute(f"select person_id, purchased_on, amount_reporting from ({sql})").fetchall()
    return {(person, (day - FIRST_DAY).days): amount for person, day, amount in found}


def by_hand(entries: list[Entry]) -> dict[tuple[str, int], int]:
    """The same, refund by refund."""
    found: dict[tuple[str, int], int] = defaultdict(int)
    loose: dict[tuple[str, int], int] = defaultdict(int)
    bought = {(person, day) for person, day, amount, _ in entries if amount > 0}
    for person, day, amount, is_linked in entries:
        if amount > 0 or (is_linked and (person, day) in bought):
            found[person, day] += amount
        else:
            loose[person, day] -= amount
    for (person, day), left in sorted(loose.items(), key=lambda item: item[0][1]):
        days = sorted(on for who, on in bought if who == person)
        for on in reversed([on for on in days if on <= day]):
            taken = min(left, max(found[person, on], 0))
            found[person, on] -= taken
            left -= taken
        if days:
            found[person, -1] -= left
    for person, on in [key for key in found if key[1] == -1]:
        first = min(day for who, day in bought if who == person)
        found[person, first] += found.pop((person, on))
    return dict(found)


entry = st.tuples(st.sampled_from("ab"), st.integers(0, 9), st.integers(-30, 30).filter(bool), st.booleans())


@given(st.lists(entry, min_size=1, max_size=14))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_refunds_without_an_order_take_from_the_top_and_nothing_is_lost(sql: str, entries: list[Entry]) -> None:
    found = net_days(sql, entries)

    assert found == by_hand(entries)
    for person in {person for person, _ in found}:
        assert sum(found[key] for key in found if key[0] == person) == sum(e[2] for e in entries if e[0] == person)
