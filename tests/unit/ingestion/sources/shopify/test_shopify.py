from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import responses
from hypothesis import given
from hypothesis import strategies as st

from ingestion import pipelines
from ingestion.http import Client, VendorError
from ingestion.intake import Intake
from ingestion.sources.shopify import (
    CHECKOUT_LIST,
    ORDER_LIST,
    Shop,
    judge,
    queries,
    refund_rows,
    updated_since,
)
from ingestion.sources.shopify.models import AbandonedCheckout, Customer, Order, OrderLine, OrderTransaction

BASE = "https://shop.example"
PATH = "/admin/api/2026-07/graphql.json"


def money(amount: str, currency: str = "EUR") -> dict:
    return {"presentmentMoney": {"amount": amount, "currencyCode": currency}}


def line(number: int) -> dict:
    return {"id": f"line-{number}", "quantity": 1, "originalUnitPriceSet": money("5.00")}


def variant(unit_cost: str | None) -> dict:
    cost = None if unit_cost is None else {"amount": unit_cost, "currencyCode": "EUR"}
    return {"inventoryItem": {"unitCost": cost}}


def order(number: int, updated: str, *, lines: int = 1, refunds: int = 0, transactions: int = 1, **changes) -> dict:
    return {
        "id": f"gid://shopify/Order/{number}",
        "legacyResourceId": str(number),
        "test": False,
        "presentmentCurrencyCode": "EUR",
        "totalPriceSet": money("80.00"),
        "customer": {"id": "gid://shopify/Customer/9"},
        "createdAt": updated,
        "processedAt": updated,
        "updatedAt": updated,
        "lineItems": [line(each) for each in range(lines)],
        "refunds": [
            {"id": f"refund-{each}", "createdAt": updated, "totalRefundedSet": money("1.00")} for each in range(refunds)
        ],
        "transactions": [
            {"id": f"paid-{each}", "kind": "SALE", "status": "SUCCESS", "amountSet": money("80.00", "KWD")}
            for each in range(transactions)
        ],
        **changes,
    }


class FakeShop:
    """An Admin API: lists filtered by update and paged by cursor, nested lists cut at `first`."""

    def __init__(self) -> None:
        self.lists: dict[str, list[dict]] = {"orders": [], "customers": [], "abandonedCheckouts": []}
        self.events: list[dict] | None = []
        self.disputes: dict[str, dict] = {}
        self.balance: list[dict] | None = []
        self.faults: list[tuple[int, dict]] = []
        self.expire_cursors = 0
        self.asked: list[dict] = []
        self.before_page: Callable[[], None] = lambda: None

    def answer(self, query: str, variables: dict) -> tuple[int, dict]:
        self.asked.append({"query": query, **variables})
        if self.faults:
            return self.faults.pop(0)
        if variables.get("after") and self.expire_cursors:
            self.expire_cursors -= 1
            return 200, {"errors": [{"message": "Invalid cursor for current pagination sort."}]}
        if query == queries.DISPUTE:
            return 200, {"data": {"dispute": self.disputes.get(variables["id"])}}
        first = variables.get("first", 0)
        if query == queries.BALANCE_TRANSACTIONS:
            if self.balance is None:
                return 200, {"data": {"shopifyPaymentsAccount": None}}
            since = re.fullmatch(r"processed_at:>='(.+)'", variables["condition"])[1]
            moved = [each for each in self.balance if each["transactionDate"] >= since]
            page = self.cut(moved, first, variables["after"])
            return 200, {"data": {"shopifyPaymentsAccount": {"balanceTransactions": page}}}
        if query == queries.REFUND_ALONE:
            refunds = [refund for row in self.lists["orders"] for refund in row["refunds"]]
            return 200, {"data": {"refund": next((each for each in refunds if each["id"] == variables["id"]), None)}}
        entries = {text: name for name, text in queries.REFUND_ENTRIES.items()}
        if query in entries:
            refunds = [refund for row in self.lists["orders"] for refund in row["refunds"]]
            found = next((each for each in refunds if each["id"] == variables["id"]), None)
            name = entries[query]
            refund = found and {name: self.cut(found[name], first, variables["after"])}
            return 200, {"data": {"refund": refund}}
        asks_for_lines = queries.without_unit_costs(query) == queries.without_unit_costs(queries.ORDER_LINE_ITEMS)
        if asks_for_lines or query in (queries.ORDER_REFUNDS, queries.ORDER_TRANSACTIONS):
            found = next((each for each in self.lists["orders"] if each["id"] == variables["id"]), None)
            if found is None:
                return 200, {"data": {"order": None}}
            if asks_for_lines:
                return 200, {"data": {"order": {"lineItems": self.cut(found["lineItems"], first, variables["after"])}}}
            field = "refunds" if query == queries.ORDER_REFUNDS else "transactions"
            return 200, {"data": {"order": {field: found[field][:first]}}}
        if query == queries.DELETIONS:
            return 200, {"data": {"events": None if self.events is None else self.cut(self.events, first, None)}}
        name = re.search(r"(orders|customers|abandonedCheckouts)\(", query)[1]
        self.before_page()
        rows = list(self.lists[name])
        if variables["filter"]:
            since = re.fullmatch(r"updated_at:>='(.+)'", variables["filter"])[1]
            rows = [row for row in rows if row["updatedAt"] >= since]
        rows.sort(key=lambda row: row["createdAt" if name == "abandonedCheckouts" else "updatedAt"])
        page = self.cut(rows, first, variables["after"])
        if name == "orders":
            page["nodes"] = [self.nested(row) for row in page["nodes"]]
        return 200, {"data": {name: page}}

    def nested(self, row: dict) -> dict:
        lists = {field: row[field][: queries.NESTED_LIST] for field in ("refunds", "transactions")}
        lists["refunds"] = [
            {
                **refund,
                **{n: self.cut(refund[n], queries.NESTED_REFUND, None) for n in queries.REFUND_LISTS if n in refund},
            }
            for refund in lists["refunds"]
        ]
        return {**row, **lists, "lineItems": self.cut(row["lineItems"], queries.NESTED_LINES, None)}

    @staticmethod
    def cut(rows: list[dict], first: int, after: str | None) -> dict:
        start = int(after or 0)
        end = start + first
        return {"nodes": rows[start:end], "pageInfo": {"hasNextPage": end < len(rows), "endCursor": str(end)}}


@pytest.fixture
def fake(web, monkeypatch, begin_with_raw_tables) -> FakeShop:
    begin_with_raw_tables("shopify")
    shop = FakeShop()

    def answer(request):
        assert request.headers["X-Shopify-Access-Token"] == "shop-token"
        asked = json.loads(request.body)
        status, body = shop.answer(asked["query"], asked["variables"])
        return status, {}, json.dumps(body)

    web.add_callback(responses.POST, BASE + PATH, answer)
    monkeypatch.setenv("SOURCES__SHOPIFY__BASE_URL", BASE)
    monkeypatch.setenv("SOURCES__SHOPIFY__API_VERSION", "2026-07")
    monkeypatch.setenv("SOURCES__SHOPIFY__ACCESS_TOKEN", "shop-token")
    monkeypatch.setenv("SOURCES__SHOPIFY__UNIT_COSTS", "true")
    monkeypatch.setenv("SOURCES__SHOPIFY__DISPUTES", "true")
    return shop


def shop() -> Shop:
    return Shop(Client("shopify", BASE, {"X-Shopify-Access-Token": "shop-token"}, judge), PATH)


def error(code: str, message: str = "no", **extensions) -> dict:
    return {"errors": [{"message": message, "extensions": {"code": code}}], **extensions}


# ---- the whole way


def test_one_pass_feeds_the_four_tables_of_orders(fake, query):
    fake.lists["orders"] = [order(1, "2026-10-01T08:00:00Z", lines=2, refunds=1)]
    fake.lists["customers"] = [
        {"id": "gid://shopify/Customer/9", "legacyResourceId": 9, "createdAt": "2026-10-01T08:00:00Z"}
        | {"updatedAt": "2026-10-01T08:00:00Z", "metafield": {"value": "C-9"}}
    ]
    checkout = {"id": "c1", "createdAt": "2026-10-01T08:00:00Z", "updatedAt": "2026-10-01T08:00:00Z"}
    fake.lists["abandonedCheckouts"] = [{**checkout, "customer": {"defaultPhoneNumber": {"phoneNumber": "+34600"}}}]
    intake = pipelines.run("shopify")
    assert dict(intake.loaded) == {
        **{"customers": 1, "orders": 1, "order_lines": 2, "order_transactions": 1, "refunds": 1},
        "abandoned_checkouts": 1,
    }
    assert sum(each["query"] == queries.ORDERS for each in fake.asked) == 1
    assert query("select order_id from raw_shopify.order_lines") == ["gid://shopify/Order/1"] * 2
    assert query("select currency_code, amount::double from raw_shopify.order_transactions") == [("KWD", 80.0)]
    assert query("select customer_number from raw_shopify.customers") == ["C-9"]
    assert query("select phone from raw_shopify.abandoned_checkouts") == ["+34600"]


def test_a_second_run_asks_from_the_last_update_with_a_lag_and_replays_add_nothing(fake, query):
    fake.lists["orders"] = [order(1, "2026-10-01T08:00:00Z"), order(2, "2026-10-02T08:00:00Z")]
    pipelines.run("shopify")
    fake.asked.clear()
    refunded = order(1, "2026-10-03T08:00:00Z", refunds=1)
    fake.lists["orders"][0] = refunded
    pipelines.run("shopify")
    asked = next(each for each in fake.asked if each["query"] == queries.ORDERS)
    assert asked["filter"] == "updated_at:>='2026-10-02T07:59:00Z'"
    versions = "select legacy_resource_id, count(*) from raw_shopify.orders group by 1 order by 1"
    assert query(versions) == [("1", 2), ("2", 1)]
    assert query("select count(*) from raw_shopify.order_lines") == [2]  # unchanged lines stay one version
    assert query("select count(*) from raw_shopify.refunds") == [1]


def test_what_a_refund_was_of_is_read_whole_and_a_failed_one_is_known(fake, query, monkeypatch):
    monkeypatch.setattr(queries, "NESTED_REFUND", 1)
    sent_back = [
        {"id": f"sent-{n}", "quantity": 1, "lineItem": {"id": f"line-{n}"}, "subtotalSet": money("5.00")}
        for n in (1, 2)
    ]
    whole = {"id": "refund-1", "createdAt": "2026-10-02T08:00:00Z", "totalRefundedSet": money("12.00")}
    whole["refundLineItems"] = [{**each, "totalTaxSet": money("1.00")} for each in sent_back]
    whole["duties"] = [{"amountSet": money("0.50")}]
    whole["orderAdjustments"] = [
        {"id": "adj", "reason": "RESTOCK", "amountSet": money("0.50"), "taxAmountSet": money("0.00")}
    ]
    tried = [{"id": "t1", "status": "FAILURE"}, {"id": "t2", "status": "ERROR"}]
    failed = {
        **whole,
        "id": "refund-2",
        "refundLineItems": [],
        "duties": [],
        "orderAdjustments": [],
        "transactions": tried,
    }
    fake.lists["orders"] = [order(1, "2026-10-02T08:00:00Z", refunds=0)]
    fake.lists["orders"][0]["refunds"] = [whole, failed]
    assert not pipelines.run("shopify").rejected
    items = "select refund_id, kind, number, line_item_id, amount, tax from raw_shopify.refund_items order by 1, 2, 3"
    assert query(items) == [
        ("refund-1", "adjustment", 0, None, Decimal("0.5"), Decimal(0)),
        ("refund-1", "duty", 0, None, Decimal("0.5"), None),
        ("refund-1", "line", 0, "line-1", Decimal(5), Decimal(1)),
        ("refund-1", "line", 1, "line-2", Decimal(5), Decimal(1)),
    ]
    assert query("select id, has_failed from raw_shopify.refunds order by 1") == [
        ("refund-1", None),
        ("refund-2", True),
    ]


def test_a_dispute_has_the_amount_that_shopify_payments_says(fake, query):
    summaries = [
        {"id": f"gid://shopify/OrderDisputeSummary/{number}", "initiatedAs": "CHARGEBACK", "status": "LOST"}
        for number in (7, 8)
    ]
    fake.lists["orders"] = [order(1, "2026-10-02T08:00:00Z", disputes=summaries)]
    amount = {"amount": "30.00", "currencyCode": "USD"}
    fake.disputes = {
        "gid://shopify/ShopifyPaymentsDispute/7": {"amount": amount, "initiatedAt": "2026-10-01T00:00:00Z"}
    }
    pipelines.run("shopify")
    assert query("select amount, currency_code, order_id from raw_shopify.order_disputes order by id") == [
        (Decimal(30), "USD", "gid://shopify/Order/1"),
        (None, None, "gid://shopify/Order/1"),
    ]


def moved(number: int, kind: str, at: str, amount: str, **changes) -> dict:
    euros = {"amount": amount, "currencyCode": "EUR"}
    return {
        "id": f"gid://shopify/ShopifyPaymentsBalanceTransaction/{number}",
        "type": kind,
        "sourceType": "CHARGE",
        "sourceId": number,
        "test": False,
        "transactionDate": at,
        "associatedOrder": {"id": "gid://shopify/Order/1"},
        "amount": euros,
        "fee": {**euros, "amount": "0.00"},
        "net": euros,
        **changes,
    }


def disputed_order(updated: str) -> dict:
    summary = {"id": "gid://shopify/OrderDisputeSummary/7", "initiatedAs": "CHARGEBACK", "status": "LOST"}
    return order(1, updated, disputes=[summary])


def test_what_disputes_moved_on_the_balance_is_read_from_the_first_dispute_on(fake, query, monkeypatch):
    monkeypatch.setattr(queries, "BALANCE_PAGE", 2)
    fake.lists["orders"] = [disputed_order("2026-10-02T08:00:00Z")]
    fake.disputes = {"gid://shopify/ShopifyPaymentsDispute/7": {"initiatedAt": "2026-10-01T00:00:00Z"}}
    fake.balance = [
        moved(1, "CHARGE", "2026-09-01T00:00:00Z", "30.00"),
        moved(2, "DISPUTE_WITHDRAWAL", "2026-10-01T09:00:00Z", "-30.00", sourceType="DISPUTE", sourceId=7),
        moved(3, "CHARGEBACK_FEE", "2026-10-01T09:00:00Z", "-15.00", sourceType="ADJUSTMENT"),
        moved(4, "CHARGE", "2026-10-09T00:00:00Z", "30.00"),
        moved(5, "CHARGEBACK_HOLD", "2026-10-02T00:00:00Z", "-1.00", sourceType="DISPUTE", sourceId=7),
    ]
    assert not pipelines.run("shopify").warnings
    rows = "select type, source_id, order_id, net::int, transaction_date::date::text"
    assert query(f"{rows} from raw_shopify.dispute_transactions order by id") == [
        ("DISPUTE_WITHDRAWAL", "7", "gid://shopify/Order/1", -30, "2026-10-01"),
        ("CHARGEBACK_FEE", "3", "gid://shopify/Order/1", -15, "2026-10-01"),
        ("CHARGEBACK_HOLD", "7", "gid://shopify/Order/1", -1, "2026-10-02"),
    ]
    # a charge was seen last: from there on, less the days that a movement may be late
    fake.balance.append(moved(6, "CHARGEBACK_FEE_REFUND", "2026-10-07T00:00:00Z", "15.00"))
    pipelines.run("shopify")
    assert query("select count(*) from raw_shopify.dispute_transactions") == [4]
    asked = [each["condition"] for each in fake.asked if each["query"] == queries.BALANCE_TRANSACTIONS]
    assert dict.fromkeys(asked).keys() == {
        "processed_at:>='2026-09-28T00:00:00Z'",
        "processed_at:>='2026-10-06T00:00:00Z'",
    }


@pytest.mark.parametrize("handled", [True, False])
def test_the_balance_is_asked_for_only_where_shopify_payments_handles_a_dispute(fake, query, monkeypatch, handled):
    fake.lists["orders"] = [disputed_order("2026-10-02T08:00:00Z")]
    if handled:
        monkeypatch.setenv("SOURCES__SHOPIFY__DISPUTES", "false")
        fake.disputes = {"gid://shopify/ShopifyPaymentsDispute/7": {"initiatedAt": "2026-10-01T00:00:00Z"}}
    fake.balance = None
    assert not pipelines.run("shopify").warnings
    assert not [each for each in fake.asked if each["query"] == queries.BALANCE_TRANSACTIONS]


@pytest.mark.parametrize("refused", [True, False])
def test_a_token_that_does_not_see_the_balance_loads_all_else_and_is_told(fake, query, refused):
    fake.lists["orders"] = [disputed_order("2026-10-02T08:00:00Z")]
    fake.disputes = {"gid://shopify/ShopifyPaymentsDispute/7": {"initiatedAt": "2026-10-01T00:00:00Z"}}
    fake.balance = None
    answer = fake.answer

    def refuse(asked: str, variables: dict) -> tuple[int, dict]:
        if refused and asked == queries.BALANCE_TRANSACTIONS:
            return 200, error("ACCESS_DENIED", "Access denied for shopifyPaymentsAccount field.")
        return answer(asked, variables)

    fake.answer = refuse
    (warning,) = pipelines.run("shopify").warnings
    assert "read_shopify_payments_payouts" in warning
    assert query("select count(*) from raw_shopify.order_disputes") == [1]
    # nothing is passed over: once the token sees the balance, it is read from the same day on
    refused, fake.balance = False, [moved(3, "CHARGEBACK_FEE", "2026-10-01T09:00:00Z", "-15.00")]
    fake.lists["orders"] = [order(2, "2026-10-20T08:00:00Z")]
    assert not pipelines.run("shopify").warnings
    assert query("select count(*) from raw_shopify.dispute_transactions") == [1]


def test_another_error_of_the_balance_fails_the_load(fake):
    fake.faults = [(200, error("", "boom"))]
    with pytest.raises(VendorError, match="boom"):
        shop().dispute_transactions("2026-10-01T00:00:00Z", Intake("shopify"))


def test_no_query_asks_for_disputes_where_they_are_left_out(fake, query, monkeypatch):
    monkeypatch.setenv("SOURCES__SHOPIFY__DISPUTES", "false")
    fake.lists["orders"] = [order(1, "2026-10-02T08:00:00Z")]
    pipelines.run("shopify")
    assert not [each for each in fake.asked if "disputes" in each["query"]]
    refused = error("ACCESS_DENIED", "Access denied for disputes field.")
    monkeypatch.setenv("SOURCES__SHOPIFY__DISPUTES", "true")
    fake.faults = [(200, refused)]
    with pytest.raises(VendorError, match="read_shopify_payments_disputes.*SOURCES__SHOPIFY__DISPUTES=false"):
        shop().changes(ORDER_LIST, None, Intake("shopify"))


def test_deleted_orders_are_told_by_events_from_the_last_one_on(fake, query):
    event = {"id": "e1", "action": "destroy", "createdAt": "2026-10-02T08:00:00Z", "subjectType": "ORDER"}
    fake.events = [{**event, "subjectId": "gid://shopify/Order/1"}, {**event, "id": "e2", "subjectType": "PRODUCT"}]
    pipelines.run("shopify")
    pipelines.run("shopify")
    assert query("select subject_id from raw_shopify.deletions") == ["gid://shopify/Order/1"]
    asked = [each["condition"] for each in fake.asked if each["query"] == queries.DELETIONS]
    assert asked == [
        "subject_type:ORDER AND action:destroy",
        "subject_type:ORDER AND action:destroy AND created_at:>='2026-10-02T07:59:00Z'",
    ]


@pytest.mark.parametrize("refused", [True, False])
def test_a_token_that_sees_no_events_loads_all_the_same_and_is_told(fake, caplog, refused):
    fake.events = None
    fake.faults = [(200, error("ACCESS_DENIED", "Access denied for events field."))] if refused else []
    assert list(shop().deletions(None).records) == []
    assert "deleted orders are not seen" in caplog.text


def test_an_order_that_changes_while_it_is_read_is_loaded_once_as_it_was_last(fake, query, monkeypatch):
    monkeypatch.setattr(queries, "PAGE", 1)
    fake.lists["orders"] = [order(1, "2026-10-01T08:00:00Z"), order(2, "2026-10-02T08:00:00Z")]

    def change_the_first_order_after_the_first_page():
        if sum(each["query"] == queries.ORDERS for each in fake.asked) == 2:
            fake.lists["orders"][0] = order(1, "2026-10-03T08:00:00Z", totalPriceSet=money("70.00"))
            fake.lists["orders"].insert(0, order(0, "2026-09-01T08:00:00Z"))  # keeps the cursor's position

    fake.before_page = change_the_first_order_after_the_first_page
    pipelines.run("shopify")
    rows = "select legacy_resource_id, total_price::int from raw_shopify.orders where _dlt_valid_to is null"
    assert ("1", 70) in query(rows)
    assert query("select count(*) from raw_shopify.orders where legacy_resource_id = '1'") == [1]


def test_a_cost_that_changed_is_a_version_beside_the_first(fake, query):
    fake.lists["orders"] = [order(1, "2026-10-01T08:00:00Z")]
    for day, unit_cost in ((1, "2.50"), (2, "3.00")):
        line_with_cost = {**line(0), "variant": variant(unit_cost)}
        fake.lists["orders"] = [order(1, f"2026-10-0{day}T08:00:00Z", lineItems=[line_with_cost])]
        pipelines.run("shopify")
    versions = "select unit_cost::double, unit_cost_currency_code from raw_shopify.order_lines order by _dlt_valid_from"
    assert query(versions) == [(2.5, "EUR"), (3.0, "EUR")]


def test_no_query_asks_for_costs_where_they_are_left_out(fake, query, monkeypatch):
    lines = queries.NESTED_LINES + 1
    fake.lists["orders"] = [order(1, "2026-10-01T08:00:00Z", lines=lines)]
    pipelines.run("shopify")
    assert [queries.UNIT_COST in each["query"] for each in fake.asked if "lineItems" in each["query"]] == [True, True]
    monkeypatch.setenv("SOURCES__SHOPIFY__UNIT_COSTS", "false")
    fake.asked.clear()
    fake.lists["orders"] = [order(1, "2026-10-02T08:00:00Z", lines=lines)]
    pipelines.run("shopify")
    assert [queries.UNIT_COST in each["query"] for each in fake.asked if "lineItems" in each["query"]] == [False, False]
    assert query("select count(*) from raw_shopify.order_lines") == [lines]


@pytest.mark.parametrize(
    ("field", "path"),
    [
        ("variant", None),
        ("this", ["orders", "nodes", 0, "lineItems", "nodes", 0, "variant", "inventoryItem", "unitCost"]),
    ],
)
def test_a_token_that_may_not_read_costs_is_told_what_to_do(fake, field, path):
    denied = {"message": f"Access denied for {field} field.", "path": path, "extensions": {"code": "ACCESS_DENIED"}}
    fake.faults = [(200, {"data": {"orders": None}, "errors": [denied, denied]})]
    with pytest.raises(VendorError) as raised:
        shop().changes(ORDER_LIST, None, Intake("shopify"))
    said = str(raised.value)
    assert f"{PATH}: Access denied for {field} field. (status 200)" in said  # once, not once a line
    assert "read_products" in said and "SOURCES__SHOPIFY__UNIT_COSTS=false" in said


def test_costs_are_not_blamed_for_another_field(fake):
    denied = (
        error("ACCESS_DENIED", "Access denied for email field.")["errors"]
        + error("ACCESS_DENIED", "unitCost")["errors"]
    )
    fake.faults = [(200, {"errors": denied})]
    with pytest.raises(VendorError, match="read_orders") as raised:
        shop().changes(ORDER_LIST, None, Intake("shopify"))
    assert "UNIT_COSTS" not in str(raised.value)


def test_a_removed_line_is_retired(fake, query):
    fake.lists["orders"] = [order(1, "2026-10-01T08:00:00Z", lines=2)]
    pipelines.run("shopify")
    fake.lists["orders"] = [order(1, "2026-10-02T08:00:00Z", lines=1)]
    pipelines.run("shopify")
    assert query("select id from raw_shopify.order_lines where _dlt_valid_to is null") == ["line-0"]


def test_malformed_values_are_rejections_and_new_fields_columns(fake, query):
    fake.lists["orders"] = [
        order(1, "2026-10-01T08:00:00Z", totalPriceSet=money("12,5O")),
        order(2, "2026-10-01T09:00:00Z", processedAt="yesterday"),
        order(3, "2026-10-01T10:00:00Z", poNumber="PO-3"),
    ]
    fake.lists["customers"] = [{"id": None, "firstName": name, "updatedAt": "2026-10-01"} for name in ("Ana", "Bo")]
    intake = pipelines.run("shopify")
    assert dict(intake.rejected) == {"orders": 2, "customers": 2}
    assert query("select po_number from raw_shopify.orders") == ["PO-3"]
    assert query("select count(*) from raw_shopify.rejected_records") == [4]


@pytest.mark.parametrize("permanent", [error("ACCESS_DENIED", "Access denied for orders field"), error("", "boom")])
def test_a_permanent_error_fails_the_run_and_loads_nothing(fake, query, pauses, permanent):
    day = "2026-10-01"
    fake.lists["customers"] = [{"id": "c", "legacyResourceId": "1", "createdAt": day, "updatedAt": day}]
    customers = (200, fake.answer(queries.CUSTOMERS, {"first": 9, "after": None, "filter": None})[1])
    fake.faults = [customers, (200, permanent)]
    with pytest.raises(Exception) as raised:
        pipelines.run("shopify")
    cause = pipelines.cause(raised.value)
    assert isinstance(cause, VendorError) and permanent["errors"][0]["message"] in str(cause)
    assert pauses == []
    assert query("select count(*) from raw_shopify.customers") == [0]
    pipelines.run("shopify")
    assert query("select count(*) from raw_shopify.customers") == [1]


def test_a_shop_name_still_to_be_written_is_named(fake, monkeypatch, capsys):
    monkeypatch.setenv("SOURCES__SHOPIFY__BASE_URL", "https://{shop}.myshopify.com")
    assert pipelines.main("shopify") == 1
    assert "SOURCES__SHOPIFY__BASE_URL" in capsys.readouterr().err


# ---- paging, nesting, throttling


def test_throttling_waits_until_the_points_are_there_and_then_loads(fake, pauses):
    fake.lists["orders"] = [order(1, "2026-10-01T08:00:00Z")]
    status = {"maximumAvailable": 2000, "currentlyAvailable": 52, "restoreRate": 100}
    cost = {"requestedQueryCost": 752, "actualQueryCost": None, "throttleStatus": status}
    fake.faults = [(200, error("THROTTLED", "Throttled", extensions={"cost": cost})), (200, error("THROTTLED"))]
    assert len(shop().changes(ORDER_LIST, None, Intake("shopify")).records) == 1
    assert pauses == [7, 2]  # (752 - 52) / 100 seconds; without a cost the pauses double


def test_errors_as_a_text_are_judged_by_their_status(fake, pauses):
    fake.faults = [(429, {"errors": "Exceeded 2 calls per second"}), (502, {"errors": "Bad gateway"})]
    assert len(shop().changes(ORDER_LIST, None, Intake("shopify")).records) == 0
    assert pauses == [1, 2]
    fake.faults = [(401, {"errors": "[API] Invalid API key or access token"})]
    with pytest.raises(VendorError, match="Invalid API key.*SOURCES__SHOPIFY__ACCESS_TOKEN"):
        shop().changes(ORDER_LIST, None, Intake("shopify"))


def test_endless_throttling_is_an_error_not_an_empty_table(fake, pauses):
    fake.faults = [(200, error("THROTTLED", "Throttled"))] * 10
    with pytest.raises(VendorError, match="Throttled"):
        shop().changes(ORDER_LIST, None, Intake("shopify"))
    assert len(fake.asked) == 4


def test_an_answer_without_the_list_is_an_error(fake):
    fake.faults = [(200, {"data": {"orders": None}})]
    with pytest.raises(VendorError, match="no list of records"):
        shop().changes(ORDER_LIST, None, Intake("shopify"))


@given(
    counts=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 6), st.integers(0, 6)), max_size=4),
    page=st.integers(1, 3),
    nested_lines=st.integers(1, 4),
    nested_list=st.integers(1, 4),
    longest=st.integers(7, 9),
)
def test_nested_lists_are_read_whole_whatever_fits_into_a_page(counts, page, nested_lines, nested_list, longest):
    fake = FakeShop()
    fake.lists["orders"] = [
        order(number, f"2026-10-{number + 1:02}T08:00:00Z", lines=lines, refunds=refunds, transactions=paid)
        for number, (lines, refunds, paid) in enumerate(counts)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(queries, "PAGE", page)
        patch.setattr(queries, "NESTED_LINES", nested_lines)
        patch.setattr(queries, "NESTED_LIST", nested_list)
        patch.setattr(queries, "LONGEST_LIST", longest)
        patch.setattr(Shop, "_query", lambda self, query, **variables: fake.answer(query, variables)[1]["data"])
        intake = Intake("shopify")
        found = list(Shop(None, PATH).changes(ORDER_LIST, None, intake).records)
    read = [(len(each["lineItems"]["nodes"]), len(each["refunds"]), len(each["transactions"])) for each in found]
    assert read == counts
    assert not intake.rejected


def test_a_list_longer_than_shopify_gives_is_reported(fake):
    fake.lists["orders"] = [order(1, "2026-10-01T08:00:00Z", refunds=queries.LONGEST_LIST + 1)]
    intake = Intake("shopify")
    (found,) = shop().changes(ORDER_LIST, None, intake).records
    assert len(found["refunds"]) == queries.LONGEST_LIST
    assert "250 refunds or more" in next(intake.rejections())["reason"]


def test_an_expired_cursor_starts_again_from_the_last_update_seen(fake, monkeypatch):
    monkeypatch.setattr(queries, "PAGE", 2)
    fake.lists["orders"] = [order(number, f"2026-10-{number:02}T08:00:00Z") for number in range(1, 6)]
    fake.expire_cursors = 1
    found = shop().changes(ORDER_LIST, None, Intake("shopify"))
    assert len(found.records) == 5
    assert found.updated_until == "2026-10-05T08:00:00+00:00"
    assert [each["filter"] for each in fake.asked][:3] == [None, None, "updated_at:>='2026-10-02T07:59:00Z'"]


def test_checkouts_come_by_creation_so_an_expired_cursor_starts_from_the_beginning(fake, monkeypatch):
    monkeypatch.setattr(queries, "PAGE", 1)
    dates = [("2026-10-01", "2026-10-20"), ("2026-10-02", "2026-10-03"), ("2026-10-04", "2026-10-04")]
    fake.lists["abandonedCheckouts"] = [
        {"id": created, "createdAt": created, "updatedAt": updated} for created, updated in dates
    ]
    fake.expire_cursors = 1
    assert len(shop().changes(CHECKOUT_LIST, None, Intake("shopify")).records) == 3


# ---- rows


def test_the_filter_is_in_utc_and_a_minute_earlier():
    assert updated_since(datetime(2026, 1, 1, 0, 0, 30, tzinfo=UTC)) == "updated_at:>='2025-12-31T23:59:30Z'"
    assert updated_since(None) is None


@pytest.mark.parametrize("row", [Customer, Order, AbandonedCheckout])
def test_rows_of_what_is_no_object_are_left_for_the_row_model(row):
    assert row.from_wire("text") == "text"
    assert row.from_wire({"id": "1", "novelty": {"a": 1}})["novelty"] == {"a": 1}


@pytest.mark.parametrize("row", [OrderLine, OrderTransaction])
def test_nested_rows_bear_their_order(row):
    found = row.from_wire({"id": "1", "novelty": 2}, order_id="order-1")
    assert found.items() >= {"order_id": "order-1", "novelty": 2}.items()


def test_refunds_bear_their_order():
    (row,) = refund_rows({"id": "order-1", "refunds": [{"id": "1", "novelty": 2, "duties": []}]})
    assert row.items() >= {"order_id": "order-1", "novelty": 2}.items()
    assert "duties" not in row


def test_amounts_are_those_the_customer_paid():
    both = {"shopMoney": {"amount": "1.00", "currencyCode": "EUR"}, **money("1.30", "USD")}
    row = Order.from_wire({"id": "1", "presentmentCurrencyCode": "USD", "totalPriceSet": both})
    assert (row["total_price"], row["currency_code"]) == ("1.30", "USD")
    assert "totalPriceSet" not in row


@pytest.mark.parametrize("bought", [None, variant(None), variant("4.20")])
def test_a_line_costs_what_its_variant_does(bought):
    row = OrderLine.from_wire({**line(1), "variant": bought}, order_id="order-1")
    expected = ("4.20", "EUR") if bought == variant("4.20") else (None, None)
    assert (row["unit_cost"], row["unit_cost_currency_code"]) == expected
    assert "variant" not in row
