"""The ledger: what was told to whom and what came of it, in SQLite. It outlives every refresh.

A state is on disk before the step that it speaks of is taken: `sent` before a request leaves, the answer before the
next one. So whatever a crash leaves behind says what may have happened.

Belongs here: the states, which may follow which, the lock. Does not: when a state is reached (`delivery`). No column
holds an address: a person is their `person_id`, an answer is kept without what looks like one.
"""

from __future__ import annotations

import fcntl
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, Self, get_args

State = Literal["pending", "sent", "confirmed", "refused", "expired", "unknown"]
STATES: tuple[State, ...] = get_args(State)
# What may follow a state. `sent` follows itself where a request is sent again. What has ended is taken up again where a
# person asks for it, or where a record is to be told an earlier content once more.
MAY_FOLLOW: Mapping[State | None, frozenset[State]] = {
    None: frozenset({"pending", "expired"}),
    "pending": frozenset({"pending", "sent", "expired"}),
    "sent": frozenset({"sent", "confirmed", "refused", "pending", "unknown", "expired"}),
    "unknown": frozenset({"confirmed", "refused", "pending"}),
    "confirmed": frozenset({"pending"}),
    "refused": frozenset({"pending", "confirmed"}),
    "expired": frozenset({"pending"}),
}
DECIDABLE: tuple[State, ...] = ("unknown", "refused")  # what a person may decide otherwise
ANSWER_CHARACTERS = 300
_ADDRESS = re.compile(r"[^\s\"'<>:,;]+@[^\s\"'<>,;]+|[+]?\d[\d ()./-]{6,}\d")
SCHEMA = f"""
create table if not exists events (
    event_id text primary key,
    sink text not null,
    person_id text,
    payload_hash text not null default '',
    state text not null check (state in {STATES}),
    attempts integer not null default 0,
    answer text not null default '',
    noted_at text not null,
    sent_at text,
    settled_at text
) strict;
create index if not exists events_by_sink on events (sink, state);
"""


class LedgerError(RuntimeError):
    """The ledger cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class Entry:
    """What is known of one event.

    Attributes:
        payload_hash: SHA-256 of the payload as it was sent last.
        attempts: requests that it was part of.
        answer: what the sink said, or why it did not come to it.
        noted_at, sent_at, settled_at: when it was first noted, last sent, and last got a state other than `sent`; UTC.
    """

    event_id: str
    sink: str
    person_id: str | None
    payload_hash: str
    state: State
    attempts: int
    answer: str
    noted_at: datetime
    sent_at: datetime | None
    settled_at: datetime | None


def without_addresses(text: str) -> str:
    """A vendor's words without what may be an e-mail address or a phone number, and not longer than anyone reads."""
    shown = _ADDRESS.sub("…", " ".join(text.split()))
    return shown if len(shown) <= ANSWER_CHARACTERS else shown[: ANSWER_CHARACTERS - 2] + " …"


class Ledger:
    """The open ledger. Use as a context manager; each method is one transaction, on disk when it returns."""

    def __init__(self, path: Path) -> None:
        """Open the ledger for writing; made where there is none."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=10)
        path.chmod(0o600)
        self._connection.execute("pragma journal_mode = wal")
        self._connection.execute("pragma synchronous = full")
        self._connection.execute("pragma secure_delete = on")
        self._connection.executescript(SCHEMA)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def entries(self, sink: str | None = None) -> dict[str, Entry]:
        """What is known of a sink's events, or of all, by event id."""
        return _entries(self._connection, sink)

    def note(self, noted: Iterable[tuple[str, str, str | None]], now: datetime) -> None:
        """Events that are about to be sent: (event id, sink, person). They are `pending`."""
        with self._transaction():
            for event_id, sink, person_id in noted:
                self._follow(event_id, "pending")
                self._connection.execute(
                    "insert into events (event_id, sink, person_id, state, noted_at) values (?, ?, ?, 'pending', ?) "
                    "on conflict (event_id) do update set state = 'pending', person_id = excluded.person_id",
                    [event_id, sink, person_id, _text(now)],
                )

    def expire(self, expired: Iterable[tuple[str, str, str | None, str]], now: datetime) -> None:
        """Events that will not be sent any more: (event id, sink, person, why)."""
        with self._transaction():
            for event_id, sink, person_id, why in expired:
                self._follow(event_id, "expired")
                self._connection.execute(
                    "insert into events (event_id, sink, person_id, state, answer, noted_at, settled_at) "
                    "values (?, ?, ?, 'expired', ?, ?, ?) on conflict (event_id) do update set "
                    "state = 'expired', answer = excluded.answer, settled_at = excluded.settled_at",
                    [event_id, sink, person_id, why, _text(now), _text(now)],
                )

    def send(self, sent: Iterable[tuple[str, str]], now: datetime) -> None:
        """A request with these leaves next: (event id, payload hash).

        Of what was sent before and has no answer, `sent_at` stays: from then on it may have been taken.
        """
        with self._transaction():
            for event_id, payload_hash in sent:
                self._follow(event_id, "sent")
                self._connection.execute(
                    "update events set sent_at = case when state = 'sent' then sent_at else ? end, state = 'sent', "
                    "attempts = attempts + 1, payload_hash = ? where event_id = ?",
                    [_text(now), payload_hash, event_id],
                )

    def settle(self, states: Mapping[str, tuple[State, str]], now: datetime) -> None:
        """What came of events: state and answer, by event id."""
        with self._transaction():
            for event_id, (state, answer) in states.items():
                self._follow(event_id, state)
                self._connection.execute(
                    "update events set state = ?, answer = ?, settled_at = ? where event_id = ?",
                    [state, without_addresses(answer), _text(now), event_id],
                )

    def decide(self, before: State, after: State, sink: str | None, now: datetime) -> int:
        """What a person decides of all events in a state, of one sink or of all; returns how many that were.

        Raises:
            LedgerError: the one state cannot follow the other.
        """
        if before not in DECIDABLE or after not in MAY_FOLLOW[before]:
            possible = sorted(f"{one}={other}" for one in DECIDABLE for other in MAY_FOLLOW[one])
            raise LedgerError(f"{before}={after} cannot be decided. Choose from: {', '.join(possible)}.")
        found = {event_id: entry for event_id, entry in self.entries(sink).items() if entry.state == before}
        self.settle({event_id: (after, "a person decided so") for event_id in found}, now)
        return len(found)

    def _follow(self, event_id: str, state: State) -> None:
        row = self._connection.execute("select state from events where event_id = ?", [event_id]).fetchone()
        before: State | None = row[0] if row else None
        if state not in MAY_FOLLOW[before]:
            raise LedgerError(f"{event_id}: {state} cannot follow {before or 'nothing'}.")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("begin immediate")
        try:
            yield
        except BaseException:
            self._connection.execute("rollback")
            raise
        self._connection.execute("commit")


def look(path: Path) -> dict[str, Entry]:
    """All that a ledger holds, without changing anything; nothing where there is none."""
    if not path.exists():
        return {}
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as connection:
        return _entries(connection, None)


def rows_of(path: Path, person_ids: Iterable[str]) -> list[dict[str, object]]:
    """The rows of some persons, as the ledger holds them."""
    if not path.exists():
        return []
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as connection:
        connection.row_factory = sqlite3.Row
        rows = connection.execute("select * from events order by noted_at, event_id").fetchall()
    wanted = {*person_ids}
    return [dict(row) for row in rows if row["person_id"] in wanted]


def forget(path: Path, stands_for: Callable[[str], str | None], person_ids: Iterable[str]) -> int:
    """Put another text in the place of some persons, and drop the hashes of what was told of them.

    Returns:
        Rows that were theirs.
    """
    if not path.exists():
        return 0
    count = 0
    with closing(sqlite3.connect(path, isolation_level=None, timeout=10)) as connection:
        connection.execute("pragma secure_delete = on")
        connection.execute("begin immediate")
        for person_id in person_ids:
            count += connection.execute(
                "update events set person_id = ?, payload_hash = '', answer = '' where person_id = ?",
                [stands_for(person_id), person_id],
            ).rowcount
        connection.execute("commit")
        connection.execute("vacuum")
        connection.execute("pragma wal_checkpoint(truncate)")
    return count


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Hold the only right to deliver from a data folder, for as long as the process lives.

    Raises:
        LedgerError: at once, where another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / "activation.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LedgerError("another process is sending: wait until it has finished.") from None
        yield


def _entries(connection: sqlite3.Connection, sink: str | None) -> dict[str, Entry]:
    rows = connection.execute(
        "select event_id, sink, person_id, payload_hash, state, attempts, answer, noted_at, sent_at, settled_at "
        "from events where sink = coalesce(?, sink)",
        [sink],
    ).fetchall()
    return {row[0]: Entry(*row[:7], *map(_instant, row[7:])) for row in rows}


def _text(instant: datetime) -> str:
    return instant.isoformat()


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
