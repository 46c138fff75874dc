"""Who writes to the company and is nobody it knows: spam, and people whom an agent blocks.

Belongs here: their contacts and what they say. Does not: people who may buy (`life`).

What they do counts for nothing. Each writes in the morning and is dealt with within the hour, so that at no clock of
the sandbox (06:00) a conversation is open that will turn out to be spam.
"""

from __future__ import annotations

import numpy as np

from sandbox.biography import HOUR, Biography
from sandbox.conversations import Chat
from sandbox.people import BY_CODE, phone_of
from sandbox.records import Person
from sandbox.settings import DAY

FIRST_STRANGER = 900_000  # index of the first: far beyond those of people
EVERY_DAYS = 12
MORNING = 10 * HOUR
MINUTE = 60


def strangers(seed: int, start: int, clock: int) -> list[Person]:
    """Everybody who wrote up to the clock. By turns they send spam, are blocked, and both."""
    first = start - start % DAY + DAY + MORNING
    return [_stranger(seed, number, at) for number, at in enumerate(range(first, clock + 1, EVERY_DAYS * DAY))]


def _stranger(seed: int, number: int, at: int) -> Person:
    index = FIRST_STRANGER + number
    email = f"winner{number}@spam.example"
    person = Person(index, at, "ES", "Lucky", f"Winner {number}", "stranger", [email], phone_of(BY_CODE["ES"], index))
    chat = Chat(Biography(person, np.random.default_rng([seed, 7, number]), at, at + DAY))
    contact = chat.begin(at)
    said_at = chat.say(chat.open(at + 1, "contact"), "contact", "You have won a prize.")
    if number % 3 != 1:
        chat.close(said_at + 30 * MINUTE, "Spam")
    if number % 3 != 0:
        contact.set(said_at + 40 * MINUTE, isBlocked=True)
    for webhook in contact.webhooks:
        webhook.delivered_at = webhook.at
    person.activities.clear()
    return person
