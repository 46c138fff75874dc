"""The connectors against the sandbox's servers over HTTP: increments, accounts, malformed records."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from ingestion import config, pipelines
from ingestion.intake import Intake
from sandbox import malformed
from sandbox.running import Sandbox, running_sandbox
from sandbox.servers import VENDORS
from sandbox.settings import ServerSettings
from tests.integration.reading import Reader

SOURCES = (*VENDORS, "whatsapp")  # which pushes, and has no server
# Stripe keeps events for 30 days: who reads them daily has older ones than who reads them once.
FORGOTTEN = {"stripe": ("subscription_events", "subscription_event_items")}


@pytest.fixture(scope="module")
def shared_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """For tests that leave its clock alone."""
    with running_sandbox(people=80, days=90, folder=tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Intake]]:
    """Of sources that were loaded from the shared sandbox, the folders of their warehouses and their counts."""
    return tmp_path_factory.mktemp("kept"), {}


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    return Reader(tmp_path, monkeypatch)


@pytest.fixture
def first_load(
    shared_sandbox: Sandbox, reader: Reader, kept: tuple[Path, dict[str, Intake]]
) -> Callable[[str], Intake]:
    """Load a source into the warehouse `one`, or copy one that was loaded before."""
    folder, intakes = kept

    def load(source: str) -> Intake:
        if source in intakes:
            shutil.copytree(folder / source, reader.folder / "one")
        else:
            intakes[source] = reader.run(shared_sandbox, source, "one")
            shutil.copytree(reader.folder / "one", folder / source)
        return intakes[source]

    return load


@pytest.mark.parametrize("source", SOURCES)
def test_exactly_the_malformed_records_are_rejected(shared_sandbox, first_load, source):
    intake = first_load(source)
    clock = shared_sandbox.state.clock
    expected = Counter(
        each.resource
        for each in malformed.everything(shared_sandbox.company.start)
        if each.source == source and each.visible_at <= clock
    )
    assert intake.rejected == expected
    assert sum(intake.received.values()) == sum(intake.loaded.values()) + sum(intake.rejected.values())


def test_days_read_one_by_one_equal_the_days_read_at_once(reader, tmp_path):
    settings = ServerSettings(hubspot_feedback=12)  # every table has rows
    with running_sandbox(people=80, days=90, folder=tmp_path / "sandbox", settings=settings) as sandbox:
        for source in SOURCES:
            reader.run(sandbox, source, "daily")
        for _ in range(2):
            sandbox.advance(1)
            for source in SOURCES:
                reader.run(sandbox, source, "daily")
        for source in SOURCES:
            reader.run(sandbox, source, "at_once")
            daily, at_once = reader.rows(source, "daily"), reader.rows(source, "at_once")
            assert all(len(rows) > 0 for name, rows in at_once.items() if name != "rejected_records"), source
            for table in FORGOTTEN.get(source, ()):
                kept, known = set(at_once.pop(table)), set(daily.pop(table))
                assert kept < known, table
            if source == "stripe":  # a customer that was deleted since is in no list any more
                daily["customers"] = [row for row in daily["customers"] if "cus_staff" not in row]
            assert daily == at_once, source


@pytest.mark.parametrize("source", SOURCES)
def test_a_second_run_without_news_changes_no_row(shared_sandbox, reader, first_load, source):
    first_load(source)
    before = reader.rows(source, "one")
    with duckdb.connect(str(reader.folder / "one" / "warehouse.duckdb")) as connection:
        sizes = {table: connection.execute(f"select count(*) from raw_{source}.{table}").fetchone() for table in before}
    reader.run(shared_sandbox, source, "one")
    assert reader.rows(source, "one") == before
    with duckdb.connect(str(config.warehouse_path())) as connection:
        for table, size in sizes.items():
            assert connection.execute(f"select count(*) from raw_{source}.{table}").fetchone() == size, table


def test_accounts_of_one_vendor_lie_side_by_side(reader: Reader, tmp_path: Path) -> None:
    """Two shops number their records alike: loading one leaves the other's rows and cursors as they are."""
    with running_sandbox(people=60, days=60, second_shop_people=30, folder=tmp_path / "sandbox") as sandbox:
        reader.run(sandbox, "shopify", "alone")
        reader.run(sandbox, "shopify", "outlet alone", "outlet")
        reader.run(sandbox, "shopify", "both")
        reader.run(sandbox, "shopify", "both", "outlet")
        first, second, both = (reader.rows("shopify", name) for name in ("alone", "outlet alone", "both"))
        assert any(second.values())
        assert both == {table: sorted(first[table] + second[table]) for table in first}

        sandbox.advance()
        reader.run(sandbox, "shopify", "outlet alone", "outlet")
        reader.run(sandbox, "shopify", "both", "outlet")
        second, both = reader.rows("shopify", "outlet alone"), reader.rows("shopify", "both")
        assert both == {table: sorted(first[table] + second[table]) for table in first}

        reader.run(sandbox, "shopify", "alone")
        reader.run(sandbox, "shopify", "both")
        first, both = reader.rows("shopify", "alone"), reader.rows("shopify", "both")
        assert both == {table: sorted(first[table] + second[table]) for table in first}


def test_rows_of_a_time_before_accounts_are_those_of_the_account_without_a_name(
    reader: Reader, shared_sandbox: Sandbox, first_load: Callable[[str], Intake], tmp_path: Path
) -> None:
    first_load("stripe")
    before = reader.rows("stripe", "one")
    with duckdb.connect(str(tmp_path / "one" / "warehouse.duckdb")) as connection:
        for table in pipelines.tables("stripe"):
            connection.execute(f"update raw_stripe.{table.name} set source_account = null")

    reader.run(shared_sandbox, "stripe", "one")

    assert reader.rows("stripe", "one") == before
