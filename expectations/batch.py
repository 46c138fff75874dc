"""What a suite knows about the table that it judges."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Batch:
    """The rows under judgement.

    In gate 1 they are the rows loaded since the last publication: a batch that failed once is judged again, together
    with what came after it, until it is published. In gate 2 they are the whole mart.

    Attributes:
        schema, table: where the rows are.
        as_of: the instant that this refresh calls "now", UTC.
        rows: number of rows under judgement.
        earlier_rows: gate 1: rows of the table loaded before; gate 2: rows of the mart in the previous publication.
        since: instant of the previous publication, UTC; None before the first.
        published: catalog under which the previous publication is attached; None before the first, or when it does
            not have this mart.
        account: gate 1: short name of the account whose rows are judged, empty for the one without a name; None where
            the source has one account only.
    """

    schema: str
    table: str
    as_of: datetime
    rows: int
    earlier_rows: int
    since: datetime | None = None
    published: str | None = None
    account: str | None = None

    @property
    def relation(self) -> str:
        """The whole table, also the rows that are not under judgement; of several accounts, one's."""
        table = f"{self.schema}.{self.table}"
        if self.account is None:
            return table
        return f"(select * from {table} where coalesce(source_account, '') = '{self.account}')"

    @property
    def as_of_sql(self) -> str:
        return f"timestamptz '{self.as_of.isoformat()}'"

    @property
    def is_new_sql(self) -> str:
        """Condition that holds for the rows under judgement of a raw table."""
        if self.since is None:
            return "true"
        return f"to_timestamp(_dlt_load_id::double) > timestamptz '{self.since.isoformat()}'"
