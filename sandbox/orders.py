"""What happens in the shop: customers, orders with payments and refunds, checkouts that were left.

Belongs here: Shopify's records, their money and what goods cost. Does not: when people buy (`life`).
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from sandbox.biography import HOUR, Biography
from sandbox.exchange_rates import ExchangeRates
from sandbox.people import PLACEHOLDER_PHONES, spell_email
from sandbox.records import Checkout, Dispute, Line, Order, Record, Refund, Transaction, Visit, quantum
from sandbox.settings import DAY

FIRST_CUSTOMER_ID, FIRST_ORDER_ID, FIRST_CHECKOUT_ID = 6_000_000_000_000, 5_000_000_000_000, 3_000_000_000_000
CATALOGUE = ("Lamp", "Chair", "Desk", "Rug", "Vase", "Mirror", "Clock", "Shelf", "Cushion", "Blanket", "Candle", "Mug")
GIFT_CARD = "Gift card"
# Of every hundred orders these, as `lot` numbers them, so that no die is rolled for them.
SHIPPING_REFUNDED, LOST, WON = (7, 27, 47, 67, 87), 13, 63
DISPUTED_DAYS, DECIDED_DAYS = 10, 40  # after the payment
DISPUTE_FEE = Decimal("15.00")  # in euros; who wins gets it back
CENT = Decimal("0.01")
OUTCOMES = (  # cumulative shares
    (0.74, "paid"),
    (0.84, "captured_later"),
    (0.90, "paid_later"),
    (0.93, "second_attempt"),
    (0.97, "never_paid"),
    (1.00, "cancelled_after_payment"),
)


def cost_share(product: int) -> Decimal:
    """What a product costs as a share of its undiscounted price: from 35 to 65 %."""
    return Decimal(35 + 30 * product // (len(CATALOGUE) - 1)) / 100


def has_cost(line_id: int) -> bool:
    """One line in a hundred has none. Ids in a row share that, so that few orders have some."""
    return line_id % 9_973 >= 100


def lot(order: Order) -> int:
    """A number below 100 that an order has from its person and its place among the person's orders."""
    return (order.id // 1000 + order.id % 1000) % 100


def order_reference(order: Order) -> tuple[str, str, str]:
    return ("shopify", "order", f"gid://shopify/Order/{order.id}")


class Shop:
    """One person's customer records, orders and left checkouts in Shopify."""

    def __init__(self, story: Biography, rates: ExchangeRates) -> None:
        self._story = story
        self._rates = rates
        self._customer: Record | None = None

    @property
    def customer(self) -> Record | None:
        return self._customer

    def register(self, at: int, *, with_phone: bool, with_number: bool) -> Record:
        """Create the customer."""
        story, person = self._story, self._story.person
        customer = Record(FIRST_CUSTOMER_ID + person.index, at)
        self._customer = customer
        person.shop_customers.append(customer)
        owned = story.own("shopify", "customer", f"gid://shopify/Customer/{customer.id}", at)
        email = person.emails[-1] if story.chance(0.5) else person.emails[0]
        story.shows(owned, at, ("email", email))
        placeholder = person.index % 100 in (40, 41)
        if with_phone and not placeholder:
            story.shows(owned, at, ("phone", person.phone))
        if with_number and person.customer_number is not None:
            story.shows(owned, at, ("customer_number", person.customer_number))
        customer.set(
            at,
            firstName=person.first_name,
            lastName=person.last_name,
            email=spell_email(email, story.rng),
            marketingState="SUBSCRIBED" if story.chance(0.4) else "NOT_SUBSCRIBED",
            phone=(PLACEHOLDER_PHONES[0] if placeholder else person.phone) if with_phone else None,
            customer_number=person.customer_number if with_number else None,
            countryCode=person.country,
            numberOfOrders=0,
        )
        return customer

    def leave_checkout(self, at: int, spend: float) -> Checkout:
        """Start a checkout and leave it. `spend`: its value in the reporting currency."""
        story, person = self._story, self._story.person
        at = story.tick(at)
        if self._customer is None:
            raise RuntimeError("a checkout that can be told to be someone's needs a customer")
        currency = story.country.currency
        checkout = Checkout(
            FIRST_CHECKOUT_ID + person.index * 1000 + len(person.checkouts),
            self._customer.id,
            currency,
            self._money(spend, currency, at),
            at,
        )
        person.checkouts.append(checkout)
        reference = ("shopify", "abandoned_checkout", f"gid://shopify/AbandonedCheckout/{checkout.id}")
        story.note("checkout_started", at, reference)
        return checkout

    def order(
        self,
        at: int,
        spend: float,
        *,
        outcome: str | None = None,
        guest_email: str | None = None,
        guest_phone: str | None = None,
        anonymous: bool = False,
        imported_at: int | None = None,
        line_count: int | None = None,
        refund_count: int = 0,
        visit: Visit | None = None,
        is_test: bool = False,
    ) -> Order:
        """Place an order. It is the customer's, or a guest's where a guest address is given or `anonymous` is set.

        Args:
            at: when it happens. spend: its net value in the reporting currency, before rounding.
            outcome: one of OUTCOMES; drawn if None. imported_at: when the shop gets to know it.
        """
        story, person = self._story, self._story.person
        at = story.tick(at)
        is_guest = anonymous or guest_email is not None or guest_phone is not None
        customer = None if is_guest else self._customer
        email = guest_email
        if customer is not None:
            email = customer.state(at).get("email")
        currency = story.country.currency
        order = Order(
            FIRST_ORDER_ID + person.index * 1000 + len(person.orders),
            customer.id if customer else None,
            email,
            guest_phone,
            currency,
            at,
            imported_at or at,
            [],
            Decimal(0),
            Decimal(0),
            Decimal(0),
            is_test=is_test,
            source_name="import" if imported_at else ("pos" if anonymous else "web"),
            visit=visit,
        )
        person.orders.append(order)
        self._fill(order, spend, line_count)
        self._pay(order, outcome or self._draw_outcome())
        self._refund(order, refund_count)
        self._dispute(order)
        self._note(order)
        return order

    def count_orders(self) -> None:
        """Let the customer record count its orders, once all are placed."""
        if self._customer is None:
            return
        instants = sorted(order.created_at for order in self._story.person.orders if order.customer_id is not None)
        for number, at in enumerate(instants, start=1):
            self._customer.set(max(at, self._customer.created_at), numberOfOrders=number)

    def _draw_outcome(self) -> str:
        draw = self._story.rng.random()
        return next(outcome for share, outcome in OUTCOMES if draw < share)

    def _money(self, spend: float, currency: str, at: int) -> Decimal:
        amount = Decimal(str(round(spend, 4))) * self._rates.shop_rate(currency, at)
        return max(amount, quantum(currency)).quantize(quantum(currency), ROUND_HALF_EVEN)

    def _unit_cost(self, order: Order, line_id: int, product: int, unit: Decimal) -> Decimal | None:
        """What a piece costs, in the currency of the shop."""
        if not has_cost(line_id):
            return None
        price = unit / self._rates.shop_rate(order.currency, order.processed_at)
        return (price * cost_share(product)).quantize(CENT, ROUND_HALF_EVEN)

    def _fill(self, order: Order, spend: float, line_count: int | None) -> None:
        """Lines that add up to about `spend`, then tax and shipping."""
        story = self._story
        count = line_count or 1 + int(story.rng.poisson(0.8))
        smallest = quantum(order.currency)
        is_discounted = story.chance(0.15)
        for number in range(count):
            quantity = 1 + int(story.rng.poisson(0.3))
            product = int(story.rng.integers(0, len(CATALOGUE)))
            unit = max(self._money(spend / count / quantity, order.currency, order.processed_at), smallest)
            is_gift_card = number == 0 and story.chance(0.02)
            full = unit * quantity
            paid = (full * Decimal("0.9")).quantize(smallest, ROUND_HALF_EVEN) if is_discounted else full
            order.discount += full - paid
            line_id = order.id * 1000 + number
            order.lines.append(
                Line(
                    line_id,
                    f"SKU-{product:02d}" if not is_gift_card else "GIFT",
                    GIFT_CARD if is_gift_card else CATALOGUE[product],
                    quantity,
                    unit,
                    paid,
                    is_gift_card,
                    None if is_gift_card else self._unit_cost(order, line_id, product, unit),
                )
            )
        taxable = sum((line.discounted_total for line in order.lines if not line.is_gift_card), Decimal(0))
        order.tax = (taxable * Decimal(str(story.country.tax_rate))).quantize(smallest, ROUND_HALF_EVEN)
        if story.chance(0.5) and taxable:
            order.shipping = self._money(4.9, order.currency, order.processed_at)

    def _transaction(self, order: Order, at: int, kind: str, status: str, gateway: str, amount: Decimal) -> None:
        identity = order.id * 100 + len(order.transactions)
        order.transactions.append(Transaction(identity, at, kind, status, gateway, amount))

    def _pay(self, order: Order, outcome: str) -> None:
        story, at, total = self._story, order.processed_at, order.total
        card, transfer = "shopify_payments", "bank_transfer"
        paid_at = story.tick(at + story.between(2, 50))
        if outcome == "captured_later":
            self._transaction(order, paid_at, "AUTHORIZATION", "SUCCESS", card, total)
            paid_at = story.tick(at + story.between(4 * HOUR, 40 * HOUR))
            first = (total / 2).quantize(quantum(order.currency), ROUND_HALF_EVEN)
            if lot(order) % 2 and 0 < first < total:  # sent in two parcels, and paid with each
                self._transaction(order, paid_at, "CAPTURE", "SUCCESS", card, first)
                rest_at = story.tick(paid_at + 20 * DAY)
                self._transaction(order, rest_at, "CAPTURE", "SUCCESS", card, total - first)
            else:
                self._transaction(order, paid_at, "CAPTURE", "SUCCESS", card, total)
        elif outcome in ("paid_later", "never_paid"):
            self._transaction(order, paid_at, "SALE", "PENDING", transfer, total)
            later = story.tick(at + story.between(DAY, 5 * DAY))
            if outcome == "paid_later":
                paid_at = later
                self._transaction(order, paid_at, "SALE", "SUCCESS", transfer, total)
            else:
                order.cancelled_at, order.cancel_reason = later, "OTHER"
                self._transaction(order, later, "VOID", "SUCCESS", transfer, total)
                return
        else:
            if outcome == "second_attempt":
                self._transaction(order, paid_at, "SALE", "FAILURE", card, total)
                paid_at = story.tick(paid_at + story.between(60, 900))
            self._transaction(order, paid_at, "SALE", "SUCCESS", card, total)
        if outcome == "cancelled_after_payment":
            order.cancelled_at = story.tick(paid_at + story.between(HOUR, DAY))
            order.cancel_reason = "CUSTOMER"
            self._pay_back(order, order.cancelled_at, total, "Cancelled")
        else:
            order.fulfilled_at = paid_at + story.between(DAY, 3 * DAY)

    def _pay_back(self, order: Order, at: int, amount: Decimal, note: str, **contents: Any) -> None:
        """Pay `amount` back; `contents`: what it was of, where the shop says so."""
        refund_id = order.id * 100 + len(order.refunds)
        order.refunds.append(Refund(refund_id, at, amount, note, **contents))
        self._transaction(order, at, "REFUND", "SUCCESS", "shopify_payments", amount)

    def _refund(self, order: Order, count: int) -> None:
        """Some orders are paid back, in part or whole, days or weeks later."""
        story, paid_at = self._story, order.settled_at
        if paid_at is None or order.refunds:
            return
        smallest = quantum(order.currency)
        if count:
            part = max((order.total / (2 * count)).quantize(smallest, ROUND_HALF_EVEN), smallest)
            at = paid_at
            for _ in range(count):
                at = story.tick(at + story.between(HOUR, 2 * DAY))
                self._pay_back(order, at, part, "Piece by piece")
        elif story.chance(0.06):
            line = order.lines[-1]
            goods = max((line.discounted_total / line.quantity).quantize(smallest, ROUND_HALF_EVEN), smallest)
            goods = min(goods, line.discounted_total)
            rate = Decimal(0) if line.is_gift_card else Decimal(str(story.country.tax_rate))
            tax = min((goods * rate).quantize(smallest, ROUND_HALF_EVEN), order.tax)
            at = story.tick(paid_at + story.between(2 * DAY, 45 * DAY))
            self._pay_back(order, at, goods + tax, "One item sent back", lines=((line.id, 1),), tax=tax)
        elif story.chance(0.03):
            at = story.tick(paid_at + story.between(2 * DAY, 45 * DAY))
            self._pay_back(order, at, order.total, "All sent back")
        elif order.shipping and lot(order) in SHIPPING_REFUNDED:
            at = story.tick(paid_at + 3 * DAY)
            self._pay_back(order, at, order.shipping, "Late delivery", is_of_shipping=True)

    def _dispute(self, order: Order) -> None:
        """Some buyers ask their bank for the money."""
        paid_at = order.settled_at
        if paid_at is None or order.refunds or order.is_test or lot(order) not in (LOST, WON):
            return
        at, decided_at = paid_at + DISPUTED_DAYS * DAY, paid_at + DECIDED_DAYS * DAY
        order.disputes.append(Dispute(order.id * 10, at, order.total, decided_at, lot(order) == WON))

    def _note(self, order: Order) -> None:
        """A test order is nothing that happened; everything else is."""
        if order.is_test:
            return
        story, reference, known = self._story, order_reference(order), order.created_at
        campaign_id = order.visit.campaign_id if order.visit else None
        story.note("order_placed", order.processed_at, reference, visible_at=known, campaign_id=campaign_id)
        if order.paid_at is not None:
            story.note("order_paid", order.paid_at, reference, visible_at=known)
        if order.cancelled_at is not None:
            story.note("order_cancelled", order.cancelled_at, reference, visible_at=known)
        for refund in order.refunds:
            story.note("order_refunded", refund.at, reference, visible_at=known)
        if order.customer_id is None:
            owned = story.own("shopify", "guest_order", f"gid://shopify/Order/{order.id}", known)
            if order.email is not None:
                story.shows(owned, known, ("email", canonical(order.email)))
            if order.phone is not None:
                story.shows(owned, known, ("phone", order.phone))


def canonical(email: str) -> str:
    """The address behind a spelling, as the people who own it know it."""
    local, domain = email.lower().split("@")
    local = local.split("+")[0]
    if domain in ("gmail.com", "googlemail.com"):
        return f"{local.replace('.', '')}@gmail.com"
    return f"{local}@{domain}"
