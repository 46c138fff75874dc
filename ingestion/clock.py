"""What time it is for a load: now, but never later than the vendor's own clock says.

Belongs here: which instant a cursor may reach, and when the clock of this machine is wrong. Does not: which instant
counts as now (`config.as_of`), how far back a source reads behind its cursor.

A clock that is ahead for one night would move every cursor past what the vendor had told by then, and the records in
between would never be asked for. So cursors follow the `Date` of the vendor's answers (RFC 9110, 6.6.1), and a clock
that is plainly wrong is refused before anything is loaded: what is loaded knows when that was, and no later load may
lie before it.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import requests

from ingestion import config
from ingestion.config import SettingsError

log = logging.getLogger(__name__)

TOLERANCE = timedelta(minutes=10)
SECONDS_TO_ANSWER = 5.0


class WrongClockError(SettingsError):
    """The clock of this machine is not what a vendor's says."""


class Clock:
    """The time of one load of one source.

    Attributes:
        as_of: the instant that counts as now.
    """

    def __init__(self) -> None:
        self.as_of = config.as_of()
        self._told: datetime | None = None

    def hear(self, vendor: str, date: str | None) -> None:
        """Take note of the `Date` header of an answer.

        Raises:
            WrongClockError: the clock of this machine is wrong.
        """
        told = http_date(date)
        if told is None:
            return
        refuse_wrong_clock(vendor, told, self.as_of)
        self._told = min(told, self._told or told)

    @property
    def is_told(self) -> bool:
        """Whether the vendor says what time it is."""
        return self._told is not None

    @property
    def present(self) -> datetime:
        """Now, or the time at which the vendor gave its first answer, whichever is earlier."""
        return min(self.as_of, self._told or self.as_of)


def http_date(value: str | None) -> datetime | None:
    """An HTTP date in UTC; None where there is none or it cannot be read."""
    try:
        moment = parsedate_to_datetime(value or "")
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return None


def refuse_wrong_clock(vendor: str, told: datetime, as_of: datetime) -> None:
    """Stop where now is read from a clock that is not what the vendor's says. An instant that a person set is theirs.

    Raises:
        WrongClockError: saying what to do.
    """
    if not config.is_as_of_the_clock():
        return
    here = config.machine_time()
    if abs(here - told) <= TOLERANCE and as_of - told <= TOLERANCE:  # a run that goes on for hours began before
        return
    wrong = here if abs(here - told) > TOLERANCE else as_of
    raise WrongClockError(
        f"the clock of this machine is wrong: now would be {wrong:%Y-%m-%dT%H:%M:%SZ}, and {vendor} says that it is "
        f"{told:%Y-%m-%dT%H:%M:%SZ}. Nothing is loaded by a wrong clock. Set the clock (`timedatectl` shows whether it "
        "follows a time server), or LIFECYCLE_AS_OF to load as of an instant of your choice."
    )


def check_before_loading() -> None:
    """Ask the enabled vendors, before anything is loaded, what time it is: the first that answers is enough.

    Where now was set by a person nobody is asked, and where no vendor answers nobody can tell.

    Raises:
        WrongClockError: the clock of this machine is wrong.
    """
    if not config.is_as_of_the_clock():
        return
    for account in config.enabled_accounts():
        url = config.source_setting(str(account), "base_url") or config.source_setting(account.source, "base_url")
        told = _time_at(url) if url else None
        if told is not None:
            refuse_wrong_clock(str(account), told, config.as_of())
            return


def _time_at(url: str) -> datetime | None:
    """What the server of a vendor says the time is, whatever else it says; no token is needed for that."""
    try:
        answer = requests.head(url, timeout=SECONDS_TO_ANSWER, allow_redirects=False)
    except requests.RequestException as error:
        log.info("%s does not say what time it is (%s)", url, type(error).__name__)
        return None
    return http_date(answer.headers.get("Date"))
