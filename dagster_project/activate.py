"""`make activate`: show what would be told to whom, or tell the sinks of `ACTIVATION_SINKS`.

Belongs here: the command, and its words. Does not: which events go (`activation/delivery.py`), the wire form of a sink.

It reads the published outbox and its own ledger, and never waits for a refresh: neither holds the other's lock.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from activation import delivery, ledger, outbox
from activation.delivery import Delivered, Plan
from activation.ledger import STATES, Entry, Ledger, LedgerError, State, only_writer
from activation.outbox import NothingToReadError
from dagster_project import environment, sinks
from dagster_project.sinks import SINKS, ActivationSettings
from ingestion import config, secrecy
from ingestion.config import SettingsError
from serving.versions import link_path

UNKNOWN_SHOWN, ANSWERS_SHOWN = 20, 5


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; 0: nothing was in the way of what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m dagster_project.activate", description=__doc__)
    parser.add_argument("--settle", metavar="BEFORE=AFTER", help="decide what became of events: unknown=confirmed")
    parser.add_argument("--sink", choices=SINKS, help="of this sink alone")
    options = parser.parse_args(arguments)
    try:
        if options.settle:
            return _settle(options.settle, options.sink)
        wanted = ActivationSettings.read().sinks
        return deliver(wanted, _say) if wanted else show(_say)
    except (SettingsError, LedgerError, NothingToReadError) as error:
        print(f"Nothing was sent: {secrecy.hidden(str(error))}", file=sys.stderr)
        return 1


def show(say: Callable[[str], None]) -> int:
    """What would go where. Nothing is sent, and nothing is written."""
    events, entries = outbox.read(link_path(environment.serving_dir())), ledger.look(environment.ledger_path())
    say("Dry run: nothing is sent. ACTIVATION_SINKS=<sinks> make activate sends.")
    for name, sink in sinks.of_settings().items():
        if isinstance(sink, SettingsError):
            say(f"{name:<12}{sink}")
            continue
        planned = delivery.plan(sink, events, _of(entries, name), config.as_of())
        say(f"{name:<12}{_planned(planned)}")
        if planned.due:
            say(f"{'':<12}for instance {json.dumps(planned.due[0][1], ensure_ascii=False)}")
    _say_unknown(entries, say)
    return 0


def deliver(wanted: Sequence[str], say: Callable[[str], None], now: datetime | None = None) -> int:
    """Tell some sinks what they were not told yet; 1: one of them stopped.

    Raises:
        LedgerError: another process is sending.
        NothingToReadError: nothing is published.
    """
    environment.refuse_real_sinks_in_sandbox(wanted)
    now = now or config.as_of()
    path = environment.ledger_path()
    events = outbox.read(link_path(environment.serving_dir()))
    stopped = False
    with only_writer(path.parent), Ledger(path) as book:
        for name, sink in sinks.of_settings().items():
            if name not in wanted:
                continue
            if isinstance(sink, SettingsError):
                stopped = True
                say(f"{name:<12}stopped: {sink}")
                continue
            planned = delivery.plan(sink, events, book.entries(name), now)
            done = delivery.deliver(sink, planned, book, now)
            stopped |= bool(done.stopped)
            for line in _told(done):
                say(line)
        _say_unknown(book.entries(), say)
    return int(stopped)


def _settle(decision: str, sink: str | None) -> int:
    before, equals, after = decision.partition("=")
    if not equals or before not in STATES or after not in STATES:
        raise LedgerError(f"--settle {decision}: write it like unknown=confirmed.")
    path = environment.ledger_path()
    with only_writer(path.parent), Ledger(path) as book:
        count = book.decide(_state(before), _state(after), sink, config.as_of())
    print(f"{count} events were {before} and are {after}.")
    return 0


def _state(text: str) -> State:
    return next(state for state in STATES if state == text)


def _of(entries: Mapping[str, Entry], sink: str) -> dict[str, Entry]:
    return {event_id: entry for event_id, entry in entries.items() if entry.sink == sink}


def _planned(planned: Plan) -> str:
    parts = [f"{len(planned.due):>7} would go"]
    if planned.held_back:
        parts.append(f"{planned.held_back.total()} held back ({_counts(planned.held_back)})")
    if planned.standing:
        parts.append(f"{planned.standing.total()} settled ({_counts(planned.standing)})")
    if planned.unclear:
        parts.append(f"{len(planned.unclear)} without an answer")
    return ", ".join(parts)


def _told(done: Delivered) -> list[str]:
    lines = [f"{done.sink:<12}{_counts(done.states) or 'nothing to tell'}"]
    if done.held_back:
        lines[0] += f"; held back: {_counts(done.held_back)}"
    lines += [
        f"{'':<12}{count} times: {ledger.without_addresses(answer)}" for answer, count in done.answers.most_common(5)
    ]
    if done.stopped:
        lines.append(f"{done.sink:<12}stopped: {ledger.without_addresses(done.stopped)}")
    return lines


def _counts(counts: Mapping[State, int] | Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items() if count)


def _say_unknown(entries: Mapping[str, Entry], say: Callable[[str], None]) -> None:
    unknown = [entry for entry in entries.values() if entry.state == "unknown"]
    if not unknown:
        return
    say(
        f"{len(unknown)} events were sent and nobody knows whether they arrived. Look there, and decide: make activate "
        'ARGS="--settle unknown=confirmed", or unknown=pending to send them again.'
    )
    for entry in unknown[:UNKNOWN_SHOWN]:
        say(f"{entry.sink:<12}{entry.event_id}, sent {entry.sent_at:%Y-%m-%d %H:%M} UTC: {entry.answer}")


def _say(line: str) -> None:
    print(secrecy.hidden(line))


if __name__ == "__main__":
    sys.exit(main())
