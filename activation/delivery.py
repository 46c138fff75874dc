"""The delivery: which events of the outbox go to a sink now, and what became of each.

`plan` only looks: it is what a dry run shows. `deliver` does what a plan says. Each event is sent once: it is sent
again only where it is certain that nothing was taken, or where the sink would count it once all the same. Where neither
holds, it is `unknown`, for a person to decide.

Belongs here: order of ledger and request, batches, what a failure means for the rest. Does not: any vendor's wording.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from activation.http import ThrottledError, UnclearError, UnreachableError
from activation.ledger import Entry, Ledger, State
from activation.outbox import Event
from activation.sinks.base import (
    ALWAYS,
    NEVER,
    BatchRefusedError,
    CannotBeToldError,
    Outcomes,
    Payload,
    Sink,
    SinkStoppedError,
)

TOO_OLD = "too old"
# Google: a conversion is adjusted no sooner than 24 hours after it was told.
BEFORE_ADJUSTMENT = timedelta(hours=24)
UNCLEAR_ATTEMPTS = 3


@dataclass
class Plan:
    """What there is to do for one sink.

    Attributes:
        due: what goes, with its wire form.
        held_back: how many do not, by reason.
        expired: what will not go any more, with the reason.
        unclear: what was sent, has no answer, and must not be sent again.
        standing: how many the ledger has settled, by state.
    """

    sink: str
    due: list[tuple[Event, Payload]] = field(default_factory=list)
    held_back: Counter[str] = field(default_factory=Counter)
    expired: list[tuple[str, str | None, str]] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)
    standing: Counter[State] = field(default_factory=Counter)


@dataclass
class Delivered:
    """What a delivery did.

    Attributes:
        states: how many events came to each state.
        held_back: how many did not go and may go later, by reason.
        answers: what the sink said of those that it did not take.
        stopped: why it went no further; empty where it did.
    """

    sink: str
    states: Counter[State] = field(default_factory=Counter)
    held_back: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    stopped: str = ""


def plan(sink: Sink, events: Iterable[Event], entries: Mapping[str, Entry], now: datetime) -> Plan:
    """What there is to do.

    Args:
        events: the outbox, of all sinks.
        entries: what the ledger knows of this sink.
        now: aware.
    """
    found = Plan(sink.name)
    latest = _latest(entries.values()) if sink.is_state else {}
    in_outbox: set[str] = set()
    for event in events:
        if event.sink != sink.name:
            continue
        in_outbox.add(event.event_id)
        entry = entries.get(event.event_id)
        if entry is not None and sink.is_state and latest.get(entry.person_id) is not entry:
            entry = None  # something else was told since: this content is news again
        if entry is not None and entry.state in ("confirmed", "refused", "expired", "unknown"):
            found.standing[entry.state] += 1
            continue
        is_too_old = sink.oldest is not None and now - event.occurred_at > sink.oldest
        if entry is not None and entry.state == "sent":
            may_go = not is_too_old and not event.held_back_reason and _may_be_sent_again(sink, event, entry, now)
            if not may_go:
                found.unclear.append(event.event_id)
                continue
        if reason := event.held_back_reason or _waits_for(event, entries, now):
            found.held_back[reason] += 1
            continue
        if is_too_old and sink.oldest is not None:
            found.held_back[TOO_OLD] += 1
            found.expired.append((event.event_id, event.person_id, f"{TOO_OLD}: {sink.oldest.days} days are accepted"))
            continue
        try:
            found.due.append((event, sink.payload(event)))
        except CannotBeToldError as error:
            found.held_back[str(error)] += 1
    _settle_what_is_gone(found, sink, entries, in_outbox, latest)
    return found


def _latest(entries: Iterable[Entry]) -> dict[str | None, Entry]:
    """What a person's record was told last."""
    found: dict[str | None, Entry] = {}
    for entry in entries:
        other = found.get(entry.person_id)
        if other is None or (entry.sent_at or entry.noted_at) > (other.sent_at or other.noted_at):
            found[entry.person_id] = entry
    return found


def _may_be_sent_again(sink: Sink, event: Event, entry: Entry, now: datetime) -> bool:
    window = sink.resend_window(event)
    if window in (ALWAYS, NEVER) or entry.sent_at is None:
        return window == ALWAYS
    return now - entry.sent_at < window


def _waits_for(event: Event, entries: Mapping[str, Entry], now: datetime) -> str:
    """Why an adjustment cannot go yet; empty where it is none, or can."""
    if event.adjusted_event_id is None:
        return ""
    adjusted = entries.get(event.adjusted_event_id)
    if adjusted is None or adjusted.state != "confirmed" or adjusted.settled_at is None:
        return "what it adjusts was not told"
    return "what it adjusts was told less than 24 hours ago" if now - adjusted.settled_at < BEFORE_ADJUSTMENT else ""


def _settle_what_is_gone(
    found: Plan, sink: Sink, entries: Mapping[str, Entry], in_outbox: set[str], latest: Mapping[str | None, Entry]
) -> None:
    """What a delivery that was cut short left behind, and the outbox has no row of by now."""
    news = {event.person_id for event, _ in found.due}
    for entry in entries.values():
        if entry.event_id in in_outbox:
            continue
        if entry.state == "pending":
            found.expired.append((entry.event_id, entry.person_id, "no longer in the outbox"))
        elif (
            entry.state == "sent"
            and sink.is_state
            and (entry.person_id in news or latest.get(entry.person_id) is not entry)
        ):
            found.expired.append((entry.event_id, entry.person_id, "something newer is told"))
        elif entry.state == "sent":
            found.unclear.append(entry.event_id)


def deliver(
    sink: Sink, planned: Plan, ledger: Ledger, now: datetime, pause: Callable[[float], None] = time.sleep
) -> Delivered:
    """Do what a plan says. A failure concerns its own batch, or this sink; it never raises for what a sink answers."""
    done = Delivered(sink.name, held_back=Counter({why: n for why, n in planned.held_back.items() if why != TOO_OLD}))
    ledger.expire([(event_id, sink.name, person_id, why) for event_id, person_id, why in planned.expired], now)
    ledger.settle({event_id: ("unknown", "no answer came") for event_id in planned.unclear}, now)
    done.states["expired"] += len(planned.expired)
    done.states["unknown"] += len(planned.unclear)
    # What a request without an answer may have carried. Whatever is said of a later one, that stays possible.
    unanswered = {each.event_id for each in ledger.entries(sink.name).values() if each.state == "sent"}
    ledger.note(
        [(event.event_id, sink.name, event.person_id) for event, _ in planned.due if event.event_id not in unanswered],
        now,
    )
    waiting = [*_batches(sink, planned.due)]
    while waiting:
        batch = waiting.pop(0)
        try:
            outcomes = _send(sink, batch, ledger, unanswered, now, pause)
        except BatchRefusedError as error:
            if len(batch) > 1:
                # Nothing was taken: the halves tell which event it is about.
                _take_back(batch, "", ledger, unanswered, now)
                middle = len(batch) // 2
                waiting[:0] = [batch[:middle], batch[middle:]]
                continue
            outcomes = {batch[0][0].event_id: ("refused", str(error))}
        except UnclearError as error:
            state: State = "sent" if _is_safe(sink, batch) else "unknown"
            if state == "unknown":
                ledger.settle({event.event_id: (state, str(error)) for event, _ in batch}, now)
            done.states[state] += len(batch)
            done.answers[str(error)] += len(batch)
            continue
        except (SinkStoppedError, ThrottledError, UnreachableError) as error:
            _take_back(batch, str(error), ledger, unanswered, now)
            done.states["pending"] += len(batch) + sum(map(len, waiting))
            done.stopped = str(error)
            break
        ledger.settle(outcomes, now)
        for state, answer in outcomes.values():
            done.states[state] += 1
            if state != "confirmed":
                done.answers[answer] += 1
    return done


def _send(
    sink: Sink,
    batch: Sequence[tuple[Event, Payload]],
    ledger: Ledger,
    unanswered: set[str],
    now: datetime,
    pause: Callable[[float], None],
) -> Outcomes:
    """One request, sent again after a failure where the sink counts it once all the same."""
    attempts = UNCLEAR_ATTEMPTS if _is_safe(sink, batch) else 1
    for attempt in range(attempts):
        ledger.send([(event.event_id, payload_hash(payload)) for event, payload in batch], now)
        try:
            return sink.send(batch)
        except UnclearError:
            unanswered.update(event.event_id for event, _ in batch)
            if attempt == attempts - 1:
                raise
            pause(2.0**attempt)
    raise AssertionError("a request ends with an answer or an error")


def _is_safe(sink: Sink, batch: Iterable[tuple[Event, Payload]]) -> bool:
    return all(sink.resend_window(event) != NEVER for event, _ in batch)


def _take_back(
    batch: Iterable[tuple[Event, Payload]], why: str, ledger: Ledger, unanswered: set[str], now: datetime
) -> None:
    """Nothing of a request was taken: its events wait as before."""
    ledger.settle({event.event_id: ("pending", why) for event, _ in batch if event.event_id not in unanswered}, now)


def _batches(sink: Sink, due: Iterable[tuple[Event, Payload]]) -> Iterator[list[tuple[Event, Payload]]]:
    kinds: dict[str, list[tuple[Event, Payload]]] = {}
    for event, payload in due:
        kinds.setdefault(sink.kind(event), []).append((event, payload))
    for found in kinds.values():
        for start in range(0, len(found), sink.per_request):
            yield found[start : start + sink.per_request]


def payload_hash(payload: Payload) -> str:
    """SHA-256 of a payload, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()
