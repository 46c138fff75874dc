"""The canonical entities that a mapping can fill, with their columns and types.

A mapping names, for each entity, where a column comes from; columns it leaves out are null. Every table carries
`mapping`, the name of the mapping that filled it (one mapping's rows are replaced as a whole, unchanged rows are left
untouched), and `company`, which says whose ids they are.

Belongs here: the entities and what their values may be. Does not: how a mapping is read or evaluated.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, ClassVar

from ingestion.limits import AMOUNT_BELOW, COUNT_TO, KEY_LENGTH, QUANTITY_BELOW, RATE_FROM, RATE_TO, SCORE_BELOW
from ingestion.personal import CUSTOMER_NUMBER, EMAIL, PHONE, TEXT, Record
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


@dataclass(frozen=True)
class RowRule:
    """What several columns of a row have to be together. Where the condition is null, there is nothing to say.

    Attributes:
        columns: those whose values a rejection shows.
        sql: condition in DuckDB SQL over the columns' typed values.
        words: what has to hold, for people; a sentence without its full stop.
    """

    columns: tuple[str, ...]
    sql: str
    words: str


def one_of(*values: str) -> Rule:
    return Rule("{} IN (" + ", ".join(f"'{value}'" for value in values) + ")", "one of " + ", ".join(values))


def _between(low: object, high: object) -> Rule:
    return Rule(f"{{}} BETWEEN {low} AND {high}", f"between {low} and {high}")


def _within(limit: int) -> Rule:
    return Rule(f"abs({{}}) < {limit}", f"between -{limit:,} and {limit:,}")


def _not_before(later: str, earlier: str) -> RowRule:
    return RowRule((later, earlier), f"{later} >= {earlier}", f"{later} has to be at or after {earlier}")


def _product_is_an_amount(one: str, other: str) -> RowRule:
    # as doubles: the exact product of two such decimals may have no type that holds it
    sql = f"abs({one}::DOUBLE * {other}::DOUBLE) < {AMOUNT_BELOW}"
    words = f"{one} times {other} has to lie between -{AMOUNT_BELOW:,} and {AMOUNT_BELOW:,}"
    return RowRule((one, other), sql, words)


def _not_negative_in_a_sale(column: str) -> RowRule:
    return RowRule(
        (column, "total_amount"),
        f"{column} >= 0 OR total_amount < 0",
        f"{column} has to be 0 or more, unless total_amount is negative or left out",
    )


POSITIVE = Rule("{} > 0", "greater than 0")
NOT_NEGATIVE = Rule("{} >= 0", "0 or more")
Key = Annotated[str, Rule(f"length({{}}) <= {KEY_LENGTH}", f"a text of at most {KEY_LENGTH:,} characters")]
Currency = Annotated[str, Rule("regexp_full_match({}, '[A-Z][A-Z][A-Z]')", "a currency code such as EUR")]
Amount = Annotated[Decimal, _within(AMOUNT_BELOW)]
Quantity = Annotated[Decimal, _within(QUANTITY_BELOW)]
Rate = Annotated[Decimal, Rule(f"{{}} BETWEEN {RATE_FROM:f} AND {RATE_TO}", f"between {RATE_FROM:f} and {RATE_TO:,}")]
Count = Annotated[int, Rule(f"{{}} BETWEEN 0 AND {COUNT_TO}", f"between 0 and {COUNT_TO:,}")]
Score = Annotated[Decimal, _within(SCORE_BELOW)]


# the ends of a survey's scale: those stated, or its type's own
_SCALE_MIN = "coalesce(scale_min, CASE survey_type WHEN 'nps' THEN 0 ELSE 1 END)"
_SCALE_MAX = "coalesce(scale_max, CASE survey_type WHEN 'nps' THEN 10 WHEN 'ces' THEN 7 ELSE 5 END)"


class Entity(Row):
    """Base of the entities.

    Attributes:
        unique_by: columns that tell the rows of one mapping apart; a second row with the same values is rejected.
        row_rules: what columns of a row have to be together.
        mapping: the mapping that filled the row.
        company: the company that the mapping states; ids hold across all mappings of one company.
    """

    unique_by: ClassVar[tuple[str, ...]]
    row_rules: ClassVar[tuple[RowRule, ...]] = ()

    mapping: str
    company: str | None = None


class Customer(Entity):
    personal = {
        "customer_id": Record("customer"),
        "email": EMAIL,
        "phone": PHONE,
        "first_name": TEXT,
        "last_name": TEXT,
        "customer_number": CUSTOMER_NUMBER,
    }
    not_personal = (
        "mapping",
        "company",
        "company_name",
        "country",
        "channel",
        "campaign_id",
    )
    country_column = "country"

    unique_by: ClassVar[tuple[str, ...]] = ("customer_id",)

    customer_id: Key
    email: Key | None = None
    phone: Key | None = None
    first_name: str | None = None
    last_name: str | None = None
    company_name: str | None = None
    country: str | None = None
    customer_number: Key | None = None
    channel: str | None = None
    campaign_id: Key | None = None
    created_at: datetime | None = None


class Order(Entity):
    """`total_amount` includes tax and shipping and is after discounts; null: the sum of the order's lines."""

    personal = {
        "order_id": Record("guest_order", stays=True),
        "email": EMAIL,
        "phone": PHONE,
        "customer_id": Record("customer", is_given_to_guests=True),
    }
    not_personal = (
        "mapping",
        "company",
        "currency",
        "payment_type",
        "channel",
        "campaign_id",
    )

    unique_by: ClassVar[tuple[str, ...]] = ("order_id",)
    row_rules: ClassVar[tuple[RowRule, ...]] = (
        _not_negative_in_a_sale("tax_amount"),
        _not_negative_in_a_sale("shipping_amount"),
        # a cancellation is often a day without a time
        RowRule(
            ("cancelled_at", "ordered_at"),
            "cancelled_at >= ordered_at - INTERVAL 1 DAY",
            "cancelled_at may not lie more than a day before ordered_at",
        ),
    )

    order_id: Key
    customer_id: Key | None = None  # null and no e-mail or phone: an anonymous guest
    email: Key | None = None
    phone: Key | None = None
    ordered_at: datetime
    paid_at: datetime | None = None
    cancelled_at: datetime | None = None
    currency: Currency
    total_amount: Amount | None = None
    tax_amount: Amount | None = None
    shipping_amount: Amount | None = None
    payment_type: str | None = None
    is_test: bool | None = None
    channel: str | None = None
    campaign_id: Key | None = None


class OrderLine(Entity):
    not_personal = (
        "mapping",
        "company",
        "order_line_id",
        "order_id",
        "sku",
        "description",
    )

    unique_by: ClassVar[tuple[str, ...]] = ("order_line_id",)
    row_rules: ClassVar[tuple[RowRule, ...]] = (
        _product_is_an_amount("quantity", "unit_price"),
        _product_is_an_amount("quantity", "unit_cost"),
    )

    order_line_id: Key
    order_id: Key
    sku: Key | None = None
    description: str | None = None
    quantity: Quantity
    unit_price: Amount
    unit_cost: Annotated[Amount, NOT_NEGATIVE] | None = None  # null: not known, never 0
    is_gift_card: bool | None = None


class Refund(Entity):
    personal = {
        "refund_id": Record("guest_refund", stays=True),
        "email": EMAIL,
        "customer_id": Record("customer", is_given_to_guests=True),
    }
    not_personal = (
        "mapping",
        "company",
        "order_id",
        "currency",
    )

    unique_by: ClassVar[tuple[str, ...]] = ("refund_id",)

    refund_id: Key
    order_id: Key | None = None  # null: the refunded order is not known
    customer_id: Key | None = None
    email: Key | None = None
    refunded_at: datetime
    currency: Currency
    amount: Annotated[Amount, POSITIVE]


class Lead(Entity):
    personal = {
        "lead_id": Record("lead"),
        "email": EMAIL,
        "phone": PHONE,
        "first_name": TEXT,
        "last_name": TEXT,
        "customer_number": CUSTOMER_NUMBER,
    }
    not_personal = (
        "mapping",
        "company",
        "channel",
        "campaign_id",
        "disqualified_reason",
    )

    unique_by: ClassVar[tuple[str, ...]] = ("lead_id",)

    lead_id: Key
    email: Key | None = None
    phone: Key | None = None
    first_name: str | None = None
    last_name: str | None = None
    customer_number: Key | None = None
    channel: str | None = None
    campaign_id: Key | None = None
    created_at: datetime
    qualified_at: datetime | None = None
    disqualified_at: datetime | None = None
    disqualified_reason: str | None = None


class Deal(Entity):
    personal = {
        "deal_id": Record("deal", stays=True),
        "customer_id": Record("customer"),
        "lead_id": Record("lead"),
        "name": TEXT,
    }
    not_personal = (
        "mapping",
        "company",
        "account_id",
        "account_name",
        "stage",
        "owner",
        "currency",
        "lost_reason",
    )

    unique_by: ClassVar[tuple[str, ...]] = ("deal_id",)

    deal_id: Key
    customer_id: Key | None = None
    lead_id: Key | None = None
    account_id: Key | None = None
    account_name: str | None = None
    name: str | None = None
    stage: str | None = None
    owner: str | None = None
    currency: Currency | None = None
    amount: Amount | None = None
    created_at: datetime
    closed_at: datetime | None = None
    is_won: bool | None = None
    lost_reason: str | None = None


class Account(Entity):
    not_personal = (
        "mapping",
        "company",
        "account_id",
        "account_name",
        "parent_account_id",
        "parent_account_name",
        "industry",
        "owner",
        "domain",
        "country",
    )

    unique_by: ClassVar[tuple[str, ...]] = ("account_id",)

    account_id: Key
    account_name: Key | None = None
    parent_account_id: Key | None = None
    parent_account_name: Key | None = None
    industry: str | None = None
    employee_count: Count | None = None
    owner: str | None = None
    domain: str | None = None
    country: str | None = None
    created_at: datetime | None = None


class AdSpend(Entity):
    not_personal = (
        "mapping",
        "company",
        "platform",
        "account_id",
        "campaign_id",
        "campaign_name",
        "ad_id",
        "currency",
    )

    unique_by: ClassVar[tuple[str, ...]] = ("platform", "account_id", "campaign_id", "ad_id", "spent_on")

    platform: Key
    account_id: Key
    campaign_id: Key
    campaign_name: str | None = None
    ad_id: Key | None = None
    spent_on: date
    currency: Currency
    spend_amount: Annotated[Amount, NOT_NEGATIVE]
    impressions: Count | None = None
    clicks: Count | None = None
    conversions: Annotated[Quantity, NOT_NEGATIVE] | None = None  # as the platform claims them


class Conversation(Entity):
    personal = {
        "conversation_id": Record("guest_conversation", stays=True),
        "email": EMAIL,
        "phone": PHONE,
        "customer_id": Record("customer", is_given_to_guests=True),
    }
    not_personal = (
        "mapping",
        "company",
        "channel",
        "campaign_id",
        "closing_category",
    )

    unique_by: ClassVar[tuple[str, ...]] = ("conversation_id",)
    row_rules: ClassVar[tuple[RowRule, ...]] = (_not_before("closed_at", "opened_at"),)

    conversation_id: Key
    customer_id: Key | None = None
    email: Key | None = None
    phone: Key | None = None
    channel: str | None = None
    campaign_id: Key | None = None
    opened_at: datetime
    closed_at: datetime | None = None
    closing_category: str | None = None


class Message(Entity):
    personal = {
        "customer_id": Record("customer"),
    }
    not_personal = (
        "mapping",
        "company",
        "message_id",
        "conversation_id",
        "channel",
        "direction",
        "sender_kind",
        "agent",
    )

    unique_by: ClassVar[tuple[str, ...]] = ("message_id",)

    message_id: Key
    conversation_id: Key | None = None
    customer_id: Key | None = None
    channel: str | None = None
    direction: Annotated[str, one_of("inbound", "outbound")]
    sender_kind: Annotated[str, one_of("contact", "agent", "bot", "broadcast")] | None = None
    agent: Key | None = None
    sent_at: datetime


class Survey(Entity):
    personal = {
        "response_id": Record("guest_survey", stays=True),
        "email": EMAIL,
        "customer_id": Record("customer", is_given_to_guests=True),
        "comment": TEXT,
    }
    not_personal = (
        "mapping",
        "company",
        "order_id",
        "survey_type",
    )

    unique_by: ClassVar[tuple[str, ...]] = ("response_id",)
    row_rules: ClassVar[tuple[RowRule, ...]] = (
        RowRule(
            ("survey_type", "score"),
            "survey_type <> 'nps' OR score % 1 = 0",
            "the score of an nps answer has to be a whole number",
        ),
        RowRule(
            ("survey_type", "scale_min", "scale_max"),
            f"survey_type <> 'nps' OR ({_SCALE_MIN} = 0 AND {_SCALE_MAX} = 10)",
            "the scale of an nps answer has to be 0 to 10: leave scale_min and scale_max out, or map another type",
        ),
        RowRule(
            ("survey_type", "scale_min", "scale_max"),
            f"{_SCALE_MIN} < {_SCALE_MAX}",
            "scale_min has to be smaller than scale_max (of one left out, the default of the type)",
        ),
        RowRule(
            ("survey_type", "score", "scale_min", "scale_max"),
            f"score BETWEEN {_SCALE_MIN} AND {_SCALE_MAX}",
            "the score has to lie on its scale, by default 0 to 10 for nps, 1 to 5 for csat and review, 1 to 7 for ces "
            "(map scale_min and scale_max if it has another)",
        ),
    )

    response_id: Key
    customer_id: Key | None = None
    email: Key | None = None
    order_id: Key | None = None
    survey_type: Annotated[str, one_of("nps", "csat", "ces", "review")]
    score: Score
    scale_min: Score | None = None
    scale_max: Score | None = None
    comment: str | None = None
    responded_at: datetime


class ExperimentAssignment(Entity):
    """`planned_share`: the part of all people that the arm was planned to get; null: arms were planned alike."""

    personal = {
        "assignment_id": Record("guest_assignment", stays=True),
        "email": EMAIL,
        "customer_id": Record("customer", is_given_to_guests=True),
    }
    not_personal = (
        "mapping",
        "company",
        "experiment",
        "arm",
    )

    unique_by: ClassVar[tuple[str, ...]] = ("assignment_id",)
    row_rules: ClassVar[tuple[RowRule, ...]] = (
        RowRule(
            ("customer_id", "email"),
            "customer_id IS NOT NULL OR email IS NOT NULL",
            "customer_id or email has to say who was assigned",
        ),
    )

    assignment_id: Key
    experiment: Key
    arm: Key
    is_control: bool
    customer_id: Key | None = None
    email: Key | None = None
    assigned_at: datetime
    planned_share: Annotated[Decimal, Rule("{} > 0 AND {} < 1", "between 0 and 1")] | None = None


class Subscription(Entity):
    personal = {
        "subscription_id": Record("guest_subscription", stays=True),
        "email": EMAIL,
        "customer_id": Record("customer", is_given_to_guests=True),
    }
    not_personal = (
        "mapping",
        "company",
        "plan",
        "currency",
    )

    unique_by: ClassVar[tuple[str, ...]] = ("subscription_id",)
    row_rules: ClassVar[tuple[RowRule, ...]] = (
        _not_before("trial_ended_at", "trial_started_at"),
        _not_before("ended_at", "started_at"),
    )

    subscription_id: Key
    customer_id: Key | None = None
    email: Key | None = None
    plan: str | None = None
    currency: Currency
    mrr_amount: Annotated[Amount, NOT_NEGATIVE]
    billing_months: Annotated[int, _between(1, 120)] | None = None
    recorded_at: datetime | None = None
    trial_started_at: datetime | None = None
    trial_ended_at: datetime | None = None
    started_at: datetime | None = None
    cancelled_at: datetime | None = None
    ended_at: datetime | None = None


class Consent(Entity):
    """Someone granted or refused to be reached for a purpose."""

    personal = {
        "consent_id": Record("guest_consent", stays=True),
        "email": EMAIL,
        "phone": PHONE,
        "customer_id": Record("customer", is_given_to_guests=True),
    }
    not_personal = (
        "mapping",
        "company",
        "purpose",
        "channel",
    )

    unique_by: ClassVar[tuple[str, ...]] = ("consent_id",)
    row_rules: ClassVar[tuple[RowRule, ...]] = (
        RowRule(
            ("customer_id", "email", "phone"),
            "coalesce(customer_id, email, phone) IS NOT NULL",
            "a consent has to say whose it is: customer_id, email or phone",
        ),
    )

    consent_id: Key
    customer_id: Key | None = None
    email: Key | None = None
    phone: Key | None = None
    purpose: Annotated[str, one_of("marketing", "advertising", "service")]
    channel: Annotated[str, one_of("email", "messaging", "phone", "post")] | None = None
    is_granted: bool
    stated_at: datetime


class ExchangeRate(Entity):
    """One unit of `base_currency` buys `rate` units of `quote_currency` on `rate_date`."""

    not_personal = (
        "mapping",
        "company",
        "base_currency",
        "quote_currency",
    )

    unique_by: ClassVar[tuple[str, ...]] = ("rate_date", "base_currency", "quote_currency")

    rate_date: date
    base_currency: Currency
    quote_currency: Currency
    rate: Rate


def _table(name: str, row: type[Row], happened_at: str | None = None) -> RawTable:
    # no merge key: what a load replaces is the scope that the source gives
    return RawTable(name, row, "versions", (), happened_at=happened_at)


CUSTOMERS = _table("customers", Customer)
ORDERS = _table("orders", Order, "ordered_at")
ORDER_LINES = _table("order_lines", OrderLine)
REFUNDS = _table("refunds", Refund, "refunded_at")
LEADS = _table("leads", Lead, "created_at")
DEALS = _table("deals", Deal, "created_at")
ACCOUNTS = _table("accounts", Account)
AD_SPEND = _table("ad_spend", AdSpend, "spent_on")
CONVERSATIONS = _table("conversations", Conversation, "opened_at")
MESSAGES = _table("messages", Message, "sent_at")
SURVEYS = _table("surveys", Survey, "responded_at")
EXPERIMENT_ASSIGNMENTS = _table("experiment_assignments", ExperimentAssignment, "assigned_at")
SUBSCRIPTIONS = _table("subscriptions", Subscription)
CONSENTS = _table("consents", Consent, "stated_at")
EXCHANGE_RATES = _table("exchange_rates", ExchangeRate)
TABLES = (
    CUSTOMERS,
    ORDERS,
    ORDER_LINES,
    REFUNDS,
    LEADS,
    DEALS,
    ACCOUNTS,
    AD_SPEND,
    CONVERSATIONS,
    MESSAGES,
    SURVEYS,
    EXPERIMENT_ASSIGNMENTS,
    SUBSCRIPTIONS,
    CONSENTS,
    EXCHANGE_RATES,
)
