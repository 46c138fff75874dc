from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion import limits
from ingestion.unknown_fields import OTHER_FIELDS, UnknownFields


def test_each_unknown_field_is_a_text_of_its_own_whatever_it_holds():
    fields = {"Text": "a", "number": 1.5, "flag": True, "none": None, "list": [1, "é"], "object": {"a": None}}
    assert UnknownFields(["id"]).columns(fields) == {
        "text": "a",
        "number": "1.5",
        "flag": "true",
        "none": None,
        "list": '[1, "é"]',
        "object": '{"a": null}',
    }


@pytest.mark.parametrize("name", ["", " ", "!", "имя", "\0", "\ud83d", "x" * 300, "_dlt_id", "1st", "ID", OTHER_FIELDS])
def test_a_field_that_can_have_no_column_is_kept_beside_the_others(name):
    row = UnknownFields(["id"]).columns({name: 7, "new": 1})
    assert row.keys() == {"new", OTHER_FIELDS}
    assert json.loads(row[OTHER_FIELDS] or "") == {name: 7}


def test_of_two_names_of_one_column_none_overwrites_the_other():
    unknown = UnknownFields([])
    assert unknown.columns({"EMAIL": "A", "email": "a"}) == {"email": "a", OTHER_FIELDS: '{"EMAIL": "A"}'}
    assert unknown.columns({"EMAIL": "A"}) == {"email": "A"}


@pytest.mark.parametrize("value", ["\ud83d", "a\0", ["\ud83d"]])
def test_what_is_no_text_is_kept_escaped(value):
    row = UnknownFields([]).columns({"a": value})
    assert (
        row.keys() == {OTHER_FIELDS} and row[OTHER_FIELDS].isascii() and json.loads(row[OTHER_FIELDS]) == {"a": value}
    )


def test_there_is_an_end_to_new_columns_and_none_to_what_is_kept():
    names = [f"field_{number}" for number in range(limits.UNKNOWN_COLUMNS + 5)]
    unknown = UnknownFields([])
    row = unknown.columns(dict.fromkeys(names, "x"))
    assert len(row) == limits.UNKNOWN_COLUMNS + 1 and len(json.loads(row[OTHER_FIELDS])) == 5
    assert len(unknown.columns({"another": 1, "field_0": 1})) == 2


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.lists(st.text())))
def test_no_value_is_lost(fields):
    row = UnknownFields(["id", "email"]).columns(fields)
    others = json.loads(row.pop(OTHER_FIELDS, "{}"))
    assert len(row) + len(others) == len(fields)
    assert others.items() <= fields.items() and not row.keys() & {"id", "email"}
