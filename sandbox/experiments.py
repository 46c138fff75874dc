"""An experiment of the company whose effect is known: who of the first-time buyers is drawn into which arm.

Belongs here: drawing people, and what the experiment is made to show. Does not: what people do (`life`).

Nothing in anybody's life depends on the arm. The effect is made the other way round: of the people who will buy again
within the window, more are drawn into the arm of the message. Given everybody's life, an arm's expected share of people
who did anything is therefore known (the mean over all, weighted with the probability of the arm), and no history is
another one than without the experiment.
"""

from __future__ import annotations

import numpy as np

from sandbox.records import Assignment, OwnedRecord, Person
from sandbox.settings import DAY

EXPERIMENT = "onboarding_message"
MESSAGE, CONTROL = "message", "control"
WINDOW_DAYS = 90
# Of the buyers of several companies, this share paid again within the window.
RETURNING_SHARE = 0.39
MESSAGE_AMONG_RETURNING = 0.58
# So that both arms get half of the people.
MESSAGE_AMONG_OTHERS = (0.5 - RETURNING_SHARE * MESSAGE_AMONG_RETURNING) / (1 - RETURNING_SHARE)


def draw(seed: int, person: Person) -> None:
    """Draw a person who has bought into an arm, a day after the first payment, if the shop knows an address by then."""
    paid = sorted(order.paid_at for order in person.orders if order.paid_at is not None and not order.is_test)
    if not paid:
        return
    at = paid[0] + DAY
    addresses = [
        value
        for record in person.records
        if record.system == "shopify"
        for shown_at, (namespace, value) in record.keys
        if namespace == "email" and shown_at <= at
    ]
    if not addresses:
        return
    is_returning = any(at < again <= at + WINDOW_DAYS * DAY for again in paid)
    probability = MESSAGE_AMONG_RETURNING if is_returning else MESSAGE_AMONG_OTHERS
    arm = MESSAGE if np.random.default_rng([seed, 9, person.index]).random() < probability else CONTROL
    person.assignment = Assignment(f"EA-{person.index:06d}", at, addresses[0], EXPERIMENT, arm, probability)
    owned = OwnedRecord("files", "guest_assignment", f"experiments:{person.assignment.id}", at)
    owned.keys.append((at, ("email", addresses[0])))
    person.records.append(owned)
