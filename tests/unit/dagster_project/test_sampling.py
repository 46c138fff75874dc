"""Who is in a sample, and which rows of the raw tables are theirs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import pytest

from dagster_project import sampling

STAGING = Path(__file__).resolve().parents[3] / "dbt_project/models/staging"
ALONE, PAIRS = 60, 20
BUILT = """
create schema core; create schema intermediate; create schema predictions; create schema ops;
create table core.bridge_person_records (record_key varchar, person_id varchar);
create table core.bridge_account_persons (account_id varchar, person_id varchar);
create table core.dim_accounts (account_id varchar, parent_account_id varchar);
create table core.fct_deals (deal_id varchar, account_id varchar, person_id varchar);
create table intermediate.int_deal_roles__unioned (deal_id varchar, record_key varchar);
create table intermediate.int_identity_clusters__tiered (evidence_tier int, record_key varchar, cluster_key varchar);
create table ops.refresh_settings as select 'EUR' as reporting_currency;
create table predictions.customer_predictions (person_id varchar);
create table predictions.survival_curves as select 1 as duration_days;
"""


class Warehouse:
    """What a refresh leaves, as far as a sample reads it."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        connection.execute("attach ':memory:' as warehouse")
        connection.execute("use warehouse")
        connection.execute(BUILT)

    def run(self, statement: str, rows: Sequence[tuple] = ()) -> None:
        if rows:
            self._connection.executemany(statement, rows)
        else:
            self._connection.execute(statement)

    def people(self, *names: str) -> None:
        """A record each, a customer of a shop."""
        self.run("insert into core.bridge_person_records values (?, ?)", [(f"shopify:customer:{n}", n) for n in names])
        self.run("insert into predictions.customer_predictions values (?)", [(name,) for name in names])

    def sample(self, people: int) -> sampling.Sizes:
        self._connection.execute("use warehouse; detach database if exists sample; attach ':memory:' as sample")
        self._connection.execute("use sample")
        for table in ("edges", "grouped", "reached", "chosen", "records", "cut"):
            self._connection.execute(f"drop table if exists temp.{table}")
        return sampling.fill(self._connection, people, STAGING)

    def chosen(self, people: int) -> set[str]:
        self.sample(people)
        return self.texts("select person_id from sample.predictions.customer_predictions")

    def texts(self, query: str) -> set[str]:
        return {text for (text,) in self._connection.execute(query).fetchall()}


@pytest.fixture
def warehouse() -> Iterator[Warehouse]:
    with duckdb.connect() as connection:
        yield Warehouse(connection)


@pytest.fixture
def company(warehouse: Warehouse) -> Warehouse:
    """People alone, and accounts of two each, some of which are parts of others."""
    warehouse.people(*(f"alone{n}" for n in range(ALONE)))
    for n in range(PAIRS):
        warehouse.people(f"pair{n}a", f"pair{n}b")
        parent = f"'hubspot:{n - 1}'" if n % 5 else "null"
        warehouse.run(f"insert into core.dim_accounts values ('hubspot:{n}', {parent})")
        warehouse.run(
            f"insert into core.bridge_account_persons values ('hubspot:{n}', 'pair{n}a'), ('hubspot:{n}', 'pair{n}b')"
        )
    return warehouse


def test_a_larger_sample_holds_the_smaller_and_the_same_number_gives_the_same_people(company: Warehouse) -> None:
    samples = [company.chosen(people) for people in (1, 7, 20, 50, 80, ALONE + 2 * PAIRS)]

    assert all(smaller < larger for smaller, larger in zip(samples, samples[1:], strict=False))
    assert len(samples[-1]) == ALONE + 2 * PAIRS
    assert company.chosen(20) == samples[2]


@pytest.mark.parametrize("people", [5, 20, 60])
def test_a_sample_is_as_large_as_was_asked_for_but_for_those_of_the_last_company(
    company: Warehouse, people: int
) -> None:
    sizes = company.sample(people)

    assert people <= sizes.people.sample < people + 10  # a group of five accounts with two people each
    assert sizes.people.whole == ALONE + 2 * PAIRS


@pytest.mark.parametrize("people", [5, 20, 60])
def test_people_of_a_company_are_in_together_with_its_accounts(company: Warehouse, people: int) -> None:
    chosen = company.chosen(people)

    for first in range(0, PAIRS, 5):
        together = {f"pair{n}{which}" for n in range(first, first + 5) for which in "ab"}
        assert together <= chosen or together.isdisjoint(chosen)


@pytest.mark.parametrize(
    "tie",
    [
        "insert into intermediate.int_identity_clusters__tiered "
        "values (3, 'shopify:customer:a', 'k'), (3, 'shopify:customer:b', 'k')",
        "insert into intermediate.int_deal_roles__unioned "
        "values ('hubspot:1', 'shopify:customer:a'), ('hubspot:1', 'shopify:customer:b')",
        "insert into core.fct_deals values ('hubspot:1', 'hubspot:9', 'a'); "
        "insert into core.bridge_account_persons values ('hubspot:9', 'b')",
    ],
)
def test_whoever_is_tied_is_in_together(warehouse: Warehouse, tie: str) -> None:
    warehouse.people("a", "b", *(f"alone{n}" for n in range(30)))
    warehouse.run(tie)

    samples = [warehouse.chosen(people) for people in range(1, 32, 3)]

    assert [("a" in chosen) for chosen in samples] == [("b" in chosen) for chosen in samples]
    assert {"a" in chosen for chosen in samples} == {True, False}


def test_a_long_chain_is_one_group(warehouse: Warehouse) -> None:
    names = [f"p{n:04}" for n in range(2000)]
    warehouse.people(*names, "alone")
    links = [(f"hubspot:{n}", names[n + step]) for n in range(len(names) - 1) for step in (0, 1)]
    warehouse.run("insert into core.bridge_account_persons values (?, ?)", links)

    assert warehouse.chosen(1) == {"alone"}  # many people come last
    assert len(warehouse.chosen(2)) == 2001


def test_a_row_goes_with_its_person_and_what_belongs_to_it_with_the_row(warehouse: Warehouse) -> None:
    names = [f"c{n}" for n in range(40)]
    warehouse.people(*names)
    warehouse.run("create schema raw_shopify")
    warehouse.run("create table raw_shopify.orders (id varchar, customer_id varchar, source_account varchar)")
    warehouse.run("create table raw_shopify.order_lines (id varchar, order_id varchar, source_account varchar)")
    warehouse.run(
        "insert into raw_shopify.orders values (?, ?, '')",
        [(f"o{n}{which}", name) for n, name in enumerate(names) for which in "xy"]
        + [(f"nobody{n}", None) for n in range(40)],
    )
    warehouse.run("insert into raw_shopify.order_lines select 'l' || id, id, source_account from raw_shopify.orders")
    warehouse.run("insert into raw_shopify.order_lines values ('lost', 'gone', '')")

    chosen = warehouse.chosen(10)

    orders = warehouse.texts("select id from sample.raw_shopify.orders where source_account = ''")
    assert {each for each in orders if each.startswith("o")} == {f"o{name[1:]}{w}" for name in chosen for w in "xy"}
    of_nobody = {each for each in orders if each.startswith("nobody")}
    assert 0 < len(of_nobody) < 30  # about as many as of the people
    lines = "select id from sample.raw_shopify.order_lines where id <> 'lost'"
    assert warehouse.texts(lines) == warehouse.texts("select 'l' || id from sample.raw_shopify.orders")


def test_equal_ids_of_two_shops_are_two_people_with_an_order_each(warehouse: Warehouse) -> None:
    names = [f"c{n}" for n in range(30)]
    warehouse.people(*names, *(f"outlet:{name}" for name in names))
    warehouse.run("create schema raw_shopify")
    warehouse.run("create table raw_shopify.orders (id varchar, customer_id varchar, source_account varchar)")
    warehouse.run("create table raw_shopify.order_lines (id varchar, order_id varchar, source_account varchar)")
    both = [(f"o{name}", name, account) for name in names for account in ("", "outlet")]
    warehouse.run("insert into raw_shopify.orders values (?, ?, ?)", both)
    warehouse.run("insert into raw_shopify.order_lines select 'l' || id, id, source_account from raw_shopify.orders")

    chosen = warehouse.chosen(20)

    whose = "coalesce(nullif(source_account, '') || ':', '') || "
    assert warehouse.texts(f"select {whose} customer_id from sample.raw_shopify.orders") == chosen
    assert warehouse.texts(f"select {whose} substring(id, 3) from sample.raw_shopify.order_lines") == chosen


def test_a_contact_of_whatsapp_is_known_by_its_hash(warehouse: Warehouse) -> None:
    warehouse.people(*(f"p{n}" for n in range(30)))
    numbers = [(f"4477009{n:05}", f"p{n}") for n in range(30)]
    warehouse.run("insert into core.bridge_person_records values ('whatsapp:contact:' || md5(?), ?)", numbers)
    warehouse.run("create schema raw_whatsapp")
    warehouse.run("create table raw_whatsapp.preferences (wa_id varchar, source_account varchar)")
    warehouse.run("insert into raw_whatsapp.preferences values (?, null)", [(number,) for number, _ in numbers])

    chosen = warehouse.chosen(8)

    kept = warehouse.texts("select wa_id from sample.raw_whatsapp.preferences")
    assert kept == {number for number, person in numbers if person in chosen}


def test_what_tells_of_nobody_is_taken_whole(warehouse: Warehouse) -> None:
    warehouse.people(*(f"p{n}" for n in range(30)))
    warehouse.run(
        "create schema raw_meta_ads; create table raw_meta_ads.campaigns as select range::varchar as id from range(9)"
    )

    sizes = warehouse.sample(3)

    assert (sizes.rows.sample, sizes.rows.whole) == (9, 9)
    assert warehouse.texts("select reporting_currency from sample.ops.refresh_settings") == {"EUR"}
    assert warehouse.texts("select duration_days from sample.predictions.survival_curves") == {1}
