from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion import wire
from ingestion.wire import ABSENT, Spool, at, batches, missing, told, unknown


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
    for name in ("a", "b"):
        spool.add(None, {"name": name})
    assert [record["name"] for record in spool] == ["a", "b"]


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
