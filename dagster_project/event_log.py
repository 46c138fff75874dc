"""Where Dagster keeps the events of its runs: its own storage in SQLite, with connections that stay open.

Belongs here: how the databases are opened. Does not: what is stored (Dagster), how much of it stays (`retention`).

A refresh stores thousands of events, one by one, while its steps wait. For each of them Dagster opens up to three
connections and waits for the disk each time. Here a database is opened once, and SQLite waits for the disk only when it
moves its log into the database (`synchronous = normal`, https://sqlite.org/pragma.html#pragma_synchronous). A process
that is killed loses nothing. A machine that loses power loses the last events of the run, which ended with it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy
from dagster._core.storage.event_log import SqliteEventLogStorage
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import StaticPool

MOST_OPEN = 2  # a run and the index of all runs, which each event goes to
SECONDS_TO_WAIT = 60  # for another process that writes


class OpenEventLogStorage(SqliteEventLogStorage):
    """Dagster's event log in `$DAGSTER_HOME/history/runs`, where the databases that were used last stay open."""

    def __init__(self, base_dir: str, inst_data: Any = None) -> None:
        self._engines: dict[str, Engine] = {}
        self._tables: set[str] = set()
        super().__init__(base_dir, inst_data)

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """It has no settings: its folder follows from Dagster's."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Mapping[str, Any]) -> OpenEventLogStorage:
        """Make the storage that `dagster.yaml` asks for."""
        return cls(str(Path(os.environ["DAGSTER_HOME"]) / "history" / "runs"), inst_data)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock, self._engine(shard).connect() as connection, connection.begin():
            yield connection

    def _engine(self, shard: str) -> Engine:
        """The open database of a run, or the index. A file that somebody removed is made anew, as in Dagster."""
        engine = self._engines.pop(shard, None)
        if engine is not None and not Path(self.path_for_shard(shard)).exists():
            engine.dispose()
            engine = None
        if engine is None:
            engine = self._opened(shard)
        self._engines[shard] = engine  # the last of the dictionary was used last
        for unused in list(self._engines)[:-MOST_OPEN]:
            self._engines.pop(unused).dispose()
        return engine

    def _opened(self, shard: str) -> Engine:
        engine = sqlalchemy.create_engine(
            self.conn_string_for_shard(shard),
            poolclass=StaticPool,
            connect_args={"timeout": SECONDS_TO_WAIT, "check_same_thread": False},
        )
        self._initdb(engine)
        with engine.connect() as connection:
            connection.exec_driver_sql("pragma synchronous = normal")
        return engine

    def has_table(self, table_name: str) -> bool:
        """Whether the index has a table: Dagster asks before it stores a check, and no table goes away again."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def wipe(self) -> None:
        """Remove every event."""
        self._close()
        super().wipe()

    def dispose(self) -> None:
        """Close what is open."""
        self._close()
        super().dispose()

    def _close(self) -> None:
        with self._db_lock:
            for shard in list(self._engines):
                self._engines.pop(shard).dispose()
