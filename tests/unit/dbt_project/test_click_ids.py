"""Ids of clicks: a parameter in the query of a URL against Python's own reading of it, and attributes put together."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, quote, urlsplit

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.dbt_project.compiling import compiled, dbt_environment, invoke

# Names that begin or end like the one that is asked for, and what a value may hold.
NAMES = st.sampled_from(["gclid", "xgclid", "gclid2", "utm_source", "id", "g"])
VALUES = st.text(alphabet=st.sampled_from("aZ0-_.~ +%&=?#/é€\U0001f600"), max_size=8)
PARAMETERS = st.lists(st.tuples(NAMES, VALUES), max_size=4)
OBJECTS = st.none() | st.dictionaries(st.sampled_from(["a", "b"]), st.text(max_size=5) | st.none())


@pytest.fixture(scope="module")
def sql(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    with dbt_environment(tmp_path_factory.mktemp("click_ids")):
        return {
            "parameter": compiled("{{ url_parameter('url', 'gclid') }}"),
            "attributes": compiled("{{ with_click_ids('attributes', 'click_ids') }}"),
            "without": compiled("{{ without_click_ids('attributes', 'click_ids') }}"),
        }


def parameter(sql: dict[str, str], url: str | None) -> str | None:
    row = duckdb.execute(f"select {sql['parameter']} from (select $url::text as url)", {"url": url}).fetchone()
    assert row is not None
    value: str | None = row[0]
    return value


@settings(max_examples=150)
@given(
    PARAMETERS, PARAMETERS, st.sampled_from(["https://shop.example/landing", "/landing", "https://gclid=1.example/"])
)
def test_it_is_what_python_reads(
    sql: dict[str, str], query: list[tuple[str, str]], fragment: list[tuple[str, str]], page: str
) -> None:
    """`parse_qs` is the reference; what follows # is no query, though it looks like one."""
    url = f"{page}?{_written(query)}#?{_written(fragment)}"
    expected = parse_qs(urlsplit(url).query, keep_blank_values=True).get("gclid", [""])[0]
    assert parameter(sql, url) == (expected or None)


def _written(parameters: list[tuple[str, str]]) -> str:
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in parameters)


@pytest.mark.parametrize(
    ("url", "value"),
    [
        (None, None),
        ("https://shop.example/", None),
        ("https://shop.example/?gclid=", None),
        ("https://shop.example/?gclid=a+b", "a b"),
        ("https://shop.example/?gclid=50%", "50%"),
        ("https://shop.example/?gclid=%ff%fe", "%ff%fe"),  # no UTF-8
    ],
)
def test_what_cannot_be_decoded_stays_as_it_is_written(sql: dict[str, str], url: str | None, value: str | None) -> None:
    assert parameter(sql, url) == value


@settings(max_examples=100)
@given(OBJECTS, st.none() | st.dictionaries(st.sampled_from(["gclid", "fbclid"]), st.text(max_size=5), min_size=1))
def test_attributes_and_ids_of_a_click_are_one_object_and_come_apart_again(
    sql: dict[str, str], attributes: dict[str, str | None] | None, click_ids: dict[str, str] | None
) -> None:
    given_texts = {
        name: None if value is None else json.dumps(value, separators=(",", ":"))
        for name, value in (("attributes", attributes), ("click_ids", click_ids))
    }
    row = duckdb.execute(
        f"""
        with
            given as (select $attributes::text as attributes, $click_ids::text as click_ids),
            together as (select {sql["attributes"]} as attributes, click_ids from given)
        select attributes, {sql["without"]} from together
        """,
        given_texts,
    ).fetchone()
    assert row is not None
    together, without = (None if text is None else json.loads(text) for text in row)
    if attributes is None and click_ids is None:
        assert together is None
    else:
        assert together == {**(attributes or {}), **(click_ids or {})}
    # An object without an attribute says as little as none.
    assert (without or {}) == (attributes or {})


def test_a_name_that_is_no_id_of_a_click_is_refused(
    tmp_path_factory: pytest.TempPathFactory, capfd: pytest.CaptureFixture[str]
) -> None:
    with dbt_environment(tmp_path_factory.mktemp("click_ids")):
        result = invoke("{{ click_ids({'msclkid': 'x'}) }}")
    assert not result.success
    assert "click_ids: msclkid is none of ctwa_clid, fbclid, gclid, ttclid, lead_id." in capfd.readouterr().out
