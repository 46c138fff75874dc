"""What a price brings a month: compiled SQL equals counting unit by unit."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.dbt_project.compiling import compiled, dbt_environment, model_sql
from tests.unit.dbt_project.databases import empty_database

INPUTS = {
    "stg_stripe__subscriptions": "subscription_id text, currency text",
    "stg_stripe__prices": (
        "price_id text, recurring_interval text, recurring_interval_count int, is_metered boolean, is_tiered boolean,"
        " is_priced_by_volume boolean, package_size bigint, is_package_begun_whole boolean"
    ),
    "stg_stripe__price_tiers": (
        "price_id text, currency text, tier_number bigint, up_to_quantity bigint, unit_amount decimal(18, 4),"
        " flat_amount decimal(18, 4)"
    ),
    "stg_stripe__subscription_items": (
        "subscription_id text, price_id text, currency text, unit_amount decimal(18, 4), is_tiered boolean,"
        " package_size bigint, is_package_begun_whole boolean, quantity bigint, recurring_interval text,"
        " recurring_interval_count int, is_metered boolean"
    ),
    "stg_stripe__invoice_lines": (
        "invoice_line_id text, item_id text, price_id text, currency text, quantity bigint, line_amount decimal(18, 4),"
        " is_proration boolean, period_started_at timestamp"
    ),
}
MONEY = Decimal("0.0001")


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    folder: Path = tmp_path_factory.mktemp("recurring_prices")
    with dbt_environment(folder), empty_database() as opened:
        for name, columns in INPUTS.items():
            opened.execute(f"create table given_{name} ({columns})")
        opened.execute(
            "create table given_stg_stripe__subscription_event_items as from given_stg_stripe__subscription_items"
        )
        opened.execute(f"create view amounts as {compiled(model_sql('stripe__price_amounts__computed'))}")
        yield opened


amounts = st.integers(0, 9999).map(lambda cents: Decimal(cents) / 100)
tiers = st.lists(st.tuples(st.integers(1, 9), amounts, amounts), min_size=1, max_size=4)


def graduated(units: int, steps: list[tuple[int | None, Decimal, Decimal]]) -> Decimal:
    """Each unit costs what its tier says, and a tier that is entered its flat amount."""
    of_units = [
        next(number for number, step in enumerate(steps) if step[0] is None or unit <= step[0])
        for unit in range(1, units + 1)
    ]
    flats = sum((steps[number][2] for number in {0, *of_units}), Decimal(0))
    return flats + sum((steps[number][1] for number in of_units), Decimal(0))


def by_volume(units: int, steps: list[tuple[int | None, Decimal, Decimal]]) -> Decimal:
    """All units cost what the tier says that holds the last of them."""
    _, amount, flat = next(step for step in steps if step[0] is None or units <= step[0])
    return units * amount + flat


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    drawn=tiers,
    quantity=st.integers(0, 40),
    is_by_volume=st.booleans(),
    package=st.none() | st.integers(1, 7),
    is_begun_whole=st.booleans(),
    interval=st.sampled_from([("month", 1, Decimal(1)), ("month", 3, Decimal(3)), ("year", 1, Decimal(12))]),
)
def test_a_price_brings_what_its_units_cost_one_by_one(
    connection: duckdb.DuckDBPyConnection,
    drawn: list[tuple[int, Decimal, Decimal]],
    quantity: int,
    is_by_volume: bool,
    package: int | None,
    is_begun_whole: bool,
    interval: tuple[str, int, Decimal],
) -> None:
    bound, steps = 0, list[tuple[int | None, Decimal, Decimal]]()
    for width, unit, flat in drawn:
        bound += width
        steps.append((bound, unit, flat))
    steps[-1] = (None, *steps[-1][1:])
    units = quantity if package is None else (math.ceil if is_begun_whole else math.floor)(quantity / package)
    due = (by_volume if is_by_volume else graduated)(units, steps)
    name, count, months = interval

    for table in INPUTS:
        connection.execute(f"delete from given_{table}")
    connection.execute("insert into given_stg_stripe__subscriptions values ('s', 'EUR')")
    connection.execute(
        "insert into given_stg_stripe__prices values ('p', ?, ?, false, true, ?, ?, ?)",
        [name, count, is_by_volume, package, is_begun_whole],
    )
    rows: list[list[Any]] = [["p", "EUR", number, *step] for number, step in enumerate(steps)]
    connection.executemany("insert into given_stg_stripe__price_tiers values (?, ?, ?, ?, ?, ?)", rows)
    connection.execute(
        "insert into given_stg_stripe__subscription_items (subscription_id, price_id, currency, is_tiered, quantity)"
        " values ('s', 'p', 'USD', true, ?)",
        [quantity],
    )
    found = connection.execute("select currency, mrr_amount, is_unpriced from amounts").fetchall()

    expected = (due / months).quantize(MONEY, ROUND_HALF_UP)
    assert [(currency, is_unpriced) for currency, _, is_unpriced in found] == [("EUR", False)]
    assert abs(found[0][1] - expected) <= MONEY  # a double's last digit may round the other way
