"""How a person's life with the company goes: how they arrive, whether they are won, what they buy, when they leave.

Belongs here: decisions and their probabilities. Does not: how a system records them (`conversations`, `crm`,
`orders`).

A life depends on the seed, the person's number and arrival, and on people who arrived before: never on the clock.
Buying follows BG/NBD (a person buys at their own rate and leaves for good after a purchase with their own
probability), spending follows Gamma-Gamma; both are independent of each other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sandbox.advertising import Advertising, click_id
from sandbox.biography import HOUR, Biography
from sandbox.conversations import Chat
from sandbox.crm import (
    COLLEAGUES_ROLES,
    FIRST_COMPANY_ID,
    LOST_REASONS,
    PRIMARY_CONTRACTOR,
    Crm,
    company_domain,
    merge_delay,
)
from sandbox.exchange_rates import ExchangeRates
from sandbox.orders import Shop
from sandbox.people import (
    CHILE,
    COUNTRIES,
    DOMAINS,
    Country,
    email_of,
    phone_of,
    pick_country,
    spell_email,
)
from sandbox.records import Association, Consent, Order, Person, Record, Survey, Visit
from sandbox.settings import DAY

LIFE_DAYS = 1200  # nobody is followed for longer than this
BROADCAST_EVERY_DAYS = 61
COMPANY_SHARE = 0.22
MERGED_SHARE = 0.03
# Population of the buying process: rate per day ~ Gamma(shape, 1/scale), dropout ~ Beta(a, b).
RATE_SHAPE, RATE_SCALE = 0.9, 75.0
DROPOUT_A, DROPOUT_B = 1.1, 3.2
# Spend per order in the reporting currency: z ~ Gamma(p, nu), nu ~ Gamma(q, gamma).
SPEND_P, SPEND_Q, SPEND_GAMMA = 6.25, 3.74, 30.88

ENTRIES = ((0.22, "ad_form"), (0.45, "ad_chat"), (0.60, "chat"), (0.75, "crm"), (1.00, "shop"))

# Every hundred people hold the cases that a reader must get right, at these places.
COUPLE = (3, 4)  # one phone, two people with customer numbers of their own
BULK_ORDER, MANY_REFUNDS = 7, 8
STRANGE_GUEST, ANONYMOUS_ORDER = 12, 20
LATE_IMPORT = 15
TEST_ORDER = 25
SHARED_MAILBOX = (30, 31)
SURE_BUYERS = (BULK_ORDER, MANY_REFUNDS, STRANGE_GUEST, ANONYMOUS_ORDER, LATE_IMPORT, TEST_ORDER)
NO_RATE_PEOPLE = (21, 1021)  # not every hundred: the two who pay in a currency without exchange rate


@dataclass
class Neighbours:
    """The company's world around a new person, as those before left it."""

    advertising: Advertising
    rates: ExchangeRates
    start: int
    companies: list[Record]
    colleagues: dict[int, list[Person]]
    found_company: Callable[[int, str], Record]


class Life:
    """Writes one person's life, from arrival to the last thing they ever do."""

    def __init__(self, seed: int, index: int, arrived_at: int, world: Neighbours) -> None:
        self._world = world
        rng = np.random.default_rng([seed, 1, index])
        country = self._country(rng, index)
        person = Person(
            index,
            arrived_at,
            country.code,
            country.first_names[int(rng.integers(0, len(country.first_names)))],
            country.last_names[int(rng.integers(0, len(country.last_names)))],
            self._entry(rng, index),
            [],
            phone_of(country, index - 1 if index % 100 == COUPLE[1] else index),
        )
        self.person = person
        self.story = Biography(person, rng, arrived_at, arrived_at + LIFE_DAYS * DAY)
        domain = "gmail.com" if rng.random() < 0.5 else DOMAINS[int(rng.integers(0, len(DOMAINS)))]
        person.emails.append(email_of(person.first_name, person.last_name, index, domain))
        if rng.random() < 0.12:
            person.emails.append(email_of(person.last_name, person.first_name, index, "second.example"))
        if self._special in COUPLE or rng.random() < 0.6:
            person.customer_number = f"C{100_000 + index}"
        if person.entry in ("ad_form", "ad_chat") or (person.entry == "shop" and rng.random() < 0.4):
            ad = world.advertising.pick(rng, arrived_at)
            person.ad_id, person.campaign_id = ad.id, ad.campaign_id
        if person.entry != "shop" and self._special not in COUPLE:
            self._employ(arrived_at)
        self.chat = Chat(self.story)
        self.crm = Crm(self.story, self.chat.agent)
        self.shop = Shop(self.story, world.rates)
        self._spend_rate = float(rng.gamma(SPEND_Q, 1 / SPEND_GAMMA))

    @property
    def _special(self) -> int:
        return self.person.index % 100

    @staticmethod
    def _country(rng: np.random.Generator, index: int) -> Country:
        drawn = pick_country(rng)
        if index in NO_RATE_PEOPLE:
            return CHILE
        return COUNTRIES[0] if index % 100 in COUPLE else drawn

    @staticmethod
    def _entry(rng: np.random.Generator, index: int) -> str:
        draw = rng.random()
        special = index % 100
        if special in COUPLE:
            return "crm"
        if special in SHARED_MAILBOX:
            return "chat"
        if special in SURE_BUYERS:
            return "shop"
        return "shop" if index in NO_RATE_PEOPLE else next(entry for share, entry in ENTRIES if draw < share)

    def _employ(self, at: int) -> None:
        """Some people write for a company; their first address is one of its."""
        story, world, person = self.story, self._world, self.person
        if self._special not in SHARED_MAILBOX and not story.chance(COMPANY_SHARE):
            return
        if world.companies and story.chance(0.7):  # companies known for longer have more contacts
            company = world.companies[int(len(world.companies) * story.rng.random() ** 1.2)]
        else:
            company = world.found_company(at, story.country.name)
        person.company_id = company.id
        domain = company_domain(company.id)
        person.emails.insert(0, email_of(person.first_name, person.last_name, person.index, domain))
        world.colleagues.setdefault(company.id, []).append(person)

    # ---- the way in

    def live(self) -> Person:
        """Write the whole life and return the person."""
        at = self.person.arrived_at
        if self.person.entry == "shop":
            self._buy_first(at, from_shop=True)
        elif self.person.entry in ("ad_form", "crm"):
            self._come_by_crm(at)
        else:
            self._come_by_chat(at)
        self._receive_broadcasts()
        self._keep_the_account()
        self._speak_of_us()
        self._say_whether_platforms_may_know()
        self.shop.count_orders()
        return self.person

    def _come_by_crm(self, at: int) -> None:
        story = self.story
        is_ad = self.person.entry == "ad_form"
        is_couple = self._special in COUPLE
        with_phone = is_couple or story.chance(0.85)
        source = "PAID_SOCIAL" if is_ad else ("ORGANIC_SEARCH" if story.chance(0.6) else "DIRECT_TRAFFIC")
        contact = self.crm.create(at, form=is_ad or story.chance(0.6), source=source, with_phone=with_phone)
        at = contact.created_at
        if is_couple:
            self.crm.learn_number(at)
        elif story.chance(0.4):
            self.crm.learn_number(at + 60)
        if not is_couple and story.chance(MERGED_SHARE / 0.7):
            self.crm.duplicate(at + story.between(5, 25), at + merge_delay(story))
        writes = with_phone and not is_couple and self._special not in (40, 41) and story.chance(0.75)
        if writes:
            at = self._follow_up(at + story.between(60, 1200))
        self._decide(at, leaning=0.0 if not is_couple else 1.0)

    def _follow_up(self, at: int) -> int:
        """The company writes first, after a form; some people answer."""
        story, chat = self.story, self.chat
        chat.begin(at, email=self._mailbox())
        if story.chance(0.8):
            chat.link(at + 5, self.crm.contact.id)
        at = chat.open(at + 10, "workflow" if story.chance(0.6) else "user")
        at = chat.say(at + 5, "workflow", "Thanks for your interest: how can we help?")
        if story.chance(0.65):
            rounds = 1 + int(story.rng.poisson(0.8))
            at = chat.exchange(at + story.soon(8 * HOUR), rounds, ends_with_us=story.chance(0.7))
        return at

    def _come_by_chat(self, at: int) -> None:
        story, chat = self.story, self.chat
        chat.begin(at, email=self._mailbox())
        if self.person.entry == "ad_chat":
            at = chat.open(at + 1, "ctc_ads", ad_id=self.person.ad_id, campaign_id=self.person.campaign_id)
        else:
            at = chat.open(at + 1, "contact")
        first = at
        at = chat.exchange(at, 1 + int(story.rng.poisson(1.0)), ends_with_us=story.chance(0.65))
        if story.chance(0.55):
            source = "PAID_SOCIAL" if self.person.campaign_id and story.chance(0.5) else "OFFLINE"
            contact = self.crm.create(
                first + story.between(120, 600), form=False, source=source, with_email=story.chance(0.6)
            )
            if story.chance(0.8):
                chat.link(contact.created_at + 30, contact.id)
            if story.chance(MERGED_SHARE / 0.7):
                created = contact.created_at
                self.crm.duplicate(created + story.between(5, 25), created + merge_delay(story))
        self._decide(at, leaning=0.0)

    def _mailbox(self) -> str | None:
        """The address on the chat contact where it is not the person's own: the company's shared mailbox."""
        if self._special in SHARED_MAILBOX and self.person.company_id is not None:
            return f"info@{self.person.emails[0].split('@')[1]}"
        return None

    # ---- the decision

    def _decide(self, at: int, *, leaning: float, tries: int = 0) -> None:
        """What becomes of a lead. `leaning`: added chance to be interested."""
        story, chat = self.story, self.chat
        draw = float(story.rng.random())
        if leaning < 1 and draw < 0.10:
            self._turn_down(at)
        elif leaning < 1 and draw < 0.16 and chat.exists:
            chat.close(at + story.soon(2 * DAY), "Lost to competitor")
        elif draw < 0.62 + leaning:
            self._warm_up(at, tries)
            return
        elif chat.exists and story.chance(0.6):
            chat.close(at + story.between(6 * DAY, 8 * DAY), "No answer" if story.chance(0.7) else None, "auto_close")
        self._come_back(at, tries)

    def _turn_down(self, at: int) -> None:
        """The lead does not fit: a tag, a status, or both; some get a last word."""
        story, chat, crm = self.story, self.chat, self.crm
        at += story.soon(DAY)
        if crm.exists and (not chat.exists or story.chance(0.5)):
            at = crm.judge(max(at, crm.contact.created_at + 60), "UNQUALIFIED")
        if chat.exists:
            at = chat.tag(at + 30, "unqualified")
            if story.chance(0.5):
                at = chat.say(at + 40, "user", "Sorry, we cannot help with that.")
            chat.close(at + 60, "Unqualified")

    def _warm_up(self, at: int, tries: int) -> None:
        """Interest is confirmed, by tag, status or deal; then they buy or do not."""
        story, chat, crm = self.story, self.chat, self.crm
        at += story.soon(DAY)
        if crm.exists:
            at = max(at, crm.contact.created_at + 120)
        if chat.exists and story.chance(0.7):
            at = chat.tag(at, "qualified")
            if story.chance(0.8):
                chat.move(at + story.between(10, 600), "Hot Lead")
        if crm.exists and story.chance(0.55):
            at = crm.judge(at + story.between(60, 7200), "QUALIFIED")
            crm.stage(at + 30, "salesqualifiedlead")
        buys = self._special in COUPLE or story.chance(0.6)
        if crm.exists and story.chance(0.45 if self.person.company_id is None else 0.85):
            at = self._negotiate(at + story.soon(DAY), buys)
        if buys:
            self._buy_first(at + story.soon(2 * DAY), from_shop=False)
        else:
            self._come_back(at, tries)

    def _negotiate(self, at: int, buys: bool) -> int:
        story = self.story
        started_at, amount = at, f"{150 + float(story.rng.gamma(2, 400)):.2f}"
        if buys:
            at = self.crm.deal(at, amount, self._deal_currency(), "closedwon", None)
            self.crm.stage(at + 5, "customer")
        else:
            lost = story.chance(0.75)
            at = self.crm.deal(
                at, amount, self._deal_currency(), "closedlost" if lost else "open", self._loss() if lost else None
            )
            if lost and self.person.company_id is not None and story.chance(0.12):
                at = self.crm.reopen(self.person.deals[-1], at + story.between(20 * DAY, 150 * DAY))
                self.crm.stage(at + 5, "customer")
        self._bring_committee(started_at)
        if self.chat.exists and story.chance(0.5):
            at = self.chat.say(at + 600, "user", "Let me know if anything is unclear.")
            if buys and story.chance(0.5):
                at = self.chat.say(at + story.soon(HOUR), "contact", "All clear, thanks!")
        return at

    def _loss(self) -> str:
        return LOST_REASONS[int(self.story.rng.integers(0, len(LOST_REASONS)))]

    def _deal_currency(self) -> str:
        """Companies are billed in euros, or in their country's currency where there is a rate for it."""
        currency = self.story.country.currency
        return currency if currency in ("GBP", "USD") else "EUR"

    def _bring_committee(self, since: int) -> None:
        """Colleagues known to the CRM by then join the deal, each in a role; for them it changes nothing.

        Where the parent company takes part, its people do too.
        """
        person, story, deal = self.person, self.story, self.person.deals[-1]
        if person.company_id is None:
            return
        company = self._world.companies[person.company_id - FIRST_COMPANY_ID]
        colleagues, parent_id = self._world.colleagues[company.id], company.state(since).get("hs_parent_company_id")
        if parent_id is not None and story.chance(0.3):
            deal.companies.append(Association(int(parent_id), PRIMARY_CONTRACTOR, deal.created_at + HOUR))
            colleagues = colleagues + self._world.colleagues.get(int(parent_id), [])[:2]
        roles = [COLLEAGUES_ROLES[place] for place in story.rng.permutation(len(COLLEAGUES_ROLES))]
        for colleague in colleagues:
            if colleague is person or not colleague.hubspot or colleague.hubspot[0].created_at > since or not roles:
                continue
            if story.chance(0.75):
                contact_id, at = colleague.hubspot[0].id, deal.created_at + story.soon(10 * DAY)
                deal.contacts.append(Association(contact_id, roles.pop(), at))
                if roles and story.chance(0.2):
                    deal.contacts.append(Association(contact_id, roles.pop(), at))

    def _keep_the_account(self) -> None:
        """A company that bought is offered more after some months and a renewal every year, until it declines."""
        person, story = self.person, self.story
        won = [deal for deal in person.deals if deal.state(story.last_day).get("dealstage") == "closedwon"]
        if person.company_id is None or not won:
            return
        at = max(change.at for change in won[-1].changes)
        while len(person.deals) < 6:
            expands = story.chance(0.5)
            at += story.between(60 * DAY, 150 * DAY) if expands else story.between(300 * DAY, 350 * DAY)
            if at > story.last_day - 200 * DAY:
                return
            amount, draw = f"{200 + float(story.rng.gamma(2, 500)):.2f}", float(story.rng.random())
            outcome = "closedwon" if draw < 0.7 else "closedlost" if draw < 0.9 else "open"
            reason = self._loss() if outcome == "closedlost" else None
            kind = "Expansion" if expands else "Renewal"
            at = self.crm.deal(at, amount, self._deal_currency(), outcome, reason, kind)
            self._bring_committee(person.deals[-1].created_at)
            if outcome != "closedwon":
                return

    def _come_back(self, at: int, tries: int) -> None:
        """Some of those who went silent write again, months later."""
        story, chat = self.story, self.chat
        if tries == 2 or not chat.exists or not story.chance(0.3):
            return
        at = chat.open(at + story.between(18 * DAY, 150 * DAY), "contact")
        at = chat.exchange(at, 1 + int(story.rng.poisson(0.7)), ends_with_us=story.chance(0.7))
        self._decide(at, leaning=0.15, tries=tries + 1)

    # ---- buying

    def _spend(self) -> float:
        """Net value of the next order in the reporting currency."""
        return float(self.story.rng.gamma(SPEND_P, 1 / self._spend_rate))

    def _visit(self, at: int) -> Visit:
        """The first visit behind an order; an ad's visitors carry its campaign."""
        person, story = self.person, self.story
        if person.entry == "shop" and person.campaign_id is not None:
            landing_page = f"https://shop.example/landing?fbclid={click_id(person.index)}"
            return Visit(person.arrived_at - HOUR, "Facebook", person.campaign_id, landing_page)
        source = "direct" if story.chance(0.5) else "google"
        return Visit(at - story.between(300, 3 * HOUR), source, None, "https://shop.example/")

    def _buy_first(self, at: int, *, from_shop: bool) -> None:
        """The first order, as a guest or with an account, perhaps after a checkout that was left."""
        story, person, special = self.story, self.person, self._special
        guest = from_shop and special >= 50 and story.chance(0.4)
        visit = self._visit(at)
        if not guest:
            is_second = special == COUPLE[1]
            has_phone = self.chat.exists or self.crm.exists
            self.shop.register(
                max(at - story.between(60, 600), person.arrived_at),
                with_phone=not is_second and story.chance(0.96 if has_phone else 0.6),
                with_number=special in COUPLE or story.chance(0.5),
            )
            sure = special in SURE_BUYERS or person.index in NO_RATE_PEOPLE
            if not sure and story.chance(0.3):
                checkout = self.shop.leave_checkout(at, self._spend())
                if story.chance(0.35):
                    self._remind(checkout.created_at + story.between(HOUR, DAY))
                    return
                at = checkout.created_at + story.between(HOUR, 4 * DAY)
                checkout.completed_at = story.tick(at)
                at = checkout.completed_at
        first = self._place(at, guest=guest, visit=visit)
        if special == TEST_ORDER:
            self.shop.order(first.processed_at + 3 * HOUR, self._spend(), outcome="paid", is_test=True)
        if not guest and self.crm.exists:
            self.crm.learn_number(first.processed_at + 300)
        self._rejoice(first)
        self._buy_again(first, guest)

    def _remind(self, at: int) -> None:
        """A checkout was left for good; some are asked about it."""
        if self.chat.exists and self.story.chance(0.5):
            self.chat.say(at, "workflow", "You left something in your cart.")

    def _place(self, at: int, *, guest: bool, visit: Visit) -> Order:
        story, person, special = self.story, self.person, self._special
        by_phone = guest and story.chance(0.4)
        return self.shop.order(
            at,
            self._spend(),
            outcome="paid" if special in (BULK_ORDER, MANY_REFUNDS) else None,
            guest_email=spell_email(person.emails[0], story.rng) if guest else None,
            guest_phone=person.phone if by_phone else None,
            line_count=60 + person.index % 70 if special == BULK_ORDER else None,
            refund_count=24 if special == MANY_REFUNDS else 0,
            visit=visit,
        )

    def _rejoice(self, order: Order) -> None:
        """What the other systems make of a first paid order."""
        story = self.story
        if order.paid_at is None:
            return
        if self.chat.exists and story.chance(0.7):
            self.chat.move(order.paid_at + story.between(60, DAY), "Customer")
            if story.chance(0.4):
                self.chat.close(order.paid_at + story.between(60, DAY), "Sold")
        if self.crm.exists:
            self.crm.stage(order.paid_at + 900, "customer", "INTEGRATION")

    def _buy_again(self, first: Order, guest: bool) -> None:
        """Purchases until the person leaves for good, or for as long as anyone is followed."""
        story, person, special = self.story, self.person, self._special
        rate = float(story.rng.gamma(RATE_SHAPE, 1 / RATE_SCALE))
        dropout = float(story.rng.beta(DROPOUT_A, DROPOUT_B))
        person.purchase_rate, person.dropout_probability = rate, dropout
        person.mean_spend = SPEND_P / self._spend_rate
        at, number = first.processed_at, 1
        while True:
            person.alive_until = at
            must_return = number == 1 and special in (LATE_IMPORT, STRANGE_GUEST, ANONYMOUS_ORDER)
            if person.index in NO_RATE_PEOPLE or (not must_return and story.chance(dropout)):
                break
            wait = float(story.rng.exponential(1 / max(rate, 1e-6))) if not must_return else story.between(10, 30)
            at += HOUR + int(min(wait, LIFE_DAYS) * DAY)
            if at > story.last_day or number == 99:
                break
            number += 1
            at = self._order_again(at, number, guest)
            self._ask_for_help(person.orders[-1])

    def _order_again(self, at: int, number: int, guest: bool) -> int:
        """One more order. A guest who comes for the third time takes an account."""
        story, person, special = self.story, self.person, self._special
        visit = self._visit(at)
        if number == 2 and special == STRANGE_GUEST:
            other = f"holiday.{person.index}@unknown.example"
            return self.shop.order(at, self._spend(), guest_email=other, visit=visit).processed_at
        if number == 2 and special == ANONYMOUS_ORDER:
            return self.shop.order(at, self._spend(), outcome="paid", anonymous=True).processed_at
        if guest and number == 2:
            return self._place(at, guest=True, visit=visit).processed_at
        if guest and self.shop.customer is None:
            self.shop.register(at - 30, with_phone=story.chance(0.8), with_number=story.chance(0.5))
        imported_at = None
        if (number == 2 and special == LATE_IMPORT) or story.chance(0.006):
            imported_at = at + story.between(18 * DAY, 40 * DAY)
            return self.shop.order(at, self._spend(), outcome="paid", imported_at=imported_at).processed_at
        if self.shop.customer is not None and story.chance(0.06):
            checkout = self.shop.leave_checkout(at, self._spend())
            at = checkout.created_at + story.between(HOUR, DAY)
            checkout.completed_at = at
        return self.shop.order(at, self._spend(), visit=visit).processed_at

    def _ask_for_help(self, order: Order) -> None:
        """A customer with a chat asks about an order; the bot answers first, then an agent."""
        story, chat = self.story, self.chat
        if not chat.exists or not story.chance(0.2):
            return
        at = chat.open(order.processed_at + story.between(DAY, 8 * DAY), "contact")
        at = chat.exchange(at, 1 + int(story.rng.poisson(0.4)), ends_with_us=True)
        if story.chance(0.8):
            at = chat.close(at + story.soon(4 * HOUR), "Support resolved", "user" if story.chance(0.7) else "bot")
            if story.chance(0.15):  # it was not resolved after all
                at = chat.open(at + story.soon(DAY), "contact")
                at = chat.exchange(at, 1, ends_with_us=True)
                chat.close(at + story.soon(4 * HOUR), "Support resolved")

    # ---- what they say of us

    def _speak_of_us(self) -> None:
        """Buyers answer surveys, review, recommend; those who come back often join the loyalty programme."""
        story, chat = self.story, self.chat
        paid = [order for order in self.person.orders if order.paid_at is not None and not order.is_test]
        delight = float(story.rng.beta(4, 2))  # how content the person is, for all of their life
        for number, order in enumerate(paid, start=1):
            after = (order.paid_at or 0) + story.between(3 * DAY, 20 * DAY)
            if len(self.person.surveys) < 3 and story.chance(0.18):
                self._answer_survey(max(after, order.created_at + HOUR), delight)
            if chat.exists and story.chance(0.08 * delight):
                chat.tag(max(after, chat.contact.created_at) + DAY, "referral")
            if number == 3 and chat.exists and story.chance(0.5):
                chat.tag(
                    max(order.created_at, chat.contact.created_at) + story.between(HOUR, 3 * DAY), "loyalty member"
                )

    def _addresses_in_the_shop(self) -> list[tuple[int, str]]:
        """Since when the shop knows an address of the person, and which."""
        return [
            (shown_at, value)
            for record in self.person.records
            if record.system == "shopify"
            for shown_at, (namespace, value) in record.keys
            if namespace == "email"
        ]

    def _say_whether_platforms_may_know(self) -> None:
        """Seven in ten customers of the shop agree at once to ads being measured; one in fifty takes it back later.

        Who does follows from their place, not from chance: nothing else about anybody depends on it.
        """
        story, person = self.story, self.person
        known = self._addresses_in_the_shop()
        if not known or person.index % 10 >= 7:
            return
        since, email = known[0]
        statements = [(since + HOUR, True)]
        if person.index % 50 == 6:
            statements.append((since + 30 * DAY, False))
        for number, (at, is_granted) in enumerate(statements, start=1):
            if at >= story.last_day:
                continue
            consent = Consent(f"CO-{person.index:06d}-{number}", at, email, is_granted)
            person.consents.append(consent)
            owned = story.own("files", "guest_consent", f"consents:{consent.id}", at)
            story.shows(owned, at, ("email", email))

    def _answer_survey(self, at: int, delight: float) -> None:
        """An answer under an address that the shop knows by then."""
        story, person = self.story, self.person
        addresses = [value for shown_at, value in self._addresses_in_the_shop() if shown_at <= at]
        if not addresses:
            return
        at = story.tick(at)
        draw, liking = float(story.rng.random()), min(max(delight + float(story.rng.normal(0, 0.15)), 0.0), 1.0)
        kind = "review" if draw < 0.5 else "nps" if draw < 0.8 else "csat"
        score = round(10 * liking) if kind == "nps" else 1 + round(4 * liking)
        survey = Survey(f"SV-{person.index:06d}-{len(person.surveys) + 1}", at, addresses[0], kind, score)
        person.surveys.append(survey)
        owned = story.own("files", "guest_survey", f"surveys:{survey.id}", at)
        story.shows(owned, at, ("email", survey.email))
        activity = "review_submitted" if kind == "review" else "survey_answered"
        story.note(activity, at, owned.reference, detail=f"{kind} {score}")

    # ---- broadcasts

    def _receive_broadcasts(self) -> None:
        """Now and then the company writes to everyone it may; a few answer."""
        story, chat, world = self.story, self.chat, self._world
        if not chat.exists or story.chance(0.2):
            return
        number = 1 + (chat.contact.created_at - world.start) // (BROADCAST_EVERY_DAYS * DAY)
        at = world.start + number * BROADCAST_EVERY_DAYS * DAY
        while at < story.last_day:
            if story.chance(0.5):
                sent = chat.say(at + story.between(0, HOUR), "broadcast", "News from us, just for you.")
                if story.chance(0.12):
                    opened = chat.open(sent + story.soon(4 * HOUR), "contact")
                    chat.exchange(opened, 1, ends_with_us=story.chance(0.8))
            at += BROADCAST_EVERY_DAYS * DAY
