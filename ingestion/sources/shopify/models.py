"""Row models of the Shopify Admin GraphQL API: nested objects flattened, nested connections as tables of their own.

If the API has another name for a column, or nests it, the column's path is its `validation_alias`. Amounts are those of
`presentmentMoney`, in the currency in which the customer paid. A unit cost is in the shop's currency.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Self

from pydantic import AliasPath, Field, model_validator

from ingestion import limits
from ingestion.personal import CODE, CUSTOMER_NUMBER, EMAIL, PHONE, TEXT, Record
from ingestion.sources.shopify import queries
from ingestion.tables import AccountRow, RawTable


def paid(field: str, part: str = "amount") -> AliasPath:
    """Where an amount stands in the currency in which the customer paid, or that currency itself."""
    return AliasPath(field, "presentmentMoney", part)


class Customer(AccountRow):
    personal = {
        "id": Record("customer"),
        "legacy_resource_id": CODE,
        "first_name": TEXT,
        "last_name": TEXT,
        "email": EMAIL,
        "phone": PHONE,
        "customer_number": CUSTOMER_NUMBER,
    }
    not_personal = (
        "email_marketing_state",
        "country_code",
    )
    country_column = "country_code"

    id: str  # gid://shopify/Customer/…
    legacy_resource_id: str = Field(validation_alias="legacyResourceId")
    first_name: str | None = Field(None, validation_alias="firstName")
    last_name: str | None = Field(None, validation_alias="lastName")
    email: str | None = Field(None, validation_alias=AliasPath("defaultEmailAddress", "emailAddress"))
    email_marketing_state: str | None = Field(None, validation_alias=AliasPath("defaultEmailAddress", "marketingState"))
    email_marketing_updated_at: datetime | None = Field(
        None, validation_alias=AliasPath("defaultEmailAddress", "marketingUpdatedAt")
    )
    phone: str | None = Field(None, validation_alias=AliasPath("defaultPhoneNumber", "phoneNumber"))
    customer_number: str | None = Field(None, validation_alias=AliasPath("metafield", "value"))
    country_code: str | None = Field(None, validation_alias=AliasPath("defaultAddress", "countryCodeV2"))
    number_of_orders: int | None = Field(None, validation_alias="numberOfOrders")
    created_at: datetime = Field(validation_alias="createdAt")
    updated_at: datetime = Field(validation_alias="updatedAt")


def first_visit(*path: str) -> AliasPath:
    """Where something stands of the visit that began the customer's way to an order."""
    return AliasPath("customerJourneySummary", "firstVisit", *path)


class Order(AccountRow):
    personal = {
        "id": Record("guest_order", stays=True),
        "email": EMAIL,
        "phone": PHONE,
        "customer_id": Record("customer", is_given_to_guests=True),
        "first_visit_landing_page": TEXT,  # with the ids of clicks in it
    }
    not_personal = (
        "legacy_resource_id",
        "name",
        "currency_code",
        "display_financial_status",
        "display_fulfillment_status",
        "cancel_reason",
        "source_name",
        "first_visit_source",
        "first_visit_utm_source",
        "first_visit_utm_medium",
        "first_visit_utm_campaign",
    )

    read_elsewhere = ("lineItems", "transactions", "refunds", "disputes")

    id: str
    legacy_resource_id: str = Field(validation_alias="legacyResourceId")
    name: str | None = None
    customer_id: str | None = Field(None, validation_alias=AliasPath("customer", "id"))  # null for a guest
    email: str | None = None
    phone: str | None = None
    currency_code: str = Field(validation_alias="presentmentCurrencyCode")
    total_price: Decimal = Field(ge=0, validation_alias=paid("totalPriceSet"))
    subtotal_price: Decimal | None = Field(None, validation_alias=paid("subtotalPriceSet"))
    total_tax: Decimal | None = Field(None, ge=0, validation_alias=paid("totalTaxSet"))
    total_shipping_price: Decimal | None = Field(None, ge=0, validation_alias=paid("totalShippingPriceSet"))
    total_discounts: Decimal | None = Field(None, validation_alias=paid("totalDiscountsSet"))
    current_total_price: Decimal | None = Field(None, validation_alias=paid("currentTotalPriceSet"))
    total_refunded: Decimal | None = Field(None, validation_alias=paid("totalRefundedSet"))
    current_total_tax: Decimal | None = Field(None, ge=0, validation_alias=paid("currentTotalTaxSet"))
    # in the prices of lines and shipping
    taxes_included: bool | None = Field(None, validation_alias="taxesIncluded")
    edited: bool | None = None  # after it was placed: its totals are those of the current order, plus what was refunded
    test: bool
    display_financial_status: str | None = Field(None, validation_alias="displayFinancialStatus")
    display_fulfillment_status: str | None = Field(None, validation_alias="displayFulfillmentStatus")
    cancel_reason: str | None = Field(None, validation_alias="cancelReason")
    source_name: str | None = Field(None, validation_alias="sourceName")
    first_visit_source: str | None = Field(None, validation_alias=first_visit("source"))
    first_visit_landing_page: str | None = Field(None, validation_alias=first_visit("landingPage"))
    first_visit_utm_source: str | None = Field(None, validation_alias=first_visit("utmParameters", "source"))
    first_visit_utm_medium: str | None = Field(None, validation_alias=first_visit("utmParameters", "medium"))
    first_visit_utm_campaign: str | None = Field(None, validation_alias=first_visit("utmParameters", "campaign"))
    first_visit_occurred_at: datetime | None = Field(None, validation_alias=first_visit("occurredAt"))
    created_at: datetime = Field(validation_alias="createdAt")
    processed_at: datetime = Field(validation_alias="processedAt")
    cancelled_at: datetime | None = Field(None, validation_alias="cancelledAt")
    updated_at: datetime = Field(validation_alias="updatedAt")


class OrderLine(AccountRow):
    not_personal = (
        "id",
        "order_id",
        "sku",
        "title",
        "currency_code",
        "unit_cost_currency_code",
    )

    left_out = {
        "unit_cost": "a setting leaves costs out, and the first cost of a line counts",
        "unit_cost_currency_code": "as unit_cost",
    }

    id: str
    order_id: str
    sku: str | None = None
    title: str | None = None
    quantity: int = Field(ge=0)
    current_quantity: int | None = Field(None, ge=0, validation_alias="currentQuantity")
    is_gift_card: bool | None = Field(None, validation_alias="isGiftCard")
    currency_code: str = Field(validation_alias=paid("originalUnitPriceSet", "currencyCode"))
    unit_price: Decimal = Field(ge=0, validation_alias=paid("originalUnitPriceSet"))
    discounted_total: Decimal | None = Field(None, validation_alias=paid("discountedTotalSet"))
    # of the variant when the order was read; null without variant or cost
    unit_cost: Decimal | None = Field(
        None, ge=0, validation_alias=AliasPath("variant", "inventoryItem", "unitCost", "amount")
    )
    unit_cost_currency_code: str | None = Field(
        None, validation_alias=AliasPath("variant", "inventoryItem", "unitCost", "currencyCode")
    )

    @model_validator(mode="after")
    def _line_fits(self) -> Self:
        if self.quantity * max(self.unit_price, self.unit_cost or 0) >= limits.AMOUNT_BELOW:
            raise ValueError(f"quantity times price or cost: a number below {limits.AMOUNT_BELOW:.0e} is expected")
        return self


class OrderTransaction(AccountRow):
    not_personal = (
        "id",
        "order_id",
        "kind",
        "status",
        "gateway",
        "currency_code",
    )

    id: str
    order_id: str
    kind: str  # AUTHORIZATION, CAPTURE, SALE, REFUND, VOID, CHANGE
    status: str  # SUCCESS, FAILURE, PENDING, …
    gateway: str | None = None
    amount: Decimal = Field(validation_alias=paid("amountSet"))
    currency_code: str = Field(validation_alias=paid("amountSet", "currencyCode"))
    processed_at: datetime | None = Field(None, validation_alias="processedAt")


class Refund(AccountRow):
    personal = {
        "note": TEXT,
    }
    not_personal = (
        "id",
        "order_id",
        "currency_code",
    )

    read_elsewhere = ("duties", *queries.REFUND_LISTS)

    id: str
    order_id: str
    total_refunded: Decimal = Field(ge=0, validation_alias=paid("totalRefundedSet"))
    currency_code: str = Field(validation_alias=paid("totalRefundedSet", "currencyCode"))
    note: str | None = None
    has_failed: bool | None = None  # each attempt to pay it back; null where no attempt is shown
    created_at: datetime = Field(validation_alias="createdAt")


class RefundItem(AccountRow):
    """What a refund was of: goods, shipping, duties, or an adjustment that says why it is not their sum.

    An adjustment below zero pays back more than the other entries, one above zero less. Each kind of entry has amount
    and tax under names of its own.
    """

    not_personal = (
        "order_id",
        "refund_id",
        "kind",
        "id",
        "line_item_id",
        "reason",
        "currency_code",
    )

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

    not_personal = (
        "id",
        "order_id",
        "initiated_as",
        "status",
        "currency_code",
    )

    id: str
    order_id: str
    initiated_as: str = Field(validation_alias="initiatedAs")  # CHARGEBACK, INQUIRY
    status: str
    amount: Decimal | None = Field(None, ge=0, validation_alias=AliasPath("dispute", "amount", "amount"))
    currency_code: str | None = Field(None, validation_alias=AliasPath("dispute", "amount", "currencyCode"))
    initiated_at: datetime | None = Field(None, validation_alias=AliasPath("dispute", "initiatedAt"))
    finalized_on: datetime | None = Field(None, validation_alias=AliasPath("dispute", "finalizedOn"))
    order_updated_at: datetime


class DisputeTransaction(AccountRow):
    """A movement on the balance of the Shopify Payments account that a dispute caused. `net` is `amount` less `fee`."""

    not_personal = (
        "id",
        "type",
        "source_type",
        "source_id",
        "order_id",
        "currency_code",
    )

    id: str
    type: str  # DISPUTE_WITHDRAWAL, DISPUTE_REVERSAL, CHARGEBACK_FEE, CHARGEBACK_FEE_REFUND, …
    source_type: str | None = Field(None, validation_alias="sourceType")
    source_id: str | None = Field(None, validation_alias="sourceId")  # of a dispute: its number
    test: bool
    order_id: str | None = Field(None, validation_alias=AliasPath("associatedOrder", "id"))
    amount: Decimal = Field(validation_alias=AliasPath("amount", "amount"))
    fee: Decimal = Field(validation_alias=AliasPath("fee", "amount"))
    net: Decimal = Field(validation_alias=AliasPath("net", "amount"))
    currency_code: str = Field(validation_alias=AliasPath("net", "currencyCode"))  # of the account
    transaction_date: datetime = Field(validation_alias="transactionDate")


class Deletion(AccountRow):
    personal = {
        "subject_id": Record("customer"),
    }
    not_personal = (
        "id",
        "subject_type",
    )

    read_elsewhere = ("action",)

    id: str
    subject_id: str = Field(validation_alias="subjectId")
    subject_type: str = Field(validation_alias="subjectType")
    created_at: datetime = Field(validation_alias="createdAt")


class AbandonedCheckout(AccountRow):
    """A started checkout; `completed_at` is set once it became an order."""

    personal = {
        "id": Record("guest_checkout", stays=True),
        "email": EMAIL,
        "phone": PHONE,
        "customer_id": Record("customer", is_given_to_guests=True),
    }
    not_personal = ("currency_code",)

    id: str
    customer_id: str | None = Field(None, validation_alias=AliasPath("customer", "id"))
    email: str | None = Field(None, validation_alias=AliasPath("customer", "defaultEmailAddress", "emailAddress"))
    phone: str | None = Field(None, validation_alias=AliasPath("customer", "defaultPhoneNumber", "phoneNumber"))
    total_price: Decimal | None = Field(None, validation_alias=paid("totalPriceSet"))
    currency_code: str | None = Field(None, validation_alias=paid("totalPriceSet", "currencyCode"))
    created_at: datetime = Field(validation_alias="createdAt")
    completed_at: datetime | None = Field(None, validation_alias="completedAt")
    updated_at: datetime = Field(validation_alias="updatedAt")


CUSTOMERS = RawTable("customers", Customer, "versions", ("id",))
ORDERS = RawTable("orders", Order, "versions", ("id",), happened_at="processed_at")
ORDER_LINES = RawTable("order_lines", OrderLine, "versions", ("order_id",))
ORDER_TRANSACTIONS = RawTable("order_transactions", OrderTransaction, "versions", ("order_id",))
REFUNDS = RawTable("refunds", Refund, "versions", ("order_id",), happened_at="created_at")
REFUND_ITEMS = RawTable(
    "refund_items", RefundItem, "versions", ("order_id",), ("order_id", "refund_id", "kind", "number")
)
ORDER_DISPUTES = RawTable("order_disputes", OrderDispute, "versions", ("order_id",))
DISPUTE_TRANSACTIONS = RawTable(
    "dispute_transactions", DisputeTransaction, "events", ("id",), happened_at="transaction_date"
)
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
    DISPUTE_TRANSACTIONS,
    DELETIONS,
    ABANDONED_CHECKOUTS,
)
