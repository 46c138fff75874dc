"""Shopify Admin GraphQL API: customers, orders with lines, transactions, refunds and disputes, abandoned checkouts.

Belongs here: Shopify's cursors, query costs, nested connections and field names. Does not: what counts as revenue.

An order's lines, transactions, refunds and disputes arrive inside it. They are tables of their own, made from one pass.
The README lists what is not confirmed.
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
from ingestion.clock import Clock
from ingestion.http import Client, Problem, VendorError, expect_list, judge_status, pages
from ingestion.intake import Intake
from ingestion.sources.shopify import queries
from ingestion.sources.shopify.models import (
    ABANDONED_CHECKOUTS,
    CUSTOMERS,
    DELETIONS,
    DISPUTE_TRANSACTIONS,
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
from ingestion.watermark import Watermark, instant
from ingestion.wire import ABSENT, AbsentRows, Spool, at, batches, entries, one, told, unfolded

__all__ = ["ROWS_OF", "TABLES", "resources"]

log = logging.getLogger(__name__)

UPDATED_LAG = timedelta(seconds=60)  # the search index runs behind: changes of the last minute are read again
BALANCE_LAG = timedelta(days=3)  # a movement may be shown after later ones, and before its dispute has begun
DISPUTE_TYPES = ("DISPUTE_WITHDRAWAL", "DISPUTE_REVERSAL", "CHARGEBACK_FEE", "CHARGEBACK_FEE_REFUND")


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

_BALANCE_ACCESS = (
    "The token does not see the balance of the Shopify Payments account, so that what disputes cost is not known. Give "
    "the app the scope read_shopify_payments_payouts and its user access to payouts, or leave disputes out: "
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


def connect(settings: Settings, clock: Clock | None = None) -> Client:
    """A client that asks the shop of the settings."""
    headers = {"X-Shopify-Access-Token": settings.access_token.get_secret_value()}
    limit = settings.time_limit_minutes
    return Client(SOURCE, settings.base_url, headers, judge, clock=clock, time_limit_minutes=limit)


def graphql_path(settings: Settings) -> str:
    """Where queries of the version of the settings are sent to."""
    return f"/admin/api/{settings.api_version}/graphql.json"


def _shown(record: Any, path: tuple[str, ...], unit: Mapping[str, Any]) -> list[Any]:
    """The entries of a list; where the record does not show it, that its rows are absent."""
    found = told(record, *path)
    return [AbsentRows(unit, ".".join(path), record)] if found is ABSENT else found or []


def refund_rows(order: Any) -> Iterator[Any]:
    """Wire order -> rows of `refunds`."""
    for record in _shown(order, ("refunds",), {"order_id": at(order, "id")}):
        if isinstance(record, AbsentRows):
            yield record
            continue
        attempts = told(record, "transactions", "nodes")
        statuses = attempts if attempts is ABSENT else [told(attempt, "status") for attempt in attempts or []]
        yield REFUNDS.row.from_wire(record, order_id=at(order, "id"), has_failed=_have_failed(statuses))


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


def _paid(entry: Any, field: str, part: str) -> Any:
    return told(entry, field, "presentmentMoney", part)


def refund_item_rows(order: Any) -> Iterator[Any]:
    """Wire order -> rows of what its refunds were of."""
    for refund in at(order, "refunds") or []:
        for kind in REFUND_ENTRIES:
            unit = {"order_id": at(order, "id"), "refund_id": told(refund, "id"), "kind": kind.kind}
            for number, entry in enumerate(_shown(refund, kind.path, unit)):
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
                    "amount": _paid(entry, kind.amount, "amount"),
                    "tax": _paid(entry, kind.tax, "amount") if kind.tax else None,
                    "currency_code": _paid(entry, kind.amount, "currencyCode"),
                }


def dispute_rows(order: Any) -> Iterator[Any]:
    """Wire order, with what Shopify Payments says of its disputes -> rows of `order_disputes`."""
    of_order = {"order_id": told(order, "id"), "order_updated_at": told(order, "updatedAt")}
    return (ORDER_DISPUTES.row.from_wire(dispute, **of_order) for dispute in at(order, "disputes") or [])


def _one(table: RawTable) -> Callable[[Any], Iterable[Any]]:
    return one(table.row.from_wire)


def _nested(table: RawTable, *path: str) -> Callable[[Any], Iterator[Any]]:
    """The entries of a list within an order, each with the order that it is of."""

    def rows(order: Any) -> Iterator[Any]:
        unit = {"order_id": at(order, "id")}
        for record in _shown(order, path, unit):
            yield record if isinstance(record, AbsentRows) else table.row.from_wire(record, **unit)

    return rows


# In the order in which they are loaded: the list, the table, and the rows of a record of the list.
ROWS: tuple[tuple[Connection, RawTable, Callable[[Any], Iterable[Any]]], ...] = (
    (CUSTOMER_LIST, CUSTOMERS, _one(CUSTOMERS)),
    (ORDER_LIST, ORDERS, _one(ORDERS)),
    (ORDER_LIST, ORDER_LINES, _nested(ORDER_LINES, "lineItems", "nodes")),
    (ORDER_LIST, ORDER_TRANSACTIONS, _nested(ORDER_TRANSACTIONS, "transactions")),
    (ORDER_LIST, REFUNDS, refund_rows),
    (ORDER_LIST, REFUND_ITEMS, refund_item_rows),
    (ORDER_LIST, ORDER_DISPUTES, dispute_rows),
    (CHECKOUT_LIST, ABANDONED_CHECKOUTS, _one(ABANDONED_CHECKOUTS)),
)
ROWS_OF = {table.name: to_rows for _, table, to_rows in ROWS} | {
    table.name: _one(table) for table in (DISPUTE_TRANSACTIONS, DELETIONS)
}


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
        found, watermark = Spool(), Watermark(since, intake.clock)
        condition = updated_since(watermark.at)

        def fetch(cursor: str | None) -> tuple[list[Any], str | None]:
            nonlocal condition
            if cursor is None and connection.sorted_by_update:
                condition = updated_since(watermark.at)  # after an expired cursor: only what is still missing
            data = self._query(connection.query, first=queries.PAGE, after=cursor, filter=condition)
            return _page(connection.field, at(data, connection.field))

        for page in pages(f"{SOURCE}: {connection.field}", fetch):
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
            if len(entries(order, field)) < queries.NESTED_LIST:
                continue
            order[field] = at(self._query(query, id=order_id, first=queries.LONGEST_LIST), "order", field) or []
            if len(order[field]) >= queries.LONGEST_LIST:
                reason = f"the order has {queries.LONGEST_LIST} {field} or more: Shopify gives no further ones"
                intake.reject(table.name, {"order_id": order_id}, reason)
        if len(entries(order, "refunds")) >= queries.NESTED_LIST:
            ids = [at(refund, "id") for refund in order["refunds"]]
            order["refunds"] = [at(self._query(queries.REFUND_ALONE, id=refund_id), "refund") for refund_id in ids]
        for refund in entries(order, "refunds"):
            self._complete_refund(refund)
        for dispute in entries(order, "disputes"):
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

    def dispute_transactions(self, since: str, intake: Intake) -> Changes:
        """What disputes moved on the balance since `since`. All that moved it is looked at: only time is a filter."""
        found, watermark = Spool(), Watermark(since, intake.clock)
        moment = watermark.at
        condition = None if moment is None else f"processed_at:>='{moment - BALANCE_LAG:%Y-%m-%dT%H:%M:%SZ}'"

        def fetch(cursor: str | None) -> tuple[list[Any], str | None]:
            try:
                data = self._query(
                    queries.BALANCE_TRANSACTIONS, first=queries.BALANCE_PAGE, after=cursor, condition=condition
                )
            except VendorError as error:
                if "ACCESS_DENIED" not in error.code:
                    raise
                data = None
            account = at(data, "shopifyPaymentsAccount")
            if account is None:
                intake.warn(_BALANCE_ACCESS)
                return [], None
            return _page("balanceTransactions", at(account, "balanceTransactions"))

        for page in pages(f"{SOURCE}: balanceTransactions", fetch):
            for transaction in page:
                watermark.see(at(transaction, "transactionDate"))
                if at(transaction, "sourceType") == "DISPUTE" or at(transaction, "type") in DISPUTE_TYPES:
                    found.add(at(transaction, "id"), transaction)
        return Changes(found, watermark.stored)

    def deletions(self, since: str | None) -> Changes:
        """Events of deleted orders since `since` (of a year, at most)."""
        found, watermark = Spool(), Watermark(since, self._client.clock)
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

        for page in pages(f"{SOURCE}: events", fetch):
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

        found = Spool()
        for page in pages(f"{SOURCE}: {parent}.{name}", fetch):
            for entry in page:
                found.add(at(entry, "id"), entry)
        return list(found)


def _page(name: str, connection: Any) -> tuple[list[Any], str | None]:
    """Records of a page of a connection, and the next cursor."""
    nodes = expect_list(SOURCE, name, connection, at(connection, "nodes"))
    return nodes, at(connection, "pageInfo", "endCursor") if at(connection, "pageInfo", "hasNextPage") else None


def _begun(orders: Iterable[Any]) -> Iterator[str]:
    """When the disputes of some orders began, as far as Shopify Payments handles them."""
    for order in orders:
        for dispute in entries(order, "disputes"):
            moment = instant(at(dispute, "dispute", "initiatedAt"))
            if moment is not None:
                yield moment.isoformat()


def updated_since(moment: datetime | None) -> str | None:
    """Shopify's search syntax for "updated at or after `moment`, less the lag"; None: no filter."""
    return None if moment is None else f"updated_at:>='{moment - UPDATED_LAG:%Y-%m-%dT%H:%M:%SZ}'"


def resources(intake: Intake) -> Iterable[DltResource]:
    """The source's resources in run order. Settings and secrets are resolved when the first one runs."""

    @cache
    def shop() -> Shop:
        settings = Settings.of(intake.account)
        client = connect(settings, intake.clock)
        return Shop(client, graphql_path(settings), unit_costs=settings.unit_costs, disputes=settings.disputes)

    # Tables made from the same list share one pass; one that is run alone makes the pass from its own position.
    @cache
    def changes(connection: Connection, updated_until: str | None) -> Changes:
        return shop().changes(connection, updated_until, intake)

    def from_changes(connection: Connection, table: RawTable) -> DltResource:
        def rows() -> Iterator[Any]:
            state = dlt.current.resource_state()
            found = changes(connection, state.get("updated_until"))
            for batch in batches(unfolded(ROWS_OF[table.name], found.records)):
                yield list(intake.accept(table, batch))
            state["updated_until"] = found.updated_until

        return dlt.resource(rows, **table.hints())

    def dispute_transactions() -> Iterator[Any]:
        state = dlt.current.resource_state()
        orders = changes(ORDER_LIST, state.get("updated_until"))
        state["updated_until"] = orders.updated_until
        # Before the first dispute that Shopify Payments handles, the balance has nothing to tell.
        since = state.get("processed_until") or min(_begun(orders.records), default=None)
        if since is None or not Settings.of(intake.account).disputes:
            return
        found = shop().dispute_transactions(since, intake)
        for batch in batches(unfolded(ROWS_OF[DISPUTE_TRANSACTIONS.name], found.records)):
            yield list(intake.accept(DISPUTE_TRANSACTIONS, batch))
        state["processed_until"] = found.updated_until

    def deletions() -> Iterator[Any]:
        state = dlt.current.resource_state()
        found = shop().deletions(state.get("created_until"))
        for batch in batches(unfolded(ROWS_OF[DELETIONS.name], found.records)):
            yield list(intake.accept(DELETIONS, batch))
        state["created_until"] = found.updated_until

    for connection, table, _ in ROWS:
        yield from_changes(connection, table)
        if table is ORDER_DISPUTES:
            yield dlt.resource(dispute_transactions, **DISPUTE_TRANSACTIONS.hints())
            yield dlt.resource(deletions, **DELETIONS.hints())
