"""DuckDB through SQLAlchemy in the way that Great Expectations reads: results are fetched at once.

Great Expectations fetches results after it has given its connection back, and DuckDB drops open results on the rollback
that this causes.
"""

from __future__ import annotations

from typing import Any

from duckdb_engine import Dialect
from sqlalchemy.engine.cursor import FullyBufferedCursorFetchStrategy


class BufferedExecutionContext(Dialect.execution_ctx_cls):  # type: ignore[misc, valid-type]
    def post_exec(self) -> None:
        super().post_exec()
        if self.cursor is not None and self.cursor.description:
            self.cursor_fetch_strategy = FullyBufferedCursorFetchStrategy(
                self.cursor, initial_buffer=self.cursor.fetchall()
            )


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
