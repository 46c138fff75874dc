"""Every record and event kind in the shape that its vendor documents, through the real connector, to rows.

Belongs here: the examples of `tests/wire/<vendor>`, one a file: where its shape is from (`_source`), the record, what
the rows hold at least, and `left_out`: the top-level fields that the connector does not read. Does not: what numbers
mean.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
import responses
from graphql import FieldNode, OperationDefinitionNode, parse

from ingestion import pipelines
from ingestion.sources import shopify, stripe
from ingestion.sources.shopify import queries
from tests.contract.test_vendor_stripe import read_paths

WIRE = Path(__file__).resolve().parents[1] / "wire"
STRIPE, SHOPIFY = sorted((WIRE / "stripe").glob("*.json")), sorted((WIRE / "shopify").glob("*.json"))


def example(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text(), parse_float=Decimal)


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[responses.RequestsMock]:
    for name, value in {
        "SOURCES__STRIPE__BASE_URL": "https://stripe.invalid/v1",
        "SOURCES__STRIPE__API_KEY": "key",
        "SOURCES__STRIPE__API_VERSION": "2025-03-31.basil",
        "SOURCES__SHOPIFY__BASE_URL": "https://shop.invalid",
        "SOURCES__SHOPIFY__ACCESS_TOKEN": "token",
        "SOURCES__SHOPIFY__API_VERSION": "2026-07",
        "SOURCES__SHOPIFY__UNIT_COSTS": "true",
        "SOURCES__SHOPIFY__DISPUTES": "true",
        "LIFECYCLE_PROFILE": "test",
        "LIFECYCLE_AS_OF": "2026-06-01T00:00:00Z",
    }.items():
        monkeypatch.setenv(name, value)
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def check_rows(warehouse: Path, vendor: str, expected: dict[str, list[dict[str, Any]]]) -> None:
    """Each table has exactly one row for each expected one, with its values."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        for table, rows in expected.items():
            cursor = connection.execute(f"from raw_{vendor}.{table}")
            names = [column[0] for column in cursor.description]
            found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
            assert len(found) == len(rows), (table, found)
            for row in rows:
                assert any(all(each[name] == value for name, value in row.items()) for each in found), (row, found)


def load(vendor: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIFECYCLE_DATA_DIR", str(tmp_path))
    intake = pipelines.run(vendor)
    assert not intake.rejected, list(intake.rejections())
    return tmp_path / "warehouse.duckdb"


def rows_of(told: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for each in told:
        for table, rows in each["rows"].items():
            found.setdefault(table, []).extend(rows)
    return found


def test_stripe_reads_what_it_documents(
    web: responses.RequestsMock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = [example(file) for file in STRIPE]
    paths = {kind.object: kind.path for kind in stripe.KINDS} | {"event": "/events"}
    lists: dict[str, list[Any]] = {}
    for each in told:
        lists.setdefault(paths[each["record"]["object"]], []).append(each["record"])

    def answer(request: Any) -> tuple[int, dict[str, str], str]:
        rows = lists.get(re.fullmatch(r"/v1(/\w+)", request.path_url.split("?")[0])[1], [])  # type: ignore[index]
        pattern = re.search(r"type=([a-z_.]+)", request.url)
        if pattern:
            rows = [event for event in rows if event["type"].startswith(pattern[1])]
        return 200, {}, json.dumps({"object": "list", "data": rows, "has_more": False}, default=float)

    web.add_callback(responses.GET, re.compile("https://stripe.invalid/.*"), answer)
    check_rows(load("stripe", tmp_path, monkeypatch), "stripe", rows_of(told))


@pytest.mark.parametrize("file", STRIPE, ids=lambda file: file.stem)
def test_what_stripe_shows_and_we_leave_out_is_said(file: Path) -> None:
    told = example(file)
    read = {path[0] for path in read_paths(told["record"]["object"])}
    assert sorted(set(told["record"]) - read) == told["left_out"]


def test_there_is_a_payload_of_every_kind() -> None:
    assert {example(file)["record"]["object"] for file in STRIPE} == {kind.object for kind in stripe.KINDS} | {"event"}
    assert {table for file in STRIPE for table in example(file)["rows"]} == {table.name for table in stripe.TABLES}
    assert {table for file in SHOPIFY for table in example(file)["rows"]} == {table.name for table in shopify.TABLES}
    assert all(example(file)["_source"] for file in (*STRIPE, *SHOPIFY))


def test_shopify_reads_what_it_documents(
    web: responses.RequestsMock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = [example(file) for file in SHOPIFY]
    dispute = next(each["dispute"] for each in told if "dispute" in each)
    records = {getattr(queries, each["query"]): each["record"] for each in told}

    def answer(request: Any) -> tuple[int, dict[str, str], str]:
        query = json.loads(request.body)["query"]
        if query == queries.DISPUTE:
            return 200, {}, json.dumps({"data": {"dispute": dispute}})
        name = re.search(r"(\w+)\(first: \$first", query)[1]  # type: ignore[index]
        page = {"nodes": [records[query]], "pageInfo": {"hasNextPage": False, "endCursor": None}}
        found = {name: page}
        return 200, {}, json.dumps({"data": {"shopifyPaymentsAccount": found} if "Account" in query else found})

    web.add_callback(responses.POST, re.compile("https://shop.invalid/.*"), answer)
    check_rows(load("shopify", tmp_path, monkeypatch), "shopify", rows_of(told))


@pytest.mark.parametrize("file", SHOPIFY, ids=lambda file: file.stem)
def test_shopify_answers_exactly_what_a_query_asks_for(file: Path) -> None:
    """An example has the fields of its query and no others: a field more would never be answered."""
    told = example(file)
    (operation,) = parse(getattr(queries, told["query"])).definitions
    assert isinstance(operation, OperationDefinitionNode)
    assert differing(told["record"], _nodes(operation.selection_set), file.stem) == []
    assert told["left_out"] == []


def test_no_field_that_shopify_documents_becomes_a_column_of_its_own() -> None:
    """A field that is asked for is a column, or is read elsewhere: only what nobody knows adds one."""
    fields = {connection.field: connection for connection, _, _ in shopify.ROWS}
    rows = []
    for file in SHOPIFY:
        record, connection = example(file)["record"], fields.get(file.stem)
        rows += [(table, row) for of, table, to_rows in shopify.ROWS if of is connection for row in to_rows(record)]
        if connection is None:
            (name,) = example(file)["rows"]
            table = next(table for table in shopify.TABLES if table.name == name)
            rows.append((table, table.row.from_wire(record)))
    assert {table.name for table, _ in rows} == {table.name for table in shopify.TABLES}
    assert [
        (table.name, row.keys() - table.row.model_fields) for table, row in rows if row.keys() - table.row.model_fields
    ] == []


def _nodes(selection: Any) -> Any:
    (connection,) = selection.selections
    if connection.name.value == "shopifyPaymentsAccount":
        return _nodes(connection.selection_set)
    return next(field.selection_set for field in connection.selection_set.selections if field.name.value == "nodes")


def _fields(selection: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for node in selection.selections:
        found |= {node.name.value: node.selection_set} if isinstance(node, FieldNode) else _fields(node.selection_set)
    return found


def differing(value: Any, selection: Any, path: str) -> list[str]:
    if isinstance(value, list):
        return [each for inner in value for each in differing(inner, selection, f"{path}[]")]
    if selection is None or value is None:
        return []
    fields = _fields(selection)
    found = [f"{path}.{name}" for name in fields.keys() ^ value.keys()]
    return found + [
        each for name in fields.keys() & value.keys() for each in differing(value[name], fields[name], f"{path}.{name}")
    ]
