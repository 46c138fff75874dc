from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion import limits, wire
from ingestion.wire import (
    ABSENT,
    TOO_DEEP,
    AbsentRows,
    Made,
    Spool,
    Unreadable,
    as_json,
    at,
    batches,
    check_json,
    mapped,
    missing,
    parsed,
    told,
    unfolded,
    unknown,
)


def test_a_path_ends_in_none_where_a_step_is_missing_or_no_object():
    record = {"a": {"b": 1}, "text": "x", "list": [1]}
    assert at(record, "a", "b") == 1
    assert at(record, "a", "c") is None
    assert at(record, "text", "b") is None
    assert at(record, "list", "b") is None
    assert at(None, "a") is None


@pytest.mark.parametrize(
    ("record", "is_missing"),
    [
        ({"a": {"b": 1}}, False),
        ({"a": {"b": None}}, False),
        ({"a": None}, False),
        ({}, False),
        ({"a": {}}, True),
        ({"a": "an id"}, True),
    ],
)
def test_what_is_absent_is_missing_and_what_is_null_is_not(record, is_missing):
    assert missing(record, ("a", "b")) is is_missing
    assert missing({"list": [{"a": {"b": 1}}, record]}, ("list", "[]", "a", "b")) is is_missing
    assert missing({"list": []}, ("list", "[]", "a", "b")) is False


def test_unknown_fields_are_those_not_named():
    assert unknown({"id": 1, "new": 2}, ("id",)) == {"new": 2}


@given(st.lists(st.integers()), st.integers(1, 7))
def test_batches_keep_every_item_in_order(items, size):
    cut = list(batches(items, size))
    assert sum(cut, []) == items
    assert all(len(batch) == size for batch in cut[:-1])
    assert all(cut)


arrivals = st.lists(st.tuples(st.integers(0, 5), st.text()))


@given(arrivals, st.booleans())
def test_the_last_arrival_of_each_key_counts(arriving, on_disk):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wire, "SPOOL_MEMORY_BYTES", 1 if on_disk else 10_000)
        spool = Spool()
    for key, text in arriving:
        spool.add(key, {"key": key, "text": text})
    expected = {key: text for key, text in arriving}
    assert {record["key"]: record["text"] for record in spool} == expected
    assert len(list(spool)) == len(spool) == len(expected)
    assert sorted(spool.keys()) == sorted(map(str, expected))
    assert {key: spool.get(key) for key in expected} == {key: {"key": key, "text": expected[key]} for key in expected}
    assert spool.get("no such key") is None


def test_records_without_a_key_are_all_kept():
    spool = Spool()
    for key, name in ((None, "a"), (None, "a"), ("", "b"), (" ", "b"), ({}, "c"), ([1], "c")):
        spool.add(key, {"name": name})
    assert [record["name"] for record in spool] == [*"aabbcc"]
    assert [*spool.keys()] == []
    assert {} not in spool and None not in spool and spool.get(None) is None


def test_a_spool_can_be_read_several_times_and_grows_after_a_reading():
    spool = Spool()
    spool.add(1, "a")
    assert list(spool) == list(spool) == ["a"]
    spool.add(2, "b")
    assert list(spool) == ["a", "b"]


def test_absent_is_told_from_null():
    record = {"price": None, "customer": {"id": "1", "name": None}, "text": "t"}
    assert told(record, "customer", "id") == "1"
    assert told(record, "customer", "name") is None
    assert told(record, "price", "amount") is None
    assert told(record, "customer", "email") is ABSENT
    assert told(record, "currency", "code") is ABSENT
    assert told(record, "text", "length") is ABSENT


def nested(levels: int) -> str:
    return "[" * levels + "]" * levels


@pytest.mark.parametrize("levels", [limits.DEPTH + 2, 500, 5000, 50_000])
def test_what_is_nested_too_deeply_costs_its_value_and_not_the_page(levels):
    page = parsed(f'[{{"id": "a", "deep": {nested(levels)}}}, {{"id": "\\"[[", "deep": [[]]}}]'.encode())
    assert [record["id"] for record in page] == ["a", '"[[']
    assert page[1]["deep"] == [[]]
    with pytest.raises(ValueError, match="levels of lists and objects"):
        check_json(page[0]["deep"])
    assert TOO_DEEP not in as_json(page[1])
    spool = Spool()
    spool.add("a", page[0])
    assert spool.get("a")["id"] == "a"


def test_a_whole_number_that_is_too_long_costs_its_value_and_not_the_page():
    page = parsed(f'[{{"a": {"9" * 5000}}}, {{"a": 501}}]')
    assert page == [{"a": math.inf}, {"a": 501}] and isinstance(page[1]["a"], int)


@pytest.mark.parametrize("text", ["", "[1", nested(3)[:-1], "[" * 50_000, "[" * 900, '{"a" 1}', '["', "nothing"])
def test_what_is_no_json_is_refused(text):
    with pytest.raises(ValueError):
        parsed(text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(json_values, st.booleans())
def test_json_is_read_as_python_reads_it(value, is_cut):
    text = json.dumps(value)
    assert parsed(text) == value
    assert not is_cut or json.loads(wire._without_depths(text)) == value


def test_what_is_made_of_a_record_says_of_which_also_where_it_is_no_row():
    record = {"lines": [{"id": "1"}, "2", Unreadable(3, "no line"), AbsentRows({"id": "4"}, "taxes", 4)]}
    row, *others = unfolded(lambda each: each["lines"], [record])
    assert isinstance(row, Made) and row == {"id": "1"}
    assert others[0] == Unreadable("2", "an object is expected (got '2')")
    assert [each.arrived is record for each in (row, *others)] == [True] * 4
    assert [*unfolded(lambda each: [each], ["no record"])] == ["no record"]  # which the door says of it


def test_a_record_of_which_no_row_can_be_made_costs_all_of_its_rows_and_no_others():
    rows = [*unfolded(lambda record: ({"part": 1 / each} for each in record), [[1, 0], [2], 7])]
    assert [row for row in rows if not isinstance(row, Unreadable)] == [{"part": 0.5}]
    assert [row.record for row in rows if isinstance(row, Unreadable)] == [[1, 0], 7]
    assert [*mapped(lambda text: {"number": int(text)}, ["1", "x"])] == [
        {"number": 1},
        Unreadable("x", "not in the documented shape: ValueError: invalid literal for int() with base 10: 'x'"),
    ]
