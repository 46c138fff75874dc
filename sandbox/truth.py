"""What is true of the company: who is who, each person's stage moves, orders and parameters, up to a clock.

Belongs here: tables for tests and for judging models. Does not: anything the pipeline reads; it never does.

The simulation notes each activity as it decides it; stages follow from these notes by a plain event-by-event machine
(`conversation_moves`), independent of any SQL. All instants are UTC.

A record that shows no key in common with a person's other records cannot be joined to them by anybody. Such a
record has `is_linkable` false and a `cluster_key` of its own; tests compare per cluster exactly, and state the share
of persons of several clusters as tolerance. A record that shows no key at all (an anonymous order) has none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import groupby
from typing import Any, Literal

import pyarrow as pa

from sandbox import life, malformed, subscriptions
from sandbox.company import Company
from sandbox.conversations import BEGUN_BY_CONTACT
from sandbox.orders import DISPUTE_FEE
from sandbox.records import Activity, Order, Person, Subscription
from sandbox.settings import DAY

COLD_AFTER = 14 * DAY
BEGUN = "conversation_opened"  # of use to no stage where we opened it
STAGES = {
    "new_lead": ("lead_created", "form_submitted", BEGUN, "message_received"),
    "hot_lead": ("lead_qualified", "quote_sent"),
    "payment": ("checkout_started", "order_placed"),
    "customer": ("order_paid", "subscription_started", "deal_won"),
}
ORDER_OF = {stage: place for place, stage in enumerate(STAGES)}
ENDS_SILENCE = (
    "message_sent",
    "message_received",
    "conversation_opened",
    "form_submitted",
    "checkout_started",
    "order_placed",
    "order_paid",
    "subscription_started",
)
COMPETITOR = ("Lost to competitor", "Competitor")
WON = "closedwon"

TIMESTAMP = pa.timestamp("us", tz="UTC")
MONEY = pa.decimal128(18, 4)
MOVES = pa.schema(
    [
        ("key", pa.string()),
        ("stage", pa.string()),
        ("stage_kind", pa.string()),
        ("pass_number", pa.int32()),
        ("entered_at", TIMESTAMP),
        ("exited_at", TIMESTAMP),
        ("lost_reason", pa.string()),
    ]
)


@dataclass(frozen=True)
class Move:
    """A stage was entered. `at`: epoch seconds."""

    stage: str
    pass_number: int
    at: int
    reason: str | None = None

    @property
    def kind(self) -> str:
        return "active" if self.stage in ORDER_OF else "lost"


def conversation_moves(activities: Iterable[Activity], as_of: int) -> list[Move]:
    """Stage moves of one person by the rules of the model `conversation`, up to `as_of`.

    Rules: an activity advances to its stage, never back; 14 days after a message of ours without answer or purchase
    an active lead is cold, at exactly that instant; a judgement (unqualified, competitor) loses a lead who never
    converted; after a loss the next advance opens another pass. Of several moves at one instant the last one counts.
    """
    machine = _Machine()
    known = sorted((a for a in activities if a.at <= as_of), key=lambda activity: activity.at)
    for at, group in groupby(known, key=lambda activity: activity.at):
        machine.happen(at, list(group))
    machine.wait(as_of)
    return machine.moves


class _Machine:
    def __init__(self) -> None:
        self.moves: list[Move] = []
        self._converted = False
        self._cold_at: int | None = None

    def happen(self, at: int, activities: list[Activity]) -> None:
        """Everything that happened at one instant."""
        kinds = {_kind(activity) for activity in activities}
        self.wait(at, unless=any(kind in ENDS_SILENCE for kind in kinds))
        self._converted = self._converted or bool(kinds & {*STAGES["customer"]})
        before = self.moves[-1] if self.moves else None
        now = before
        theirs = {_kind(a) for a in activities if a.kind != BEGUN or a.detail in BEGUN_BY_CONTACT}
        for stage, causes in STAGES.items():
            if any(kind in causes for kind in theirs):
                now = _advanced(now, stage, at)
        if not self._converted:
            for activity in activities:
                if activity.kind == "lead_disqualified":
                    now = _lost(now, "unqualified", at, activity.detail)
            for activity in activities:
                if activity.kind in ("conversation_closed", "deal_stage_changed") and activity.detail in COMPETITOR:
                    now = _lost(now, "lost_to_competitor", at, activity.detail)
        self._enter(now)
        if any(kind in ENDS_SILENCE for kind in kinds):
            self._cold_at = None
        if "message_sent" in kinds:
            self._cold_at = at + COLD_AFTER

    def wait(self, until: int, *, unless: bool = False) -> None:
        """Let silence do its work up to `until`; `unless`: something at exactly `until` ends the silence in time."""
        if self._cold_at is None or self._cold_at > until or (self._cold_at == until and unless):
            return
        at, self._cold_at = self._cold_at, None
        if self._converted:
            return
        before = self.moves[-1] if self.moves else None
        if before is not None and before.kind == "active":  # silence after a loss is no news
            self._enter(_lost(before, "cold_lead", at, "no reply"))

    def _enter(self, move: Move | None) -> None:
        """Note a move; one at the same instant before it lasted no time and is forgotten."""
        if move is None or (self.moves and move is self.moves[-1]):
            return
        if self.moves and self.moves[-1].at == move.at:
            self.moves.pop()
        if not self.moves or (self.moves[-1].stage, self.moves[-1].pass_number) != (move.stage, move.pass_number):
            self.moves.append(move)


def _kind(activity: Activity) -> str:
    """What an activity counts as: a deal that is won is the purchase of companies that sell by offer."""
    is_won = activity.kind == "deal_stage_changed" and activity.detail == WON
    return "deal_won" if is_won else activity.kind


def _advanced(now: Move | None, stage: str, at: int) -> Move:
    if now is None or now.kind == "lost":
        return Move(stage, 1 if now is None else now.pass_number + 1, at)
    return Move(stage, now.pass_number, at) if ORDER_OF[stage] > ORDER_OF[now.stage] else now


def _lost(now: Move | None, stage: str, at: int, reason: str | None) -> Move | None:
    if now is None or now.stage == stage:
        return now
    return Move(stage, now.pass_number, at, reason)


def clusters(person: Person, clock: int) -> dict[tuple[str, str, str], str | None]:
    """Record reference -> key of the group of the person's records that can be recognised as one; None: no key at all.

    The group that holds the person's first record bears the person's key.
    """
    seen = [record for record in person.records if record.visible_at <= clock]
    groups: list[tuple[set[tuple[str, str]], list[tuple[str, str, str]]]] = []
    found: dict[tuple[str, str, str], str | None] = {}
    for record in seen:
        keys = {key for at, key in record.keys if at <= clock}
        if record.kind != "guest_order":
            keys.add((f"{record.system} {record.kind}", record.id))
        if not keys:
            found[record.reference] = None
            continue
        members = [record.reference]
        for group in [group for group in groups if group[0] & keys]:
            groups.remove(group)
            keys |= group[0]
            members = group[1] + members
        groups.append((keys, members))
    order = {record.reference: place for place, record in enumerate(sorted(seen, key=lambda r: r.visible_at))}
    groups.sort(key=lambda group: min(order[reference] for reference in group[1]))
    for number, (_, members) in enumerate(groups):
        for reference in members:
            found[reference] = person.key if number == 0 else f"{person.key}.{number + 1}"
    return found


def _instant(at: int | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at, UTC)


def _table(rows: list[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=schema)


class Truth:
    """The truth about a company at a clock, as Arrow tables."""

    def __init__(self, company: Company, clock: int) -> None:
        self._company = company
        self._clock = clock
        self._people = company.people(clock)
        self._strangers = company.strangers(clock)
        self._clusters = {person.key: clusters(person, clock) for person in self._people}

    def _activities(self, person: Person) -> list[Activity]:
        return [a for a in person.activities if a.visible_at <= self._clock and a.at <= self._clock]

    def _cluster(self, person: Person, activity: Activity) -> str | None:
        """The cluster of the record that an activity belongs to: its own, or that of its order's or deal's person."""
        found = self._clusters[person.key]
        system, kind, record_id = activity.record
        if activity.record in found:
            return found[activity.record]
        if kind == "order":
            guest = found.get((system, "guest_order", record_id), "")
            if guest != "":
                return guest
        if system in ("shopify", "stripe"):
            return next((found[r] for r in found if r[:2] == (system, "customer")), None)
        return next((found[r] for r in found if r[:2] == ("hubspot", "contact")), None)

    def people(self) -> pa.Table:
        """One row per person: person_key, arrived_at, entry, country, customer_number, company_id, campaign_id (that
        made them arrive; null: none did), parameters of the buying process (null before the first order), alive_until
        (last purchase ever, also in the future), is_fully_linkable (all their records can be recognised as one
        person's)."""
        schema = pa.schema(
            [
                ("person_key", pa.string()),
                ("arrived_at", TIMESTAMP),
                ("entry", pa.string()),
                ("country", pa.string()),
                ("customer_number", pa.string()),
                ("company_id", pa.string()),
                ("campaign_id", pa.string()),
                ("purchase_rate_per_day", pa.float64()),
                ("dropout_probability", pa.float64()),
                ("mean_spend_reporting", pa.float64()),
                ("alive_until", TIMESTAMP),
                ("is_fully_linkable", pa.bool_()),
            ]
        )
        rows = []
        for person in self._people:
            groups = set(self._clusters[person.key].values())
            bought = any(order.created_at <= self._clock for order in person.orders)
            rows.append(
                {
                    "person_key": person.key,
                    "arrived_at": _instant(person.arrived_at),
                    "entry": person.entry,
                    "country": person.country,
                    "customer_number": person.customer_number,
                    "company_id": None if person.company_id is None else str(person.company_id),
                    "campaign_id": person.campaign_id,
                    "purchase_rate_per_day": person.purchase_rate if bought else None,
                    "dropout_probability": person.dropout_probability if bought else None,
                    "mean_spend_reporting": person.mean_spend if bought else None,
                    "alive_until": _instant(person.alive_until) if bought else None,
                    "is_fully_linkable": groups <= {person.key},
                }
            )
        return _table(rows, schema)

    def records(self) -> pa.Table:
        """One row per record: source_system, record_type (contact, customer, guest_order), record_id,
        person_key (null: a stranger, who sent spam or was blocked), cluster_key (null: no key at all), is_linkable,
        visible_at."""
        schema = pa.schema(
            [
                ("source_system", pa.string()),
                ("record_type", pa.string()),
                ("record_id", pa.string()),
                ("person_key", pa.string()),
                ("cluster_key", pa.string()),
                ("is_linkable", pa.bool_()),
                ("visible_at", TIMESTAMP),
            ]
        )
        rows = [
            {
                "source_system": record.system,
                "record_type": record.kind,
                "record_id": record.id,
                "person_key": person.key,
                "cluster_key": self._clusters[person.key][record.reference],
                "is_linkable": self._clusters[person.key][record.reference] == person.key,
                "visible_at": _instant(record.visible_at),
            }
            for person in self._people
            for record in person.records
            if record.visible_at <= self._clock
        ]
        rows += [
            {
                "source_system": record.system,
                "record_type": record.kind,
                "record_id": record.id,
                "person_key": None,
                "cluster_key": stranger.key,
                "is_linkable": True,
                "visible_at": _instant(record.visible_at),
            }
            for stranger in self._strangers
            for record in stranger.records
        ]
        return _table(rows, schema)

    def activities(self) -> pa.Table:
        """One row an activity: person_key, cluster_key, activity, occurred_at, visible_at, source_system,
        record_type, record_id, detail, campaign_id."""
        schema = pa.schema(
            [
                ("person_key", pa.string()),
                ("cluster_key", pa.string()),
                ("activity", pa.string()),
                ("occurred_at", TIMESTAMP),
                ("visible_at", TIMESTAMP),
                ("source_system", pa.string()),
                ("record_type", pa.string()),
                ("record_id", pa.string()),
                ("detail", pa.string()),
                ("campaign_id", pa.string()),
            ]
        )
        rows = [
            {
                "person_key": person.key,
                "cluster_key": self._cluster(person, activity),
                "activity": activity.kind,
                "occurred_at": _instant(activity.at),
                "visible_at": _instant(activity.visible_at),
                "source_system": activity.record[0],
                "record_type": activity.record[1],
                "record_id": activity.record[2],
                "detail": activity.detail,
                "campaign_id": activity.campaign_id,
            }
            for person in self._people
            for activity in self._activities(person)
        ]
        return _table(rows, schema)

    def stage_moves(self, by: Literal["person", "cluster"] = "person") -> pa.Table:
        """One row a stage entered: key (person_key or cluster_key), stage, stage_kind, pass_number, entered_at,
        exited_at (null: current), lost_reason. `by="cluster"` is what can be known from linkable records."""
        rows: list[dict[str, Any]] = []
        for person in self._people:
            by_key: dict[str, list[Activity]] = defaultdict(list)
            for activity in self._activities(person):
                key = person.key if by == "person" else self._cluster(person, activity)
                if key is not None:
                    by_key[key].append(activity)
            for key, activities in by_key.items():
                moves = conversation_moves(activities, self._clock)
                exits = [*(move.at for move in moves[1:]), None][: len(moves)]
                rows += [
                    {
                        "key": key,
                        "stage": move.stage,
                        "stage_kind": move.kind,
                        "pass_number": move.pass_number,
                        "entered_at": _instant(move.at),
                        "exited_at": _instant(left_at),
                        "lost_reason": move.reason,
                    }
                    for move, left_at in zip(moves, exits, strict=True)
                ]
        return _table(rows, MOVES)

    def _known_orders(self) -> list[tuple[Person | None, Order]]:
        found: list[tuple[Person | None, Order]] = [
            (person, order) for person in self._people for order in person.orders if order.created_at <= self._clock
        ]
        of_nobody = self._company.staff_orders(self._clock) + self._company.mistaken_orders(self._clock)
        return found + [(None, order) for order in of_nobody if order.visible(self._clock)]

    def orders(self) -> pa.Table:
        """One row an order: person_key (null: a test order of the staff), cluster_key, order_id, ordered_at, paid_at,
        cancelled_at, currency, total_amount, tax_amount, shipping_amount, gift_card_amount (net), refunded_amount, of
        it itemised_amount, which took itemised_revenue_amount of revenue back, disputed_amount (what the bank has),
        dispute_fee_amount, is_test, is_guest, has_exchange_rate, piece_count, cost_amount_reporting. Amounts in
        `currency`, but for the fee and the cost of the goods, which are in euros; no cost: that of a line is not known.
        Tax is on top of lines and shipping."""
        schema = pa.schema(
            [
                ("person_key", pa.string()),
                ("cluster_key", pa.string()),
                ("order_id", pa.string()),
                ("ordered_at", TIMESTAMP),
                ("paid_at", TIMESTAMP),
                ("cancelled_at", TIMESTAMP),
                ("currency", pa.string()),
                ("total_amount", MONEY),
                ("tax_amount", MONEY),
                ("shipping_amount", MONEY),
                ("gift_card_amount", MONEY),
                ("refunded_amount", MONEY),
                ("itemised_amount", MONEY),
                ("itemised_revenue_amount", MONEY),
                ("disputed_amount", MONEY),
                ("dispute_fee_amount", MONEY),
                ("is_test", pa.bool_()),
                ("is_guest", pa.bool_()),
                ("has_exchange_rate", pa.bool_()),
                ("piece_count", pa.int64()),
                ("cost_amount_reporting", MONEY),
            ]
        )
        clock, rows = self._clock, []
        priced = {"EUR", *(currency for _, currency, _ in self._company.rates.published(clock))}
        for person, order in self._known_orders():
            order_id = f"gid://shopify/Order/{order.id}"
            cards = [line.discounted_total for line in order.lines if line.is_gift_card]
            activity = Activity("order_placed", order.processed_at, 0, ("shopify", "order", order_id))
            rows.append(
                {
                    "person_key": person.key if person else None,
                    "cluster_key": self._cluster(person, activity) if person else None,
                    "order_id": order_id,
                    "ordered_at": _instant(order.processed_at),
                    "paid_at": _instant(_up_to(order.paid_at, clock)),
                    "cancelled_at": _instant(_up_to(order.cancelled_at, clock)),
                    "currency": order.currency,
                    "total_amount": order.total,
                    "tax_amount": order.tax,
                    "shipping_amount": order.shipping,
                    "gift_card_amount": sum(cards, Decimal(0)),
                    "refunded_amount": order.refunded(clock),
                    "itemised_amount": sum((refund.amount for refund in order.itemised(clock)), Decimal(0)),
                    "itemised_revenue_amount": order.itemised_revenue(clock),
                    "disputed_amount": order.disputed(clock),
                    "dispute_fee_amount": DISPUTE_FEE * sum(1 for each in order.disputes if each.taken(clock)),
                    "is_test": order.is_test,
                    "is_guest": order.customer_id is None,
                    "has_exchange_rate": order.currency in priced,
                    "piece_count": sum(line.quantity for line in order.lines),
                    "cost_amount_reporting": order.cost,
                }
            )
        return _table(rows, schema)

    def refunds(self) -> pa.Table:
        """One row a refund: order_id, refund_id, refunded_at, currency, amount (positive)."""
        schema = pa.schema(
            [
                ("order_id", pa.string()),
                ("refund_id", pa.string()),
                ("refunded_at", TIMESTAMP),
                ("currency", pa.string()),
                ("amount", MONEY),
            ]
        )
        rows = [
            {
                "order_id": f"gid://shopify/Order/{order.id}",
                "refund_id": f"gid://shopify/Refund/{refund.id}",
                "refunded_at": _instant(refund.at),
                "currency": order.currency,
                "amount": refund.amount,
            }
            for _, order in self._known_orders()
            for refund in order.refunds
            if refund.at <= self._clock
        ]
        return _table(rows, schema)

    def _known_subscriptions(self) -> list[tuple[Person, Subscription]]:
        return [
            (person, each) for person in self._people for each in person.subscriptions if each.created_at <= self._clock
        ]

    def subscriptions(self) -> pa.Table:
        """One row a subscription: person_key, cluster_key, subscription_id, currency, created_at, trial_started_at,
        started_at (first payment), cancelled_at, ended_at, mrr_amount (at the clock, in `currency`), paid_amount
        (payments less refunds, without tax). What lies after the clock is null."""
        instants = ("trial_started_at", "started_at", "cancelled_at", "ended_at")
        schema = pa.schema(
            [
                ("person_key", pa.string()),
                ("cluster_key", pa.string()),
                ("subscription_id", pa.string()),
                ("currency", pa.string()),
                ("created_at", TIMESTAMP),
                *((name, TIMESTAMP) for name in instants),
                ("mrr_amount", MONEY),
                ("paid_amount", MONEY),
            ]
        )
        rows = [
            {
                "person_key": person.key,
                "cluster_key": self._clusters[person.key][("stripe", "customer", f"cus_{person.index:06d}")],
                "subscription_id": each.id,
                "currency": each.currency,
                "created_at": _instant(each.created_at),
                **{name: _instant(_up_to(getattr(each, name), self._clock)) for name in instants},
                "mrr_amount": each.rate_at(self._clock),
                "paid_amount": sum((amount for at, amount in each.payments if at <= self._clock), Decimal(0)),
            }
            for person, each in self._known_subscriptions()
        ]
        return _table(rows, schema)

    def one_off_payments(self) -> pa.Table:
        """One row a payment through Stripe that is for no subscription: person_key, cluster_key, payment_id (of the
        invoice, else of the charge), currency, amount, paid_at."""
        schema = pa.schema(
            [
                ("person_key", pa.string()),
                ("cluster_key", pa.string()),
                ("payment_id", pa.string()),
                ("currency", pa.string()),
                ("amount", MONEY),
                ("paid_at", TIMESTAMP),
            ]
        )
        rows = [
            {
                "person_key": person.key,
                "cluster_key": self._clusters[person.key][payment.record] if payment.record else None,
                "payment_id": payment.id,
                "currency": payment.currency,
                "amount": payment.amount,
                "paid_at": _instant(payment.at),
            }
            for person in self._people
            for payment in person.one_off_payments
            if payment.at <= self._clock
        ]
        return _table(rows, schema)

    def monthly_recurring_revenue(self, instants: Iterable[int]) -> pa.Table:
        """One row an instant (epoch seconds), subscription and amount above zero just before it: at, subscription_id,
        currency, mrr_amount."""
        schema = pa.schema(
            [("at", TIMESTAMP), ("subscription_id", pa.string()), ("currency", pa.string()), ("mrr_amount", MONEY)]
        )
        rows = [
            {"at": _instant(at), "subscription_id": each.id, "currency": each.currency, "mrr_amount": amount}
            for at in instants
            for _, each in self._known_subscriptions()
            if (amount := each.rate_at(min(at, self._clock + 1) - 1))
        ]
        return _table(rows, schema)

    def first_touch(self) -> pa.Table:
        """One row a person whom an ad brought: person_key, campaign_id, touched_at of the first activity that carries
        a campaign. People whom no ad brought are absent: no later activity of theirs carries one."""
        schema = pa.schema([("person_key", pa.string()), ("campaign_id", pa.string()), ("touched_at", TIMESTAMP)])
        rows = []
        for person in self._people:
            touches = [a for a in self._activities(person) if a.campaign_id is not None]
            if touches:
                first = min(touches, key=lambda activity: activity.at)
                rows.append(
                    {
                        "person_key": person.key,
                        "campaign_id": first.campaign_id,
                        "touched_at": _instant(first.at),
                    }
                )
        return _table(rows, schema)

    def experiment_assignments(self) -> pa.Table:
        """One row a person in the experiment: person_key, cluster_key, assignment_id, experiment, arm, assigned_at,
        message_probability (of the arm of the message). Lives do not depend on arms: what share of an arm may be
        expected to have done something is the mean over all of these people, weighted with the probability of the
        arm."""
        schema = pa.schema(
            [
                ("person_key", pa.string()),
                ("cluster_key", pa.string()),
                ("assignment_id", pa.string()),
                ("experiment", pa.string()),
                ("arm", pa.string()),
                ("assigned_at", TIMESTAMP),
                ("message_probability", pa.float64()),
            ]
        )
        rows = [
            {
                "person_key": person.key,
                "cluster_key": self._clusters[person.key]["files", "guest_assignment", f"experiments:{each.id}"],
                "assignment_id": each.id,
                "experiment": each.experiment,
                "arm": each.arm,
                "assigned_at": _instant(each.at),
                "message_probability": each.message_probability,
            }
            for person in self._people
            if (each := person.assignment) is not None and each.at <= self._clock
        ]
        return _table(rows, schema)

    def malformed(self) -> pa.Table:
        """One row a record that has to be rejected: source, resource, record_id, what, visible_at."""
        schema = pa.schema(
            [
                ("source", pa.string()),
                ("resource", pa.string()),
                ("record_id", pa.string()),
                ("what", pa.string()),
                ("visible_at", TIMESTAMP),
            ]
        )
        rows = [
            {
                "source": record.source,
                "resource": record.resource,
                "record_id": record.record_id,
                "what": record.what,
                "visible_at": _instant(record.visible_at),
            }
            for record in malformed.everything(self._company.start)
            if record.visible_at <= self._clock
        ]
        return _table(rows, schema)

    @staticmethod
    def parameters() -> dict[str, float]:
        """Parameters of the population that the people's own were drawn from (rates per day, spend in the reporting
        currency). A few people in a hundred are made to buy a second time, whatever their draw. `churn_a` and
        `churn_b` are of the probability of leaving a monthly subscription at a renewal."""
        return {
            "rate_shape": life.RATE_SHAPE,
            "rate_scale_days": life.RATE_SCALE,
            "dropout_a": life.DROPOUT_A,
            "dropout_b": life.DROPOUT_B,
            "spend_p": life.SPEND_P,
            "spend_q": life.SPEND_Q,
            "spend_gamma": life.SPEND_GAMMA,
            "churn_a": subscriptions.CHURN_A,
            "churn_b": subscriptions.CHURN_B,
        }


def _up_to(at: int | None, clock: int) -> int | None:
    return at if at is not None and at <= clock else None
