"""What the company's systems hold, with every change and its instant: the state at any clock can be read off.

Belongs here: the records and how they look at an instant. Does not: how the story goes (`life`), wire formats
(`servers`). All instants are whole epoch seconds in UTC, so that no vendor's precision loses anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

Key = tuple[str, str]  # (namespace, value): what two records of one person may have in common

DECIMALS = {"JPY": 0, "KWD": 3, "CLP": 0}


def iso(at: int) -> str:
    """An instant as the vendors write it: 2026-01-02T08:00:00Z."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def quantum(currency: str) -> Decimal:
    """Smallest amount of a currency."""
    return Decimal(1).scaleb(-DECIMALS.get(currency, 2))


@dataclass(frozen=True, slots=True)
class Change:
    """A property took a value. `source`: FORM, INTEGRATION, CRM_UI, API, MERGE_OBJECTS, …"""

    at: int
    name: str
    value: Any
    source: str = "CRM_UI"


@dataclass(slots=True)
class Record:
    """A record of a system whose properties change over time; `changes` may be appended in any order."""

    id: int
    created_at: int
    changes: list[Change] = field(default_factory=list)
    archived_at: int | None = None

    def set(self, at: int, source: str = "CRM_UI", **values: Any) -> None:
        """Let properties take values at `at`."""
        self.changes.extend(Change(at, name, value, source) for name, value in values.items())

    def visible(self, clock: int) -> bool:
        return self.created_at <= clock

    def is_archived(self, clock: int) -> bool:
        return self.archived_at is not None and self.archived_at <= clock

    def known(self, clock: int) -> list[Change]:
        """Changes up to the clock, oldest first."""
        return sorted((change for change in self.changes if change.at <= clock), key=lambda change: change.at)

    def state(self, clock: int) -> dict[str, Any]:
        """Properties as they are at the clock."""
        return {change.name: change.value for change in self.known(clock)}

    def touched_at(self, clock: int) -> int:
        """The last change up to the clock."""
        instants = [self.created_at, *(change.at for change in self.changes if change.at <= clock)]
        if self.archived_at is not None and self.archived_at <= clock:
            instants.append(self.archived_at)
        return max(instants)


@dataclass(slots=True)
class Association:
    """A deal's tie to a contact or a company. `label`: the role, or None for the plain tie."""

    record_id: int
    label: str | None
    at: int


@dataclass(slots=True)
class Deal(Record):
    """A tie that comes later does not touch the deal."""

    contacts: list[Association] = field(default_factory=list)
    companies: list[Association] = field(default_factory=list)


@dataclass(slots=True)
class Message:
    """A message of a respond.io contact. `source`: contact, user, bot, workflow, broadcast."""

    id: int
    at: int
    source: str
    text: str
    channel_id: int
    user_id: int | None = None
    has_failed: bool = False

    @property
    def incoming(self) -> bool:
        return self.source == "contact"


@dataclass(slots=True)
class Webhook:
    """An event that a system pushes; `delivered_at` is when its file lies in the inbox."""

    event_id: str
    at: int
    delivered_at: int
    body: dict[str, Any]


@dataclass(slots=True)
class RespondContact(Record):
    messages: list[Message] = field(default_factory=list)
    webhooks: list[Webhook] = field(default_factory=list)


@dataclass(slots=True)
class Line:
    """A line of an order, in its currency. `unit_cost` is in the shop's; None: nobody knows it."""

    id: int
    sku: str
    title: str
    quantity: int
    unit_price: Decimal
    discounted_total: Decimal
    is_gift_card: bool = False
    unit_cost: Decimal | None = None


@dataclass(slots=True)
class Transaction:
    id: int
    at: int
    kind: str
    status: str
    gateway: str
    amount: Decimal


@dataclass(slots=True)
class Refund:
    id: int
    at: int
    amount: Decimal
    note: str | None = None
    lines: tuple[tuple[int, int], ...] = ()  # (line id, quantity sent back)
    tax: Decimal = Decimal(0)  # of the lines, in the amount
    is_of_shipping: bool = False

    @property
    def is_itemised(self) -> bool:
        return bool(self.lines) or self.is_of_shipping


@dataclass(frozen=True, slots=True)
class Dispute:
    """A chargeback: the bank takes `amount` at `at`, and gives it back when it is decided, if the shop wins."""

    id: int
    at: int
    amount: Decimal
    decided_at: int
    is_won: bool

    def status(self, clock: int) -> str:
        if clock < self.decided_at:
            return "NEEDS_RESPONSE"
        return "WON" if self.is_won else "LOST"

    def taken(self, clock: int) -> Decimal:
        """What the bank has at the clock."""
        return self.amount if self.at <= clock and self.status(clock) != "WON" else Decimal(0)


@dataclass(slots=True)
class Visit:
    """The first visit of the shop behind an order."""

    at: int
    source: str
    campaign_id: str | None
    landing_page: str


@dataclass(slots=True)
class Order:
    """An order of the shop.

    Attributes:
        processed_at: when it happened. created_at: when the shop got to know it (later for an import).
        tax, shipping, discount: in `currency`, as is everything. The total is lines + tax + shipping.
    """

    id: int
    customer_id: int | None
    email: str | None
    phone: str | None
    currency: str
    processed_at: int
    created_at: int
    lines: list[Line]
    tax: Decimal
    shipping: Decimal
    discount: Decimal
    transactions: list[Transaction] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)
    disputes: list[Dispute] = field(default_factory=list)
    cancelled_at: int | None = None
    cancel_reason: str | None = None
    fulfilled_at: int | None = None
    is_test: bool = False
    source_name: str = "web"
    visit: Visit | None = None
    deleted_at: int | None = None  # no list shows it any more
    overrides: dict[str, Any] = field(default_factory=dict)  # wire fields of a malformed order

    @property
    def subtotal(self) -> Decimal:
        return sum((line.discounted_total for line in self.lines), Decimal(0))

    @property
    def total(self) -> Decimal:
        return self.subtotal + self.tax + self.shipping

    @property
    def cost(self) -> Decimal | None:
        """What the goods cost, in the shop's currency; None where that of a line is not known. A gift card has none."""
        total = Decimal(0)
        for line in self.lines:
            if line.is_gift_card:
                continue
            if line.unit_cost is None:
                return None
            total += line.unit_cost * line.quantity
        return total

    @property
    def paid_at(self) -> int | None:
        """The first successful payment."""
        return min((payment.at for payment in self.payments), default=None)

    @property
    def settled_at(self) -> int | None:
        """The last successful payment."""
        return max((payment.at for payment in self.payments), default=None)

    @property
    def payments(self) -> list[Transaction]:
        return [t for t in self.transactions if t.kind in ("SALE", "CAPTURE") and t.status == "SUCCESS"]

    def refunded(self, clock: int) -> Decimal:
        return sum((refund.amount for refund in self.refunds if refund.at <= clock), Decimal(0))

    def disputed(self, clock: int) -> Decimal:
        return sum((dispute.taken(clock) for dispute in self.disputes), Decimal(0))

    def itemised(self, clock: int) -> list[Refund]:
        """Refunds that say what they were of."""
        return [refund for refund in self.refunds if refund.is_itemised and refund.at <= clock]

    def itemised_revenue(self, clock: int) -> Decimal:
        """Revenue that those took back: goods without their tax, but for gift cards; no shipping."""
        cards = {line.id for line in self.lines if line.is_gift_card}
        goods = [refund for refund in self.itemised(clock) if refund.lines and refund.lines[0][0] not in cards]
        return sum((refund.amount - refund.tax for refund in goods), Decimal(0))

    def visible(self, clock: int) -> bool:
        return self.created_at <= clock and (self.deleted_at is None or self.deleted_at > clock)

    def touched_at(self, clock: int) -> int:
        """`updated_at`: the last thing the shop did with the order up to the clock, never before it knew the order."""
        instants = [t.at for t in self.transactions] + [refund.at for refund in self.refunds]
        instants += [at for dispute in self.disputes for at in (dispute.at, dispute.decided_at)]
        instants += [at for at in (self.cancelled_at, self.fulfilled_at) if at is not None]
        return max([self.created_at, *(at for at in instants if at <= clock)])

    def financial_status(self, clock: int) -> str:
        paid = self.paid_at is not None and self.paid_at <= clock
        refunded = self.refunded(clock)
        if refunded and refunded >= self.total:
            return "REFUNDED"
        if refunded:
            return "PARTIALLY_REFUNDED"
        if paid:
            is_settled = self.settled_at is not None and self.settled_at <= clock
            return "PAID" if is_settled else "PARTIALLY_PAID"
        return "VOIDED" if any(t.kind == "VOID" and t.at <= clock for t in self.transactions) else "PENDING"


@dataclass(slots=True)
class Checkout:
    """A started checkout that was left; `completed_at` once it became an order after all."""

    id: int
    customer_id: int
    currency: str
    total: Decimal
    created_at: int
    completed_at: int | None = None

    def touched_at(self, clock: int) -> int:
        return self.completed_at if self.completed_at is not None and self.completed_at <= clock else self.created_at


@dataclass(frozen=True, slots=True)
class Survey:
    """An answer to a survey or a review. `kind`: nps (0 to 10), csat or review (1 to 5)."""

    id: str
    at: int
    email: str
    kind: str
    score: int
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person said about being told of to ad platforms, as the company's register has it."""

    id: str
    at: int
    email: str
    is_granted: bool


@dataclass(frozen=True, slots=True)
class Assignment:
    """A person was drawn into an arm of an experiment. `message_probability`: of getting the arm of the message."""

    id: str
    at: int
    email: str
    experiment: str
    arm: str
    message_probability: float


@dataclass(frozen=True, slots=True)
class Activity:
    """Something that happened to a person, noted by the simulation as it decided it.

    Attributes:
        at: when it happened. visible_at: when the systems could first tell it (later for what arrives late).
        record: the record that carries it: (source system, record type, record id).
        detail: closing category, lost reason, …
        campaign_id: the advertising campaign that caused it.
    """

    kind: str
    at: int
    visible_at: int
    record: tuple[str, str, str]
    detail: str | None = None
    campaign_id: str | None = None


@dataclass(slots=True)
class OwnedRecord:
    """A record that belongs to a person, and what it shows of them.

    `keys` holds (instant from which it is seen, key) in canonical form: what a perfect reader could make of it. Shared
    mailboxes and placeholders are not keys.
    """

    system: str
    kind: str
    id: str
    visible_at: int
    keys: list[tuple[int, Key]] = field(default_factory=list)

    @property
    def reference(self) -> tuple[str, str, str]:
        return (self.system, self.kind, self.id)


@dataclass(frozen=True, slots=True)
class BillingChange:
    """Fields of a billing object took values. `event`: type of the event that reports it; None: nothing reports it."""

    at: int
    event: str | None
    values: dict[str, Any]


@dataclass(slots=True)
class BillingObject:
    """An object of the billing system in its field names, with every change.

    Changes are kept in the order of time; of several at one instant the one set last comes last.
    """

    kind: str
    id: str
    created_at: int
    changes: list[BillingChange] = field(default_factory=list)
    deleted_at: int | None = None

    def set(self, at: int, event: str | None, **values: Any) -> None:
        """Let fields take values at `at`, reported by an event."""
        self.changes.append(BillingChange(at, event, values))
        self.changes.sort(key=lambda change: change.at)

    def delete(self, at: int, event: str) -> None:
        """The object is gone from `at` on: no list shows it any more."""
        self.set(at, event)
        self.deleted_at = at

    def visible(self, clock: int) -> bool:
        return self.created_at <= clock and (self.deleted_at is None or self.deleted_at > clock)

    def state(self, clock: int) -> dict[str, Any]:
        """Fields as they are at the clock."""
        found: dict[str, Any] = {}
        for change in self.changes:
            if change.at <= clock:
                found.update(change.values)
        return found


@dataclass(slots=True)
class Subscription:
    """What is true of a subscription.

    Attributes:
        started_at: first payment; None: it never brought anything.
        ended_at: end of the paid period, of the trial, or of the attempts to collect a payment.
        rates: (instant, recurring revenue a month from then on), in `currency`; up to `ended_at`.
        payments: (instant, amount without tax) of payments, and negative of refunds.
    """

    id: str
    currency: str
    created_at: int
    trial_started_at: int | None = None
    started_at: int | None = None
    cancelled_at: int | None = None
    ended_at: int | None = None
    rates: list[tuple[int, Decimal]] = field(default_factory=list)
    payments: list[tuple[int, Decimal]] = field(default_factory=list)

    def rate_at(self, at: int) -> Decimal:
        """Recurring revenue a month at an instant."""
        if self.ended_at is not None and self.ended_at <= at:
            return Decimal(0)
        return next((amount for since, amount in reversed(self.rates) if since <= at), Decimal(0))


@dataclass(frozen=True, slots=True)
class OneOffPayment:
    """What a person paid through the billing system without a subscription.

    `record`: the record that shows whose it is; None: a guest, who is known only where such payments are orders.
    """

    id: str
    record: tuple[str, str, str] | None
    currency: str
    amount: Decimal
    at: int


@dataclass(slots=True)
class Person:
    """One person: who they really are, and everything the systems ever hold of them."""

    index: int
    arrived_at: int
    country: str
    first_name: str
    last_name: str
    entry: str
    emails: list[str]
    phone: str  # E.164
    customer_number: str | None = None
    company_id: int | None = None
    ad_id: str | None = None
    campaign_id: str | None = None
    purchase_rate: float | None = None  # purchases a day while alive
    dropout_probability: float | None = None  # after each purchase
    mean_spend: float | None = None  # reporting currency, an order
    alive_until: int | None = None  # instant of the last purchase the person will ever make
    hubspot: list[Record] = field(default_factory=list)
    deals: list[Deal] = field(default_factory=list)
    merged_deals: list[Record] = field(default_factory=list)
    respond: list[RespondContact] = field(default_factory=list)
    whatsapp: list[Webhook] = field(default_factory=list)
    shop_customers: list[Record] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    checkouts: list[Checkout] = field(default_factory=list)
    surveys: list[Survey] = field(default_factory=list)
    consents: list[Consent] = field(default_factory=list)
    assignment: Assignment | None = None
    monthly_churn_probability: float | None = None  # of leaving a subscription at a renewal
    billing: list[BillingObject] = field(default_factory=list)
    subscriptions: list[Subscription] = field(default_factory=list)
    one_off_payments: list[OneOffPayment] = field(default_factory=list)
    activities: list[Activity] = field(default_factory=list)
    records: list[OwnedRecord] = field(default_factory=list)

    @property
    def key(self) -> str:
        return f"P{self.index:06d}"
