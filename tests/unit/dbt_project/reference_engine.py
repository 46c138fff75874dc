"""The stage engine again, event by event in plain Python: what the compiled SQL has to agree with.

Belongs here: the semantics of stage models, written for reading. Does not: SQL, speed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Event:
    activity_id: str
    activity: str
    occurred_at: datetime
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Episode:
    stage: str
    pass_number: int
    entered_at: datetime
    exited_at: datetime | None
    entry_rule: str
    lost_reason: str | None


Condition = Callable[[Event | None, list[Event]], bool]


@dataclass
class _State:
    """Where an entity stands between two events."""

    is_open: bool = False  # something opened a pass since the start or the last clearing
    is_lost: bool = False
    pass_number: int = 0
    stage: str | None = None


def episodes(definition: dict, events: list[Event], as_of: datetime, conditions: dict[str, Condition]) -> list[Episode]:
    """Episodes of one entity.

    `conditions`: for each rule with an `if`, the same condition over the event (None for a timer) and all events up
    to and including its instant.
    """
    order = {stage["key"]: number for number, stage in enumerate(definition["stages"])}
    kinds = {stage["key"]: stage["kind"] for stage in definition["stages"]}
    rules = list(enumerate(definition["rules"]))

    def holds(rule: dict, event: Event | None, instant: datetime) -> bool:
        known = [other for other in events if other.occurred_at <= instant]
        return "if" not in rule or conditions[rule["key"]](event, known)

    occurrences: list[tuple[datetime, int, int, str, dict, Event | None]] = []
    for number, rule in rules:
        if "after_days" not in rule:
            continue
        fired = set()
        for event in events:
            deadline = event.occurred_at + timedelta(days=rule["after_days"])
            if event.activity not in rule["since"] or deadline > as_of or event.occurred_at in fired:
                continue
            stopped = any(
                (
                    event.occurred_at < other.occurred_at <= deadline
                    and other.activity in {*rule["since"], *rule["without"]}
                )
                or (
                    other.occurred_at == event.occurred_at
                    and other.activity in set(rule["without"]) - set(rule["since"])
                )
                for other in events
            )
            if not stopped and holds(rule, None, deadline):
                fired.add(event.occurred_at)
                occurrences.append((deadline, 0, number, event.activity_id, rule, None))
    by_priority = sorted(rules, key=lambda item: (-item[1].get("priority", 0), item[0]))
    for event in events:
        for number, rule in by_priority:
            if event.activity in (rule.get("when") or []) and holds(rule, event, event.occurred_at):
                occurrences.append((event.occurred_at, 1, number, event.activity_id, rule, event))
                break
    occurrences.sort(key=lambda item: item[:4])

    state = _State()
    trail: list[tuple[datetime, str | None, int, str, str | None]] = []
    for instant, _, _, _, rule, event in occurrences:
        target = rule.get("stage")
        reason = None
        if rule["then"] == "clear":
            if not state.is_open:
                continue
            state = _State(pass_number=state.pass_number)
        elif kinds[target] == "lost":
            if rule["then"] == "lose" and (not state.is_open or (state.is_lost and "after_days" in rule)):
                continue
            if not state.is_open:
                state = _State(pass_number=state.pass_number + 1, is_open=True)
            text = rule.get("reason")
            if text and text.startswith("attributes."):
                reason = event.attributes.get(text.removeprefix("attributes.")) if event else None
            else:
                reason = text
            state.is_lost, state.stage = True, target
        else:
            if not state.is_open or state.is_lost:
                state = _State(pass_number=state.pass_number + 1, is_open=True, stage=target)
            elif rule["then"] == "set" or order[target] > order[state.stage]:
                state.stage = target
        if not trail or trail[-1][1:3] != (state.stage, state.pass_number):
            trail.append((instant, state.stage, state.pass_number, rule["key"], reason))

    # A stage left at the instant it was entered is no episode; what that leaves twice in a row is one.
    lasting = [move for move, later in zip(trail, [*trail[1:], None], strict=False) if not later or later[0] > move[0]]
    moves = [
        move
        for earlier, move in zip([None, *lasting], lasting, strict=False)
        if not earlier or earlier[1:3] != move[1:3]
    ]
    return [
        Episode(stage, pass_number, instant, later[0] if later else None, rule_key, reason)
        for (instant, stage, pass_number, rule_key, reason), later in zip(moves, [*moves[1:], None], strict=False)
        if stage is not None
    ]
