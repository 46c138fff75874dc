"""The outbox: what there is to tell, as it was published. The build file is never opened.

Belongs here: finding the file and reading its rows. Does not: which of them go (`delivery`).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb

TABLE = "outbox.events"


class NothingToReadError(RuntimeError):
    """There is no outbox to read; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """One thing to tell a sink; the columns of `fct_outbox_events`, which describes them.

    Identifiers of a person are hashes, in the normal form of the sink. Instants are UTC.
    """

    event_id: str
    sink: str
    rule: str
    event_name: str
    person_id: str | None
    occurred_at: datetime
    value_amount: Decimal | None = None
    currency: str | None = None
    order_id: str | None = None
    adjustment: str | None = None
    adjusted_event_id: str | None = None
    email_sha256: str | None = None
    phone_sha256: str | None = None
    external_id_sha256: str | None = None
    clicked_at: datetime | None = None
    ctwa_clid: str | None = None
    fbclid: str | None = None
    lead_id: str | None = None
    gclid: str | None = None
    ttclid: str | None = None
    record_id: str | None = None
    stage: str | None = None
    lifetime_value_amount: Decimal | None = None
    churn_band: str | None = None
    consent_purpose: str = ""
    consent_verdict: str = ""
    held_back_reason: str | None = None


def outbox_path(link: Path) -> Path:
    """The outbox of the version that the published link points at.

    Raises:
        NothingToReadError: nothing is published, or that version has none.
    """
    database, versions = link.resolve(), link.parent.resolve() / "versions"
    if not database.is_relative_to(versions):
        raise NothingToReadError("nothing is published yet: refresh first.")
    # A folder, or of an installation that published files without folders, a file.
    version = database.relative_to(versions).parts[0].removesuffix(".duckdb")
    path = link.parent / "outbox" / f"{version}.duckdb"
    if not path.exists():
        raise NothingToReadError(f"the published version {version} has no outbox: refresh.")
    return path


def read(link: Path) -> list[Event]:
    """The outbox of the published version, in the order in which things happened.

    Raises:
        NothingToReadError: see `outbox_path`, or the file cannot be read.
    """
    path = outbox_path(link)
    names = [field.name for field in fields(Event)]
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            rows = connection.execute(
                f"select {', '.join(names)} from {TABLE} order by occurred_at, event_id"
            ).fetchall()
    except duckdb.Error as error:
        raise NothingToReadError(f"{path} cannot be read ({str(error).splitlines()[0]}): refresh.") from None
    return [_event(dict(zip(names, row, strict=True))) for row in rows]


def _event(row: dict[str, object]) -> Event:
    aware = {
        name: value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value
        for name, value in row.items()
    }
    return Event(**aware)  # type: ignore[arg-type]
