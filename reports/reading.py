"""What the report reads of a published file: rows of its queries, and what the file says of its marts.

Belongs here: opening the file, read-only. Does not: the queries, one file a figure in `reports/queries/`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType

import duckdb

from reports.figures import Row

QUERIES = Path(__file__).parent / "queries"
SCHEMA = "marts"


@dataclass(frozen=True)
class Mart:
    """A published table as it describes itself: pairs of a column and its description, in the order of the table."""

    name: str
    description: str
    columns: Sequence[tuple[str, str, str]]


@dataclass(frozen=True)
class Publication:
    """Which version it is."""

    version: str
    published_at: datetime
    as_of: datetime
    stale_sources: Sequence[str]


class NotInThisVersionError(Exception):
    """A published file lacks a mart or a column that a query reads; the message says which."""


class Published:
    """One published file, open for reading."""

    def __init__(self, path: Path) -> None:
        self._connection = duckdb.connect(str(path), read_only=True)

    def __enter__(self) -> Published:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def rows(self, query: str) -> list[Row]:
        """What a query of `reports/queries/` finds, named like `stages/now`.

        Raises:
            NotInThisVersionError: the file is older than the query, and lacks a mart or a column of it.
        """
        try:
            found = self._connection.execute((QUERIES / f"{query}.sql").read_text())
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            raise NotInThisVersionError(str(error).splitlines()[0]) from error
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def publication(self) -> Publication:
        """Which version it is."""
        version, published_at, as_of, stale = self._connection.execute(
            f"select version, published_at, as_of, stale_sources from {SCHEMA}.publication"
        ).fetchall()[0]
        return Publication(version, published_at, as_of, [name for name in stale.split(",") if name])

    def currency(self) -> str:
        """The reporting currency; empty where no amount is known."""
        for mart in ("customer_value", "revenue_retention", "campaign_performance", "deal_pipeline"):
            found = self._connection.execute(f"select reporting_currency from {SCHEMA}.{mart} limit 1").fetchall()
            if found and found[0][0]:
                return found[0][0]
        return ""

    def marts(self) -> list[Mart]:
        """Every mart with its columns and what is said of them."""
        columns: dict[str, list[tuple[str, str, str]]] = {}
        for table, column, kind, text in self._connection.execute(
            "select table_name, column_name, data_type, coalesce(comment, '') from duckdb_columns() "
            "where schema_name = ? order by table_name, column_index",
            [SCHEMA],
        ).fetchall():
            columns.setdefault(table, []).append((column, kind.lower(), text))
        return [
            Mart(name, text, columns[name])
            for name, text in self._connection.execute(
                "select table_name, coalesce(comment, '') from duckdb_tables() where schema_name = ? order by "
                "table_name",
                [SCHEMA],
            ).fetchall()
        ]
