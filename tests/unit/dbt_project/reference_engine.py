"""The stage engine again, event by event in plain Python: what the compiled SQL has to agree with.

Belongs here: the semantics of stage models, written for reading. Does not: SQL, speed, and what a rule's condition
means, which the caller has to say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Event:
    activity_id: str
    activity: str
    occurred_at: datetime
    attributes: dict[str, str] = field(default_factory=dict)
    person_id: str = "p"
    source_system: str = "crm"
    source_record_id: str = "1"


@dataclass(frozen=True)
class Candidate:
    """A rule that may apply at an instant: at an event, or when the timer that `event` started runs out."""

    instant: datetime
    is_timer: bool
    rule_number: int
    rule: dict
    event: Event


@dataclass(frozen=True)
class Episode:
    stage: str
    pass_number: int
    entered_at: datetime
    exited_at: datetime | None
    previous_stage: str | None
    next_stage: str | None
    entry_rule: str
    entry_activity_id: str
    lost_reason: str | None


@dataclass
class _State:
    """Where an entity stands between two events."""

    is_open: bool = False  # something opened a pass since the start or the last clearing
    is_lost: bool = False
    pass_number: int = 0
    stage: str | None = None


def _firings(
    rules: dict[str, dict], key: str, events: list[Event], as_of: datetime
) -> Iterator[tuple[datetime, Event]]:
    """Instants at which a timer runs out, each with the activity that started it."""
    rule = rules[key]
    starts = [(event.occurred_at, event) for event in events if event.activity in rule["since"]]
    for other in rule["since"]:
        if other in rules:
            starts += list(_firings(rules, other, events, as_of))
    stops = [event.occurred_at for event in events if event.activity in set(rule["without"]) - set(rule["since"])]
    for started_at in {instant for instant, _ in starts}:
        deadline = started_at + timedelta(days=rule["after_days"])
        is_stopped = any(started_at <= stop <= deadline for stop in stops)
        is_restarted = any(started_at < instant <= deadline for instant, _ in starts)
        if deadline <= as_of and not is_stopped and not is_restarted:
            last = max((event for instant, event in starts if instant == started_at), key=lambda one: one.activity_id)
            yield deadline, last


def candidates(definition: dict, events: list[Event], as_of: datetime) -> list[Candidate]:
    """Every rule that applies to an entity's events, as far as activities and timers go."""
    timers = {rule["key"]: rule for rule in definition["rules"] if "after_days" in rule}
    found = []
    for number, rule in enumerate(definition["rules"], start=1):
        if "after_days" in rule:
            for instant, event in _firings(timers, rule["key"], events, as_of):
                found.append(Candidate(instant, True, number, rule, event))
        else:
            for event in events:
                if event.activity in rule["when"]:
                    found.append(Candidate(event.occurred_at, False, number, rule, event))
    return found


def episodes(definition: dict, holding: list[Candidate]) -> list[Episode]:
    """Episodes of one entity from the candidates whose conditions hold."""
    order = {stage["key"]: number for number, stage in enumerate(definition["stages"])}
    kinds = {stage["key"]: stage["kind"] for stage in definition["stages"]}

    applying = [candidate for candidate in holding if candidate.is_timer]
    chosen: dict[str, Candidate] = {}
    for candidate in sorted(holding, key=lambda one: (-one.rule.get("priority", 0), one.rule_number)):
        if not candidate.is_timer:
            chosen.setdefault(candidate.event.activity_id, candidate)
    applying += chosen.values()
    applying.sort(key=lambda one: (one.instant, not one.is_timer, one.rule_number, one.event.activity_id))

    state = _State()
    trail: list[tuple[datetime, str | None, int, Candidate]] = []
    for candidate in applying:
        rule = candidate.rule
        target = rule.get("stage")
        if rule["then"] == "clear":
            if not state.is_open:
                continue
            state = _State(pass_number=state.pass_number)
        elif kinds[target] == "lost":
            if rule["then"] == "lose" and (not state.is_open or (state.is_lost and candidate.is_timer)):
                continue
            if not state.is_open:
                state = _State(pass_number=state.pass_number + 1, is_open=True)
            state.is_lost, state.stage = True, target
        elif not state.is_open or state.is_lost:
            state = _State(pass_number=state.pass_number + 1, is_open=True, stage=target)
        elif rule["then"] == "set" or order[target] > order[state.stage]:
            state.stage = target
        if not trail or trail[-1][1:3] != (state.stage, state.pass_number):
            trail.append((candidate.instant, state.stage, state.pass_number, candidate))

    # A stage left at the instant it was entered is no episode; what that leaves twice in a row is one.
    lasting = [move for move, later in zip(trail, [*trail[1:], None], strict=False) if not later or later[0] > move[0]]
    moves = [
        move
        for earlier, move in zip([None, *lasting], lasting, strict=False)
        if not earlier or earlier[1:3] != move[1:3]
    ]
    result = []
    for earlier, move, later in zip([None, *moves], moves, [*moves[1:], None], strict=False):
        instant, stage, pass_number, candidate = move
        if stage is None:
            continue
        result.append(
            Episode(
                stage,
                pass_number,
                instant,
                later[0] if later else None,
                earlier[1] if earlier else None,
                later[1] if later else None,
                candidate.rule["key"],
                candidate.event.activity_id,
                _reason(candidate) if kinds[stage] == "lost" else None,
            )
        )
    return result


def _reason(candidate: Candidate) -> str | None:
    text = candidate.rule.get("reason")
    if text and text.startswith("attributes."):
        return candidate.event.attributes.get(text.removeprefix("attributes."))
    return text
