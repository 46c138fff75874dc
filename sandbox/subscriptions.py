"""Who subscribes, to what and for how long, who pays once, and what the billing system (Stripe) records of it.

Belongs here: plans, trials, renewals, upgrades, pauses, failed payments, cancellations, payments without a
subscription, and their objects in Stripe's field names. Does not: the rest of a person's life (`life`), the wire format
(`servers.stripe`).

Each person's subscriptions come from a random stream of their own, so that nothing else of the simulation depends on
them. At every renewal a person leaves with their own monthly probability, which is beta distributed over people: the
shifted-beta-geometric model of Fader & Hardie (2007).
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import numpy as np

from sandbox.people import spell_email
from sandbox.records import (
    DECIMALS,
    Activity,
    BillingObject,
    OneOffPayment,
    OwnedRecord,
    Person,
    Subscription,
)
from sandbox.settings import DAY

HOUR = 3600
FOLLOWED_DAYS = 1200  # as long as a life (`life.LIFE_DAYS`)
SUBSCRIBER_SHARE = 0.25
# Monthly probability of leaving ~ Beta(a, b); a year's is that of leaving in one of its twelve months.
CHURN_A, CHURN_B = 1.2, 10.0
TRIAL_SHARE, TRIAL_DAYS, TRIAL_CONVERTS = 0.6, 14, 0.62
YEARLY_SHARE, YEARLY_MONTHS_PAID = 0.08, 10
PACKAGE = 1000  # pieces of the add-on that are sold together
ADD_ON_SHARE, RETURN_SHARE = 0.12, 0.3
INVOLUNTARY_SHARE = 0.25
UPGRADE, DOWNGRADE, MORE_SEATS, FEWER_SEATS = 0.05, 0.03, 0.03, 0.03
FIRST_PAYMENT_FAILS, PAYMENT_FAILS, REFUNDED = 0.04, 0.06, 0.05
RETRY_DAYS = (3, 8, 14)  # after the first attempt; the last failure ends the subscription
INCOMPLETE_HOURS = 23
MANY_ITEMS = 9  # of every hundred people: this one's subscription has more items than Stripe embeds
MANY_ITEMS_COUNT = 12
TAKEN_OVER = 60  # of every hundred people: this one's subscription began in an earlier billing system
# Of every twenty people these: who pay less for ever, whose bank takes a payment back, who get a credit, whose refund
# does not arrive.
DISCOUNTED, DISPUTED, CREDITED, REFUND_FAILED = 7, 18, 11, 16
PERCENT_OFF = 20
DISPUTE_FEE = 1500  # minor units of the charge's currency
ONE_OFF_AMOUNT = 12_345  # minor units; each person pays some more
# Places in every hundred people: those whose subscription is priced by tiers, and those whose payments are no longer
# collected.
BY_TIERS = {33: "calls", 35: "mails"}
PAUSED = 45
PAUSES = ("void", "keep_as_draft", "mark_uncollectible")  # by turns
# Of every hundred people these pay once, without a subscription: by an invoice, as a customer, and as a guest.
PAYS_INVOICE, PAYS_AS_CUSTOMER, PAYS_AS_GUEST = 52, 54, 56
TAKEN_OVER_MONTHS = (3, 30)  # so long before Stripe knew of it
STAFF_CUSTOMER_EVERY_DAYS, STAFF_CUSTOMER_SECONDS = 10, 1200  # gone before the next morning's clock

# Monthly prices; a currency that is not here is billed in euros.
PLANS: dict[str, dict[str, str]] = {
    "basic": {"EUR": "9.00", "USD": "10.00", "GBP": "8.50", "JPY": "1480", "KWD": "3.250"},
    "plus": {"EUR": "19.00", "USD": "21.00", "GBP": "17.00", "JPY": "2980", "KWD": "6.500"},
    "team": {"EUR": "49.00", "USD": "54.00", "GBP": "42.00", "JPY": "7800", "KWD": "16.750"},
}
ADD_ON = {"EUR": "4.00", "USD": "4.50", "GBP": "3.50", "JPY": "640", "KWD": "1.375"}
LADDER = tuple(PLANS)
# Tiers of a month's use: up to so many pieces, minor units of each currency a piece and for the tier. What lies in a
# tier costs as the tier says (graduated), or all of it as the tier in which the last piece lies (volume).
TIERS: dict[str, tuple[tuple[int | None, int, int], ...]] = {
    "calls": ((10, 120, 0), (20, 80, 300), (None, 50, 0)),
    "mails": ((10, 90, 500), (20, 60, 200), (None, 40, 0)),
}
TIERS_MODE = {"calls": "graduated", "mails": "volume"}
FIRST_USE, MORE_USE = 7, 4  # pieces in the first month, and more in each month after
FEEDBACK = ("too_expensive", "unused", "missing_features", "switched_service")


@dataclass(frozen=True)
class Price:
    """A recurring price. `amount`: minor units of the currency, an interval and unit, or package; 0 with tiers."""

    product: str
    currency: str
    interval: str
    amount: int

    @property
    def package(self) -> int | None:
        """How many pieces the amount is for; None: one."""
        return PACKAGE if self.product == "add_on" else None

    def amount_of(self, quantity: int) -> int:
        """What that many pieces cost: a package that is begun costs as a whole."""
        if self.is_tiered:
            is_by_volume = TIERS_MODE[self.product] == "volume"
            return self._by_volume(quantity) if is_by_volume else sum(amount for _, amount in self.parts(quantity))
        return self.amount * (quantity if self.package is None else -(-quantity // self.package))

    @property
    def is_tiered(self) -> bool:
        return self.product in TIERS

    def parts(self, quantity: int) -> list[tuple[int, int]]:
        """The lines of an invoice: how many pieces and what they cost. A fee of a tier is a line of its own."""
        if TIERS_MODE.get(self.product) != "graduated":
            return [(quantity, self.amount_of(quantity))]
        found, above = [], 0
        for up_to, unit, flat in TIERS[self.product]:
            inside = min(quantity, up_to or quantity) - above
            if inside > 0:
                found += [(inside, inside * unit), *([(1, flat)] if flat else [])]
            above = up_to or above
        return found

    def _by_volume(self, quantity: int) -> int:
        tiers = TIERS[self.product]
        unit, flat = next((unit, flat) for up_to, unit, flat in tiers if up_to is None or quantity <= up_to)
        return quantity * unit + flat

    def tiers_wire(self) -> list[dict[str, Any]]:
        return [
            {
                "flat_amount": flat or None,
                "flat_amount_decimal": str(flat) if flat else None,
                "unit_amount": unit,
                "unit_amount_decimal": str(unit),
                "up_to": up_to,
            }
            for up_to, unit, flat in TIERS[self.product]
        ]

    @property
    def id(self) -> str:
        return f"price_{self.product}_{self.currency.lower()}_{self.interval}"

    @property
    def months(self) -> int:
        return 12 if self.interval == "year" else 1

    def wire(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "price",
            "active": True,
            "billing_scheme": "tiered" if self.is_tiered else "per_unit",
            "currency": self.currency.lower(),
            "nickname": None,
            "product": f"prod_{self.product}",
            "recurring": {"interval": self.interval, "interval_count": 1, "meter": None, "usage_type": "licensed"},
            "tiers_mode": TIERS_MODE.get(self.product),
            "transform_quantity": self.package and {"divide_by": self.package, "round": "up"},
            "type": "recurring",
            "unit_amount": None if self.is_tiered else self.amount,
            "unit_amount_decimal": None if self.is_tiered else str(self.amount),
        }


def minor(amount: Decimal, currency: str) -> int:
    """An amount in the smallest unit that Stripe counts in."""
    return int((amount.scaleb(DECIMALS.get(currency, 2))).quantize(Decimal(1), ROUND_HALF_EVEN))


def major(amount: int, currency: str) -> Decimal:
    return Decimal(amount).scaleb(-DECIMALS.get(currency, 2))


def price_of(product: str, currency: str, interval: str = "month") -> Price:
    """The price of a plan, the add-on, or what is priced by tiers; a year costs ten months."""
    if product in TIERS:
        return Price(product, currency if currency in ADD_ON else "EUR", interval, 0)
    listed = ADD_ON if product == "add_on" else PLANS[product]
    currency = currency if currency in listed else "EUR"
    amount = minor(Decimal(listed[currency]), currency)
    return Price(product, currency, interval, amount * (YEARLY_MONTHS_PAID if interval == "year" else 1))


def catalogue(at: int) -> list[BillingObject]:
    """Products and prices, created at `at`."""
    found = []
    for product in (*LADDER, "add_on", *TIERS):
        record = BillingObject("product", f"prod_{product}", at)
        record.set(at, "product.created", name=product.replace("_", "-").capitalize(), active=True, updated=at)
        found.append(record)
        for currency in ADD_ON:
            for interval in ("month", "year") if product in LADDER else ("month",):
                price = price_of(product, currency, interval)
                record, wire = BillingObject("price", price.id, at), price.wire()
                option = {name: wire[name] for name in ("unit_amount", "unit_amount_decimal")}
                tiers = {"tiers": price.tiers_wire()} if price.is_tiered else {}
                options = {price.currency.lower(): {**option, **tiers}}
                record.set(at, "price.created", **wire, **tiers, currency_options=options)
                found.append(record)
    return found


def staff_customers(start: int, clock: int) -> list[BillingObject]:
    """Customers whom the staff creates to try things, and deletes: nobody's."""
    found = []
    for number, at in enumerate(range(start + DAY + HOUR, clock + 1, STAFF_CUSTOMER_EVERY_DAYS * DAY)):
        record = BillingObject("customer", f"cus_staff{number:04d}", at)
        record.set(at, "customer.created", name="Test", email="test@sandbox-company.example", metadata={})
        record.delete(at + STAFF_CUSTOMER_SECONDS, "customer.deleted")
        found.append(record)
    return found


def later(at: int, months: int) -> int:
    """The same day and time `months` calendar months later, or the last day of a shorter month."""
    moment = datetime.fromtimestamp(at, UTC)
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    day = min(moment.day, monthrange(year, month + 1)[1])
    return int(moment.replace(year=year, month=month + 1, day=day).timestamp())


@dataclass
class _Item:
    """An item of a subscription as it stands."""

    id: str
    price: Price
    quantity: int
    created_at: int

    @property
    def amount(self) -> int:
        return self.price.amount_of(self.quantity)


def forever_discount(discount_id: str, at: int) -> dict[str, Any]:
    """A coupon that takes a share off for as long as the subscription lasts."""
    return {
        "id": discount_id,
        "object": "discount",
        "coupon": {
            "id": "forever",
            "object": "coupon",
            "amount_off": None,
            "applies_to": None,
            "currency": None,
            "duration": "forever",
            "duration_in_months": None,
            "percent_off": PERCENT_OFF,
            "valid": True,
        },
        "end": None,
        "promotion_code": None,
        "start": at,
    }


class Subscriber:
    """Writes one person's subscriptions."""

    def __init__(self, seed: int, person: Person, currency: str) -> None:
        self.person = person
        self.rng = np.random.default_rng([seed, 6, person.index])
        self._currency = currency
        self._taken = {activity.at for activity in person.activities}
        self.last_day = person.arrived_at + FOLLOWED_DAYS * DAY
        self.theta = 0.0
        self.customer_id = f"cus_{person.index:06d}"
        self._numbers = 0

    # ---- dice

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def between(self, low: float, high: float) -> int:
        return int(low + (high - low) * self.rng.random())

    def tick(self, at: int) -> int:
        while at in self._taken:
            at += 1
        self._taken.add(at)
        return at

    # ---- the story

    def live(self) -> None:
        """Let the person subscribe, or not, and follow them until they leave for good."""
        person = self.person
        has_many_items = person.index % 100 == MANY_ITEMS
        is_taken_over = person.index % 100 == TAKEN_OVER
        product, is_paused = BY_TIERS.get(person.index % 100), person.index % 100 == PAUSED
        if person.index % 100 in (PAYS_INVOICE, PAYS_AS_CUSTOMER, PAYS_AS_GUEST):
            self._pay_once(person.arrived_at + DAY + int(self.rng.exponential(20 * DAY)))
            return
        is_certain = has_many_items or is_taken_over or product is not None or is_paused
        if not is_certain and not self.chance(SUBSCRIBER_SHARE):
            return
        months_before = int(self.rng.integers(*TAKEN_OVER_MONTHS)) if is_taken_over else 0
        # Whoever is taken over has made all renewals so far: those who had not are not there to be taken over.
        self.theta = person.monthly_churn_probability = float(self.rng.beta(CHURN_A, CHURN_B + months_before))
        at = person.arrived_at + HOUR + int(self.rng.exponential(25 * DAY))
        # Billed on the same day of every month, also of the months before.
        at = self.tick(at + 4 * DAY if is_taken_over and datetime.fromtimestamp(at, UTC).day > 28 else at)
        self._register(at)
        trial = not is_certain and self.chance(TRIAL_SHARE)
        left_at = self._subscribe(
            at + 30, trial=trial, product=product, many_items=has_many_items, months_before=months_before
        )
        first = person.subscriptions[0]
        if first.started_at is not None and self.chance(ADD_ON_SHARE):
            begins = first.started_at + self.between(2 * DAY, 40 * DAY)
            if left_at is None or begins < left_at:
                self._subscribe(begins, trial=False, product="add_on")
        while left_at is not None and self.chance(RETURN_SHARE):
            left_at = self._subscribe(left_at + self.between(20 * DAY, 150 * DAY), trial=False)

    def _pay_once(self, at: int) -> None:
        """A payment without a subscription: of an invoice, or a charge of a customer or of a guest."""
        person, place = self.person, self.person.index % 100
        at = self.tick(at)
        currency = self._currency if self._currency in ADD_ON else "EUR"
        amount = ONE_OFF_AMOUNT + person.index
        charge_id = f"ch_{person.index:06d}x1"
        payment_id, shown = charge_id, None
        if place != PAYS_AS_GUEST:
            self._register(at - 60)
            shown = ("stripe", "customer", self.customer_id)
        if place == PAYS_INVOICE:
            payment_id = f"in_{person.index:06d}x1"
            self._invoice_once(payment_id, at, amount, currency)
        self.object("charge", charge_id, at).set(
            at,
            "charge.succeeded",
            customer=None if place == PAYS_AS_GUEST else self.customer_id,
            payment_intent=f"pi_{person.index:06d}x1",
            amount=amount,
            amount_captured=amount,
            amount_refunded=0,
            currency=currency.lower(),
            billing_details={"address": None, "email": person.emails[0], "name": None, "phone": None},
            status="succeeded",
            paid=True,
            captured=True,
            refunded=False,
            failure_code=None,
            failure_message=None,
        )
        person.one_off_payments.append(OneOffPayment(payment_id, shown, currency, major(amount, currency), at))

    def _invoice_once(self, invoice_id: str, at: int, amount: int, currency: str) -> None:
        """An invoice of its own and its payment, by the payment intent of the charge."""
        transitions = {"finalized_at": at, "marked_uncollectible_at": None, "paid_at": at, "voided_at": None}
        line = {
            "id": f"il_{invoice_id[3:]}",
            "object": "line_item",
            "amount": amount,
            "currency": currency.lower(),
            "description": "Workshop",
            "period": {"start": at, "end": at},
            "quantity": 1,
            "parent": {
                "type": "invoice_item_details",
                "invoice_item_details": {
                    "invoice_item": f"ii_{invoice_id[3:]}",
                    "proration": False,
                    "subscription": None,
                },
                "subscription_item_details": None,
            },
            "pricing": None,
        }
        self.object("invoice", invoice_id, at).set(
            at,
            "invoice.paid",
            customer=self.customer_id,
            currency=currency.lower(),
            billing_reason="manual",
            status="paid",
            number=invoice_id[3:],
            subtotal=amount,
            total_discount_amounts=[],
            total=amount,
            total_excluding_tax=amount,
            total_taxes=[],
            amount_due=amount,
            amount_paid=amount,
            amount_remaining=0,
            attempt_count=1,
            lines=[line],
            parent=None,
            period_start=at,
            period_end=at,
            status_transitions=transitions,
        )
        self.object("invoice_payment", f"inpay_{invoice_id[3:]}", at).set(
            at,
            "invoice_payment.paid",
            invoice=invoice_id,
            amount_paid=amount,
            amount_requested=amount,
            currency=currency.lower(),
            is_default=True,
            payment={"type": "payment_intent", "payment_intent": f"pi_{invoice_id[3:]}"},
            status="paid",
            status_transitions={"canceled_at": None, "paid_at": at},
        )

    def _register(self, at: int) -> None:
        person = self.person
        email = person.emails[-1] if self.chance(0.5) else person.emails[0]
        metadata = {}
        owned = OwnedRecord("stripe", "customer", self.customer_id, at, [(at, ("email", email))])
        if person.customer_number is not None and self.chance(0.5):
            metadata["customer_number"] = person.customer_number
            owned.keys.append((at, ("customer_number", person.customer_number)))
        person.records.append(owned)
        record = self.object("customer", self.customer_id, at)
        record.set(
            at,
            "customer.created",
            name=f"{person.first_name} {person.last_name}",
            email=spell_email(email, self.rng),
            phone=None,
            address={"country": person.country},
            metadata=metadata,
        )
        if self.chance(0.2):
            moved = at + self.between(DAY, 300 * DAY)
            record.set(moved, "customer.updated", preferred_locales=["fr"])

    def object(self, kind: str, object_id: str, at: int) -> BillingObject:
        found = BillingObject(kind, object_id, at)
        self.person.billing.append(found)
        return found

    def _subscribe(
        self, at: int, *, trial: bool, product: str | None = None, many_items: bool = False, months_before: int = 0
    ) -> int | None:
        """One subscription from its first day; the instant of its end, or None where it outlives the story.

        `months_before`: billed by the month for so long already, by another system.
        """
        if at > self.last_day:
            return None
        number = len(self.person.subscriptions)
        interval = "month"
        if product is None:
            product = LADDER[int(self.rng.integers(0, len(LADDER)))]
            interval = "year" if not months_before and self.chance(YEARLY_SHARE) else "month"
        price = price_of(product, self._currency, interval)
        quantity = 1 + int(self.rng.poisson(0.6)) if product == "team" else price.package or 1
        quantity = FIRST_USE if price.is_tiered else quantity
        subscription_id = f"sub_{self.person.index:06d}x{number}"
        items = [_Item(f"si_{self.person.index:06d}x{number}", price, quantity, at)]
        if many_items:
            add_on = price_of("add_on", self._currency, interval="month")
            items = [_Item(items[0].id, price_of(product, self._currency), quantity, at)]
            items += [
                _Item(f"{items[0].id}x{place:02d}", add_on, 1 + place % 2 * PACKAGE, at)
                for place in range(1, MANY_ITEMS_COUNT)
            ]
        told = Subscription(subscription_id, price.currency, at)
        self.person.subscriptions.append(told)
        return _Contract(self, told, items, trial, months_before).run()

    # ---- what contracts need of the person

    def next_number(self) -> int:
        self._numbers += 1
        return self._numbers

    def note(self, kind: str, at: int, subscription_id: str, detail: str | None = None) -> None:
        record = ("stripe", "subscription", subscription_id)
        self.person.activities.append(Activity(kind, at, at, record, detail))


class _Contract:
    """One subscription, period by period, with its invoices and payments."""

    def __init__(
        self, owner: Subscriber, told: Subscription, items: list[_Item], trial: bool, months_before: int
    ) -> None:
        self._owner = owner
        self._told = told
        self._items = items
        self._trial = trial
        self._months_before = months_before
        self._record = owner.object("subscription", told.id, told.created_at)
        self._months = items[0].price.months
        self._period = (told.created_at, told.created_at)
        self._is_discounted = owner.person.index % 20 == DISCOUNTED
        self._is_paused = owner.person.index % 100 == PAUSED and len(owner.person.subscriptions) == 1

    # ---- wire fields

    def _items_wire(self) -> list[dict[str, Any]]:
        begin, end = self._period
        return [
            {
                "id": item.id,
                "object": "subscription_item",
                "created": item.created_at,
                "current_period_start": begin,
                "current_period_end": end,
                "discounts": [],
                "price": item.price.wire(),
                "quantity": item.quantity,
                "subscription": self._told.id,
            }
            for item in self._items
        ]

    def _update(self, at: int, event: str = "customer.subscription.updated", **values: Any) -> None:
        self._record.set(at, event, **values)

    # ---- the course of things

    def run(self) -> int | None:
        """From the first day to the end; None where nobody follows it that far."""
        owner, told, at = self._owner, self._told, self._told.created_at
        self._period = (at, at + TRIAL_DAYS * DAY if self._trial else later(at, self._months))
        begun = {
            "customer": owner.customer_id,
            "currency": told.currency.lower(),
            "start_date": later(at, -self._months_before),
            "billing_cycle_anchor": self._period[1] if self._trial else at,
            "trial_start": at if self._trial else None,
            "trial_end": self._period[1] if self._trial else None,
            "status": "trialing" if self._trial else "incomplete",
            "cancel_at": None,
            "cancel_at_period_end": False,
            "canceled_at": None,
            "ended_at": None,
            "cancellation_details": {"comment": None, "feedback": None, "reason": None},
            "items": self._items_wire(),
            "discounts": [forever_discount(f"di_{told.id[4:]}", at)] if self._is_discounted else [],
            "pause_collection": None,
            "metadata": {},
        }
        self._update(at, "customer.subscription.created", **begun)
        if self._trial:
            ended_at = self._try_out(at)
            if ended_at is not None:
                return ended_at
        elif not self._pay_first(at):
            return None
        return self._renew_until_the_end()

    def _try_out(self, at: int) -> int | None:
        """The trial; the instant of its end where nothing follows it."""
        owner, told = self._owner, self._told
        told.trial_started_at = at
        owner.note("trial_started", at, told.id)
        self._invoice(at, "subscription_create", lines=self._lines(free=True))
        end = self._period[1]
        if owner.chance(TRIAL_CONVERTS):
            return None
        if owner.chance(0.75):
            return self._cancel(owner.between(at + HOUR, end - HOUR), end)
        self._roll(end)
        return self._bill(end, fails_for_good=True)

    def _pay_first(self, at: int) -> bool:
        """The payment on the first day; without it the subscription never begins."""
        lines = self._lines()
        invoice = self._invoice(at, "subscription_create", lines=lines)
        if len(self._items) == 1 and self._owner.chance(FIRST_PAYMENT_FAILS):
            self._fail(invoice, self._owner.tick(at + 3))
            expired_at = at + INCOMPLETE_HOURS * HOUR
            self._update(expired_at, status="incomplete_expired", ended_at=expired_at)
            self._give_up(invoice, expired_at, "void")
            self._told.ended_at = expired_at
            return False
        paid_at = self._pay(invoice, at + 3)
        self._update(paid_at, status="active")
        return True

    def _renew_until_the_end(self) -> int | None:
        owner = self._owner
        if self._trial:  # the trial's end is the first payment
            self._roll(self._period[1])
            ended_at = self._bill(self._period[0])
            if ended_at is not None:
                return ended_at
        while True:
            begin, end = self._period
            if end > owner.last_day:
                return None
            if self._is_paused:
                self._stop_collecting(begin, end)
                return None
            self._change_within(begin, end)
            leaves = owner.chance(1 - (1 - owner.theta) ** self._months)
            if leaves and not owner.chance(INVOLUNTARY_SHARE):
                asked_at = owner.between(begin + (end - begin) // 2, end - HOUR)
                return self._cancel(asked_at, end)
            self._roll(end, change=not leaves)
            ended_at = self._bill(end, fails_for_good=leaves)
            if ended_at is not None:
                return ended_at

    def _stop_collecting(self, begin: int, end: int) -> None:
        """Nothing is collected any more: what was paid runs out, and no invoice after it is asked for. It stays so."""
        owner = self._owner
        number = owner.person.index // 100 % len(PAUSES)
        at = owner.tick(owner.between(begin + (end - begin) // 3, end - DAY))
        self._update(at, pause_collection={"behavior": PAUSES[number], "resumes_at": None})
        self._told.rates.append((end, Decimal(0)))
        while end <= owner.last_day:
            self._roll(end)
            lines = self._lines()
            if PAUSES[number] == "keep_as_draft":
                self._invoice(end, "subscription_cycle", lines=lines, is_draft=True)
            else:
                invoice = self._invoice(end, "subscription_cycle", lines=lines, finalized_at=end + HOUR)
                self._give_up(invoice, end + HOUR, "void" if PAUSES[number] == "void" else "uncollectible")
            end = self._period[1]

    def _roll(self, at: int, *, change: bool = False) -> None:
        """The next period begins; fewer seats or a smaller plan count from here on."""
        owner, item = self._owner, self._items[0]
        anchor = self._told.created_at if not self._trial else self._told.created_at + TRIAL_DAYS * DAY
        elapsed = 0
        while later(anchor, elapsed) <= at:
            elapsed += self._months
        self._period = (at, later(anchor, elapsed))
        if change and len(self._items) == 1 and item.price.product in LADDER:
            place = LADDER.index(item.price.product)
            if item.quantity > 1 and owner.chance(FEWER_SEATS):
                item.quantity -= 1
            elif place > 0 and owner.chance(DOWNGRADE):
                item.price = price_of(LADDER[place - 1], item.price.currency, item.price.interval)
            self._know_mrr(at)
        elif change and item.price.is_tiered:
            item.quantity += MORE_USE
            self._know_mrr(at)
        self._update(at, status="active", items=self._items_wire())

    def _change_within(self, begin: int, end: int) -> None:
        """More seats or a larger plan, from one day of the period on, billed for the rest of it at once."""
        owner, item = self._owner, self._items[0]
        if len(self._items) > 1 or item.price.product not in LADDER:
            return
        place, draw, before = LADDER.index(item.price.product), float(owner.rng.random()), item.amount
        old = (item.price, item.quantity)
        if draw < UPGRADE and place + 1 < len(LADDER):
            item.price = price_of(LADDER[place + 1], item.price.currency, item.price.interval)
        elif draw < UPGRADE + MORE_SEATS:
            item.quantity += 1
        else:
            return
        at = owner.tick(owner.between(begin + (end - begin) // 5, begin + (end - begin) // 3))
        self._update(at, items=self._items_wire())
        self._know_mrr(at)
        left = Decimal(end - at) / Decimal(end - begin)
        credit = -int((before * left).quantize(Decimal(1), ROUND_HALF_EVEN))
        charge = int((item.amount * left).quantize(Decimal(1), ROUND_HALF_EVEN))
        lines = [
            self._line_of(item.id, old[0], old[1], credit, at, end, proration=True),
            self._line_of(item.id, item.price, item.quantity, charge, at, end, proration=True),
        ]
        self._pay(self._invoice(at, "subscription_update", lines=lines), at + 2)

    def _cancel(self, asked_at: int, end: int) -> int:
        """Cancelled by the customer; it runs to the end of what is paid, or of the trial."""
        owner = self._owner
        asked_at = owner.tick(asked_at)
        details = {"comment": None, "feedback": FEEDBACK[int(owner.rng.integers(0, len(FEEDBACK)))]}
        details["reason"] = "cancellation_requested"
        self._update(
            asked_at, cancel_at_period_end=True, cancel_at=end, canceled_at=asked_at, cancellation_details=details
        )
        owner.note("subscription_cancelled", asked_at, self._told.id)
        self._told.cancelled_at = asked_at
        return self._end(end)

    def _end(self, at: int, **values: Any) -> int:
        self._update(at, "customer.subscription.deleted", status="canceled", ended_at=at, **values)
        self._owner.note("subscription_ended", at, self._told.id)
        self._told.ended_at = at
        return at

    def _bill(self, at: int, *, fails_for_good: bool = False) -> int | None:
        """The invoice of a new period, an hour after it began; the instant at which the subscription ends unpaid."""
        owner = self._owner
        lines = self._lines()
        invoice = self._invoice(at, "subscription_cycle", lines=lines, finalized_at=at + HOUR)
        attempt = owner.tick(at + HOUR + 5)
        if not fails_for_good and not owner.chance(PAYMENT_FAILS):
            self._pay(invoice, attempt, is_free=True)
            return None
        self._fail(invoice, attempt)
        self._update(attempt, status="past_due")
        for days in RETRY_DAYS[:-1]:
            retry = owner.tick(attempt + days * DAY)
            if not fails_for_good:
                self._update(self._pay(invoice, retry, is_free=True), status="active")
                return None
            self._fail(invoice, retry)
        last = owner.tick(attempt + RETRY_DAYS[-1] * DAY)
        self._fail(invoice, last)
        owner.note("subscription_cancelled", last, self._told.id)
        self._told.cancelled_at = last
        details = {"comment": None, "feedback": None, "reason": "payment_failed"}
        return self._end(last, canceled_at=last, cancellation_details=details)

    # ---- money

    def _lines(self, *, free: bool = False) -> list[dict[str, Any]]:
        """What the period costs, a line an item; what is priced by graduated tiers, a line a tier and fee."""
        return [
            self._line_of(item.id, item.price, quantity, 0 if free else amount, *self._period)
            for item in self._items
            for quantity, amount in item.price.parts(item.quantity)
        ]

    def _line_of(
        self, item_id: str, price: Price, quantity: int, amount: int, begin: int, end: int, *, proration: bool = False
    ) -> dict[str, Any]:
        return {
            "id": f"il_{self._owner.person.index:06d}x{self._owner.next_number()}",
            "object": "line_item",
            "amount": amount,
            "currency": price.currency.lower(),
            "description": price.product,
            "period": {"start": begin, "end": end},
            "quantity": quantity,
            "parent": {
                "type": "subscription_item_details",
                "invoice_item_details": None,
                "subscription_item_details": {
                    "invoice_item": None,
                    "proration": proration,
                    "subscription": self._told.id,
                    "subscription_item": item_id,
                },
            },
            "pricing": {
                "type": "price_details",
                "price_details": {"price": price.id, "product": f"prod_{price.product}"},
                "unit_amount_decimal": None if price.is_tiered else str(price.amount),
            },
        }

    def _invoice(
        self,
        at: int,
        reason: str,
        *,
        lines: Sequence[dict[str, Any]],
        finalized_at: int | None = None,
        is_draft: bool = False,
    ) -> BillingObject:
        """An invoice; one over nothing is paid as soon as it is final. Tax is added at 20 % for half of the people."""
        owner = self._owner
        invoice_id = f"in_{owner.person.index:06d}x{owner.next_number()}"
        subtotal = sum(line["amount"] for line in lines)
        net = subtotal - (round(subtotal * PERCENT_OFF / 100) if self._is_discounted and subtotal > 0 else 0)
        tax = round(net * 0.2) if owner.person.index % 2 else 0
        invoice = owner.object("invoice", invoice_id, at)
        values: dict[str, Any] = {
            "customer": owner.customer_id,
            "currency": self._told.currency.lower(),
            "billing_reason": reason,
            "status": "draft",
            "number": None,
            "subtotal": subtotal,
            "total_discount_amounts": [{"amount": subtotal - net, "discount": f"di_{self._told.id[4:]}"}]
            if subtotal != net
            else [],
            "total": net + tax,
            "total_excluding_tax": net,
            "total_taxes": [{"amount": tax, "tax_behavior": "exclusive", "type": "tax_rate_details"}] if tax else [],
            "amount_due": net + tax,
            "amount_paid": 0,
            "amount_remaining": net + tax,
            "attempt_count": 0,
            "lines": list(lines),
            "parent": {
                "type": "subscription_details",
                "quote_details": None,
                "subscription_details": {"metadata": {}, "subscription": self._told.id},
            },
            "period_start": at,
            "period_end": at,
            "status_transitions": {
                "finalized_at": None,
                "marked_uncollectible_at": None,
                "paid_at": None,
                "voided_at": None,
            },
        }
        invoice.set(at, "invoice.created", **values)
        if is_draft:
            return invoice
        final = finalized_at or at
        transitions = {**values["status_transitions"], "finalized_at": final}
        invoice.set(final, "invoice.finalized", status="open", number=invoice_id[3:], status_transitions=transitions)
        if not net:
            invoice.set(final, "invoice.paid", status="paid", status_transitions={**transitions, "paid_at": final})
        return invoice

    def _charge(self, invoice: BillingObject, at: int, *, failure: str | None = None) -> BillingObject:
        owner, state = self._owner, invoice.state(at)
        attempts = state["attempt_count"] + 1
        charge = owner.object("charge", f"ch_{invoice.id[3:]}x{attempts}", at)
        charge.set(
            at,
            "charge.failed" if failure else "charge.succeeded",
            customer=owner.customer_id,
            payment_intent=f"pi_{invoice.id[3:]}",
            amount=state["total"],
            amount_captured=0 if failure else state["total"],
            amount_refunded=0,
            currency=state["currency"],
            status="failed" if failure else "succeeded",
            paid=failure is None,
            captured=failure is None,
            refunded=False,
            failure_code=failure,
            failure_message="Your card was declined." if failure else None,
        )
        return charge

    def _fail(self, invoice: BillingObject, at: int) -> None:
        self._charge(invoice, at, failure="card_declined")
        invoice.set(at, "invoice.payment_failed", attempt_count=invoice.state(at)["attempt_count"] + 1)
        self._owner.note("payment_failed", at, self._told.id)

    @staticmethod
    def _give_up(invoice: BillingObject, at: int, status: str) -> None:
        """No payment is asked for any more. `status`: void, uncollectible."""
        name, event = {
            "void": ("voided_at", "invoice.voided"),
            "uncollectible": ("marked_uncollectible_at", "invoice.marked_uncollectible"),
        }[status]
        transitions = {**invoice.state(at)["status_transitions"], name: at}
        invoice.set(at, event, status=status, status_transitions=transitions)

    def _pay(self, invoice: BillingObject, at: int, *, is_free: bool = False) -> int:
        """Pay an invoice at `at`, or in the next second that holds nothing else of the person. `is_free`: it does."""
        owner = self._owner
        at = at if is_free else owner.tick(at)
        state = invoice.state(at)
        charge = self._charge(invoice, at)
        invoice.set(
            at,
            "invoice.paid",
            status="paid",
            amount_paid=state["total"],
            amount_remaining=0,
            attempt_count=state["attempt_count"] + 1,
            status_transitions={**state["status_transitions"], "paid_at": at},
        )
        payment = owner.object("invoice_payment", f"inpay_{invoice.id[3:]}", at)
        payment.set(
            at,
            "invoice_payment.paid",
            invoice=invoice.id,
            amount_paid=state["total"],
            amount_requested=state["total"],
            currency=state["currency"],
            is_default=True,
            payment={"type": "payment_intent", "payment_intent": charge.state(at)["payment_intent"]},
            status="paid",
            status_transitions={"canceled_at": None, "paid_at": at},
        )
        told = self._told
        told.payments.append((at, major(state["total_excluding_tax"], told.currency)))
        if told.started_at is None:
            told.started_at = at
            owner.note("subscription_started", at, told.id)
            self._know_mrr(at)
        elif state["billing_reason"] == "subscription_cycle":
            owner.note("subscription_renewed", at, told.id)
        if owner.chance(REFUNDED):
            self._refund(charge, at + owner.between(DAY, 10 * DAY), state["total"], state)
        elif len(self._items) > 1 and len(told.payments) == 1:
            self._refund(charge, at + owner.between(DAY, 10 * DAY), state["total"] // 2, state)
        elif len(told.payments) == 1 and state["total"] > 0:
            self._first_payment_comes_back(charge, invoice, at)
        return at

    def _first_payment_comes_back(self, charge: BillingObject, invoice: BillingObject, at: int) -> None:
        """What some people's first payment meets: a chargeback, a credit, a refund that their bank sends back."""
        kind, total = self._owner.person.index % 20, charge.state(at)["amount"]
        if kind == DISPUTED:
            self._dispute(
                charge, at + 10 * DAY, at + 45 * DAY, invoice.state(at), is_won=self._owner.person.index % 3 == 0
            )
        elif kind == CREDITED:
            self._credit(invoice, at + 5 * DAY, total // 4)
        elif kind == REFUND_FAILED:
            refund = self._refund(charge, at + 5 * DAY, total, invoice.state(at))
            back = {
                "id": f"txn_{refund.id[3:]}",
                "object": "balance_transaction",
                "amount": total,
                "created": at + 9 * DAY,
            }
            refund.set(
                at + 9 * DAY,
                "refund.failed",
                status="failed",
                failure_reason="expired_or_canceled_card",
                failure_balance_transaction={
                    **back,
                    "currency": self._told.currency.lower(),
                    "fee": 0,
                    "net": total,
                    "reporting_category": "refund_failure",
                    "type": "refund_failure",
                },
            )
            charge.set(at + 9 * DAY, "charge.updated", amount_refunded=0, refunded=False)
            self._told.payments.append((at + 9 * DAY, -self._told.payments[-1][1]))

    def _taken_back(self, amount: int, invoice: dict[str, Any]) -> Decimal:
        """The share of an amount that was revenue."""
        taken_back = major(amount, self._told.currency) * invoice["total_excluding_tax"] / invoice["total"]
        return taken_back.quantize(Decimal("0.0001"), ROUND_HALF_EVEN)

    def _dispute(
        self, charge: BillingObject, at: int, decided_at: int, invoice: dict[str, Any], *, is_won: bool
    ) -> None:
        """The bank takes a payment, keeps a fee, and gives the payment back if the company wins."""
        state = charge.state(at)

        def moved(number: int, moved_at: int, amount: int, fee: int) -> dict[str, Any]:
            return {
                "id": f"txn_{charge.id[3:]}x{number}",
                "object": "balance_transaction",
                "amount": amount,
                "created": moved_at,
                "currency": state["currency"],
                "fee": fee,
                "net": amount - fee,
                "reporting_category": "dispute" if amount < 0 else "dispute_reversal",
                "type": "adjustment",
            }

        taken = moved(0, at, -state["amount"], DISPUTE_FEE)
        dispute = self._owner.object("dispute", f"dp_{charge.id[3:]}", at)
        dispute.set(
            at,
            "charge.dispute.created",
            amount=state["amount"],
            balance_transactions=[taken],
            charge=charge.id,
            currency=state["currency"],
            is_charge_refundable=False,
            payment_intent=state["payment_intent"],
            reason="fraudulent",
            status="needs_response",
        )
        revenue = self._taken_back(state["amount"], invoice)
        self._told.payments.append((at, -revenue))
        if is_won:
            back = [taken, moved(1, decided_at, state["amount"], 0)]
            dispute.set(decided_at, "charge.dispute.funds_reinstated", balance_transactions=back)
            self._told.payments.append((decided_at, revenue))
        dispute.set(decided_at, "charge.dispute.closed", status="won" if is_won else "lost")

    def _credit(self, invoice: BillingObject, at: int, amount: int) -> None:
        """A paid invoice is credited in part, to be set off against what comes."""
        if amount == 0:
            return
        state = invoice.state(at)
        note = self._owner.object("credit_note", f"cn_{invoice.id[3:]}", at)
        note.set(
            at,
            "credit_note.created",
            amount=amount,
            currency=state["currency"],
            customer=self._owner.customer_id,
            invoice=invoice.id,
            post_payment_amount=amount,
            pre_payment_amount=0,
            reason="order_change",
            refunds=[],
            status="issued",
            total=amount,
            total_excluding_tax=round(amount * state["total_excluding_tax"] / state["total"]),
            type="post_payment",
            voided_at=None,
        )
        self._told.payments.append((at, -self._taken_back(amount, state)))

    def _refund(self, charge: BillingObject, at: int, amount: int, invoice: dict[str, Any]) -> BillingObject:
        """Pay `amount` of a charge back; of revenue that takes the share that the invoice was without tax."""
        state, whole = charge.state(at), amount == charge.state(at)["amount"]
        charge.set(at, "charge.refunded", amount_refunded=amount, refunded=whole)
        refund = self._owner.object("refund", f"re_{charge.id[3:]}", at)
        refund.set(
            at,
            "refund.created",
            amount=amount,
            charge=charge.id,
            currency=state["currency"],
            payment_intent=state["payment_intent"],
            reason="requested_by_customer",
            status="succeeded",
        )
        self._told.payments.append((at, -self._taken_back(amount, invoice)))
        return refund

    def _know_mrr(self, at: int) -> None:
        """Note what the subscription brings a month from `at` on."""
        if self._told.started_at is None:
            return
        currency = self._told.currency
        share_left = Decimal(100 - PERCENT_OFF if self._is_discounted else 100) / 100
        smallest, monthly = Decimal("0.0001"), Decimal(0)
        for item in self._items:
            listed = (major(item.amount, currency) / item.price.months).quantize(smallest, ROUND_HALF_EVEN)
            monthly += (listed * share_left).quantize(smallest, ROUND_HALF_EVEN)
        if not self._told.rates or self._told.rates[-1][1] != monthly:
            self._told.rates.append((at, monthly))
