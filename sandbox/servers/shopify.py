"""Shopify Admin GraphQL: customers, orders with payments, refunds and disputes, checkouts, deletions, the balance.

Endpoint: POST /admin/api/{version}/graphql.json. A query is checked against the part of the schema below (names and
types as in version 2026-07) and answered with the selected fields only. Fields here are a subset: what is missing
is refused as undefined, never answered with null.

Not confirmed against the real API: the cost of a query (calibrated on one published example: 50 orders with two nested
lists cost 252), the wording of a refused cursor, warnings about filters the search does not know, that an event reports
a deleted order, that the fee of a dispute is a movement of its own on the balance.
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cached_property, lru_cache
from math import ceil, log10
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    build_schema,
    parse,
    validate,
    value_from_ast_untyped,
)

from sandbox import malformed
from sandbox.orders import DISPUTE_FEE
from sandbox.records import Checkout, Dispute, Line, Order, Record, Refund, iso, quantum
from sandbox.servers.base import Call, Handler, Refused, Reply, TokenBucket, VendorServer

Wire = dict[str, Any]

BUCKET, RESTORE_PER_SECOND, QUERY_MOST = 2000, 100, 1000
FIRST_MOST = 250
SHOP_CURRENCY = "EUR"
CARD_FEE_SHARE = Decimal("0.02")
BALANCE_DELAY = 3600  # seconds from a dispute to what it moves on the balance
VERSION = re.compile(r"^20\d\d-(01|04|07|10)$")
SERVED = ("2025-10", "2026-01", "2026-04", "2026-07", "2026-10")  # who asks in an earlier version gets the first
SCOPES = (
    *("read_orders", "read_all_orders", "read_customers", "read_products"),
    *("read_shopify_payments_disputes", "read_shopify_payments_payouts"),
)

SCHEMA = """
scalar BigInt
scalar DateTime
scalar Decimal
scalar UnsignedInt64
scalar URL
enum CurrencyCode { EUR USD GBP JPY KWD CLP }
enum CountryCode { ES FR DE GB US JP KW CL }
enum OrderSortKeys { CREATED_AT ID PROCESSED_AT UPDATED_AT }
enum CustomerSortKeys { CREATED_AT ID UPDATED_AT }
enum AbandonedCheckoutSortKeys { CHECKOUT_ID CREATED_AT ID }
enum EventSortKeys { CREATED_AT ID }
enum EventSubjectType { CUSTOMER ORDER PRODUCT }
enum DisputeType { CHARGEBACK INQUIRY }
enum DisputeStatus { ACCEPTED CHARGE_REFUNDED LOST NEEDS_RESPONSE PREVENTED UNDER_REVIEW WON }
enum BalanceTransactionSortKeys { ID PROCESSED_AT }
enum ShopifyPaymentsSourceType { ADJUSTMENT CHARGE DISPUTE }
enum ShopifyPaymentsTransactionType {
  CHARGE CHARGEBACK_FEE CHARGEBACK_FEE_REFUND DISPUTE_REVERSAL DISPUTE_WITHDRAWAL
}
enum RefundLineItemRestockType { CANCEL NO_RESTOCK RETURN }
enum OrderAdjustmentDiscrepancyReason { CUSTOMER DAMAGE REFUND_DISCREPANCY RESTOCK }
enum OrderDisplayFinancialStatus {
  AUTHORIZED EXPIRED PAID PARTIALLY_PAID PARTIALLY_REFUNDED PENDING REFUNDED VOIDED
}
enum OrderDisplayFulfillmentStatus { FULFILLED UNFULFILLED }
enum OrderCancelReason { CUSTOMER DECLINED FRAUD INVENTORY OTHER STAFF }
enum OrderTransactionKind { AUTHORIZATION CAPTURE CHANGE REFUND SALE VOID }
enum OrderTransactionStatus { ERROR FAILURE PENDING SUCCESS }
enum CustomerEmailAddressMarketingState { NOT_SUBSCRIBED PENDING SUBSCRIBED UNSUBSCRIBED }
type QueryRoot {
  orders(after: String, first: Int, query: String, reverse: Boolean = false,
         sortKey: OrderSortKeys = PROCESSED_AT): OrderConnection!
  customers(after: String, first: Int, query: String, reverse: Boolean = false,
            sortKey: CustomerSortKeys = ID): CustomerConnection!
  abandonedCheckouts(after: String, first: Int, query: String, reverse: Boolean = false,
                     sortKey: AbandonedCheckoutSortKeys = ID): AbandonedCheckoutConnection!
  order(id: ID!): Order
  customer(id: ID!): Customer
  refund(id: ID!): Refund
  dispute(id: ID!): ShopifyPaymentsDispute
  events(after: String, first: Int, query: String, reverse: Boolean = false,
         sortKey: EventSortKeys = ID): EventConnection
  shopifyPaymentsAccount: ShopifyPaymentsAccount
  shop: Shop!
  currentAppInstallation: AppInstallation!
  publicApiVersions: [ApiVersion!]!
}
type Shop { id: ID! name: String! myshopifyDomain: String! currencyCode: CurrencyCode! ianaTimezone: String! }
type AccessScope { handle: String! }
type AppInstallation { id: ID! accessScopes: [AccessScope!]! }
type ApiVersion { handle: String! supported: Boolean! }
type PageInfo { hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String endCursor: String }
type MoneyV2 { amount: Decimal! currencyCode: CurrencyCode! }
type MoneyBag { presentmentMoney: MoneyV2! shopMoney: MoneyV2! }
type OrderConnection { nodes: [Order!]! edges: [OrderEdge!]! pageInfo: PageInfo! }
type OrderEdge { cursor: String! node: Order! }
type CustomerConnection { nodes: [Customer!]! edges: [CustomerEdge!]! pageInfo: PageInfo! }
type CustomerEdge { cursor: String! node: Customer! }
type AbandonedCheckoutConnection { nodes: [AbandonedCheckout!]! edges: [AbandonedCheckoutEdge!]! pageInfo: PageInfo! }
type AbandonedCheckoutEdge { cursor: String! node: AbandonedCheckout! }
type LineItemConnection { nodes: [LineItem!]! edges: [LineItemEdge!]! pageInfo: PageInfo! }
type LineItemEdge { cursor: String! node: LineItem! }
type UTMParameters { campaign: String content: String medium: String source: String term: String }
type CustomerVisit {
  landingPage: URL occurredAt: DateTime! source: String! utmParameters: UTMParameters
}
type CustomerJourneySummary { ready: Boolean! firstVisit: CustomerVisit lastVisit: CustomerVisit }
type CustomerEmailAddress {
  emailAddress: String! marketingState: CustomerEmailAddressMarketingState! marketingUpdatedAt: DateTime
}
type CustomerPhoneNumber { phoneNumber: String! }
type MailingAddress { countryCodeV2: CountryCode }
type Metafield { namespace: String! key: String! value: String! }
type Customer {
  id: ID! legacyResourceId: UnsignedInt64! firstName: String lastName: String displayName: String!
  defaultEmailAddress: CustomerEmailAddress defaultPhoneNumber: CustomerPhoneNumber defaultAddress: MailingAddress
  metafield(key: String!, namespace: String): Metafield
  numberOfOrders: UnsignedInt64! createdAt: DateTime! updatedAt: DateTime!
}
type InventoryItem { id: ID! unitCost: MoneyV2 }
type ProductVariant { id: ID! sku: String inventoryItem: InventoryItem! }
type LineItem {
  id: ID! sku: String title: String! name: String! quantity: Int! currentQuantity: Int! isGiftCard: Boolean!
  variant: ProductVariant
  originalUnitPriceSet: MoneyBag! originalTotalSet: MoneyBag! discountedTotalSet: MoneyBag! totalDiscountSet: MoneyBag!
}
type RefundLineItem {
  id: ID lineItem: LineItem! quantity: Int! restockType: RefundLineItemRestockType!
  subtotalSet: MoneyBag! totalTaxSet: MoneyBag!
}
type RefundShippingLine { id: ID! subtotalAmountSet: MoneyBag! taxAmountSet: MoneyBag! }
type OrderAdjustment {
  id: ID! reason: OrderAdjustmentDiscrepancyReason amountSet: MoneyBag! taxAmountSet: MoneyBag!
}
type RefundDuty { amountSet: MoneyBag! }
type RefundLineItemConnection { nodes: [RefundLineItem!]! pageInfo: PageInfo! }
type RefundShippingLineConnection { nodes: [RefundShippingLine!]! pageInfo: PageInfo! }
type OrderAdjustmentConnection { nodes: [OrderAdjustment!]! pageInfo: PageInfo! }
type OrderTransactionConnection { nodes: [OrderTransaction!]! pageInfo: PageInfo! }
type Refund {
  id: ID! legacyResourceId: UnsignedInt64! createdAt: DateTime updatedAt: DateTime! note: String
  totalRefundedSet: MoneyBag! duties: [RefundDuty!]
  refundLineItems(after: String, first: Int): RefundLineItemConnection!
  refundShippingLines(after: String, first: Int): RefundShippingLineConnection!
  orderAdjustments(after: String, first: Int): OrderAdjustmentConnection!
  transactions(after: String, first: Int): OrderTransactionConnection!
}
type OrderDisputeSummary { id: ID! initiatedAs: DisputeType! status: DisputeStatus! }
type ShopifyPaymentsDispute {
  id: ID! status: DisputeStatus! type: DisputeType! initiatedAt: DateTime! finalizedOn: DateTime amount: MoneyV2!
}
type ShopifyPaymentsAccount {
  balanceTransactions(after: String, first: Int, hideTransfers: Boolean = false, query: String,
                      reverse: Boolean = false, sortKey: BalanceTransactionSortKeys = PROCESSED_AT
                      ): ShopifyPaymentsBalanceTransactionConnection!
}
type ShopifyPaymentsBalanceTransactionConnection { nodes: [ShopifyPaymentsBalanceTransaction!]! pageInfo: PageInfo! }
type ShopifyPaymentsAssociatedOrder { id: ID! name: String! }
type ShopifyPaymentsBalanceTransaction {
  id: ID! type: ShopifyPaymentsTransactionType! sourceType: ShopifyPaymentsSourceType sourceId: BigInt test: Boolean!
  amount: MoneyV2! fee: MoneyV2! net: MoneyV2! transactionDate: DateTime!
  associatedOrder: ShopifyPaymentsAssociatedOrder
}
interface Event { id: ID! action: String! createdAt: DateTime! }
type BasicEvent implements Event {
  id: ID! action: String! createdAt: DateTime! subjectId: ID! subjectType: EventSubjectType!
}
type EventConnection { nodes: [Event!]! pageInfo: PageInfo! }
type OrderTransaction {
  id: ID! kind: OrderTransactionKind! status: OrderTransactionStatus! gateway: String amountSet: MoneyBag!
  createdAt: DateTime! processedAt: DateTime test: Boolean!
}
type Order {
  id: ID! legacyResourceId: UnsignedInt64! name: String! email: String phone: String test: Boolean!
  currencyCode: CurrencyCode! presentmentCurrencyCode: CurrencyCode! customer: Customer
  createdAt: DateTime! processedAt: DateTime! updatedAt: DateTime! cancelledAt: DateTime
  cancelReason: OrderCancelReason sourceName: String discountCodes: [String!]!
  displayFinancialStatus: OrderDisplayFinancialStatus displayFulfillmentStatus: OrderDisplayFulfillmentStatus!
  totalPriceSet: MoneyBag! subtotalPriceSet: MoneyBag totalTaxSet: MoneyBag totalShippingPriceSet: MoneyBag!
  totalDiscountsSet: MoneyBag currentTotalPriceSet: MoneyBag! totalRefundedSet: MoneyBag!
  currentTotalTaxSet: MoneyBag! taxesIncluded: Boolean! edited: Boolean! disputes: [OrderDisputeSummary!]!
  customerJourneySummary: CustomerJourneySummary
  lineItems(after: String, first: Int, reverse: Boolean = false): LineItemConnection!
  transactions(first: Int): [OrderTransaction!]!
  refunds(first: Int): [Refund!]!
}
type AbandonedCheckout {
  id: ID! createdAt: DateTime! updatedAt: DateTime! completedAt: DateTime totalPriceSet: MoneyBag! customer: Customer
}
schema { query: QueryRoot }
"""
REFUND_CONNECTIONS = ("refundLineItems", "refundShippingLines", "orderAdjustments")
ROOT_LISTS = ("orders", "customers", "abandonedCheckouts", "events", "balanceTransactions")
CONNECTIONS = (*ROOT_LISTS, "lineItems", *REFUND_CONNECTIONS)
LISTS = (*CONNECTIONS, "transactions", "refunds")
SORTS = {"CREATED_AT": "createdAt", "UPDATED_AT": "updatedAt", "PROCESSED_AT": "processedAt"}
WORDS = {"action": "action", "subject_type": "subjectType"}
FILTERS = {"created_at": "createdAt", "updated_at": "updatedAt", "processed_at": "processedAt"}
TERM = re.compile(r"(?P<name>\w+):(?P<operator>>=|<=|>|<|=)?(?P<value>'[^']*'|\"[^\"]*\"|\S+)")


@dataclass(frozen=True)
class Selection:
    """A selected field: what to read, under which key to answer, with which arguments and sub-selection."""

    key: str
    name: str
    arguments: Mapping[str, Any]
    children: tuple[Selection, ...]


class Document:
    """A checked query."""

    def __init__(self, schema: GraphQLSchema, text: str) -> None:
        self._document: DocumentNode = parse(text)
        self.errors: list[GraphQLError] = list(validate(schema, self._document))
        nodes = self._document.definitions
        self._fragments = {n.name.value: n for n in nodes if isinstance(n, FragmentDefinitionNode)}
        self._operation = next(n for n in nodes if isinstance(n, OperationDefinitionNode))

    def selections(self, variables: Mapping[str, Any]) -> tuple[Selection, ...]:
        """The query as a tree, with variables filled in."""
        known = {
            definition.variable.name.value: value_from_ast_untyped(definition.default_value)
            for definition in self._operation.variable_definitions
            if definition.default_value is not None
        }
        return self._read(self._operation.selection_set, {**known, **variables})

    def _read(self, chosen: SelectionSetNode | None, variables: Mapping[str, Any]) -> tuple[Selection, ...]:
        found: list[Selection] = []
        for node in chosen.selections if chosen else ():
            if isinstance(node, FieldNode):
                arguments = {a.name.value: value_from_ast_untyped(a.value, dict(variables)) for a in node.arguments}
                key = node.alias.value if node.alias else node.name.value
                children = self._read(node.selection_set, variables)
                found.append(Selection(key, node.name.value, arguments, children))
            elif isinstance(node, InlineFragmentNode):
                found += self._read(node.selection_set, variables)
            elif isinstance(node, FragmentSpreadNode):
                found += self._read(self._fragments[node.name.value].selection_set, variables)
        return tuple(found)


def query_cost(selections: Iterable[Selection], *, outermost: bool = True) -> int:
    """Points that a query asks for: an outer list costs two and one an item, a nested one the log of its length."""
    cost = 0
    for selection in selections:
        inner = query_cost(selection.children, outermost=outermost and selection.name not in LISTS)
        if selection.name not in LISTS:
            cost += inner
            continue
        length = max(1, int(selection.arguments.get("first") or FIRST_MOST))
        cost += 2 + length * (1 + inner) if outermost else max(1, ceil(log10(length))) + inner
    return cost


def failure(message: str, code: str, status: int = 200, **extensions: Any) -> Reply:
    return Reply({"errors": [{"message": message, "extensions": {"code": code, **extensions}}]}, status)


class Shopify(VendorServer):
    vendor = "shopify"
    token = "sandbox-shopify-token"

    def __init__(self, *what: Any, token: str = token) -> None:
        self.token = token
        super().__init__(*what)

    def tell(self, clock: int) -> None:
        if not hasattr(self, "_bucket"):
            scale = self.settings.rate_scale
            self._bucket = TokenBucket(BUCKET * scale, RESTORE_PER_SECOND * scale)
            self._documents = lru_cache(maxsize=64)(lambda text: Document(self._schema, text))
        people, start = self.company.people(clock), self.company.start
        customers = [c for person in people for c in person.shop_customers] + malformed.shopify_customers(start)
        orders = [order for person in people for order in person.orders] + malformed.shopify_orders(start)
        mistaken = self.company.mistaken_orders(clock)
        orders += self.company.staff_orders(clock) + mistaken
        checkouts = [checkout for person in people for checkout in person.checkouts]
        self._customers = {c.id: self._customer(c) for c in customers if c.visible(clock)}
        self._orders = {o.id: self._order(o) for o in orders if o.visible(clock)}
        self._refunds = {refund["_id"]: refund for order in self._orders.values() for refund in order["refunds"]}
        self._disputes = {
            dispute.id: self._dispute(dispute, order)
            for order in orders
            for dispute in order.disputes
            if order.visible(clock)
        }
        found = [self._checkout(c) for c in checkouts if c.created_at <= clock]
        self._lists: dict[str, list[Wire]] = {
            "customers": list(self._customers.values()),
            "orders": list(self._orders.values()),
            "abandonedCheckouts": found,
            "events": [_deletion(order) for order in mistaken if not order.visible(clock)],
            "balanceTransactions": [
                moved for order in orders if order.visible(clock) for moved in self._balance(order)
            ],
        }
        self._matching = lru_cache(maxsize=64)(self._match)

    @cached_property
    def _schema(self) -> GraphQLSchema:
        return build_schema(SCHEMA)

    def routes(self) -> Iterable[tuple[str, str, Handler]]:
        yield "POST", "/admin/api/{version}/graphql.json", self.graphql

    # ---- the common parts

    def authorise(self, call: Call) -> None:
        if call.headers.get("x-shopify-access-token") != self.token:
            message = "[API] Invalid API key or access token (unrecognized login or wrong password)"
            raise Refused(Reply({"errors": message}, 401))

    def limit(self, call: Call) -> dict[str, str]:
        return {}  # by the cost of the query: see graphql

    def fault(self, kind: str, call: Call) -> Reply:
        if kind in ("429", "429_retry_after"):
            headers = {"Retry-After": "1"} if kind == "429_retry_after" else {}
            return Reply({"errors": "Exceeded 2 calls per second for api client."}, 429, headers)
        if kind == "throttled":
            return self._throttled(252)
        if kind == "error_in_200":
            return failure("Internal error. Looks like something went wrong on our end.", "INTERNAL_SERVER_ERROR")
        if kind == "expired_cursor":
            return failure("Invalid cursor for current pagination sort.", "INVALID_CURSOR")
        return Reply({"errors": "Internal Server Error"}, int(kind))

    def has_cursor(self, call: Call) -> bool:
        variables = call.body.get("variables") if isinstance(call.body, dict) else None
        return bool((variables or {}).get("after") or (variables or {}).get("a"))

    def not_found(self, call: Call) -> Reply:
        return Reply({"errors": "Not Found"}, 404)

    def bad_request(self, message: str) -> Reply:
        return Reply({"errors": message}, 400)

    def _throttle_status(self) -> Wire:
        return {
            "maximumAvailable": self._bucket.capacity,
            "currentlyAvailable": int(self._bucket.left),
            "restoreRate": self._bucket.per_second,
        }

    def _throttled(self, requested: int) -> Reply:
        reply = failure("Throttled", "THROTTLED")
        cost = {"requestedQueryCost": requested, "actualQueryCost": None, "throttleStatus": self._throttle_status()}
        reply.body["extensions"] = {"cost": cost}
        return reply

    # ---- the query

    def graphql(self, call: Call) -> Reply:
        if not VERSION.match(call.path_params["version"]):
            return self.not_found(call)
        body = call.body if isinstance(call.body, dict) else {}
        try:
            document = self._documents(str(body.get("query") or ""))
        except GraphQLError as problem:
            return failure(f"syntax error: {problem.message}", "PARSE_ERROR")
        if document.errors:
            errors = [{"message": e.message, "extensions": {"code": "undefinedField"}} for e in document.errors]
            return Reply({"errors": errors})
        selections = document.selections(body.get("variables") or {})
        requested = query_cost(selections)
        if requested > QUERY_MOST:
            message = f"Query cost is {requested}, which exceeds the single query max cost limit ({QUERY_MOST})."
            return failure(message, "MAX_COST_EXCEEDED", cost=requested, maxCost=QUERY_MOST)
        if not self._bucket.take(requested):
            return self._throttled(requested)
        answered = {selection.key: self._root(selection, call) for selection in selections}
        cost = {
            "requestedQueryCost": requested,
            "actualQueryCost": requested,
            "throttleStatus": self._throttle_status(),
        }
        asked = call.path_params["version"]
        headers = {"X-Shopify-API-Version": max(asked, SERVED[0])}
        return Reply({"data": answered, "extensions": {"cost": cost}}, headers=headers)

    def _account(self, call: Call) -> Wire:
        """What tells of the shop itself, of the app and of the API."""
        scopes = [scope for scope in SCOPES if not (call.lacks_scope and scope == "read_all_orders")]
        domain = f"{'sandbox' if self.token == type(self).token else 'outlet'}.myshopify.com"
        return {
            "shop": {
                "id": "gid://shopify/Shop/1",
                "name": domain.split(".")[0].capitalize(),
                "myshopifyDomain": domain,
                "currencyCode": SHOP_CURRENCY,
                "ianaTimezone": "Europe/Madrid",
            },
            "currentAppInstallation": {
                "id": "gid://shopify/AppInstallation/1",
                "accessScopes": [{"handle": scope} for scope in scopes],
            },
            "publicApiVersions": [{"handle": version, "supported": True} for version in SERVED],
        }

    def _root(self, selection: Selection, call: Call) -> Any:
        drift, account = call.drift, self._account(call)
        if selection.name in account:
            return self._project({"found": account[selection.name]}, [replace(selection, name="found")])[selection.key]
        singles = {
            "order": self._orders,
            "customer": self._customers,
            "refund": self._refunds,
            "dispute": self._disputes,
        }
        if selection.name in singles:
            known = singles[selection.name]
            number = str(selection.arguments["id"]).rsplit("/", 1)[-1]
            found = known.get(int(number)) if number.isdigit() else None
            return None if found is None else self._project(found, selection.children)
        if selection.name == "shopifyPaymentsAccount":
            return {child.key: self._list(child, drift) for child in selection.children}
        return self._list(selection, drift)

    def _list(self, selection: Selection, drift: int) -> Wire:
        arguments = selection.arguments
        records = self._matching(selection.name, str(arguments.get("sortKey") or ""), arguments.get("query") or "")
        if arguments.get("reverse"):
            records = [*reversed(records)]
        return self._connection(records, selection, drift)

    def _match(self, name: str, sort_key: str, query: str) -> list[Wire]:
        """Records of a list that a search query matches, in order. Kept for the pages that follow."""
        tests = [_term(match) for match in TERM.finditer(query)]
        found = [record for record in self._lists[name] if all(test(record) for test in tests)]
        default = "PROCESSED_AT" if name in ("orders", "balanceTransactions") else "ID"
        sort = SORTS.get(sort_key or default)
        return sorted(found, key=lambda record: (record[sort] if sort else "", record["_id"]))

    def _connection(self, records: list[Wire], selection: Selection, drift: int = 0) -> Wire:
        first = selection.arguments.get("first")
        if first is None or not 1 <= int(first) <= FIRST_MOST:
            raise Refused(failure(f"you must provide first, between 1 and {FIRST_MOST}", "BAD_REQUEST"))
        after = selection.arguments.get("after")
        ids = {record["_id"]: place for place, record in enumerate(records)}
        start = 0
        if after:
            try:
                start = ids[json.loads(urlsafe_b64decode(after))["last_id"]] + 1
            except (ValueError, KeyError, TypeError):
                raise Refused(failure("Invalid cursor for current pagination sort.", "INVALID_CURSOR")) from None
        begin = max(0, start - drift)
        chosen = records[begin : begin + int(first)]
        found: Wire = {
            "nodes": chosen,
            "edges": [{"cursor": _cursor(record), "node": record} for record in chosen],
            "pageInfo": {
                "hasNextPage": begin + len(chosen) < len(records),
                "hasPreviousPage": begin > 0,
                "startCursor": _cursor(chosen[0]) if chosen else None,
                "endCursor": _cursor(chosen[-1]) if chosen else None,
            },
        }
        return self._project(found, selection.children)

    def _project(self, record: Wire, selections: Iterable[Selection]) -> Wire:
        """The selected fields of a record, and nothing else."""
        found: Wire = {}
        for selection in selections:
            value = record[selection.name]
            if isinstance(value, list) and any(child.name in ("nodes", "edges") for child in selection.children):
                found[selection.key] = self._connection(value, selection)
                continue
            if selection.name == "metafield":
                value = value.get((selection.arguments.get("namespace"), selection.arguments["key"]))
            elif selection.name in ("transactions", "refunds"):
                value = value[: int(selection.arguments.get("first") or FIRST_MOST)]
            if isinstance(value, list) and selection.children:
                found[selection.key] = [self._project(item, selection.children) for item in value]
            elif isinstance(value, dict) and selection.children:
                found[selection.key] = self._project(value, selection.children)
            else:
                found[selection.key] = value
        return found

    # ---- records as they are at the clock

    def _money(self, amount: Decimal, order_currency: str, at: int) -> Wire:
        rate = self.company.rates.shop_rate(order_currency, at)
        shop = (amount / rate).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
        return {
            "presentmentMoney": {
                "amount": str(amount.quantize(quantum(order_currency))),
                "currencyCode": order_currency,
            },
            "shopMoney": {"amount": str(shop), "currencyCode": SHOP_CURRENCY},
        }

    def _customer(self, record: Record) -> Wire:
        state = record.state(self.clock)
        email, phone, number = state.get("email"), state.get("phone"), state.get("customer_number")
        metafields = {}
        if number is not None:
            metafields[("crm", "customer_number")] = {"namespace": "crm", "key": "customer_number", "value": number}
        return {
            "_id": record.id,
            "id": state.get("id", f"gid://shopify/Customer/{record.id}"),
            "legacyResourceId": str(record.id),
            "firstName": state.get("firstName"),
            "lastName": state.get("lastName"),
            "displayName": f"{state.get('firstName')} {state.get('lastName')}",
            "defaultEmailAddress": {
                "emailAddress": email,
                "marketingState": state.get("marketingState"),
                "marketingUpdatedAt": iso(record.created_at),
            }
            if email
            else None,
            "defaultPhoneNumber": {"phoneNumber": phone} if phone else None,
            "defaultAddress": {"countryCodeV2": state["countryCode"]} if "countryCode" in state else None,
            "metafield": metafields,
            "numberOfOrders": str(state.get("numberOfOrders", 0)),
            "createdAt": iso(record.created_at),
            "updatedAt": iso(record.touched_at(self.clock)),
        }

    def _order(self, order: Order) -> Wire:
        clock, at, currency = self.clock, order.processed_at, order.currency
        sent_back: dict[int, int] = {}
        for refund in order.refunds:
            for line_id, quantity in refund.lines if refund.at <= clock else ():
                sent_back[line_id] = sent_back.get(line_id, 0) + quantity
        refunded = order.refunded(clock)
        cancelled = order.cancelled_at is not None and order.cancelled_at <= clock
        fulfilled = order.fulfilled_at is not None and order.fulfilled_at <= clock
        visit = order.visit and {
            "source": order.visit.source,
            "landingPage": order.visit.landing_page,
            "occurredAt": iso(order.visit.at),
            "utmParameters": {
                "source": "facebook",
                "medium": "paid_social",
                "campaign": order.visit.campaign_id,
                "content": None,
                "term": None,
            }
            if order.visit.campaign_id
            else None,
        }
        wire: Wire = {
            "_id": order.id,
            "id": f"gid://shopify/Order/{order.id}",
            "legacyResourceId": str(order.id),
            "name": f"#{order.id % 1_000_000_000}",
            "email": order.email,
            "phone": order.phone,
            "test": order.is_test,
            "currencyCode": "EUR",
            "presentmentCurrencyCode": currency,
            "customer": self._customers.get(order.customer_id) if order.customer_id is not None else None,
            "createdAt": iso(order.created_at),
            "processedAt": iso(at),
            "updatedAt": iso(order.touched_at(clock)),
            "cancelledAt": iso(order.cancelled_at) if cancelled and order.cancelled_at is not None else None,
            "cancelReason": order.cancel_reason if cancelled else None,
            "sourceName": order.source_name,
            "discountCodes": ["WELCOME10"] if order.discount else [],
            "displayFinancialStatus": order.financial_status(clock),
            "displayFulfillmentStatus": "FULFILLED" if fulfilled else "UNFULFILLED",
            "totalPriceSet": self._money(order.total, currency, at),
            "subtotalPriceSet": self._money(order.subtotal, currency, at),
            "totalTaxSet": self._money(order.tax, currency, at),
            "totalShippingPriceSet": self._money(order.shipping, currency, at),
            "totalDiscountsSet": self._money(order.discount, currency, at),
            "currentTotalPriceSet": self._money(order.total - refunded, currency, at),
            "currentTotalTaxSet": self._money(
                order.tax - sum((refund.tax for refund in order.refunds if refund.at <= clock), Decimal(0)),
                currency,
                at,
            ),
            "taxesIncluded": False,
            "edited": False,
            "disputes": [
                {
                    "id": f"gid://shopify/OrderDisputeSummary/{dispute.id}",
                    "initiatedAs": "CHARGEBACK",
                    "status": dispute.status(clock),
                }
                for dispute in order.disputes
                if dispute.at <= clock
            ],
            "totalRefundedSet": self._money(refunded, currency, at),
            "customerJourneySummary": {"ready": True, "firstVisit": visit, "lastVisit": visit} if visit else None,
            "lineItems": [
                {
                    "_id": line.id,
                    "id": f"gid://shopify/LineItem/{line.id}",
                    "sku": line.sku,
                    "title": line.title,
                    "name": line.title,
                    "quantity": line.quantity,
                    "currentQuantity": line.quantity - sent_back.get(line.id, 0),
                    "isGiftCard": line.is_gift_card,
                    "variant": _variant(line),
                    "originalUnitPriceSet": self._money(line.unit_price, currency, at),
                    "originalTotalSet": self._money(line.unit_price * line.quantity, currency, at),
                    "discountedTotalSet": self._money(line.discounted_total, currency, at),
                    "totalDiscountSet": self._money(
                        line.unit_price * line.quantity - line.discounted_total, currency, at
                    ),
                }
                for line in order.lines
            ],
            "transactions": [
                {
                    "id": f"gid://shopify/OrderTransaction/{t.id}",
                    "kind": t.kind,
                    "status": t.status,
                    "gateway": t.gateway,
                    "amountSet": self._money(t.amount, currency, at),
                    "createdAt": iso(t.at),
                    "processedAt": iso(t.at),
                    "test": order.is_test,
                }
                for t in order.transactions
                if t.at <= clock
            ],
            "refunds": [self._refund(refund, order) for refund in order.refunds if refund.at <= clock],
        }
        return {**wire, **order.overrides}

    def _refund(self, refund: Refund, order: Order) -> Wire:
        """A refund with what it was of; one of nothing in particular is an adjustment below zero."""

        def money(amount: Decimal) -> Wire:
            return self._money(amount, order.currency, order.processed_at)

        nothing = money(Decimal(0))
        return {
            "_id": refund.id,
            "id": f"gid://shopify/Refund/{refund.id}",
            "legacyResourceId": str(refund.id),
            "createdAt": iso(refund.at),
            "updatedAt": iso(refund.at),
            "note": refund.note,
            "totalRefundedSet": money(refund.amount),
            "duties": [],
            "refundLineItems": [
                {
                    "_id": refund.id,
                    "id": f"gid://shopify/RefundLineItem/{refund.id}",
                    "lineItem": {"id": f"gid://shopify/LineItem/{line_id}"},
                    "quantity": quantity,
                    "restockType": "RETURN",
                    "subtotalSet": money(refund.amount - refund.tax),
                    "totalTaxSet": money(refund.tax),
                }
                for line_id, quantity in refund.lines
            ],
            "refundShippingLines": [
                {
                    "_id": refund.id,
                    "id": f"gid://shopify/RefundShippingLine/{refund.id}",
                    "subtotalAmountSet": money(refund.amount),
                    "taxAmountSet": nothing,
                }
            ]
            if refund.is_of_shipping
            else [],
            "orderAdjustments": []
            if refund.is_itemised
            else [
                {
                    "_id": refund.id,
                    "id": f"gid://shopify/OrderAdjustment/{refund.id}",
                    "reason": "REFUND_DISCREPANCY",
                    "amountSet": money(-refund.amount),
                    "taxAmountSet": nothing,
                }
            ],
            "transactions": [
                {
                    "_id": refund.id,
                    "id": f"gid://shopify/OrderTransaction/{refund.id}",
                    "kind": "REFUND",
                    "status": "SUCCESS",
                    "gateway": "shopify_payments",
                    "amountSet": money(refund.amount),
                    "createdAt": iso(refund.at),
                    "processedAt": iso(refund.at),
                    "test": order.is_test,
                }
            ],
        }

    def _dispute(self, dispute: Dispute, order: Order) -> Wire:
        is_decided = dispute.decided_at <= self.clock
        return {
            "id": f"gid://shopify/ShopifyPaymentsDispute/{dispute.id}",
            "status": dispute.status(self.clock),
            "type": "CHARGEBACK",
            "initiatedAt": iso(dispute.at),
            "finalizedOn": iso(dispute.decided_at) if is_decided else None,
            "amount": {
                "amount": str(dispute.amount.quantize(quantum(order.currency))),
                "currencyCode": order.currency,
            },
        }

    def _balance(self, order: Order) -> list[Wire]:
        """What an order moved on the balance up to the clock: payments by card, and what disputes took and cost."""
        rate, name = self.company.rates.shop_rate(order.currency, order.processed_at), f"#{order.id % 1_000_000_000}"
        moved: list[tuple[int, str, str, int, Decimal, Decimal]] = []
        for payment in order.payments:
            if payment.gateway == "shopify_payments":
                amount = payment.amount / rate
                moved.append((payment.at, "CHARGE", "CHARGE", payment.id, amount, amount * CARD_FEE_SHARE))
        for dispute in order.disputes:
            amount, fee = dispute.amount / rate, Decimal(0)
            taken_at, back_at = dispute.at + BALANCE_DELAY, dispute.decided_at + BALANCE_DELAY
            moved.append((taken_at, "DISPUTE_WITHDRAWAL", "DISPUTE", dispute.id, -amount, fee))
            moved.append((dispute.at, "CHARGEBACK_FEE", "ADJUSTMENT", dispute.id * 10, -DISPUTE_FEE, fee))
            if dispute.is_won:
                back = (
                    dispute.decided_at,
                    "CHARGEBACK_FEE_REFUND",
                    "ADJUSTMENT",
                    dispute.id * 10 + 1,
                    DISPUTE_FEE,
                    fee,
                )
                moved += [(back_at, "DISPUTE_REVERSAL", "DISPUTE", dispute.id, amount, fee), back]
        return [
            {
                "_id": order.id * 100 + number,
                "id": f"gid://shopify/ShopifyPaymentsBalanceTransaction/{order.id * 100 + number}",
                "type": kind,
                "sourceType": source,
                "sourceId": source_id,
                "test": order.is_test,
                "amount": _euros(amount),
                "fee": _euros(fee),
                "net": _euros(amount - fee),
                "processedAt": iso(at),
                "transactionDate": iso(at),
                "associatedOrder": {"id": f"gid://shopify/Order/{order.id}", "name": name},
            }
            for number, (at, kind, source, source_id, amount, fee) in enumerate(moved)
            if at <= self.clock
        ]

    def _checkout(self, checkout: Checkout) -> Wire:
        done = checkout.completed_at is not None and checkout.completed_at <= self.clock
        return {
            "_id": checkout.id,
            "id": f"gid://shopify/AbandonedCheckout/{checkout.id}",
            "createdAt": iso(checkout.created_at),
            "updatedAt": iso(checkout.touched_at(self.clock)),
            "completedAt": iso(checkout.completed_at) if done and checkout.completed_at is not None else None,
            "totalPriceSet": self._money(checkout.total, checkout.currency, checkout.created_at),
            "customer": self._customers.get(checkout.customer_id),
        }


def _deletion(order: Order) -> Wire:
    """The event that reports that an order is gone."""
    return {
        "_id": order.id,
        "id": f"gid://shopify/BasicEvent/{order.id}",
        "action": "destroy",
        "createdAt": iso(order.deleted_at or order.created_at),
        "subjectId": f"gid://shopify/Order/{order.id}",
        "subjectType": "ORDER",
    }


def _variant(line: Line) -> Wire | None:
    """What was bought, as the shop holds it today. Of lines without a cost every other one's variant was deleted."""
    if line.unit_cost is None and not line.is_gift_card and line.id % 2:
        return None
    cost = None if line.unit_cost is None else {"amount": str(line.unit_cost), "currencyCode": SHOP_CURRENCY}
    inventory_item = {"id": f"gid://shopify/InventoryItem/{line.sku}", "unitCost": cost}
    return {"id": f"gid://shopify/ProductVariant/{line.sku}", "sku": line.sku, "inventoryItem": inventory_item}


def _euros(amount: Decimal) -> Wire:
    return {"amount": str(amount.quantize(Decimal("0.01"), ROUND_HALF_EVEN)), "currencyCode": SHOP_CURRENCY}


def _cursor(record: Wire) -> str:
    return urlsafe_b64encode(json.dumps({"last_id": record["_id"]}).encode()).decode()


def _term(match: re.Match[str]) -> Callable[[Wire], bool]:
    """One term of a search query: field, comparison, instant. Unknown fields are refused, not ignored."""
    name, operator, value = match["name"], match["operator"] or "=", match["value"].strip("'\"")
    if name in WORDS:
        return lambda record: str(record[WORDS[name]]) == value
    if name not in FILTERS:
        raise Refused(failure(f"the search knows no field {name}", "BAD_REQUEST"))
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise Refused(failure(f"{name}: {value} is no instant", "BAD_REQUEST")) from None
    bound, field = iso(int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp())), FILTERS[name]
    compare: dict[str, Callable[[str], bool]] = {
        ">=": lambda found: found >= bound,
        ">": lambda found: found > bound,
        "<=": lambda found: found <= bound,
        "<": lambda found: found < bound,
        "=": lambda found: found == bound,
    }
    test = compare[operator]
    return lambda record: test(record[field])
