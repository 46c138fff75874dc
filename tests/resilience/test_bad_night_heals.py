"""A night on which a vendor's shape breaks: seen, kept as it came, and as if it had never been once it can be read."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import dlt
import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from expectations.raw.every_source import load_audit
from expectations.runner import open_runner
from expectations.suites import Suite
from ingestion import config, pipelines
from ingestion.intake import Intake
from ingestion.sources import hubspot, shopify
from ingestion.tables import OF_EVERY_SOURCE, RawTable, Row
from ingestion.wire import at, parsed, unfolded
from sandbox.running import running_sandbox
from tests.contract.test_absent_fields import EXAMPLES, VENDORS
from tests.resilience import times

SPIKE = "no resource rejects more than it usually does, however few its records"


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("SOURCES__", "LIFECYCLE_", "RUNTIME__")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("DLT_PROJECT_DIR", str(config.PROJECT_ROOT))
    monkeypatch.setenv("LIFECYCLE_DATA_DIR", str(tmp_path / "data"))


def current_rows(folder: Path, source: str) -> dict[str, list[str]]:
    """What models read of each raw table, but for what is told of loads."""
    found = {}
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as connection:
        for table in pipelines.tables(source):
            current = "where _dlt_valid_to is null" if table.history == "versions" else ""
            query = f"select columns(c -> not starts_with(c, '_dlt')) from raw_{source}.{table.name} {current}"
            if table not in OF_EVERY_SOURCE:
                found[table.name] = sorted(map(str, connection.execute(query).fetchall()))
    return found


def alarm(folder: Path, since: datetime) -> str:
    """What gate 1 says of the loads of Shopify since an instant."""
    suite = Suite("raw_shopify", "load_audit", load_audit.__name__, "shopify")
    with open_runner(folder / "warehouse.duckdb", as_of=since, since=since) as runner:
        return {result.expectation: result.status for result in runner.run(suite)}[SPIKE]


def in_new_shape(answer: Any) -> Any:
    """An answer of the shop in which the totals of orders stand elsewhere, deep within what a row is made of."""
    answer = deepcopy(answer)
    for order in at(answer, "orders", "nodes") or []:
        order["totalPriceSet"] = {"money": order["totalPriceSet"]["presentmentMoney"]}
    return answer


def in_old_shape(order: Any) -> Any:
    money = at(order, "totalPriceSet", "money")
    return order if money is None else {**order, "totalPriceSet": {"presentmentMoney": money}}


def test_all_orders_of_a_night_come_back_once_their_shape_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, made = shopify.Shop._query, shopify.ROWS_OF["orders"]

    def night(folder: Path) -> Intake:
        for name, value in sandbox.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("LIFECYCLE_DATA_DIR", str(folder))
        return pipelines.run("shopify")

    healed, unbroken = tmp_path / "healed", tmp_path / "unbroken"
    with running_sandbox(people=60, days=60, folder=tmp_path / "sandbox") as sandbox:
        night(unbroken), night(healed)
        published = datetime.now(UTC)
        sandbox.advance(days=3)
        night(unbroken)
        with monkeypatch.context() as broken:
            broken.setattr(shopify.Shop, "_query", lambda *of, **named: in_new_shape(asked(*of, **named)))
            intake = night(healed)
            assert intake.rejected["orders"] == intake.received["orders"] > 1
            assert alarm(healed, published) == "warned"
            assert current_rows(healed, "shopify") != current_rows(unbroken, "shopify")
            broken.setitem(shopify.ROWS_OF, "orders", lambda order: made(in_old_shape(order)))
            assert night(healed).rejected["orders"] == 0
        assert alarm(healed, published) == "passed"
        assert current_rows(healed, "shopify") == current_rows(unbroken, "shopify")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@pytest.mark.parametrize("vendor", VENDORS)
@settings(max_examples=times(5, 200), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(novelty=VALUES)
def test_a_record_that_was_rejected_is_accepted_as_if_it_had_never_been(
    vendor: str, novelty: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of every row model, through the text in which a rejection keeps what came."""
    rows_of = getattr(sys.modules[f"ingestion.sources.{vendor}"], "ROWS_OF", {})

    def made(table: RawTable, records: list[Any]) -> Iterator[Any]:
        return unfolded(rows_of[table.name], records) if table.name in rows_of else iter(records)

    accepted = 0
    for example in EXAMPLES[vendor]:
        table, record = example.table, {**example.record, "novelty": novelty}
        if table.name in ("deal_contacts", "deal_companies"):
            record = ["1", hubspot.associated(record)]
        directly = [*Intake(vendor).accept(table, made(table, [record]))]
        rejecting = Intake(vendor, made_again=rows_of)
        with monkeypatch.context() as patch:
            patch.setattr(rejecting, "_ahead", lambda table, row: "the shape is unknown")
            assert [*rejecting.accept(table, made(table, [record]))] == []
        texts = {rejection["arrived"] for rejection in rejecting.rejections()}
        assert len(texts) == 1 or not directly
        again = [*Intake(vendor).accept(table, made(table, [*map(parsed, texts)]))]
        assert list(map(repr, again)) == list(map(repr, directly)), example.name
        accepted += len(directly)
    assert accepted > 0


class Thing(Row):
    id: str
    size: int


THINGS = RawTable("things", Thing, "versions", ("id",))
STEPS = st.lists(
    st.dictionaries(st.sampled_from("ab"), st.tuples(st.booleans(), st.integers(1, 3)), max_size=2),
    min_size=2,
    max_size=5,
)


@settings(max_examples=times(2, 60), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(nights=STEPS, is_mended_from=st.integers(0, 5), is_replayed=st.booleans())
def test_whatever_the_order_of_good_and_broken_versions_the_last_one_holds(
    nights: list[dict[str, tuple[bool, int]]],
    is_mended_from: int,
    is_replayed: bool,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A night brings versions of two things, good or in a shape that is read from a certain night on."""
    monkeypatch.setenv("LIFECYCLE_DATA_DIR", str(tmp_path_factory.mktemp("data")))
    arriving: list[dict[str, Any]] = []
    vendor = ModuleType("ingestion.sources.vendor")
    vendor.TABLES = (THINGS,)  # type: ignore[attr-defined]
    is_read = [False]

    def row(record: Any) -> list[Any]:
        value = record["size"]
        return [{**record, "size": value["value"] if isinstance(value, dict) and is_read[0] else value}]

    def resources(intake: Intake) -> Iterator[Any]:
        def things() -> Iterator[Any]:
            yield list(intake.accept(THINGS, unfolded(row, arriving)))

        yield dlt.resource(things, **THINGS.hints())

    vendor.resources, vendor.ROWS_OF = resources, {"things": row}  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, vendor.__name__, vendor)
    held: dict[str, int] = {}
    last: dict[str, int] = {}
    for number, night in enumerate(nights):
        is_read[0] = number >= is_mended_from
        arriving[:] = [{"id": key, "size": size if good else {"value": size}} for key, (good, size) in night.items()]
        pipelines.run("vendor")
        last |= {key: size for key, (_, size) in night.items()}
        held |= last if is_read[0] else {key: size for key, (good, size) in night.items() if good}
        assert _held() == held
    is_read[0] = True
    arriving.clear()
    for _ in range(2):
        pipelines.replay_rejections("vendor") if is_replayed else pipelines.run("vendor")
        assert _held() == last


def _held() -> dict[str, int]:
    with duckdb.connect(str(config.warehouse_path()), read_only=True) as connection:
        return dict(connection.execute("select id, size from raw_vendor.things where _dlt_valid_to is null").fetchall())
