"""The canonical entities that a mapping can fill, with their columns and types.

A mapping names, for each entity, where a column comes from; columns it leaves out are null. Every table carries
`mapping`, the name of the mapping that filled it: one mapping's rows are replaced as a whole, unchanged rows are
left untouched.

Belongs here: the entities and what their values may be. Does not: how a mapping is read or evaluated.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, ClassVar

from ingestion.tables import RawTable, Row


@dataclass(frozen=True)
class Rule:
    """What the values of a column have to be.

    Attributes:
        sql: condition in DuckDB SQL, `{}` stands for the value.
        words: the same for people; completes "… is not".
    """

    sql: str
    words: str


def one_of(*values: str) -> Rule:
    return Rule("{} IN (" + ", ".join(f"'{value}'" for value in values) + ")", "one of " + ", ".join(values))


POSITIVE = Rule("{} > 0", "greater than 0")
NOT_NEGATIVE = Rule("{} >= 0", "0 or more")
Currency = Annotated[str, Rule("regexp_full_match({}, '[A-Z][A-Z][A-Z]')", "a currency code such as EUR")]


class Entity(Row):
    """Base of the entities.

    Attributes:
        unique_by: columns that tell the rows of one mapping apart; a second row with the same values is rejected.
    """

    unique_by: ClassVar[tuple[str, ...]]

    mapping: str


class Customer(Entity):
    unique_by: ClassVar[tuple[str, ...]] = ("customer_id",)

    customer_id: str
    email: str | None = None
    phone: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    company_name: str | None = None
    country: str | None = None
    customer_number: str | None = None
    channel: str | None = None
    campaign_id: str | None = None
    created_at: datetime | None = None


class Order(Entity):
    """`total_amount` includes tax and shipping and is after discounts; null: the sum of the order's lines."""

    unique_by: ClassVar[tuple[str, ...]] = ("order_id",)

    order_id: str
    customer_id: str | None = None  # null and no e-mail or phone: an anonymous guest
    email: str | None = None
    phone: str | None = None
    ordered_at: datetime
    paid_at: datetime | None = None
    cancelled_at: datetime | None = None
    currency: Currency
    total_amount: Decimal | None = None
    tax_amount: Decimal | None = None
    shipping_amount: Decimal | None = None
    is_test: bool | None = None
    channel: str | None = None
    campaign_id: str | None = None


class OrderLine(Entity):
    unique_by: ClassVar[tuple[str, ...]] = ("order_line_id",)

    order_line_id: str
    order_id: str
    sku: str | None = None
    description: str | None = None
    quantity: Decimal
    unit_price: Decimal
    unit_cost: Annotated[Decimal, NOT_NEGATIVE] | None = None  # null: not known, never 0
    is_gift_card: bool | None = None


class Refund(Entity):
    unique_by: ClassVar[tuple[str, ...]] = ("refund_id",)

    refund_id: str
    order_id: str | None = None  # null: the refunded order is not known
    customer_id: str | None = None
    email: str | None = None
    refunded_at: datetime
    currency: Currency
    amount: Annotated[Decimal, POSITIVE]


class Lead(Entity):
    unique_by: ClassVar[tuple[str, ...]] = ("lead_id",)

    lead_id: str
    email: str | None = None
    phone: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    channel: str | None = None
    campaign_id: str | None = None
    created_at: datetime
    qualified_at: datetime | None = None
    disqualified_at: datetime | None = None
    disqualified_reason: str | None = None


class Deal(Entity):
    unique_by: ClassVar[tuple[str, ...]] = ("deal_id",)

    deal_id: str
    customer_id: str | None = None
    account_id: str | None = None
    account_name: str | None = None
    name: str | None = None
    stage: str | None = None
    owner: str | None = None
    currency: Currency | None = None
    amount: Decimal | None = None
    created_at: datetime
    closed_at: datetime | None = None
    is_won: bool | None = None
    lost_reason: str | None = None


class AdSpend(Entity):
    unique_by: ClassVar[tuple[str, ...]] = ("platform", "account_id", "campaign_id", "ad_id", "spent_on")

    platform: str
    account_id: str
    campaign_id: str
    campaign_name: str | None = None
    ad_id: str | None = None
    spent_on: date
    currency: Currency
    spend_amount: Decimal
    impressions: int | None = None
    clicks: int | None = None


class Conversation(Entity):
    unique_by: ClassVar[tuple[str, ...]] = ("conversation_id",)

    conversation_id: str
    customer_id: str | None = None
    email: str | None = None
    phone: str | None = None
    channel: str | None = None
    campaign_id: str | None = None
    opened_at: datetime
    closed_at: datetime | None = None
    closing_category: str | None = None


class Message(Entity):
    unique_by: ClassVar[tuple[str, ...]] = ("message_id",)

    message_id: str
    conversation_id: str | None = None
    customer_id: str | None = None
    channel: str | None = None
    direction: Annotated[str, one_of("inbound", "outbound")]
    sender_kind: Annotated[str, one_of("contact", "agent", "bot", "broadcast")] | None = None
    sent_at: datetime


class Survey(Entity):
    unique_by: ClassVar[tuple[str, ...]] = ("response_id",)

    response_id: str
    customer_id: str | None = None
    email: str | None = None
    survey_type: Annotated[str, one_of("nps", "csat", "ces", "review")]
    score: Decimal
    comment: str | None = None
    responded_at: datetime


class Subscription(Entity):
    unique_by: ClassVar[tuple[str, ...]] = ("subscription_id",)

    subscription_id: str
    customer_id: str | None = None
    email: str | None = None
    plan: str | None = None
    currency: Currency
    mrr_amount: Decimal
    billing_months: Annotated[int, POSITIVE] | None = None
    recorded_at: datetime | None = None
    trial_started_at: datetime | None = None
    trial_ended_at: datetime | None = None
    started_at: datetime | None = None
    cancelled_at: datetime | None = None
    ended_at: datetime | None = None


class ExchangeRate(Entity):
    """One unit of `base_currency` buys `rate` units of `quote_currency` on `rate_date`."""

    unique_by: ClassVar[tuple[str, ...]] = ("rate_date", "base_currency", "quote_currency")

    rate_date: date
    base_currency: Currency
    quote_currency: Currency
    rate: Annotated[Decimal, POSITIVE]


def _table(name: str, row: type[Row]) -> RawTable:
    return RawTable(name, row, "versions", ())  # no merge key: what a load replaces is the scope that the source gives


CUSTOMERS = _table("customers", Customer)
ORDERS = _table("orders", Order)
ORDER_LINES = _table("order_lines", OrderLine)
REFUNDS = _table("refunds", Refund)
LEADS = _table("leads", Lead)
DEALS = _table("deals", Deal)
AD_SPEND = _table("ad_spend", AdSpend)
CONVERSATIONS = _table("conversations", Conversation)
MESSAGES = _table("messages", Message)
SURVEYS = _table("surveys", Survey)
SUBSCRIPTIONS = _table("subscriptions", Subscription)
EXCHANGE_RATES = _table("exchange_rates", ExchangeRate)
TABLES = (
    CUSTOMERS,
    ORDERS,
    ORDER_LINES,
    REFUNDS,
    LEADS,
    DEALS,
    AD_SPEND,
    CONVERSATIONS,
    MESSAGES,
    SURVEYS,
    SUBSCRIPTIONS,
    EXCHANGE_RATES,
)
