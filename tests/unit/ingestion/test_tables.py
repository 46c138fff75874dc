from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import AliasPath, Field, ValidationError

from ingestion import pipelines
from ingestion.sources import SOURCE_NAMES
from ingestion.tables import OF_EVERY_SOURCE, RawTable, Row
from ingestion.wire import ABSENT


class Sample(Row):
    id: str
    at: datetime | None = None
    number: int | None = None


def test_unknown_fields_are_kept():
    assert Sample(id="1", novelty={"a": 1}).model_dump()["novelty"] == {"a": 1}


def test_instants_are_utc():
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    for text in ("2026-01-01T12:00:00", "2026-01-01T13:00:00+01:00", "2026-01-01T12:00:00Z"):
        assert Sample(id="1", at=text).at == noon
        assert Sample(id="1", at=text).at.tzinfo is UTC


def test_ids_that_arrive_as_numbers_are_text_and_spaces_are_cut():
    assert Sample(id=501).id == "501"
    assert Sample(id=" a ").id == "a"


def test_a_type_that_does_not_fit_is_refused():
    with pytest.raises(ValidationError, match="number"):
        Sample(id="1", number="many")


def test_versions_keep_history_by_unit_and_events_insert_once():
    versions = RawTable("t", Sample, "versions", ("id",)).hints()
    assert versions["write_disposition"] == {"disposition": "merge", "strategy": "scd2"}
    assert versions["merge_key"] == ["id"] and "primary_key" not in versions
    events = RawTable("t", Sample, "events", ("id", "at")).hints()
    assert events["write_disposition"] == {"disposition": "merge", "strategy": "insert-only"}
    assert events["primary_key"] == ["id", "at"]


@pytest.mark.parametrize("source", SOURCE_NAMES)
def test_every_fact_with_an_instant_says_when_it_happened_so_that_none_is_from_the_future(source):
    doors_own = OF_EVERY_SOURCE
    for table in (table for table in pipelines.tables(source) if table not in doors_own):
        fields = table.row.model_fields
        instants = [name for name, field in fields.items() if field.is_required() and field.annotation is datetime]
        stated = [name for name in instants if name != table.happened_at]
        assert table.history != "events" or stated == [] and (table.happened_at or not instants)
        assert {table.happened_at, table.kind} - {None} <= fields.keys()


def test_columns_have_the_types_of_the_row_model():
    columns = RawTable("t", Sample, "events", ("id",)).columns()
    assert {name: column["data_type"] for name, column in columns.items()} == {
        "id": "text",
        "at": "timestamp",
        "number": "bigint",
    }
    assert columns["id"]["nullable"] is False and columns["at"]["nullable"] is True


@pytest.mark.parametrize("source", SOURCE_NAMES)
def test_every_table_of_a_source_has_a_key_of_required_columns_and_a_name_of_its_own(source):
    tables = pipelines.tables(source)
    assert len({table.name for table in tables}) == len(tables)
    for table in tables:
        columns = table.columns()
        assert table.key or table.history == "versions"  # no key: the whole table is one unit
        assert all(columns[column]["nullable"] is False for column in table.key), table.name


@pytest.mark.parametrize(
    ("field", "value", "fits"),
    [
        ("amount", "999999999999.99", True),
        ("amount", "-999999999999.99", True),
        ("amount", "1000000000000", False),
        ("amount", "-1e12", False),
        ("count", 10**12, False),
        ("seen_at", "1970-01-01T00:00:00Z", True),
        ("seen_at", "1969-12-31T23:59:59Z", False),
        ("seen_at", "2199-12-31T23:59:59.999999Z", True),
        ("seen_at", "2200-01-01T00:00:00Z", False),
        ("seen_at", "2199-12-31T23:59:59-01:00", False),
        ("day", "1969-12-31", False),
    ],
)
def test_a_value_that_no_model_could_carry_is_refused_in_every_row(field: str, value: object, fits: bool) -> None:
    class Anything(Row):
        amount: Decimal | None = None
        count: int | None = None
        seen_at: datetime | None = None
        day: date | None = None

    if fits:
        assert getattr(Anything.model_validate({field: value}), field) is not None
    else:
        with pytest.raises(ValidationError, match="is expected"):
            Anything.model_validate({field: value})


class Parcel(Row):
    read_elsewhere = ("items",)

    id: str
    shop: str
    city: str | None = Field(None, validation_alias=AliasPath("address", "place", "city"))
    weight: int = Field(validation_alias="grossWeight")


def test_a_row_from_wire_follows_the_paths_and_tells_absent_from_null():
    def row(**fields: Any) -> Any:
        return Parcel.from_wire({"id": "1", **fields}, shop="s")

    full = row(address={"place": {"city": "Lyon"}}, grossWeight=3, items=[1], color="red")
    assert full == {"id": "1", "shop": "s", "city": "Lyon", "weight": 3, "color": "red"}
    assert Parcel.model_validate(full).model_dump() == full
    assert row(address=None)["city"] is None and row(address={"place": None})["city"] is None
    assert row(address={"place": {}})["city"] is row()["city"] is row()["weight"] is ABSENT
    assert Parcel.from_wire("no object", shop="s") == "no object"


@pytest.mark.parametrize("fields", [{"grossWeight": "heavy"}, {"grossWeight": None}, {}])
def test_a_reason_names_the_column_of_the_table(fields):
    row = Parcel.from_wire({"id": "1", "address": None, **fields}, shop="s")
    with pytest.raises(ValidationError) as raised:
        Parcel.model_validate({name: value for name, value in row.items() if value is not ABSENT})
    assert [problem["loc"] for problem in raised.value.errors()] == [("weight",)]
