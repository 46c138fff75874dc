from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from sandbox import malformed
from sandbox.records import iso
from sandbox.servers.shopify import Document, Shopify, query_cost
from sandbox.settings import DAY

PAGE = "pageInfo { hasNextPage endCursor }"
ORDERS = f"""query ($first: Int!, $after: String, $q: String) {{
  orders(first: $first, after: $after, query: $q, sortKey: UPDATED_AT) {{
    nodes {{ id updatedAt processedAt createdAt test displayFinancialStatus customer {{ id }}
      totalPriceSet {{ presentmentMoney {{ amount currencyCode }} shopMoney {{ amount currencyCode }} }}
      totalRefundedSet {{ presentmentMoney {{ amount }} }}
      lineItems(first: 5) {{ nodes {{ id }} {PAGE} }} transactions(first: 5) {{ kind status }}
      refunds(first: 5) {{ id }} }}
    {PAGE} }} }}"""


def read_all(api: Any, query: str, field: str, first: int = 23, **variables: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    after = None
    while True:
        body = api.graphql(query, first=first, after=after, **variables)
        rows += body["data"][field]["nodes"]
        if not body["data"][field]["pageInfo"]["hasNextPage"]:
            return rows
        after = body["data"][field]["pageInfo"]["endCursor"]


@pytest.fixture
def shop(api: Callable[[str], Any]) -> Any:
    return api("shopify")


def orders(api: Any) -> dict[str, Any]:
    clock = api.sandbox.state.clock
    found = [o for p in api.sandbox.company.people(clock) for o in p.orders if o.created_at <= clock]
    found += api.sandbox.company.staff_orders(clock)
    return {f"gid://shopify/Order/{order.id}": order for order in found}


def test_a_wrong_token_is_refused(shop: Any) -> None:
    answer = shop.request("POST", "/admin/api/2026-07/graphql.json", token="wrong", json={"query": "{__typename}"})
    assert answer.status_code == 401 and isinstance(answer.json()["errors"], str)


def test_pages_hold_every_order_once_with_its_money(shop: Any) -> None:
    clock, expected = shop.sandbox.state.clock, orders(shop)
    found = read_all(shop, ORDERS, "orders")
    odd = {f"gid://shopify/Order/{o.id}" for o in malformed.shopify_orders(shop.sandbox.company.start)}
    real = [row for row in found if row["id"] not in odd]
    assert len(found) == len(real) + len(odd)
    assert sorted(row["id"] for row in real) == sorted(expected)
    assert [row["updatedAt"] for row in found] == sorted(row["updatedAt"] for row in found)
    for row in real:
        order = expected[row["id"]]
        money = row["totalPriceSet"]["presentmentMoney"]
        assert (Decimal(money["amount"]), money["currencyCode"]) == (order.total, order.currency)
        assert row["totalPriceSet"]["shopMoney"]["currencyCode"] == "EUR"
        assert Decimal(row["totalRefundedSet"]["presentmentMoney"]["amount"]) == order.refunded(clock)
        assert row["displayFinancialStatus"] == order.financial_status(clock)


def test_amounts_have_the_decimals_of_their_currency(shop: Any) -> None:
    places: dict[str, set[int]] = {}
    known = orders(shop)
    for row in (row for row in read_all(shop, ORDERS, "orders") if row["id"] in known):
        money = row["totalPriceSet"]["presentmentMoney"]
        places.setdefault(money["currencyCode"], set()).add(len(money["amount"].partition(".")[2]))
    assert places["EUR"] == {2}
    assert places["JPY"] == {0}
    assert places.get("KWD", {3}) == {3}


def test_only_updated_orders_are_found(shop: Any) -> None:
    cut = shop.sandbox.state.clock - 20 * DAY
    found = read_all(shop, ORDERS, "orders", q=f"updated_at:>='{iso(cut)}'")
    expected = [key for key, order in orders(shop).items() if order.touched_at(shop.sandbox.state.clock) >= cut]
    assert sorted(row["id"] for row in found) == sorted(expected)
    late = [order for order in orders(shop).values() if order.created_at > order.processed_at + DAY]
    assert late  # found by when it was imported, not by when it happened
    imported = late[0].created_at
    rows = read_all(shop, ORDERS, "orders", q=f"updated_at:>='{iso(imported)}' AND created_at:<='{iso(imported)}'")
    assert f"gid://shopify/Order/{late[0].id}" in {row["id"] for row in rows}


def test_nested_lines_stop_silently_and_page_by_cursor(shop: Any) -> None:
    key, order = max(orders(shop).items(), key=lambda item: len(item[1].lines))
    assert len(order.lines) > 50
    query = f"""query ($id: ID!, $first: Int!, $after: String) {{
      order(id: $id) {{ lineItems(first: $first, after: $after) {{ nodes {{ id quantity }} {PAGE} }} }} }}"""
    first = shop.graphql(query, id=key, first=50)["data"]["order"]["lineItems"]
    assert len(first["nodes"]) == 50 and first["pageInfo"]["hasNextPage"]
    rest = shop.graphql(query, id=key, first=250, after=first["pageInfo"]["endCursor"])["data"]["order"]["lineItems"]
    ids = [node["id"] for node in first["nodes"] + rest["nodes"]]
    assert ids == [f"gid://shopify/LineItem/{line.id}" for line in order.lines]
    assert not rest["pageInfo"]["hasNextPage"]


def test_a_line_shows_the_cost_of_its_variant_unless_that_was_deleted(shop: Any) -> None:
    query = f"""query ($first: Int!, $after: String) {{ orders(first: $first, after: $after) {{ nodes {{
      lineItems(first: 130) {{ nodes {{ id variant {{ inventoryItem {{ unitCost {{ amount currencyCode }} }} }} }} }} }}
      {PAGE} }} }}"""
    shown = {
        line["id"]: line["variant"] for order in read_all(shop, query, "orders") for line in order["lineItems"]["nodes"]
    }
    lines = {f"gid://shopify/LineItem/{line.id}": line for order in orders(shop).values() for line in order.lines}
    assert shown.keys() == lines.keys()
    assert any(variant is None for variant in shown.values())
    for key, variant in shown.items():
        if variant is None:
            assert lines[key].unit_cost is None and not lines[key].is_gift_card
        else:
            cost = variant["inventoryItem"]["unitCost"]
            known = (
                None if lines[key].unit_cost is None else {"amount": str(lines[key].unit_cost), "currencyCode": "EUR"}
            )
            assert cost == known


def test_plain_lists_stop_at_what_was_asked_for(shop: Any) -> None:
    clock = shop.sandbox.state.clock
    key, order = max(orders(shop).items(), key=lambda item: len(item[1].refunds))
    known = [refund for refund in order.refunds if refund.at <= clock]
    assert len(known) > 20
    query = "query ($id: ID!, $n: Int!) { order(id: $id) { refunds(first: $n) { id } } }"
    assert len(shop.graphql(query, id=key, n=20)["data"]["order"]["refunds"]) == 20
    assert len(shop.graphql(query, id=key, n=250)["data"]["order"]["refunds"]) == len(known)


def test_customers_show_number_and_country(shop: Any) -> None:
    query = f"""query ($first: Int!, $after: String) {{ customers(first: $first, after: $after, sortKey: UPDATED_AT) {{
      nodes {{ id numberOfOrders defaultEmailAddress {{ emailAddress }} defaultAddress {{ countryCodeV2 }}
      metafield(namespace: "crm", key: "customer_number") {{ value }} }} {PAGE} }} }}"""
    found = {row["id"]: row for row in read_all(shop, query, "customers")}
    people = shop.sandbox.company.people(shop.sandbox.state.clock)
    first, second = people[3], people[4]
    for person in (first, second):
        row = found[f"gid://shopify/Customer/{person.shop_customers[0].id}"]
        assert row["metafield"]["value"] == person.customer_number
        assert row["defaultAddress"]["countryCodeV2"] == person.country
    assert None in found  # the malformed one has no id


def test_fields_that_do_not_exist_are_refused(shop: Any) -> None:
    answer = shop.graphql("{ orders(first: 1) { nodes { id nonsense } } }")
    assert "data" not in answer and "nonsense" in answer["errors"][0]["message"]


def test_aliases_and_fragments_are_answered(shop: Any) -> None:
    answer = shop.graphql("query { mine: orders(first: 1) { nodes { ...f } } } fragment f on Order { number: name }")
    assert answer["data"]["mine"]["nodes"][0].keys() == {"number"}


def test_a_query_costs_points() -> None:
    text = """{ orders(first: 50) { nodes { id refunds(first: 20) { id } lineItems(first: 50) { nodes { id } } } } }"""
    server = Shopify.__new__(Shopify)
    assert query_cost(Document(server._schema, text).selections({})) == 252


def test_too_large_a_query_is_refused(shop: Any) -> None:
    answer = shop.graphql(ORDERS, first=250)
    assert answer["errors"][0]["extensions"]["code"] == "MAX_COST_EXCEEDED"


def test_left_checkouts_are_found_and_some_were_completed(shop: Any) -> None:
    query = f"""query ($first: Int!, $after: String) {{ abandonedCheckouts(first: $first, after: $after) {{
      nodes {{ id createdAt completedAt customer {{ id }} }} {PAGE} }} }}"""
    clock = shop.sandbox.state.clock
    expected = [c for p in shop.sandbox.company.people(clock) for c in p.checkouts if c.created_at <= clock]
    found = read_all(shop, query, "abandonedCheckouts", first=7)
    assert sorted(row["id"] for row in found) == sorted(f"gid://shopify/AbandonedCheckout/{c.id}" for c in expected)
    done = sum(row["completedAt"] is not None for row in found)
    assert 0 < done < len(found)
