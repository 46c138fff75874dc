"""Shopify Admin GraphQL API: customers, orders with lines, transactions, refunds and disputes, abandoned checkouts.

Belongs here: Shopify's cursors, query costs, nested connections and field names. Does not: what counts as revenue.

An order's lines, transactions, refunds and disputes arrive inside it. They are tables of their own, made from one pass.
What stays unconfirmed stands in the README.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import dlt
import requests
from dlt.extract import DltResource

from ingestion import config
from ingestion.http import Client, Problem, VendorError, expect_list, judge_status, pages
from ingestion.intake import Intake
from ingestion.sources.shopify import queries
from ingestion.sources.shopify.models import (
    ABANDONED_CHECKOUTS,
    CUSTOMERS,
    DELETIONS,
    ORDER_DISPUTES,
    ORDER_LINES,
    ORDER_TRANSACTIONS,
    ORDERS,
    REFUND_ITEMS,
    REFUNDS,
    TABLES,
)
from ingestion.sources.shopify.settings import SOURCE, Settings
from ingestion.tables import RawTable
from ingestion.watermark import Watermark
from ingestion.wire import ABSENT, AbsentRows, Spool, at, batches, told, unknown

__all__ = ["TABLES", "resources"]

log = logging.getLogger(__name__)

UPDATED_LAG = timedelta(seconds=60)  # the search index runs behind: changes of the last minute are read again


@dataclass(frozen=True)
class Connection:
    """A list of the API: its field, its query, and whether it comes sorted by update."""

    field: str
    query: str
    sorted_by_update: bool


CUSTOMER_LIST = Connection("customers", queries.CUSTOMERS, sorted_by_update=True)
ORDER_LIST = Connection("orders", queries.ORDERS, sorted_by_update=True)
CHECKOUT_LIST = Connection("abandonedCheckouts", queries.ABANDONED_CHECKOUTS, sorted_by_update=False)


@dataclass(frozen=True)
class Changes:
    """What one pass over a list found, and where the next pass begins (ISO instant)."""

    records: Spool
    updated_until: str | None


def judge(response: requests.Response, body: Any) -> Problem | None:
    """Shopify answers 200 with `errors`, also where it throttles: those cost points, which come back by the second."""
    errors = at(body, "errors")
    if not errors:
        return judge_status(response, body)
    if not isinstance(errors, list):  # {"errors": "some text"}, with the status that says what it is about
        by_status = judge_status(response, body)
        if by_status is not None and by_status.retry:
            return by_status
        return Problem(str(errors), advice=_ACCESS)
    codes = {str(at(error, "extensions", "code") or "") for error in errors}
    # A field of a list is refused once for each record.
    said = "; ".join(dict.fromkeys(str(at(error, "message")) for error in errors))
    code = ",".join(sorted(codes - {""}))
    if "THROTTLED" in codes:
        advice = "The query cost limit stayed exceeded: run again later."
        return Problem(said, retry=True, wait_seconds=_wait_seconds(body), advice=advice, code=code)
    if "INTERNAL_SERVER_ERROR" in codes or response.status_code >= 500:
        return Problem(said, retry=True, advice="Run again later.", code=code)
    if "ACCESS_DENIED" in codes:
        return Problem(said, advice=_advice(errors), code=code)
    return Problem(
        said,
        advice="The API may have changed: check the version the queries are written for.",
        code=code,
        cursor_expired="cursor" in said.lower(),
    )


_ACCESS = (
    f"Check {config.variable_name(SOURCE, 'access_token')} and that the app has the scopes read_orders, "
    "read_all_orders and read_customers, and read_products for unit costs."
)
_COST_ACCESS = (
    "The token may not read what the goods of an order cost. Give the app the scope read_products and its user the "
    f'permission "View product costs", or leave costs out: {config.variable_name(SOURCE, "unit_costs")}=false.'
)


_DISPUTE_ACCESS = (
    "The token may not read disputes. Give the app the scope read_shopify_payments_disputes, or leave them out: "
    f"{config.variable_name(SOURCE, 'disputes')}=false."
)


def _advice(errors: list[Any]) -> str:
    """What to do about refused fields: costs and disputes need a scope of their own and may be left out."""
    refused = [f"{at(error, 'message')} {at(error, 'path')}" for error in errors]
    for fields, advice in (
        (("variant", "inventoryItem", "unitCost"), _COST_ACCESS),
        (("dispute",), _DISPUTE_ACCESS),
    ):
        if all(any(field in text for field in fields) for text in refused):
            return advice
    return _ACCESS


def _wait_seconds(body: Any) -> float | None:
    """Seconds until the points that the query asks for are there; None where the answer does not say."""
    cost = at(body, "extensions", "cost")
    requested, status = at(cost, "requestedQueryCost"), at(cost, "throttleStatus")
    available, rate = at(status, "currentlyAvailable"), at(status, "restoreRate")
    if requested is None or available is None or not rate:
        return None
    return max(0.0, (float(requested) - float(available)) / float(rate))


def _amount(record: Any, field: str) -> Any:
    return told(record, field, "presentmentMoney", "amount")


def _shown(record: Any, path: tuple[str, ...], unit: Mapping[str, Any]) -> list[Any]:
    """The entries of a list; where the record does not show it, that its rows are absent."""
    entries = told(record, *path)
    return [AbsentRows(unit, ".".join(path), record)] if entries is ABSENT else entries or []


def customer_row(record: Any) -> Any:
    """Wire customer -> row of `customers`."""
    if not isinstance(record, Mapping):
        return record
    known = (
        *("id", "legacyResourceId", "firstName", "lastName", "numberOfOrders", "createdAt", "updatedAt"),
        *("defaultEmailAddress", "defaultPhoneNumber", "defaultAddress", "metafield"),
    )
    return {
        **unknown(record, known),
        "id": told(record, "id"),
        "legacy_resource_id": told(record, "legacyResourceId"),
        "first_name": told(record, "firstName"),
        "last_name": told(record, "lastName"),
        "email": told(record, "defaultEmailAddress", "emailAddress"),
        "email_marketing_state": told(record, "defaultEmailAddress", "marketingState"),
        "phone": told(record, "defaultPhoneNumber", "phoneNumber"),
        "customer_number": told(record, "metafield", "value"),
        "country_code": told(record, "defaultAddress", "countryCodeV2"),
        "number_of_orders": told(record, "numberOfOrders"),
        "created_at": told(record, "createdAt"),
        "updated_at": told(record, "updatedAt"),
    }


def order_row(record: Any) -> Any:
    """Wire order -> row of `orders`."""
    if not isinstance(record, Mapping):
        return record
    visit = told(record, "customerJourneySummary", "firstVisit")
    known = (
        *("id", "legacyResourceId", "name", "email", "phone", "test", "customer", "presentmentCurrencyCode"),
        *("totalPriceSet", "subtotalPriceSet", "totalTaxSet", "totalShippingPriceSet", "totalDiscountsSet"),
        *("currentTotalPriceSet", "totalRefundedSet", "displayFinancialStatus", "displayFulfillmentStatus"),
        *("currentTotalTaxSet", "taxesIncluded", "edited", "disputes"),
        *("cancelReason", "sourceName", "customerJourneySummary", "createdAt", "processedAt", "cancelledAt"),
        *("updatedAt", "lineItems", "transactions", "refunds"),
    )
    return {
        **unknown(record, known),
        "id": told(record, "id"),
        "legacy_resource_id": told(record, "legacyResourceId"),
        "name": told(record, "name"),
        "customer_id": told(record, "customer", "id"),
        "email": told(record, "email"),
        "phone": told(record, "phone"),
        "currency_code": told(record, "presentmentCurrencyCode"),
        "total_price": _amount(record, "totalPriceSet"),
        "subtotal_price": _amount(record, "subtotalPriceSet"),
        "total_tax": _amount(record, "totalTaxSet"),
        "total_shipping_price": _amount(record, "totalShippingPriceSet"),
        "total_discounts": _amount(record, "totalDiscountsSet"),
        "current_total_price": _amount(record, "currentTotalPriceSet"),
        "total_refunded": _amount(record, "totalRefundedSet"),
        "current_total_tax": _amount(record, "currentTotalTaxSet"),
        "taxes_included": told(record, "taxesIncluded"),
        "edited": told(record, "edited"),
        "test": told(record, "test"),
        "display_financial_status": told(record, "displayFinancialStatus"),
        "display_fulfillment_status": told(record, "displayFulfillmentStatus"),
        "cancel_reason": told(record, "cancelReason"),
        "source_name": told(record, "sourceName"),
        "first_visit_source": told(visit, "source"),
        "first_visit_landing_page": told(visit, "landingPage"),
        "first_visit_utm_source": told(visit, "utmParameters", "source"),
        "first_visit_utm_medium": told(visit, "utmParameters", "medium"),
        "first_visit_utm_campaign": told(visit, "utmParameters", "campaign"),
        "first_visit_occurred_at": told(visit, "occurredAt"),
        "created_at": told(record, "createdAt"),
        "processed_at": told(record, "processedAt"),
        "cancelled_at": told(record, "cancelledAt"),
        "updated_at": told(record, "updatedAt"),
    }


def line_row(order_id: Any, record: Any) -> Any:
    """Wire line item of an order -> row of `order_lines`."""
    if not isinstance(record, Mapping):
        return record
    known = (
        *("id", "sku", "title", "quantity", "currentQuantity", "isGiftCard"),
        *("originalUnitPriceSet", "discountedTotalSet", "variant"),
    )
    unit_cost = at(record, "variant", "inventoryItem", "unitCost")
    return {
        **unknown(record, known),
        "id": told(record, "id"),
        "order_id": order_id,
        "sku": told(record, "sku"),
        "title": told(record, "title"),
        "quantity": told(record, "quantity"),
        "current_quantity": told(record, "currentQuantity"),
        "is_gift_card": told(record, "isGiftCard"),
        "currency_code": told(record, "originalUnitPriceSet", "presentmentMoney", "currencyCode"),
        "unit_price": _amount(record, "originalUnitPriceSet"),
        "discounted_total": _amount(record, "discountedTotalSet"),
        "unit_cost": at(unit_cost, "amount"),
        "unit_cost_currency_code": at(unit_cost, "currencyCode"),
    }


def transaction_row(order_id: Any, record: Any) -> Any:
    """Wire transaction of an order -> row of `order_transactions`."""
    if not isinstance(record, Mapping):
        return record
    return {
        **unknown(record, ("processedAt", "amountSet")),
        "order_id": order_id,
        "amount": _amount(record, "amountSet"),
        "currency_code": told(record, "amountSet", "presentmentMoney", "currencyCode"),
        "processed_at": told(record, "processedAt"),
    }


def refund_row(order_id: Any, record: Any) -> Any:
    """Wire refund of an order -> row of `refunds`."""
    if not isinstance(record, Mapping):
        return record
    attempts = told(record, "transactions", "nodes")
    statuses = attempts if attempts is ABSENT else [told(attempt, "status") for attempt in attempts or []]
    return {
        **unknown(record, ("createdAt", "totalRefundedSet", "duties", *queries.REFUND_LISTS)),
        "order_id": order_id,
        "total_refunded": _amount(record, "totalRefundedSet"),
        "currency_code": told(record, "totalRefundedSet", "presentmentMoney", "currencyCode"),
        "has_failed": _have_failed(statuses),
        "created_at": told(record, "createdAt"),
    }


def _have_failed(statuses: Any) -> Any:
    """Whether each attempt to pay back has failed; None where no attempt is shown."""
    if statuses is ABSENT or ABSENT in statuses:
        return ABSENT
    return all(status in ("FAILURE", "ERROR") for status in statuses) if statuses else None


@dataclass(frozen=True)
class RefundEntries:
    """Where a refund shows the entries of one kind, and the fields of their amounts."""

    kind: str
    path: tuple[str, ...]
    amount: str
    tax: str


REFUND_ENTRIES = (
    RefundEntries("line", ("refundLineItems", "nodes"), "subtotalSet", "totalTaxSet"),
    RefundEntries("shipping", ("refundShippingLines", "nodes"), "subtotalAmountSet", "taxAmountSet"),
    RefundEntries("duty", ("duties",), "amountSet", ""),
    RefundEntries("adjustment", ("orderAdjustments", "nodes"), "amountSet", "taxAmountSet"),
)


def refund_item_rows(order_id: Any, record: Any) -> Iterator[Any]:
    """Wire refund of an order -> rows of what it was of."""
    for entries in REFUND_ENTRIES:
        unit = {"order_id": order_id, "refund_id": told(record, "id"), "kind": entries.kind}
        for number, entry in enumerate(_shown(record, entries.path, unit)):
            if isinstance(entry, AbsentRows):
                yield entry
                continue
            yield {
                **unit,
                "number": number,
                "id": at(entry, "id"),  # each kind of entry has some of these
                "line_item_id": at(entry, "lineItem", "id"),
                "quantity": at(entry, "quantity"),
                "reason": at(entry, "reason"),
                "amount": _amount(entry, entries.amount),
                "tax": _amount(entry, entries.tax) if entries.tax else None,
                "currency_code": told(entry, entries.amount, "presentmentMoney", "currencyCode"),
            }


def dispute_row(order: Any, record: Any) -> Any:
    """Wire dispute of an order, with what Shopify Payments says of it -> row of `order_disputes`."""
    if not isinstance(record, Mapping):
        return record
    return {
        **unknown(record, ("initiatedAs", "dispute")),
        "order_id": told(order, "id"),
        "initiated_as": told(record, "initiatedAs"),
        "amount": told(record, "dispute", "amount", "amount"),
        "currency_code": told(record, "dispute", "amount", "currencyCode"),
        "initiated_at": told(record, "dispute", "initiatedAt"),
        "finalized_on": told(record, "dispute", "finalizedOn"),
        "order_updated_at": told(order, "updatedAt"),
    }


def deletion_row(record: Any) -> Any:
    """Wire event of a deletion -> row of `deletions`."""
    if not isinstance(record, Mapping):
        return record
    return {
        **unknown(record, ("subjectId", "subjectType", "createdAt", "action")),
        "subject_id": told(record, "subjectId"),
        "subject_type": told(record, "subjectType"),
        "created_at": told(record, "createdAt"),
    }


def checkout_row(record: Any) -> Any:
    """Wire checkout -> row of `abandoned_checkouts`."""
    if not isinstance(record, Mapping):
        return record
    return {
        **unknown(record, ("createdAt", "completedAt", "updatedAt", "totalPriceSet", "customer")),
        "customer_id": told(record, "customer", "id"),
        "email": told(record, "customer", "defaultEmailAddress", "emailAddress"),
        "phone": told(record, "customer", "defaultPhoneNumber", "phoneNumber"),
        "total_price": _amount(record, "totalPriceSet"),
        "currency_code": told(record, "totalPriceSet", "presentmentMoney", "currencyCode"),
        "created_at": told(record, "createdAt"),
        "completed_at": told(record, "completedAt"),
        "updated_at": told(record, "updatedAt"),
    }


def _nested(to_row: Callable[[Any, Any], Any], *path: str) -> Callable[[Any], Iterator[Any]]:
    def rows(order: Any) -> Iterator[Any]:
        for record in _shown(order, path, {"order_id": at(order, "id")}):
            yield record if isinstance(record, AbsentRows) else to_row(at(order, "id"), record)

    return rows


def _refund_items(order: Any) -> Iterator[Any]:
    for refund in at(order, "refunds") or []:
        yield from refund_item_rows(at(order, "id"), refund)


def _order_disputes(order: Any) -> Iterator[Any]:
    return (dispute_row(order, dispute) for dispute in at(order, "disputes") or [])


# In the order in which they are loaded: the list, the table, and the rows of a record of the list.
ROWS: tuple[tuple[Connection, RawTable, Callable[[Any], Iterable[Any]]], ...] = (
    (CUSTOMER_LIST, CUSTOMERS, lambda record: [customer_row(record)]),
    (ORDER_LIST, ORDERS, lambda record: [order_row(record)]),
    (ORDER_LIST, ORDER_LINES, _nested(line_row, "lineItems", "nodes")),
    (ORDER_LIST, ORDER_TRANSACTIONS, _nested(transaction_row, "transactions")),
    (ORDER_LIST, REFUNDS, _nested(refund_row, "refunds")),
    (ORDER_LIST, REFUND_ITEMS, _refund_items),
    (ORDER_LIST, ORDER_DISPUTES, _order_disputes),
    (CHECKOUT_LIST, ABANDONED_CHECKOUTS, lambda record: [checkout_row(record)]),
)


class Shop:
    """Reads one shop, with or without what its goods cost and what is disputed."""

    def __init__(self, client: Client, path: str, *, unit_costs: bool = True, disputes: bool = True) -> None:
        self._client = client
        self._path = path
        self._unit_costs = unit_costs
        self._disputes = disputes

    def _query(self, query: str, **variables: Any) -> Any:
        if not self._unit_costs:
            query = queries.without_unit_costs(query)
        if not self._disputes:
            query = queries.without_disputes(query)
        answer = self._client.post(self._path, body={"query": query, "variables": variables})
        return at(answer, "data")

    def changes(self, connection: Connection, since: str | None, intake: Intake) -> Changes:
        """Everything updated since `since` (or everything), nested lists complete."""
        found, watermark = Spool(), Watermark(since)
        condition = updated_since(watermark.at)

        def fetch(cursor: str | None) -> tuple[list[Any], str | None]:
            nonlocal condition
            if cursor is None and connection.sorted_by_update:
                condition = updated_since(watermark.at)  # after an expired cursor: only what is still missing
            data = self._query(connection.query, first=queries.PAGE, after=cursor, filter=condition)
            return _page(connection.field, at(data, connection.field))

        for page in pages(fetch):
            for record in page:
                if connection is ORDER_LIST:
                    self._complete(record, intake)
                found.add(at(record, "id"), record)
                watermark.see(at(record, "updatedAt"))
            log.info("shopify: %s %s read", len(found), connection.field)
        return Changes(found, watermark.stored)

    def _complete(self, order: Any, intake: Intake) -> None:
        """Read what an order holds whole: a nested list stops silently at its limit."""
        if not isinstance(order, dict):
            return
        order_id = order.get("id")
        if at(order, "lineItems", "pageInfo", "hasNextPage"):
            lines = self._entries(queries.ORDER_LINE_ITEMS, "order", order_id, "lineItems")
            order["lineItems"] = {"nodes": lines}
        for field, query, table in (
            ("transactions", queries.ORDER_TRANSACTIONS, ORDER_TRANSACTIONS),
            ("refunds", queries.ORDER_REFUNDS, REFUNDS),
        ):
            if len(order.get(field) or []) < queries.NESTED_LIST:
                continue
            order[field] = at(self._query(query, id=order_id, first=queries.LONGEST_LIST), "order", field) or []
            if len(order[field]) >= queries.LONGEST_LIST:
                reason = f"the order has {queries.LONGEST_LIST} {field} or more: Shopify gives no further ones"
                intake.reject(table.name, {"order_id": order_id}, reason)
        if len(order.get("refunds") or []) >= queries.NESTED_LIST:
            ids = [at(refund, "id") for refund in order["refunds"]]
            order["refunds"] = [at(self._query(queries.REFUND_ALONE, id=refund_id), "refund") for refund_id in ids]
        for refund in order.get("refunds") or []:
            self._complete_refund(refund)
        for dispute in order.get("disputes") or []:
            if isinstance(dispute, dict):
                dispute["dispute"] = self._dispute(str(dispute.get("id")))

    def _complete_refund(self, refund: Any) -> None:
        for name, query in queries.REFUND_ENTRIES.items():
            if at(refund, name, "pageInfo", "hasNextPage"):
                refund[name] = {"nodes": self._entries(query, "refund", at(refund, "id"), name)}

    def _dispute(self, summary_id: str) -> Any:
        """What Shopify Payments says of a dispute; None of one that another gateway handles."""
        gid = f"gid://shopify/ShopifyPaymentsDispute/{summary_id.rsplit('/', 1)[-1]}"
        return at(self._query(queries.DISPUTE, id=gid), "dispute")

    def deletions(self, since: str | None) -> Changes:
        """Events of deleted orders since `since` (of a year, at most)."""
        found, watermark = Spool(), Watermark(since)
        terms = ["subject_type:ORDER", "action:destroy"]
        if watermark.at is not None:
            terms.append(f"created_at:>='{watermark.at - UPDATED_LAG:%Y-%m-%dT%H:%M:%SZ}'")

        def fetch(cursor: str | None) -> tuple[list[Any], str | None]:
            try:
                data = self._query(queries.DELETIONS, first=queries.PAGE, after=cursor, condition=" AND ".join(terms))
            except VendorError as error:
                if "ACCESS_DENIED" not in error.code:
                    raise
                data = None
            if at(data, "events") is None:
                log.warning(
                    "shopify: no events are shown to this token, so that deleted orders are not seen: "
                    "ingestion/sources/shopify/README.md says how to take one out"
                )
                return [], None
            return _page("events", at(data, "events"))

        for page in pages(fetch):
            for event in page:
                if at(event, "subjectType") == "ORDER" and at(event, "action") == "destroy":
                    found.add(at(event, "id"), event)
                    watermark.see(at(event, "createdAt"))
        return Changes(found, watermark.stored)

    def _entries(self, query: str, parent: str, parent_id: Any, name: str) -> list[Any]:
        """All entries of a list within a record, none if the record was deleted meanwhile."""

        def fetch(cursor: str | None) -> tuple[list[Any], str | None]:
            data = self._query(query, id=parent_id, first=queries.LONGEST_LIST, after=cursor)
            record = at(data, parent)
            return ([], None) if record is None else _page(f"{parent}.{name}", at(record, name))

        entries = Spool()
        for page in pages(fetch):
            for entry in page:
                entries.add(at(entry, "id"), entry)
        return list(entries)


def _page(name: str, connection: Any) -> tuple[list[Any], str | None]:
    """Records of a page of a connection, and the next cursor."""
    nodes = expect_list(SOURCE, name, connection, at(connection, "nodes"))
    return nodes, at(connection, "pageInfo", "endCursor") if at(connection, "pageInfo", "hasNextPage") else None


def updated_since(moment: datetime | None) -> str | None:
    """Shopify's search syntax for "updated at or after `moment`, less the lag"; None: no filter."""
    return None if moment is None else f"updated_at:>='{moment - UPDATED_LAG:%Y-%m-%dT%H:%M:%SZ}'"


def resources(intake: Intake) -> Iterable[DltResource]:
    """The source's resources in run order. Settings and secrets are resolved when the first one runs."""

    @cache
    def shop() -> Shop:
        settings = Settings.of(intake.account)
        token = settings.access_token.get_secret_value()
        client = Client(SOURCE, settings.base_url, {"X-Shopify-Access-Token": token}, judge)
        path = f"/admin/api/{settings.api_version}/graphql.json"
        return Shop(client, path, unit_costs=settings.unit_costs, disputes=settings.disputes)

    # Tables made from the same list share one pass; one that is run alone makes the pass from its own position.
    @cache
    def changes(connection: Connection, updated_until: str | None) -> Changes:
        return shop().changes(connection, updated_until, intake)

    def from_changes(connection: Connection, table: RawTable, to_rows: Callable[[Any], Iterable[Any]]) -> DltResource:
        def rows() -> Iterator[Any]:
            state = dlt.current.resource_state()
            found = changes(connection, state.get("updated_until"))
            for batch in batches(row for record in found.records for row in to_rows(record)):
                yield list(intake.accept(table, batch))
            state["updated_until"] = found.updated_until

        return dlt.resource(rows, **table.hints())

    def deletions() -> Iterator[Any]:
        state = dlt.current.resource_state()
        found = shop().deletions(state.get("created_until"))
        for batch in batches(map(deletion_row, found.records)):
            yield list(intake.accept(DELETIONS, batch))
        state["created_until"] = found.updated_until

    for connection, table, to_rows in ROWS:
        yield from_changes(connection, table, to_rows)
        if table is ORDER_DISPUTES:
            yield dlt.resource(deletions, **DELETIONS.hints())
