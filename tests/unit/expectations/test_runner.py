"""The runner: what a suite finds, in plain values, on a warehouse that is free again afterwards."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import duckdb
import pytest
import sqlalchemy
from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.duckdb_dialect import FETCHED_AT_MOST
from expectations.plausibility import (
    any_filled,
    between,
    equal_sums,
    filled,
    fresh,
    known,
    mostly_below_price,
    near_published,
    no_rows,
    not_ahead,
    rows_kept,
    steady_mean,
    within,
)
from expectations.runner import Result, as_text, open_runner
from expectations.suites import Suite

AS_OF = datetime(2026, 10, 31, 6, tzinfo=UTC)
FIRST_LOAD, SECOND_LOAD = datetime(2026, 10, 29, tzinfo=UTC), datetime(2026, 10, 31, tzinfo=UTC)
BETWEEN_LOADS = datetime(2026, 10, 30, tzinfo=UTC)


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    """`raw_shop.orders`: 40 orders of the first load (amounts near 10), 40 of the second (amounts near 100)."""
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema raw_shop; create schema marts")
        connection.execute(
            f"""
            create table raw_shop.orders as
            select range as id,
                (case when range < 40 then 10 else 100 end + range % 3)::decimal(18, 2) as amount,
                case when range % 4 = 0 then null else 'EUR' end as currency,
                timestamptz '2026-10-30 12:00:00+00' - to_days((range % 7)::int) as ordered_at,
                case when range < 40 then '{FIRST_LOAD.timestamp()}'
                    else '{SECOND_LOAD.timestamp()}' end as _dlt_load_id
            from range(80)
            """
        )
        connection.execute("create table raw_shop.nothing as from raw_shop.orders limit 0")
        connection.execute(
            "create table marts.people as select range as person_id, range * 10.0 as worth from range(10)"
        )
    return path


@pytest.fixture
def judge(warehouse: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator:
    """Run expectations, given as a function of the batch, on a table."""

    def run(
        build,
        table: str = "raw_shop.orders",
        since: datetime | None = None,
        published: Path | None = None,
        show_row: Callable = as_text,
        every_version: bool = False,
    ):
        module = ModuleType("planted_suite")
        module.READS_EVERY_VERSION = every_version  # type: ignore[attr-defined]
        seen: list[Batch] = []

        def expectations(batch: Batch) -> list[Expectation]:
            seen.append(batch)
            built = build(batch)
            return built if isinstance(built, list) else [built]

        module.expectations = expectations  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "planted_suite", module)
        schema, name = table.split(".")
        suite = Suite(schema, name, "planted_suite", source="shop" if schema.startswith("raw_") else None)
        with open_runner(warehouse, as_of=AS_OF, since=since, published=published, show_row=show_row) as runner:
            results = runner.run(suite)
        return results, (seen[0] if seen else None)

    yield run


def only(outcome: tuple[list[Result], Batch | None]) -> Result:
    (result,) = outcome[0]
    return result


def test_a_held_expectation_passes_with_the_observed_value(judge) -> None:
    assert only(judge(lambda batch: between("amount", 0, 200))) == Result(
        "raw_shop.orders", "amount is at least 0 and at most 200", "passed", "0 of 80 rows (0.00 %)"
    )


def test_a_failure_shows_whole_offending_rows_and_no_more_than_five(judge) -> None:
    result = only(judge(lambda batch: between("amount", 0, 50)))

    assert (result.status, result.observed) == ("failed", "40 of 80 rows (50.00 %)")
    assert len(result.samples) == 5
    assert all(sample.startswith("id=") and "amount=10" in sample for sample in result.samples)
    assert "_dlt" not in result.samples[0]


def test_an_offending_row_is_shown_as_asked_by_whoever_runs_the_suite(judge) -> None:
    result = only(judge(lambda batch: between("amount", 0, 50), show_row=lambda row: f"order {row['id']}"))

    assert len(result.samples) == 5 and all(re.fullmatch(r"order \d+", sample) for sample in result.samples)


def test_rows_with_a_null_are_shown_as_samples_of_a_null_share(judge) -> None:
    result = only(judge(lambda batch: filled("currency", at_least=0.9)))

    assert (result.status, result.observed) == ("failed", "20 of 80 rows (25.00 %)")
    assert result.samples
    assert all("currency" not in sample for sample in result.samples)


def test_a_warning_is_not_a_failure(judge) -> None:
    assert only(judge(lambda batch: known("currency", ["USD"]))).status == "warned"


def test_the_batch_may_be_given_an_alias_with_and_without_a_join(judge) -> None:
    results, _ = judge(
        lambda batch: [
            no_rows("alone", "select new_rows.id from {batch} as new_rows where new_rows.id > 1000"),
            no_rows("joined", "select * from {batch} as new_rows join {batch} as others using (id) where id > 1000"),
        ]
    )
    assert [result.status for result in results] == ["passed", "passed"], results


def test_rows_that_sql_finds_are_counted_and_shown(judge) -> None:
    result = only(judge(lambda batch: no_rows("ids are below 78", "select id from {batch} where id >= 78")))

    assert (result.status, result.observed, result.samples) == ("failed", "2", ("id=78", "id=79"))


def test_a_large_batch_is_counted_whole_though_it_is_never_fetched(judge, warehouse: Path) -> None:
    rows = 3 * FETCHED_AT_MOST
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(
            f"create table raw_shop.clicks as select range as id, 'EUR' as currency, '{FIRST_LOAD.timestamp()}' as "
            f"_dlt_load_id from range({rows})"
        )
    results, _ = judge(
        lambda batch: [
            no_rows("ids are small", f"select id from {{batch}} where id >= {FETCHED_AT_MOST}"),
            between("id", 0, FETCHED_AT_MOST - 1),
            known("currency", ["USD"]),
        ],
        "raw_shop.clicks",
    )

    assert [(each.status, each.observed) for each in results] == [
        ("failed", f"{2 * FETCHED_AT_MOST}"),
        ("failed", f"{2 * FETCHED_AT_MOST} of {rows} rows (66.67 %)"),
        ("warned", f"{rows} of {rows} rows (100.00 %)"),
    ]
    assert [len(each.samples) for each in results] == [5, 5, 5]


def test_who_reads_past_the_rows_that_were_fetched_is_told(warehouse: Path) -> None:
    engine = sqlalchemy.create_engine(f"duckdb+buffered:///{warehouse}")
    with engine.connect() as connection:

        def result(rows: int) -> sqlalchemy.CursorResult:
            return connection.execute(sqlalchemy.text(f"select range as id from range({rows})"))

        assert len(result(FETCHED_AT_MOST).fetchall()) == FETCHED_AT_MOST
        assert list(result(FETCHED_AT_MOST + 1).keys()) == ["id"]
        assert len(result(FETCHED_AT_MOST + 1).fetchmany(5)) == 5
        for read_all in (lambda rows: rows.fetchall(), list, lambda rows: rows.fetchmany(2 * FETCHED_AT_MOST)):
            with pytest.raises(RuntimeError, match="read more than 10,000 rows"):
                read_all(result(FETCHED_AT_MOST + 1))
    engine.dispose()


def test_an_expectation_that_cannot_be_evaluated_fails_and_says_why(judge) -> None:
    result = only(judge(lambda batch: filled("no_such_column", at_least=0.5)))

    assert result.status == "failed"
    assert "no_such_column" in result.observed


def test_results_come_in_the_order_of_the_suite(judge) -> None:
    results, _ = judge(lambda batch: [between("amount", 0, 200), filled("id", 1.0), known("currency", ["EUR"])])

    assert [result.expectation.split()[0] for result in results] == ["amount", "id", "currency"]


def test_only_rows_loaded_since_the_last_publication_are_judged(judge) -> None:
    result, batch = judge(lambda batch: between("amount", 50, 200), since=BETWEEN_LOADS)

    assert (batch.rows, batch.earlier_rows) == (40, 40)
    assert result[0].observed == "0 of 40 rows (0.00 %)"


def test_without_an_earlier_publication_all_rows_are_judged(judge) -> None:
    _, batch = judge(lambda batch: between("amount", 0, 200))

    assert (batch.rows, batch.earlier_rows) == (80, 0)


def test_a_table_that_nothing_ever_fed_is_skipped_with_the_reason(judge) -> None:
    result = only(judge(lambda batch: filled("id", 1.0), "raw_shop.nothing"))

    assert (result.status, "nothing has fed this table yet" in result.observed) == ("skipped", True)


def test_a_table_that_nothing_new_reached_is_still_judged_for_its_age(judge) -> None:
    results, batch = judge(
        lambda batch: [fresh(batch, "ordered_at", days=0), filled("currency", 0.9), any_filled(["currency"], 0.9)],
        since=AS_OF,
    )

    assert batch.rows == 0
    assert [result.status for result in results] == ["warned", "passed", "passed"]


def test_the_warehouse_is_free_for_another_process_afterwards(judge, warehouse: Path) -> None:
    judge(lambda batch: between("amount", 0, 200))
    code = "import duckdb, sys; duckdb.connect(sys.argv[1]).execute('create table t as select 1')"
    subprocess.run([sys.executable, "-c", code, str(warehouse)], check=True)


@pytest.mark.parametrize(("rows", "status"), [(19, "warned"), (20, "failed")])
def test_a_share_of_a_small_batch_does_not_stop_the_line(judge, warehouse: Path, rows: int, status: str) -> None:
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(f"delete from raw_shop.orders where id >= {rows}")
    results, _ = judge(lambda batch: [any_filled(["currency"], 0.9), known("currency", ["USD"], severity="fail")])

    assert [result.status for result in results] == [status, status]


def test_a_share_of_a_small_mart_fails(judge) -> None:
    assert only(judge(lambda batch: filled("nullif(worth, 0)", 1.0), "marts.people")).status == "failed"


def test_one_value_beyond_a_limit_is_shown_and_many_stop_the_line(judge, warehouse: Path) -> None:
    outcomes = {}
    for beyond in (0, 1, 4, 5):
        with duckdb.connect(str(warehouse)) as connection:
            connection.execute("update raw_shop.orders set amount = case when id < ? then -1000 else 10 end", [beyond])
        results, _ = judge(lambda batch: within("amount", 200))
        outcomes[beyond] = [result.status for result in results]

    assert outcomes == {
        0: ["passed", "passed"],
        1: ["warned", "passed"],
        4: ["warned", "passed"],
        5: ["warned", "failed"],
    }


def test_a_clock_ahead_of_the_refresh_warns(judge, warehouse: Path) -> None:
    assert only(judge(lambda batch: not_ahead(batch, "ordered_at"))).status == "passed"
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("update raw_shop.orders set ordered_at = timestamptz '2026-11-02 00:00:00+00' where id = 7")

    result = only(judge(lambda batch: not_ahead(batch, "ordered_at")))
    assert result.status == "warned"
    assert result.samples[0].startswith("id=7,")


def test_a_table_that_nothing_new_reached_is_stale(judge, warehouse: Path) -> None:
    assert only(judge(lambda batch: fresh(batch, "ordered_at", days=2))).status == "passed"

    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("update raw_shop.orders set ordered_at = timestamptz '2026-12-24 00:00:00+00' where id = 7")
    stale = only(judge(lambda batch: fresh(batch, "ordered_at", days=0)))
    assert (stale.status, stale.samples) == ("warned", ("newest=2026-10-30 12:00:00+00:00",))


def test_a_mean_that_moved_away_from_earlier_loads_warns(judge, warehouse: Path) -> None:
    moved = only(judge(lambda batch: steady_mean(batch, "amount", by="currency"), since=BETWEEN_LOADS))
    assert moved.status == "warned"
    assert "currency=EUR" in moved.samples[0]

    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("update raw_shop.orders set amount = 10 + id % 3")
    assert only(judge(lambda batch: steady_mean(batch, "amount"), since=BETWEEN_LOADS)).status == "passed"


def test_one_of_several_columns_has_to_be_filled(judge) -> None:
    assert only(judge(lambda batch: any_filled(["currency", "id"], 1.0))).status == "passed"
    failed = only(judge(lambda batch: any_filled(["currency"], 0.8)))
    assert (failed.status, failed.samples) == ("failed", ("row_count=80, filled_count=60",))


def test_costs_above_prices_warn_among_lines_that_can_be_compared(judge) -> None:
    warned = only(
        judge(lambda batch: mostly_below_price("id", "amount"))
    )  # ids from 13 to 39 lie above amounts near 10
    assert (warned.status, warned.samples) == ("warned", ("line_count=80, dear_count=28",))
    assert only(judge(lambda batch: mostly_below_price("id", "amount", where="id >= 40"))).status == "passed"
    assert only(judge(lambda batch: mostly_below_price("id", "amount", where="currency = 'GBP'"))).status == "passed"


@pytest.fixture
def published(tmp_path: Path) -> Path:
    path = tmp_path / "published.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "create schema marts; create table marts.people as select range as person_id, 5.0 as worth from range(12)"
        )
    return path


def test_a_mart_is_compared_with_the_previous_publication(judge, published: Path) -> None:
    results, batch = judge(rows_kept, "marts.people", published=published)
    assert (batch.rows, batch.earlier_rows, batch.published) == (10, 12, "published")
    assert results[0].status == "passed"

    (lost,) = judge(lambda b: rows_kept(b, share=0.9) + [], "marts.people", published=published)[0]
    assert lost.status == "passed", "10 of 12 rows: 0.9 of 12 is 10.8, of which 10 whole rows"
    with duckdb.connect(str(published)) as connection:
        connection.execute("insert into marts.people select range + 100, 5.0 from range(3)")
    (lost,) = judge(rows_kept, "marts.people", published=published)[0]
    assert (lost.status, lost.observed) == ("failed", "10")


def test_an_emptied_mart_is_not_skipped(judge, published: Path, warehouse: Path) -> None:
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("delete from marts.people")

    assert only(judge(rows_kept, "marts.people", published=published)).status == "failed"


def test_the_first_publication_has_nothing_to_be_compared_with(judge) -> None:
    results, batch = judge(lambda batch: [*rows_kept(batch), filled("person_id", 1.0)], "marts.people")

    assert batch.published is None
    assert [result.status for result in results] == ["passed"]


def test_sums_that_disagree_fail_with_both_numbers(judge) -> None:
    def sums(total: str):
        return judge(
            lambda batch: equal_sums("worth adds up", "select sum(worth) from marts.people", f"select {total}"),
            "marts.people",
        )

    assert only(sums("450")).status == "passed"
    assert only(sums("451")).samples == ("ours=450.0, theirs=451",)
    assert only(sums("null")).status == "failed"


@pytest.mark.parametrize(("down", "up", "status"), [(0.5, 7, "passed"), (0.5, 0.1, "failed")])
def test_a_number_that_jumped_since_the_previous_publication_fails(judge, published, down, up, status) -> None:
    result = judge(
        lambda batch: near_published(
            "worth is near",
            f"select sum(worth) from {batch.relation}",
            f"select sum(worth) from {batch.published}.{batch.relation}",
            down=down,
            up=up,
        ),
        "marts.people",
        published=published,
    )
    assert only(result).status == status


@pytest.mark.parametrize(
    ("persons", "statuses"),
    [("(null), (null)", ["warned"]), ("(null), ('p')", ["passed"]), ("(null) limit 0", ["passed"])],
)
def test_orders_that_all_belong_to_nobody_are_said(warehouse: Path, persons: str, statuses: list[str]) -> None:
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("create schema core; create table marts.customer_value (person_id varchar)")
        connection.execute(f"create table core.fct_orders as from (values {persons}) as orders (person_id)")
    suite = Suite("marts", "customer_value", "expectations.marts.customer_value")
    with open_runner(warehouse, as_of=AS_OF) as runner:
        results = runner.run(suite)

    assert [result.status for result in results] == statuses
    assert "belongs to somebody" in results[0].expectation


@pytest.mark.parametrize(("days", "status"), [(1, "passed"), (13, "passed"), (14, "failed")])
def test_a_month_that_has_just_begun_may_lack_answers(warehouse: Path, days: int, status: str) -> None:
    month = datetime(2026, 11, 1, tzinfo=UTC)
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(
            "create table marts.response_times as "
            "select 'all' as breakdown, date '2026-11-01' as month, 58 as wait_count, 0 as answered_count"
        )
    suite = Suite("marts", "response_times", "expectations.marts.response_times")
    with open_runner(warehouse, as_of=month + timedelta(days=days, hours=6)) as runner:
        assert [result.status for result in runner.run(suite)] == [status]


def test_a_version_that_was_corrected_since_is_not_judged_unless_models_read_it(judge, warehouse: Path) -> None:
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("alter table raw_shop.orders add column _dlt_valid_to timestamptz")

    def price(batch: Batch) -> Expectation:
        return between("amount", 0, 50)

    def retire(condition: str) -> None:
        with duckdb.connect(str(warehouse)) as connection:
            connection.execute(f"update raw_shop.orders set _dlt_valid_to = now() where {condition}")

    assert only(judge(price, since=BETWEEN_LOADS)).status == "failed"
    retire("id between 40 and 78")
    result, batch = judge(price, since=BETWEEN_LOADS)
    assert (result[0].status, batch.rows, batch.earlier_rows) == ("warned", 1, 40)  # one row is left that is as bad
    retire("id = 79")
    assert only(judge(price, since=BETWEEN_LOADS)).status == "passed"
    assert only(judge(price, since=BETWEEN_LOADS, every_version=True)).status == "failed"
