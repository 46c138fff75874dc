from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.intake import Intake
from ingestion.tables import RawTable, Row
from ingestion.wire import ABSENT, TOO_DEEP, AbsentRows, Unreadable


class Sample(Row):
    id: str
    at: datetime


class Fact(Row):
    id: str
    kind: str | None = None
    at: datetime | None = None


EVENTS = RawTable("happenings", Sample, "events", ("id", "at"))
VERSIONS = RawTable("things", Sample, "versions", ("id",))
AT = "2026-01-01T00:00:00Z"

values = st.none() | st.text() | st.integers() | st.just(AT)
records = st.lists(st.fixed_dictionaries({}, optional={"id": values, "at": values, "more": values}) | values)


@given(records, st.sampled_from([EVENTS, VERSIONS]))
def test_what_is_received_is_loaded_or_rejected_with_a_reason(arriving, table):
    intake = Intake("vendor")
    rows = list(intake.accept(table, arriving))
    assert intake.received[table.name] == len(arriving)
    assert intake.received[table.name] == intake.loaded[table.name] + intake.rejected[table.name]
    rejections = list(intake.rejections())
    assert len(rejections) <= intake.rejected[table.name]
    assert bool(rejections) == bool(intake.rejected[table.name])
    assert all(rejection["reason"] for rejection in rejections)
    if table is VERSIONS:
        assert len(rows) == intake.loaded[table.name]
    else:
        assert len({(row["id"], row["at"]) for row in rows}) == len(rows) <= intake.loaded[table.name]


def test_an_event_that_comes_twice_in_a_run_is_loaded_and_yielded_once():
    intake = Intake("vendor")
    first = list(intake.accept(EVENTS, [{"id": "1", "at": AT}, {"id": "1", "at": AT}, {"id": "2", "at": AT}]))
    second = list(intake.accept(EVENTS, [{"id": "1", "at": "2026-01-01T01:00:00+01:00"}]))  # the same instant
    assert [row["id"] for row in first] == ["1", "2"] and second == []
    assert intake.loaded["happenings"] == 4


def test_a_rejection_says_field_reason_value_and_origin_and_keeps_the_record():
    intake = Intake("vendor", [EVENTS])
    assert list(intake.accept(EVENTS, [{"id": "1", "at": "soon"}], origin="day.jsonl line 3")) == []
    (rejection,) = intake.rejections()
    assert rejection["reason"].startswith("day.jsonl line 3: at: Input should be a valid datetime")
    assert "(got 'soon')" in rejection["reason"]
    assert (rejection["source"], rejection["resource"]) == ("vendor", "happenings")
    assert rejection["record"] == '{"at": "soon", "id": "1"}'


def test_the_same_rejection_has_the_same_id_in_every_run_and_is_one_row():
    def rejected() -> list[dict]:
        intake = Intake("vendor")
        list(intake.accept(EVENTS, [{"id": "1"}, {"id": "1"}, {"id": "2"}]))
        assert intake.rejected["happenings"] == 3
        return list(intake.rejections())

    one, other = rejected(), rejected()
    assert len(one) == 2
    assert [row["rejection_id"] for row in one] == [row["rejection_id"] for row in other]
    assert one[0]["rejection_id"] != one[1]["rejection_id"]


FACTS = RawTable("facts", Fact, "events", ("id",), happened_at="at", kind="kind")
NOW = datetime(2026, 10, 31, 6, tzinfo=UTC)  # what the settings of these tests call now


@given(st.lists(st.integers(min_value=-400, max_value=400)))
def test_what_lies_more_than_a_day_ahead_of_the_load_is_rejected_with_its_reason(hours_ahead):
    intake = Intake("vendor")
    records = [{"id": f"{n}", "at": NOW + timedelta(hours=hours)} for n, hours in enumerate(hours_ahead)]
    rows = list(intake.accept(FACTS, records, origin="day.jsonl"))
    assert [row["id"] for row in rows] == [f"{n}" for n, hours in enumerate(hours_ahead) if hours <= 24]
    assert all("ahead of the load" in rejection["reason"] for rejection in intake.rejections())
    assert intake.received["facts"] == intake.loaded["facts"] + intake.rejected["facts"]


def test_a_fact_without_an_instant_does_not_lie_ahead():
    assert len(list(Intake("vendor").accept(FACTS, [{"id": "1", "at": None}]))) == 1


def test_a_kind_is_rejected_as_a_whole_where_none_of_its_facts_was_loaded():
    intake = Intake("vendor", [FACTS, VERSIONS])
    list(intake.accept(FACTS, [{"id": "1", "kind": "good"}, {"kind": "good"}, {"kind": "bad"}, {"kind": "worse"}, 7]))
    list(intake.accept(FACTS, [{"id": "2", "kind": "worse"}]))
    list(intake.accept(VERSIONS, [{"id": "1"}]))
    assert intake.rejected_kinds("facts") == ["bad", "facts"]  # what is no record at all has no kind
    told = {row["resource"]: row["rejected_kinds"] for row in intake.audit()}
    assert told == {"facts": "bad, facts", "things": "things"}


def test_text_that_no_encoding_takes_is_rejected_not_raised():
    intake = Intake("vendor")
    assert list(intake.accept(EVENTS, [{"id": "\ud83d", "at": AT}])) == []
    intake.reject("happenings", "\ud83d", "broken")
    assert len({row["rejection_id"] for row in intake.rejections()}) == 2


def test_sets_judged_elsewhere_are_counted_too():
    intake = Intake("vendor")
    intake.count_set("orders", "book", loaded=5, rejections=[{"record": "x", "reason": "no date"}])
    assert (intake.received["orders"], intake.loaded["orders"], intake.rejected["orders"]) == (6, 5, 1)


def test_the_audit_has_a_row_for_each_resource_also_where_nothing_came():
    intake = Intake("vendor", [EVENTS, VERSIONS])
    list(intake.accept(VERSIONS, [{"id": "1", "at": AT}, {}]))
    audit = {row["resource"]: (row["received"], row["loaded"], row["rejected"]) for row in intake.audit()}
    assert audit == {"happenings": (0, 0, 0), "things": (2, 1, 1)}
    assert intake.resources == ["happenings", "things"]


class Part(Row):
    thing: str
    id: str
    size: int


PARTS = RawTable("parts", Part, "versions", ("thing",))
parts = st.fixed_dictionaries(
    {"thing": st.sampled_from("ab"), "size": st.integers(0, 3) | st.just("large")},
    optional={"id": st.sampled_from("123")},
)


@given(st.lists(st.lists(parts, max_size=6), max_size=5), st.integers(1, 3))
def test_only_what_does_not_arrive_is_retired_never_what_is_rejected(loads, batch):
    """The whole-unit replacement of scd2, redone in memory: what is current after any loads."""
    current: dict[tuple[str, str], int] = {}

    def versions(table, keys):
        assert table is PARTS
        for (thing, id_), size in current.items():
            if any(key["thing"] == thing and key.get("id", id_) == id_ for key in keys):
                yield {"thing": thing, "id": id_, "size": size}

    for records in loads:
        before, intake, rows = dict(current), Intake("vendor", current_versions=versions), []
        for start in range(0, len(records), batch):
            rows += list(intake.accept(PARTS, records[start : start + batch]))
        good = {(r["thing"], r["id"]): r["size"] for r in records if "id" in r and r["size"] != "large"}
        bad = [r for r in records if "id" not in r or r["size"] == "large"]
        staged = {(row["thing"], row["id"]): row["size"] for row in rows} | good
        units = {row["thing"] for row in rows}
        current = {key: size for key, size in before.items() if key[0] not in units} | staged
        for key, size in before.items():
            may_be_rejected = any(r["thing"] == key[0] and r.get("id", key[1]) == key[1] for r in bad)
            if key in good:
                assert current[key] == good[key]
            elif may_be_rejected or key[0] not in units:  # a unit of which nothing is accepted is not replaced
                assert current[key] == size
            else:
                assert key not in current
        assert len(rows) == intake.loaded["parts"] + intake.kept["parts"]


class Figure(Row):
    left_out = {"reach": "the vendor leaves it out"}

    id: str
    amount: int | None = None
    reach: int | None = None


class Entry(Row):
    thing: str
    id: str | None = None
    kind: str | None = None
    amount: int | None = None


FIGURES = RawTable("figures", Figure, "versions", ("id",))
ENTRIES = RawTable("entries", Entry, "versions", ("thing",))


def held(*rows):
    """The current versions of a warehouse that holds these rows."""

    def versions(table, keys):
        for row in rows:
            if any(all(str(row[column]) == value for column, value in key.items()) for key in keys):
                yield row

    return versions


@pytest.mark.parametrize(
    ("arrives", "is_loaded"),
    [
        ({"id": "1", "amount": ABSENT, "reach": 2}, False),
        ({"id": "1", "reach": 2}, False),
        ({"id": "1", "amount": None, "reach": 2}, True),
        ({"id": "1", "amount": 0, "reach": 2}, True),
        ({"id": "1", "amount": 7}, True),  # what may be left out
        ({"id": "2", "reach": 2}, True),  # nothing is known of it
    ],
)
def test_what_a_record_no_longer_tells_is_not_taken_back(arrives, is_loaded):
    intake = Intake("vendor", current_versions=held({"id": "1", "amount": 7, "reach": 9}))
    rows = list(intake.accept(FIGURES, [arrives]))
    assert [row["id"] for row in rows] == [arrives["id"]] * is_loaded
    assert (intake.received["figures"], intake.loaded["figures"]) == (1, int(is_loaded))
    assert [reason["reason"].split(":")[0] for reason in intake.rejections()] == ["amount"] * (not is_loaded)


def test_what_was_never_told_may_stay_absent_and_what_is_required_is_rejected():
    intake = Intake("vendor", current_versions=held({"id": "1", "amount": None, "reach": None}))
    assert list(intake.accept(FIGURES, [{"id": "1"}])) == [{"id": "1", "amount": None, "reach": None}]
    assert list(intake.accept(FIGURES, [{"id": ABSENT}])) == []
    assert [each["record"] for each in intake.rejections()] == ["{}"]


def test_an_entry_that_no_longer_tells_its_amount_stays_as_it_was_among_those_that_arrive():
    before = [{"thing": "a", "id": id_, "kind": "x", "amount": 1} for id_ in "12"]
    intake = Intake("vendor", current_versions=held(*before))
    arriving = [{"thing": "a", "id": "1", "kind": "x"}, {"thing": "a", "id": "2", "kind": "x", "amount": 5}]
    rows = list(intake.accept(ENTRIES, arriving))
    assert sorted((row["id"], row["amount"]) for row in rows) == [("1", 1), ("2", 5)]
    assert intake.kept["entries"] == 1


def test_a_row_that_stands_for_none_takes_none_back_where_the_list_is_absent():
    intake = Intake("vendor", current_versions=held({"thing": "a", "id": "1", "kind": "x", "amount": 1}))
    assert [row["id"] for row in intake.accept(ENTRIES, [{"thing": "a", "id": ABSENT, "kind": ABSENT}])] == ["1"]
    none = {"thing": "a", "id": None, "kind": None, "amount": None}
    assert [row["id"] for row in intake.accept(ENTRIES, [none])] == [None]


def test_a_list_that_is_not_shown_keeps_what_it_gave():
    before = [{"thing": "a", "id": id_, "kind": kind, "amount": 1} for id_, kind in (("1", "x"), ("2", "y"))]
    intake = Intake("vendor", current_versions=held(*before))
    arriving = [{"thing": "a", "id": "1", "kind": "x", "amount": 2}, AbsentRows({"thing": "a", "kind": "y"}, "ys", {})]
    assert sorted((row["id"], row["amount"]) for row in intake.accept(ENTRIES, arriving)) == [("1", 2), ("2", 1)]
    (rejection,) = intake.rejections()
    assert rejection["reason"].startswith("ys: absent")
    # Where nothing of it is known, nothing is lost; and what has arrived is there.
    unknown = [AbsentRows({"thing": "a", "kind": "z"}, "zs", {}), AbsentRows({"thing": "b"}, "bs", {})]
    assert list(intake.accept(ENTRIES, [*unknown, before[0], AbsentRows({"thing": "a", "kind": "x"}, "xs", {})])) == [
        before[0]
    ]
    assert intake.rejected["entries"] == 1


class Money(Row):
    id: str
    amount: Decimal | None = None
    at: datetime | None = None
    payload: dict[str, Any] | None = None


MONEY = RawTable("money", Money, "versions", ("id",))


@pytest.mark.parametrize(
    ("amount", "loaded"),
    [
        (33.333333333333336, "33.333333333"),
        ("0.0000000005", "0E-9"),
        ("0.0000000015", "2E-9"),
        ("19.90", "19.90"),
        ("1E+3", "1E+3"),
        ("999999999999.9999999999", None),
        (math.inf, None),
        ("NaN", None),
        (10**30, None),
    ],
)
def test_an_amount_is_rounded_to_the_decimals_of_its_column(amount, loaded):
    rows = [*Intake("vendor").accept(MONEY, [{"id": "1", "amount": amount}])]
    assert [str(row["amount"]) for row in rows] == [loaded] * (loaded is not None)


@pytest.mark.parametrize(
    "poison",
    [
        {"id": math.inf},
        {"id": "a\0"},
        {"id": ""},
        {"id": " "},
        {"at": "9999-12-31T23:59:59-14:00"},
        {"at": "0001-01-01T00:00:00+14:00"},
        {"payload": {"a": ["\ud83d"]}},
        {"payload": {"\0": 1}},
        {"payload": {"a": math.nan}},
        {"payload": {"a": 2**63}},
        {"novelty": TOO_DEEP},
    ],
)
def test_what_no_table_holds_is_rejected_with_its_reason_and_nothing_else_is(poison):
    intake = Intake("vendor")
    rows = [
        *intake.accept(MONEY, [{"id": "1"}, {"id": "2", **poison}, Unreadable({"id": "\0"}, "no \ud83d"), {"id": "3"}])
    ]
    assert [row["id"] for row in rows] == ["1", "3"]
    for rejection in intake.rejections():
        assert rejection["reason"] and "\0" not in rejection["record"] + rejection["reason"]
        (rejection["record"] + rejection["reason"]).encode()


def test_a_record_nested_too_deeply_to_be_written_is_rejected():
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    intake = Intake("vendor")
    assert [
        *intake.accept(MONEY, [{"id": deep}, {"id": "2", "payload": {"a": deep}}, {"id": "3", "new": deep}, deep])
    ] == []
    assert intake.rejected["money"] == len([*intake.rejections()]) == 4
