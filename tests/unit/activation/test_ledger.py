"""The ledger under every order of steps: states follow each other as they may, and what was sent is never sent again
where it could be counted twice."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activation import delivery
from activation.http import Http, ThrottledError, UnclearError, UnreachableError
from activation.ledger import (
    MAY_FOLLOW,
    STATES,
    Ledger,
    LedgerError,
    forget,
    look,
    only_writer,
    rows_of,
)
from activation.outbox import Event
from activation.sinks.base import NEVER, BatchRefusedError, Outcomes, Payload, Sink, SinkStoppedError
from tests.unit.activation.conftest import NOW, purchase

WINDOW = timedelta(hours=48)


class DiedError(BaseException):
    """The process ends here."""


class Scripted(Sink):
    """A sink that does with each request what the script says, and remembers what it took."""

    name = "scripted"
    per_request = 2

    def __init__(self, is_joined: bool) -> None:
        super().__init__(Http("http://127.0.0.1:9", {}))
        self.is_joined = is_joined
        self.script: list[str] = []
        self.taken: Counter[str] = Counter()
        self.first_taken: dict[str, float] = {}
        self.hours = 0.0

    def payload(self, event: Event) -> Payload:
        return {"id": event.event_id}

    def resend_window(self, event: Event) -> timedelta:
        return WINDOW if self.is_joined else NEVER

    def send(self, batch: Sequence[tuple[Event, Payload]]) -> Outcomes:
        what = self.script.pop(0) if self.script else "taken"
        if what in ("taken", "taken without an answer", "died after it was taken", "refused in part"):
            for event, _ in batch[1:] if what == "refused in part" else batch:
                self._take(event.event_id)
        if what == "refused in part":
            return {**self.all_confirmed(batch[1:]), batch[0][0].event_id: ("refused", "wrong")}
        if what in ("taken without an answer", "lost"):
            raise UnclearError("no answer")
        if what.startswith("died"):
            raise DiedError
        if what == "refused":
            raise BatchRefusedError("wrong")
        for kind in (SinkStoppedError, ThrottledError, UnreachableError):
            if what == kind.__name__:
                raise kind(what)
        return self.all_confirmed(batch)

    def _take(self, event_id: str) -> None:
        first = self.first_taken.setdefault(event_id, self.hours)
        if not self.is_joined or not self.taken[event_id] or self.hours - first >= WINDOW.total_seconds() / 3600:
            self.taken[event_id] += 1


ANSWERS = [
    "taken",
    "taken without an answer",
    "lost",
    "died before it was taken",
    "died after it was taken",
    "refused",
    "refused in part",
    "SinkStoppedError",
    "ThrottledError",
    "UnreachableError",
]


@settings(max_examples=60)
@given(
    nights=st.lists(
        st.tuples(st.sampled_from([0.0, 5.0, 47.0, 49.0]), st.lists(st.sampled_from(ANSWERS), max_size=6)),
        min_size=1,
        max_size=6,
    ),
    is_joined=st.booleans(),
)
def test_whatever_goes_wrong_nothing_is_counted_twice_and_nothing_is_lost_in_silence(
    nights: list[tuple[float, list[str]]], is_joined: bool
) -> None:
    sink = Scripted(is_joined)
    events = [purchase("scripted", number) for number in range(5)]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.sqlite"
        for hours, script in [*nights, (0.0, [])]:
            sink.hours += hours
            sink.script = list(script)
            now = NOW + timedelta(hours=sink.hours)
            try:
                with Ledger(path) as ledger:
                    ledger._connection.execute("pragma synchronous = off")  # the machine stays on
                    planned = delivery.plan(sink, events, ledger.entries("scripted"), now)
                    delivery.deliver(sink, planned, ledger, now, lambda seconds: None)
            except DiedError:
                pass
        entries = look(path)

    assert {*entries} == {event.event_id for event in events}
    for event_id, entry in entries.items():
        assert sink.taken[event_id] <= 1
        assert entry.state != "pending"
        assert entry.state != "confirmed" or sink.taken[event_id] == 1
        if entry.state == "refused":
            assert sink.taken[event_id] == 0 or entry.attempts > 1


@settings(max_examples=60)
@given(before=st.sampled_from([None, *STATES]), after=st.sampled_from(STATES))
def test_no_state_follows_another_that_it_may_not_follow(before: str | None, after: str) -> None:
    with TemporaryDirectory() as folder, Ledger(Path(folder) / "ledger.sqlite") as ledger:
        ledger._connection.execute("pragma synchronous = off")
        reach(ledger, before)
        if after in MAY_FOLLOW[before]:  # type: ignore[index]
            move(ledger, after)
            assert ledger.entries()["e"].state == after
        else:
            with pytest.raises(LedgerError, match="cannot follow"):
                move(ledger, after)
            assert [entry.state for entry in ledger.entries().values()] == ([before] if before else [])


def reach(ledger: Ledger, state: str | None) -> None:
    if state is None:
        return
    for step in {"pending": ["pending"], "expired": ["expired"]}.get(state, ["pending", "sent", state]):
        if step != "sent" or state != "sent" or ledger.entries()["e"].state != "sent":
            move(ledger, step)


def move(ledger: Ledger, state: str) -> None:
    if state == "pending":
        ledger.note([("e", "meta", "p")], NOW)
    elif state == "sent":
        ledger.send([("e", "hash")], NOW)
    elif state == "expired":
        ledger.expire([("e", "meta", "p", "too old")], NOW)
    else:
        ledger.settle({"e": (state, "said")}, NOW)  # type: ignore[dict-item]


def test_a_commit_is_on_disk_before_the_next_step(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        found = [ledger._connection.execute(f"pragma {each}").fetchone()[0] for each in ("journal_mode", "synchronous")]

    assert found == ["wal", 2]  # 2: FULL
    assert (tmp_path / "ledger.sqlite").stat().st_mode & 0o777 == 0o600


def test_a_second_process_that_would_send_is_told_so(tmp_path: Path) -> None:
    with only_writer(tmp_path), pytest.raises(LedgerError, match="another process is sending"), only_writer(tmp_path):
        pass


def test_only_what_a_person_can_know_is_decided(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        reach(ledger, "unknown")
        with pytest.raises(LedgerError, match=r"sent=confirmed cannot be decided. Choose from: .*unknown=confirmed"):
            ledger.decide("sent", "confirmed", None, NOW)
        assert ledger.decide("unknown", "pending", "tiktok", NOW) == 0
        assert ledger.decide("unknown", "pending", "meta", NOW) == 1
        assert ledger.entries()["e"].state == "pending"


def test_of_who_was_erased_only_a_pseudonym_is_left(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger(path) as ledger:
        ledger.note([("e", "meta", "person-of-the-past"), ("f", "meta", "another")], NOW)
        ledger.send([("e", "hash-of-the-past")], NOW)

    assert forget(path, lambda text: "pseudonym", ["person-of-the-past", "unheard of"]) == 1

    assert rows_of(path, ["person-of-the-past"]) == []
    assert [row["person_id"] for row in rows_of(path, ["pseudonym", "another"])] == ["pseudonym", "another"]
    content = b"".join(each.read_bytes() for each in tmp_path.glob("ledger.sqlite*"))
    assert b"of-the-past" not in content
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("select state from events where event_id = 'e'").fetchone() == ("sent",)
