"""DuckDB through SQLAlchemy in the way that Great Expectations reads: results are fetched at once.

Great Expectations fetches results after it has given its connection back, and DuckDB drops open results on the rollback
that this causes. It also runs a batch's whole query to learn the names of its columns: of a result with very many rows
only the first are fetched.
"""

from __future__ import annotations

from collections import deque
from typing import Any, NoReturn

from duckdb_engine import Dialect
from sqlalchemy.engine.cursor import FullyBufferedCursorFetchStrategy

FETCHED_AT_MOST = 10_000  # rows; expectations read figures, and a few rows to show


class _FirstRows(FullyBufferedCursorFetchStrategy):
    """The first rows of a result that has more: whoever reads past them is told, instead of taking them for all."""

    _rowbuffer: deque[Any]

    def fetchone(self, result: Any, dbapi_cursor: Any, hard_close: bool = False) -> Any:
        return super().fetchone(result, dbapi_cursor, hard_close) if self._rowbuffer else self._refuse()

    def fetchmany(self, result: Any, dbapi_cursor: Any, size: int | None = None) -> Any:
        if size is None or size > len(self._rowbuffer):
            self._refuse()
        return super().fetchmany(result, dbapi_cursor, size)

    def fetchall(self, result: Any, dbapi_cursor: Any) -> NoReturn:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise RuntimeError(
            f"an expectation read more than {FETCHED_AT_MOST:,} rows: let its SQL count them, or show a few of them"
        )


class BufferedExecutionContext(Dialect.execution_ctx_cls):  # type: ignore[misc, valid-type]
    def post_exec(self) -> None:
        super().post_exec()
        if self.cursor is not None and self.cursor.description:
            rows = self.cursor.fetchmany(FETCHED_AT_MOST + 1)
            strategy = FullyBufferedCursorFetchStrategy if len(rows) <= FETCHED_AT_MOST else _FirstRows
            self.cursor_fetch_strategy = strategy(self.cursor, initial_buffer=rows)


class BufferedDialect(Dialect):
    """`connect_args={"attach": {alias: path}}` attaches further files, read-only, to every connection."""

    execution_ctx_cls = BufferedExecutionContext
    supports_statement_cache = False

    def connect(self, *arguments: Any, **named: Any) -> Any:
        attachments = named.pop("attach", {})
        connection = super().connect(*arguments, **named)
        connection.execute("set TimeZone = 'UTC'")
        for alias, path in attachments.items():
            quoted = path.replace("'", "''")
            connection.execute(f"attach if not exists '{quoted}' as {alias} (read_only)")
        return connection
