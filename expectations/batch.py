"""What a suite knows about the table that it judges."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Batch:
    """The rows under judgement.

    In gate 1 they are the rows loaded since the last publication: a batch that failed once is judged again, together
    with what came after it, until it is published. Of a table that keeps versions they are those that still hold: what
    a newer version has corrected since is read by no model any more. In gate 2 they are the whole mart.

    Attributes:
        schema, table: where the rows are.
        as_of: the instant that this refresh calls "now", UTC.
        rows: number of rows under judgement.
        earlier_rows: gate 1: rows of the table loaded before; gate 2: rows of the mart in the previous publication.
        since: instant of the previous publication, UTC; None before the first.
        published: catalog under which the previous publication is attached; None before the first, or when it does
            not have this mart.
        keeps_versions: gate 1: whether versions that a newer one has replaced are not under judgement.
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
    keeps_versions: bool = False

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
        """Condition that holds for the rows of a raw table that were loaded since the last publication."""
        if self.since is None:
            return "true"
        return f"to_timestamp(_dlt_load_id::double) > timestamptz '{self.since.isoformat()}'"

    @property
    def is_judged_sql(self) -> str:
        """Condition that holds for the rows under judgement of a raw table."""
        return f"{self.is_new_sql} and _dlt_valid_to is null" if self.keeps_versions else self.is_new_sql
