"""The canonical entities that a mapping can fill, with their columns and types.

A mapping names, for each entity, where a column comes from; columns it leaves out are null. Every table carries
`mapping`, the name of the mapping that filled it: one mapping's rows are replaced as a whole, unchanged rows are
left untouched.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from ingestion.tables import RawTable, Row


class Entity(Row):
    mapping: str


class Customer(Entity):
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

    order_id: str
    customer_id: str | None = None  # null and no e-mail or phone: an anonymous guest
    email: str | None = None
    phone: str | None = None
    ordered_at: datetime
    paid_at: datetime | None = None
    cancelled_at: datetime | None = None
    currency: str
    total_amount: Decimal | None = None
    tax_amount: Decimal | None = None
    shipping_amount: Decimal | None = None
    is_test: bool | None = None
    channel: str | None = None
    campaign_id: str | None = None


class OrderLine(Entity):
    order_line_id: str
    order_id: str
    sku: str | None = None
    description: str | None = None
    quantity: Decimal
    unit_price: Decimal
    is_gift_card: bool | None = None


class Refund(Entity):
    refund_id: str
    order_id: str | None = None  # null: the refunded order is not known
    customer_id: str | None = None
    email: str | None = None
    refunded_at: datetime
    currency: str
    amount: Decimal  # positive


class Lead(Entity):
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
    deal_id: str
    customer_id: str | None = None
    account_id: str | None = None
    account_name: str | None = None
    name: str | None = None
    stage: str | None = None
    owner: str | None = None
    currency: str | None = None
    amount: Decimal | None = None
    created_at: datetime
    closed_at: datetime | None = None
    is_won: bool | None = None
    lost_reason: str | None = None


class AdSpend(Entity):
    platform: str
    account_id: str
    campaign_id: str
    campaign_name: str | None = None
    ad_id: str | None = None
    spent_on: date
    currency: str
    spend_amount: Decimal
    impressions: int | None = None
    clicks: int | None = None


class Conversation(Entity):
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
    message_id: str
    conversation_id: str | None = None
    customer_id: str | None = None
    channel: str | None = None
    direction: str  # inbound, outbound
    sender_kind: str | None = None  # contact, agent, bot, broadcast
    sent_at: datetime


class Survey(Entity):
    response_id: str
    customer_id: str | None = None
    email: str | None = None
    survey_type: str  # nps, csat, ces, review
    score: Decimal
    comment: str | None = None
    responded_at: datetime


class Subscription(Entity):
    subscription_id: str
    customer_id: str | None = None
    email: str | None = None
    plan: str | None = None
    currency: str
    mrr_amount: Decimal
    trial_started_at: datetime | None = None
    trial_ended_at: datetime | None = None
    started_at: datetime | None = None
    cancelled_at: datetime | None = None
    ended_at: datetime | None = None


class ExchangeRate(Entity):
    """One unit of `base_currency` buys `rate` units of `quote_currency` on `rate_date`."""

    rate_date: date
    base_currency: str
    quote_currency: str
    rate: Decimal


def _table(name: str, row: type[Row]) -> RawTable:
    return RawTable(name, row, "versions", ("mapping",))


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
