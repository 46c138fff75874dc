"""An empty database in memory for each example that a test draws.

Belongs here: opening one. Does not: what is in it, and the SQL that reads it (`compiling`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count

import duckdb

_NUMBERS = count()


@contextmanager
def empty_database(name: str = "") -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to a database that nothing else writes to, and that is gone at the end; it uses one thread.

    DuckDB takes twenty times as long to start as to attach another database, and longer than most examples need.

    Args:
        name: what the SQL of models calls it; empty: any.
    """
    name = name or f"example_{next(_NUMBERS)}"
    _started().execute(f"attach ':memory:' as {name}")
    connection = _started().cursor()
    try:
        connection.execute(f"use {name}")
        yield connection
    finally:
        connection.close()
        _started().execute(f"detach {name}")


@cache
def _started() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"threads": 1})
