"""Row models of the Stripe API, in Stripe's own field names; a nested field is named by its path.

Amounts are integers in the smallest unit of their currency, as Stripe sends them: staging decides how many decimals
that is. Instants are epoch seconds.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Self

from pydantic import Field, model_validator

from ingestion import limits
from ingestion.personal import CUSTOMER_NUMBER, EMAIL, PHONE, TEXT, Record
from ingestion.tables import AccountRow, RawTable


class StripeObject(AccountRow):
    id: str
    created: datetime
    deleted: bool = False  # an event reported that the object is gone; the rest of the row is its last state


class Customer(StripeObject):
    personal = {
        "id": Record("customer"),
        "email": EMAIL,
        "name": TEXT,
        "phone": PHONE,
        "metadata_customer_number": CUSTOMER_NUMBER,
    }
    not_personal = (
        "address_country",
        "discount_id",
        "discount_coupon",
        "discount_duration",
        "discount_currency",
        "discount_applies_to_products",
    )
    country_column = "address_country"

    email: str | None = None
    name: str | None = None
    phone: str | None = None
    address_country: str | None = None
    metadata_customer_number: str | None = None  # the company's own number
    discount_id: str | None = None
    discount_start: datetime | None = None
    discount_end: datetime | None = None
    discount_coupon: str | None = None
    discount_duration: str | None = None
    discount_percent_off: Decimal | None = Field(None, ge=0, le=100)
    discount_amount_off: int | None = Field(None, ge=0)
    discount_currency: str | None = None
    discount_applies_to_products: str | None = None


class Product(StripeObject):
    not_personal = (
        "id",
        "name",
    )

    name: str | None = None
    active: bool | None = None


class RecurringPrice(AccountRow):
    """What a unit costs an interval, in the price's own currency; no amount where it depends on the tier."""

    product: str | None = None
    currency: str | None = None
    unit_amount_decimal: Decimal | None = Field(None, ge=0)  # smallest units, also parts of one
    billing_scheme: str | None = None  # per_unit, tiered
    tiers_mode: str | None = None  # graduated, volume
    transform_divide_by: int | None = Field(None, gt=0)  # units in a package, of which a part counts as none or one
    transform_round: str | None = None  # up, down
    recurring_interval: str | None = None
    recurring_interval_count: int | None = Field(None, gt=0)
    recurring_usage_type: str | None = None

    @model_validator(mode="after")
    def _price_of_all_fits(self) -> Self:
        price = self.unit_amount_decimal or 0
        if price * (getattr(self, "quantity", None) or 0) >= limits.AMOUNT_BELOW:
            raise ValueError(
                f"unit_amount_decimal times quantity: a number below {limits.AMOUNT_BELOW:.0e} is expected"
            )
        return self


class Price(RecurringPrice, StripeObject):
    not_personal = (
        "id",
        "product",
        "currency",
        "billing_scheme",
        "tiers_mode",
        "transform_round",
        "recurring_interval",
        "recurring_usage_type",
        "nickname",
    )

    nickname: str | None = None
    active: bool | None = None


class PriceTier(AccountRow):
    """What a unit costs in one of a price's currencies, up to a quantity; a price in one tier has no upper end.

    A price that says no amount at all is one row whose currency is null.
    """

    not_personal = (
        "price",
        "currency",
    )

    price: str
    currency: str | None = None
    tier: int | None = Field(None, ge=0)
    up_to: int | None = Field(None, ge=0)
    unit_amount_decimal: Decimal | None = Field(None, ge=0)
    flat_amount_decimal: Decimal | None = Field(None, ge=0)


class Subscription(StripeObject):
    personal = {
        "customer": Record("customer"),
    }
    not_personal = (
        "id",
        "status",
        "currency",
        "pause_collection_behavior",
        "cancellation_reason",
        "cancellation_feedback",
    )

    customer: str
    status: str
    currency: str | None = None
    start_date: datetime | None = None
    trial_start: datetime | None = None
    trial_end: datetime | None = None
    cancel_at: datetime | None = None
    cancel_at_period_end: bool | None = None
    canceled_at: datetime | None = None
    ended_at: datetime | None = None
    pause_collection_behavior: str | None = None  # null where nothing is paused
    pause_collection_resumes_at: datetime | None = None
    cancellation_reason: str | None = None
    cancellation_feedback: str | None = None


class SubscriptionItem(RecurringPrice):
    """A subscription without items is one row whose id is null: so the ones it had before are retired."""

    not_personal = (
        "product",
        "currency",
        "billing_scheme",
        "tiers_mode",
        "transform_round",
        "recurring_interval",
        "recurring_usage_type",
        "subscription",
        "id",
        "price",
    )

    subscription: str
    id: str | None = None
    price: str | None = None
    quantity: int | None = Field(None, ge=0)
    created: datetime | None = None
    current_period_start: datetime | None = None
    current_period_end: datetime | None = None


class SubscriptionDiscount(AccountRow):
    """A discount of a subscription, or of one item of it; a subscription without any is one row whose id is null."""

    not_personal = (
        "subscription",
        "subscription_item",
        "id",
        "coupon",
        "duration",
        "currency",
        "applies_to_products",
    )

    subscription: str
    subscription_item: str | None = None
    id: str | None = None
    discount_start: datetime | None = None
    discount_end: datetime | None = None
    coupon: str | None = None
    duration: str | None = None  # forever, once, repeating
    percent_off: Decimal | None = Field(None, ge=0, le=100)
    amount_off: int | None = Field(None, ge=0)
    currency: str | None = None  # of amount_off
    applies_to_products: str | None = None  # their ids, separated by commas; null: all


class SubscriptionEvent(AccountRow):
    """What an event says of a subscription; `has_items`: its items of that moment are rows of their own."""

    not_personal = (
        "id",
        "type",
        "api_version",
        "subscription",
        "status",
        "previous_status",
        "pause_collection_behavior",
        "previous_pause_collection_behavior",
    )

    id: str
    type: str
    created: datetime
    api_version: str | None = None
    subscription: str
    status: str
    previous_status: str | None = None  # null where the event did not change it
    cancel_at_period_end: bool | None = None
    canceled_at: datetime | None = None
    ended_at: datetime | None = None
    pause_collection_behavior: str | None = None
    previous_pause_collection_behavior: str | None = None  # before the event, changed or not
    has_items: bool


class SubscriptionEventItem(RecurringPrice):
    """An item as an event shows it, or, where `is_previous`, as it was before the event changed the items."""

    not_personal = (
        "product",
        "currency",
        "billing_scheme",
        "tiers_mode",
        "transform_round",
        "recurring_interval",
        "recurring_usage_type",
        "event",
        "subscription",
        "id",
        "price",
    )

    event: str
    is_previous: bool
    subscription: str
    id: str
    price: str | None = None
    quantity: int | None = Field(None, ge=0)
    created: datetime | None = None


class Invoice(StripeObject):
    personal = {
        "customer": Record("customer"),
    }
    not_personal = (
        "id",
        "subscription",
        "number",
        "status",
        "billing_reason",
        "currency",
    )

    customer: str | None = None
    subscription: str | None = None
    number: str | None = None
    status: str | None = None
    billing_reason: str | None = None
    currency: str
    total: int
    total_excluding_tax: int | None = None
    amount_due: int | None = None
    amount_paid: int | None = None
    attempt_count: int | None = None
    finalized_at: datetime | None = None
    paid_at: datetime | None = None
    voided_at: datetime | None = None
    marked_uncollectible_at: datetime | None = None


class InvoiceLine(AccountRow):
    """An invoice without lines is one row whose id is null."""

    not_personal = (
        "invoice",
        "id",
        "subscription",
        "subscription_item",
        "price",
        "currency",
    )

    invoice: str
    id: str | None = None
    subscription: str | None = None
    subscription_item: str | None = None
    price: str | None = None
    currency: str | None = None
    amount: int | None = None
    quantity: int | None = None
    proration: bool | None = None
    period_start: datetime | None = None
    period_end: datetime | None = None


class InvoicePayment(StripeObject):
    not_personal = (
        "id",
        "invoice",
        "status",
        "currency",
        "payment_type",
        "payment_intent",
        "charge",
    )

    invoice: str
    status: str | None = None
    currency: str | None = None
    amount_paid: int | None = None
    payment_type: str | None = None
    payment_intent: str | None = None
    charge: str | None = None
    paid_at: datetime | None = None


class Charge(StripeObject):
    personal = {
        "id": Record("guest_payment", stays=True),
        "billing_email": EMAIL,
        "receipt_email": EMAIL,
        "billing_phone": PHONE,
        "customer": Record("customer", is_given_to_guests=True),
    }
    not_personal = (
        "payment_intent",
        "currency",
        "status",
        "failure_code",
    )

    customer: str | None = None
    payment_intent: str | None = None
    currency: str
    amount: int = Field(ge=0)
    amount_captured: int | None = Field(None, ge=0)  # 0 of a payment that is authorised and not taken
    amount_refunded: int | None = Field(None, ge=0)
    status: str
    failure_code: str | None = None
    receipt_email: str | None = None
    billing_email: str | None = None
    billing_phone: str | None = None


class Refund(StripeObject):
    not_personal = (
        "id",
        "charge",
        "payment_intent",
        "currency",
        "status",
        "reason",
    )

    charge: str | None = None
    payment_intent: str | None = None
    currency: str
    amount: int = Field(ge=0)
    status: str | None = None
    reason: str | None = None
    failed_at: datetime | None = None  # when the money came back to the balance, or as an event reported that it failed


class DisputeTransaction(AccountRow):
    """What a dispute moved on the account's balance, which may be in another currency than the charge.

    A dispute that moved nothing yet, or never (an inquiry), is one row whose id is null.
    """

    not_personal = (
        "dispute",
        "charge",
        "payment_intent",
        "status",
        "reason",
        "currency",
        "id",
        "moved_currency",
    )

    dispute: str
    created: datetime
    charge: str | None = None
    payment_intent: str | None = None
    status: str
    reason: str | None = None
    currency: str
    amount: int = Field(ge=0)
    id: str | None = None
    moved_at: datetime | None = None
    moved_amount: int | None = None  # below zero: taken; above: given back
    moved_fee: int | None = None  # what the dispute costs, whoever wins
    moved_currency: str | None = None


class CreditNote(StripeObject):
    personal = {
        "customer": Record("customer"),
    }
    not_personal = (
        "id",
        "invoice",
        "currency",
        "status",
        "type",
        "reason",
    )

    invoice: str
    customer: str | None = None
    currency: str
    status: str | None = None
    type: str | None = None
    reason: str | None = None
    total: int | None = None
    total_excluding_tax: int | None = None
    pre_payment_amount: int | None = Field(None, ge=0)  # no longer due of an invoice that was open
    post_payment_amount: int | None = Field(None, ge=0)  # given back of one that was paid
    refunded_amount: int | None = Field(None, ge=0)  # of that, by refunds, which are records of their own
    voided_at: datetime | None = None


PRODUCTS = RawTable("products", Product, "versions", ("id",))
PRICES = RawTable("prices", Price, "versions", ("id",))
PRICE_TIERS = RawTable("price_tiers", PriceTier, "versions", ("price",), ("price", "currency", "tier"))
CUSTOMERS = RawTable("customers", Customer, "versions", ("id",))
SUBSCRIPTIONS = RawTable("subscriptions", Subscription, "versions", ("id",), happened_at="created")
SUBSCRIPTION_ITEMS = RawTable("subscription_items", SubscriptionItem, "versions", ("subscription",))
SUBSCRIPTION_DISCOUNTS = RawTable("subscription_discounts", SubscriptionDiscount, "versions", ("subscription",))
SUBSCRIPTION_EVENTS = RawTable(
    "subscription_events", SubscriptionEvent, "events", ("id",), happened_at="created", kind="type"
)
SUBSCRIPTION_EVENT_ITEMS = RawTable(
    "subscription_event_items", SubscriptionEventItem, "events", ("event", "is_previous", "id")
)
INVOICES = RawTable("invoices", Invoice, "versions", ("id",), happened_at="created")
INVOICE_LINES = RawTable("invoice_lines", InvoiceLine, "versions", ("invoice",))
INVOICE_PAYMENTS = RawTable("invoice_payments", InvoicePayment, "versions", ("id",))
CHARGES = RawTable("charges", Charge, "versions", ("id",), happened_at="created")
REFUNDS = RawTable("refunds", Refund, "versions", ("id",), happened_at="created")
DISPUTE_TRANSACTIONS = RawTable("dispute_transactions", DisputeTransaction, "versions", ("dispute",))
CREDIT_NOTES = RawTable("credit_notes", CreditNote, "versions", ("id",))
TABLES = (
    PRODUCTS,
    PRICES,
    PRICE_TIERS,
    CUSTOMERS,
    SUBSCRIPTIONS,
    SUBSCRIPTION_ITEMS,
    SUBSCRIPTION_DISCOUNTS,
    SUBSCRIPTION_EVENTS,
    SUBSCRIPTION_EVENT_ITEMS,
    INVOICES,
    INVOICE_LINES,
    INVOICE_PAYMENTS,
    CHARGES,
    REFUNDS,
    DISPUTE_TRANSACTIONS,
    CREDIT_NOTES,
)
