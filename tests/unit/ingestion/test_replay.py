"""The replay: what was rejected is loaded once it fits, as if it had been accepted, and never over what came later."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import dlt
import pytest
from pydantic import field_validator

from ingestion import pipelines
from ingestion.tables import RawTable, Row
from ingestion.wire import unfolded

MENDED: set[str] = set()  # shapes that the row models and mappings read by now


class Thing(Row):
    id: str
    size: int

    @field_validator("size", mode="before")
    @classmethod
    def _of_new_shape(cls, value: Any) -> Any:
        return value["value"] if isinstance(value, dict) and "size" in MENDED else value


class Part(Row):
    thing: str
    id: str
    size: int

    _of_new_shape = field_validator("size", mode="before")(Thing._of_new_shape.__func__)


class Happening(Row):
    id: str
    size: int

    _of_new_shape = field_validator("size", mode="before")(Thing._of_new_shape.__func__)


THINGS = RawTable("things", Thing, "versions", ("id",))
PARTS = RawTable("parts", Part, "versions", ("thing",))
HAPPENINGS = RawTable("happenings", Happening, "events", ("id",))


def part_rows(record: Any) -> Iterator[dict[str, Any]]:
    """A record with its parts, which the vendor calls `pieces` one night."""
    parts = record["parts"] if "parts" in record or "pieces" not in MENDED else record["pieces"]
    for part in parts:
        yield {"thing": record["name"] if "name" in MENDED and "id" not in record else record.get("id"), **part}


class Vendor(ModuleType):
    """A source package whose records are set by the test."""

    TABLES = (THINGS, HAPPENINGS, PARTS)
    ROWS_OF = {"parts": part_rows}

    def __init__(self) -> None:
        super().__init__("ingestion.sources.vendor")
        self.arriving: dict[str, list[Any]] = {}

    def resources(self, intake):
        def rows(table: RawTable, read):
            yield list(intake.accept(table, read(self.arriving.get(table.name, []))))

        yield dlt.resource(lambda: rows(THINGS, list), **THINGS.hints())
        yield dlt.resource(lambda: rows(HAPPENINGS, list), **HAPPENINGS.hints())
        yield dlt.resource(lambda: rows(PARTS, lambda records: unfolded(part_rows, records)), **PARTS.hints())

    def night(self, **arriving: list[Any]):
        self.arriving = arriving
        return pipelines.run("vendor")


@pytest.fixture
def vendor(monkeypatch, begin_with_raw_tables) -> Iterator[Vendor]:
    module = Vendor()
    monkeypatch.setitem(sys.modules, module.__name__, module)
    begin_with_raw_tables("vendor")
    yield module
    MENDED.clear()


def broken(size: int) -> dict[str, int]:
    return {"value": size}


STATES = """
    select resource, coalesce(arg_max(state, number), 'open'), count(distinct rejection_id)
    from raw_vendor.rejected_records as rejected left join raw_vendor.rejection_states using (rejection_id, resource)
    group by rejection_id, resource
"""


def states(query) -> list[tuple[str, str]]:
    return sorted((resource, state) for resource, state, _ in query(STATES))


def current(query, table: str = "things") -> list[tuple]:
    columns = {"things": "id, size", "happenings": "id, size", "parts": "thing, id, size"}[table]
    valid = "" if table == "happenings" else "where _dlt_valid_to is null"
    return query(f"select {columns} from raw_vendor.{table} {valid} order by all")


def test_what_was_rejected_is_loaded_by_itself_once_the_row_model_reads_it(vendor, query):
    vendor.night(things=[{"id": "a", "size": 1}])
    bad = {
        "things": [{"id": str(n), "size": broken(n)} for n in range(6)],
        "happenings": [{"id": "e", "size": broken(7)}],
    }
    assert vendor.night(**bad).rejected.total() == 7
    vendor.night()
    assert current(query) == [("a", 1)] and current(query, "happenings") == []
    MENDED.add("size")
    vendor.night()
    assert current(query) == [*((str(n), n) for n in range(6)), ("a", 1)]
    assert current(query, "happenings") == [("e", 7)]
    assert states(query) == [("happenings", "loaded")] + [("things", "loaded")] * 6
    audit = (
        "select resource, received, loaded, rejected, replayed from raw_vendor.load_audit where replayed is not null"
    )
    assert sorted(query(audit)) == [("happenings", 0, 0, 0, 1), ("things", 0, 0, 0, 6)]
    loads = query("select count(*) from raw_vendor._dlt_loads")
    assert pipelines.replay_rejections("vendor").replayed.total() == 0  # once more: nothing is left to do
    assert query("select count(*) from raw_vendor._dlt_loads") == loads


def test_a_mapping_that_is_mended_reads_what_the_vendor_sent_then(vendor, query):
    """The row that was judged did not have it; the record did."""
    vendor.night(parts=[{"id": "a", "parts": [{"id": "1", "size": 1}]}])
    vendor.night(
        parts=[{"id": "b", "pieces": [{"id": "1", "size": 2}]}, {"name": "c", "pieces": [{"id": "1", "size": 3}]}]
    )
    MENDED.add("pieces")
    vendor.night()
    assert current(query, "parts") == [("a", "1", 1), ("b", "1", 2)]
    MENDED.add("name")
    pipelines.replay_rejections("vendor")
    assert current(query, "parts") == [("a", "1", 1), ("b", "1", 2), ("c", "1", 3)]


def test_a_row_comes_with_the_others_of_its_unit(vendor, query):
    vendor.night(parts=[{"id": "a", "parts": [{"id": "1", "size": 1}, {"id": "2", "size": 2}, {"id": "3", "size": 3}]}])
    now = [{"id": "1", "size": 10}, {"id": "2", "size": broken(20)}, {"id": "4", "size": "many"}]
    vendor.night(parts=[{"id": "a", "parts": now}])
    assert current(query, "parts") == [("a", "1", 10), ("a", "2", 2)]
    MENDED.add("size")
    vendor.night()
    assert current(query, "parts") == [("a", "1", 10), ("a", "2", 20)]
    assert states(query) == [("parts", "loaded"), ("parts", "open")]


def test_what_arrived_later_is_not_undone_also_where_it_is_as_it_was_before(vendor, query):
    vendor.night(things=[{"id": "a", "size": 1}, {"id": "b", "size": 1}])
    vendor.night(things=[{"id": "a", "size": broken(2)}, {"id": "b", "size": broken(2)}])
    vendor.night(things=[{"id": "a", "size": 1}])  # nothing new in the table: the vendor took the change back
    MENDED.add("size")
    vendor.night()
    assert current(query) == [("a", 1), ("b", 2)]
    assert states(query) == [("things", "loaded"), ("things", "superseded")]


def test_a_rejection_that_comes_back_is_open_again(vendor, query):
    old, new = {"id": "a", "size": broken(1)}, {"id": "a", "size": 2}
    for arriving, state in ((old, "open"), (new, "superseded"), (old, "open"), (old, "open")):
        vendor.night(things=[arriving])
        assert states(query) == [("things", state)]
    MENDED.add("size")
    vendor.night()
    assert current(query) == [("a", 1)]


def test_a_record_that_does_not_say_which_it_is_is_not_loaded_over_a_newer_one(vendor, query):
    vendor.night(
        parts=[{"name": "a", "parts": [{"id": "1", "size": 1}]}, {"name": "b", "parts": [{"id": "1", "size": 1}]}]
    )
    vendor.night(parts=[{"id": "a", "parts": [{"id": "1", "size": 2}]}])
    MENDED.add("name")
    vendor.night()
    assert current(query, "parts") == [("a", "1", 2), ("b", "1", 1)]
    assert states(query) == [("parts", "loaded"), ("parts", "superseded")]


def test_what_never_was_a_record_is_not_made_one(vendor, query, monkeypatch):
    def resources(intake):
        def things():
            intake.reject("things", {"id": "gone", "size": 1}, "known, but not readable")
            intake.reject("things", "{broken", "no JSON")
            yield []

        yield dlt.resource(things, **THINGS.hints())

    with monkeypatch.context() as patch:
        patch.setattr(vendor, "resources", resources)
        vendor.night()
    vendor.night()
    assert current(query) == [] and states(query) == [("things", "open")] * 2
    vendor.night(things=[{"id": "gone", "size": 2}])
    assert states(query) == [("things", "open"), ("things", "superseded")]


def test_what_a_load_that_broke_off_says_of_a_rejection_is_not_so(vendor, query, monkeypatch):
    vendor.night(things=[{"id": "a", "size": broken(1)}])
    MENDED.add("size")

    def die(*arguments: Any, **named: Any) -> None:
        raise OSError("killed")

    with monkeypatch.context() as patch:
        patch.setattr("dlt.load.load.Load.complete_package", die)  # the tables have their rows by then
        patch.setattr(pipelines, "_take_back", lambda *arguments: None)  # the process is gone
        with pytest.raises(Exception) as raised:
            pipelines.replay_rejections("vendor")
    assert "killed" in str(pipelines.cause(raised.value))
    assert query("select state from raw_vendor.rejection_states") == ["loaded"]
    assert pipelines.replay_rejections("vendor").replayed.total() == 1
    assert current(query) == [("a", 1)] and states(query) == [("things", "loaded")]


def test_a_row_that_is_rejected_again_is_loaded_with_its_unit_as_it_came_last(vendor, query):
    bad = {"id": "1", "size": broken(1)}
    for size in (2, 3):
        vendor.night(parts=[{"id": "a", "parts": [bad, {"id": "2", "size": size}]}])
    MENDED.add("size")
    vendor.night()
    assert current(query, "parts") == [("a", "1", 1), ("a", "2", 3)]
    assert states(query) == [("parts", "loaded"), ("parts", "superseded")]
