"""How far a source has been read: the instant from which its next pass begins.

Belongs here: reading vendors' instants and keeping the latest one. Does not: where it is stored (dlt's resource
state, which moves only with a successful load), how far back a pass goes behind it (each source's lag).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ingestion.clock import TOLERANCE, Clock

MAX_EPOCH_SECONDS = 20_000_000_000  # larger numbers are milliseconds: the row models read them the same way


def instant(value: Any) -> datetime | None:
    """A vendor's instant (ISO text, epoch seconds or milliseconds) in UTC; None where it cannot be read.

    An unreadable one is not an error here: the row model rejects the record, and the watermark follows the others.
    """
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value / 1000 if value > MAX_EPOCH_SECONDS else value, UTC)
        moment = datetime.fromisoformat(str(value))
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError, OSError, RecursionError):
        return None


class Watermark:
    """The latest instant seen, from the one of the pass before onwards.

    It never passes the present: one record dated in the year 9999 would otherwise hide everything after it. A stored
    one that lies ahead was written by a wrong clock: it says nothing of what was read, and everything is read again.
    """

    def __init__(self, stored: str | None = None, clock: Clock | None = None) -> None:
        self._clock = clock or Clock()
        self._latest = believable(stored, self._clock)

    def see(self, value: Any) -> None:
        moment = instant(value)
        if moment is None or moment > self._clock.present:
            return
        if self._latest is None or moment > self._latest:
            self._latest = moment

    @property
    def at(self) -> datetime | None:
        return self._latest

    @property
    def stored(self) -> str | None:
        """ISO text for the state."""
        return None if self._latest is None else self._latest.isoformat()


def believable(stored: str | None, clock: Clock) -> datetime | None:
    """The instant of a stored position; None where there is none, or a wrong clock wrote it."""
    moment = instant(stored)
    return None if moment is None or moment > clock.present + TOLERANCE else moment
