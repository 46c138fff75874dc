"""Days that are read again: a range that a person names, of tables whose source can be asked for days.

Belongs here: what such a range is, and which one is refused. Does not: how a source reads it (its resources), how it is
loaded (`pipelines.read_again`).

A source package that can do it says so by a `ByDay` of the name `BY_DAY`. Where the intake has `days`, the resources of
its tables read those days alone, and leave their state as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from ingestion.config import SettingsError
from ingestion.tables import RawTable


class DaysError(SettingsError):
    """Days that cannot be read again; the message says why, and which can."""

    in_short = "these days cannot be read again"


@dataclass(frozen=True)
class Days:
    """The first and the last day, both included."""

    first: date
    last: date

    @property
    def begins_at(self) -> datetime:
        """The beginning of the first day in UTC."""
        return datetime.combine(self.first, time(), UTC)

    @property
    def ends_at(self) -> datetime:
        """The end of the last day in UTC, which is not part of it."""
        return datetime.combine(self.last, time(), UTC) + timedelta(days=1)

    def __str__(self) -> str:
        return f"{self.first} to {self.last}"


@dataclass(frozen=True)
class ByDay:
    """What of a source can be read again.

    Attributes:
        tables: that can be asked for days.
        kept_since: the first day that the vendor still tells as a whole, of the present day; None: there is no limit.
    """

    tables: tuple[RawTable, ...]
    kept_since: Callable[[date], date] | None = None

    def check(self, source: str, days: Days, today: date) -> None:
        """Stop where the source cannot tell of these days.

        Raises:
            DaysError: they are none, lie ahead, or the vendor has forgotten them.
        """
        if days.last < days.first:
            raise DaysError(f"{source}: the days {days} end before they begin: name the earlier one first.")
        if days.last > today:
            raise DaysError(f"{source}: of the days {days} the last lies ahead: today is {today} (UTC).")
        kept_since = self.kept_since(today) if self.kept_since else None
        if kept_since is not None and days.first < kept_since:
            raise DaysError(
                f"{source}: of the days {days} the first is one that the vendor does not tell as a whole any more: "
                f"begin with {kept_since} or later. What was loaded of it before stays."
            )
