"""Row models of the Shopify Admin GraphQL API: nested objects flattened, nested connections as tables of their own.

Amounts are those of `presentmentMoney`: the currency in which the customer paid. A unit cost is in the shop's.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Self

from pydantic import Field, model_validator

from ingestion import limits
from ingestion.tables import AccountRow, RawTable


class Customer(AccountRow):
    id: str  # gid://shopify/Customer/…
    legacy_resource_id: str
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    email_marketing_state: str | None = None
    phone: str | None = None
    customer_number: str | None = None  # metafield crm.customer_number
    country_code: str | None = None
    number_of_orders: int | None = None
    created_at: datetime
    updated_at: datetime


class Order(AccountRow):
    id: str
    legacy_resource_id: str
    name: str | None = None
    customer_id: str | None = None  # null for a guest
    email: str | None = None
    phone: str | None = None
    currency_code: str  # presentment currency
    total_price: Decimal = Field(ge=0)
    subtotal_price: Decimal | None = None
    total_tax: Decimal | None = Field(None, ge=0)
    total_shipping_price: Decimal | None = Field(None, ge=0)
    total_discounts: Decimal | None = None
    current_total_price: Decimal | None = None
    total_refunded: Decimal | None = None
    current_total_tax: Decimal | None = Field(None, ge=0)
    taxes_included: bool | None = None  # in the prices of lines and shipping
    edited: bool | None = None  # after it was placed: its totals are those of the current order, plus what was refunded
    test: bool
    display_financial_status: str | None = None
    display_fulfillment_status: str | None = None
    cancel_reason: str | None = None
    source_name: str | None = None
    first_visit_source: str | None = None
    first_visit_landing_page: str | None = None
    first_visit_utm_source: str | None = None
    first_visit_utm_medium: str | None = None
    first_visit_utm_campaign: str | None = None
    first_visit_occurred_at: datetime | None = None
    created_at: datetime
    processed_at: datetime
    cancelled_at: datetime | None = None
    updated_at: datetime


class OrderLine(AccountRow):
    left_out = {
        "unit_cost": "a setting leaves costs out, and the first cost of a line counts",
        "unit_cost_currency_code": "as unit_cost",
    }

    id: str
    order_id: str
    sku: str | None = None
    title: str | None = None
    quantity: int = Field(ge=0)
    current_quantity: int | None = Field(None, ge=0)
    is_gift_card: bool | None = None
    currency_code: str
    unit_price: Decimal = Field(ge=0)  # originalUnitPriceSet
    discounted_total: Decimal | None = None
    # of the variant when the order was read; null without variant or cost
    unit_cost: Decimal | None = Field(None, ge=0)
    unit_cost_currency_code: str | None = None

    @model_validator(mode="after")
    def _line_fits(self) -> Self:
        if self.quantity * max(self.unit_price, self.unit_cost or 0) >= limits.AMOUNT_BELOW:
            raise ValueError(f"quantity times price or cost: a number below {limits.AMOUNT_BELOW:.0e} is expected")
        return self


class OrderTransaction(AccountRow):
    id: str
    order_id: str
    kind: str  # AUTHORIZATION, CAPTURE, SALE, REFUND, VOID, CHANGE
    status: str  # SUCCESS, FAILURE, PENDING, …
    gateway: str | None = None
    amount: Decimal
    currency_code: str
    processed_at: datetime | None = None


class Refund(AccountRow):
    id: str
    order_id: str
    total_refunded: Decimal = Field(ge=0)
    currency_code: str
    note: str | None = None
    has_failed: bool | None = None  # each attempt to pay it back; null where no attempt is shown
    created_at: datetime


class RefundItem(AccountRow):
    """What a refund was of: goods, shipping, duties, or an adjustment that says why it is not their sum.

    An adjustment below zero pays back more than the other entries, one above zero less.
    """

    order_id: str
    refund_id: str
    kind: str  # line, shipping, duty, adjustment
    number: int = Field(ge=0)  # its place in that list: not every entry has an id
    id: str | None = None
    line_item_id: str | None = None
    quantity: int | None = Field(None, ge=0)
    reason: str | None = None
    amount: Decimal
    tax: Decimal | None = None
    currency_code: str


class OrderDispute(AccountRow):
    """A chargeback or an inquiry; amount and instants are null where Shopify Payments does not handle it."""

    id: str
    order_id: str
    initiated_as: str  # CHARGEBACK, INQUIRY
    status: str
    amount: Decimal | None = Field(None, ge=0)
    currency_code: str | None = None
    initiated_at: datetime | None = None
    finalized_on: datetime | None = None
    order_updated_at: datetime


class Deletion(AccountRow):
    id: str
    subject_id: str
    subject_type: str
    created_at: datetime


class AbandonedCheckout(AccountRow):
    """A started checkout; `completed_at` is set once it became an order."""

    id: str
    customer_id: str | None = None
    email: str | None = None
    phone: str | None = None
    total_price: Decimal | None = None
    currency_code: str | None = None
    created_at: datetime
    completed_at: datetime | None = None
    updated_at: datetime


CUSTOMERS = RawTable("customers", Customer, "versions", ("id",))
ORDERS = RawTable("orders", Order, "versions", ("id",), happened_at="processed_at")
ORDER_LINES = RawTable("order_lines", OrderLine, "versions", ("order_id",))
ORDER_TRANSACTIONS = RawTable("order_transactions", OrderTransaction, "versions", ("order_id",))
REFUNDS = RawTable("refunds", Refund, "versions", ("order_id",), happened_at="created_at")
REFUND_ITEMS = RawTable(
    "refund_items", RefundItem, "versions", ("order_id",), ("order_id", "refund_id", "kind", "number")
)
ORDER_DISPUTES = RawTable("order_disputes", OrderDispute, "versions", ("order_id",))
DELETIONS = RawTable("deletions", Deletion, "events", ("id",), happened_at="created_at")
ABANDONED_CHECKOUTS = RawTable("abandoned_checkouts", AbandonedCheckout, "versions", ("id",))
TABLES = (
    CUSTOMERS,
    ORDERS,
    ORDER_LINES,
    ORDER_TRANSACTIONS,
    REFUNDS,
    REFUND_ITEMS,
    ORDER_DISPUTES,
    DELETIONS,
    ABANDONED_CHECKOUTS,
)
