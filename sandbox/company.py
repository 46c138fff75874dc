"""The company as a whole: who arrives when, and everything its systems hold up to a clock.

Belongs here: arrivals, the order of generation, what is nobody's (test orders, malformed records). Does not: one
person's life (`life`), the truth as tables (`truth`).

The history up to an instant does not depend on the clock: arrivals, lives, advertising and rates each come from
their own random stream and are generated whole; the clock only decides how much of it is visible.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from decimal import Decimal
from itertools import takewhile

import numpy as np

from sandbox import experiments
from sandbox.advertising import Advertising
from sandbox.crm import MERGED_OF_TEN, merged_double, new_company
from sandbox.exchange_rates import ExchangeRates
from sandbox.life import Life, Neighbours
from sandbox.people import BY_CODE
from sandbox.records import BillingObject, Line, Order, Person, Record, RespondContact, Transaction, Webhook
from sandbox.settings import DAY, CompanySettings
from sandbox.strangers import strangers
from sandbox.subscriptions import Subscriber, catalogue, staff_customers
from sandbox.whatsapp import Number, quality_updates

CHILDREN_OF_FIVE = (3, 4)  # of every five companies: the one before is their parent, so that groups go two levels deep
STAFF_ORDER_EVERY_DAYS = 30
FIRST_STAFF_ORDER_ID = 4_000_000_000_000
FIRST_MISTAKEN_ORDER_ID = 4_500_000_000_000
MISTAKE_DAYS = 3


class Company:
    """A simulated company. People come to exist as a clock reaches their arrival."""

    def __init__(self, settings: CompanySettings) -> None:
        self.settings = settings
        self.start = settings.start
        self.advertising = Advertising(settings.seed, self.start)
        self.rates = ExchangeRates(settings.seed, self.start)
        self._companies: list[Record] = []
        self._merged_companies: list[Record] = []
        self._people: list[Person] = []
        self._living = threading.Lock()  # the servers answer in threads of their own
        self._arrivals = self._arrive()
        self._next = next(self._arrivals)
        self._world = Neighbours(self.advertising, self.rates, self.start, self._companies, {}, self._found_company)

    def _arrive(self) -> Iterator[int]:
        """Instants of arrival, for ever: a fixed number of people before the first clock, then day by day."""
        people, days, seed = self.settings.people, self.settings.days, self.settings.seed
        rng = np.random.default_rng([seed, 2])
        shares = np.sort(rng.random(people)) ** 0.9  # a little more every month
        yield from (self.start + int(share * days * DAY) for share in shares)
        day = days
        while True:
            rng = np.random.default_rng([seed, 2, day])
            count = int(rng.poisson(people / days))
            yield from (self.start + day * DAY + int(second) for second in np.sort(rng.integers(0, DAY, count)))
            day += 1

    def _found_company(self, at: int, country: str) -> Record:
        number = len(self._companies)
        parent = self._companies[number - 1] if number % 5 in CHILDREN_OF_FIVE else None
        company = new_company(number, at, country, parent)
        self._companies.append(company)
        if number % 10 == MERGED_OF_TEN:
            self._merged_companies.append(merged_double(company, at))
        return company

    def people(self, clock: int) -> list[Person]:
        """Everybody who arrived up to the clock, in order of arrival."""
        with self._living:
            while self._next <= clock:
                person = Life(self.settings.seed, len(self._people), self._next, self._world).live()
                Subscriber(self.settings.seed, person, BY_CODE[person.country].currency).live()
                Number(self.settings.seed, person).live()
                experiments.draw(self.settings.seed, person)
                self._people.append(person)
                self._next = next(self._arrivals)
        return list(takewhile(lambda person: person.arrived_at <= clock, self._people))

    def companies(self, clock: int) -> list[Record]:
        """Companies that the CRM knows at the clock."""
        self.people(clock)
        return [company for company in (*self._companies, *self._merged_companies) if company.visible(clock)]

    def billing(self, clock: int) -> list[BillingObject]:
        """Everything that the billing system ever knew up to the clock, also what it deleted since."""
        of_people = [each for person in self.people(clock) for each in person.billing if each.created_at <= clock]
        return [*catalogue(self.start - DAY), *staff_customers(self.start, clock), *of_people]

    def strangers(self, clock: int) -> list[Person]:
        """Senders of spam and people who are blocked: contacts of the inbox, and nobody's."""
        return strangers(self.settings.seed, self.start, clock)

    def inbox_contacts(self, clock: int) -> list[RespondContact]:
        """Contacts of the inbox, whoever they are."""
        return [contact for person in (*self.people(clock), *self.strangers(clock)) for contact in person.respond]

    def whatsapp_deliveries(self, clock: int) -> list[list[Webhook]]:
        """What WhatsApp pushes of the company's own number: of each person, and of the number itself."""
        return [*(person.whatsapp for person in self.people(clock)), quality_updates(self.start, clock)]

    def staff_orders(self, clock: int) -> list[Order]:
        """Test orders that the staff places every month, as a guest of the staff's test mailbox."""
        instants = range(self.start + DAY + 9 * 3600, clock + 1, STAFF_ORDER_EVERY_DAYS * DAY)
        return [_staff_order(FIRST_STAFF_ORDER_ID + number, at) for number, at in enumerate(instants)]

    def mistaken_orders(self, clock: int) -> list[Order]:
        """Orders of nobody that the staff types in by mistake, and deletes days later."""
        instants = range(self.start + DAY + 11 * 3600, clock + 1, STAFF_ORDER_EVERY_DAYS * DAY)
        found = []
        for number, at in enumerate(instants):
            order = _staff_order(FIRST_MISTAKEN_ORDER_ID + number, at)
            order.is_test, order.email, order.deleted_at = False, None, at + MISTAKE_DAYS * DAY
            found.append(order)
        return found


def _staff_order(order_id: int, at: int) -> Order:
    price, nothing = Decimal("999.00"), Decimal(0)
    line = Line(order_id * 1000, "SKU-00", "Lamp", 1, price, price)
    payment = Transaction(order_id * 100, at + 5, "SALE", "SUCCESS", "bogus", price)
    return Order(
        order_id,
        None,
        "test@sandbox-company.example",
        None,
        "EUR",
        at,
        at,
        [line],
        nothing,
        nothing,
        nothing,
        transactions=[payment],
        is_test=True,
    )
