"""What a raw table is: its name, its row model, and how its past is kept.

Belongs here: the declaration types and the three tables every source has. Does not: a vendor's own row models
(`sources/<system>/models.py`).

Raw tables only ever grow. A record that can change keeps every version that was seen (`versions`); a fact that
cannot change is inserted once (`events`). Loading the same records again adds nothing to either.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, ClassVar, Literal

from dlt.common.libs.pydantic import pydantic_to_table_schema_columns
from pydantic import AliasPath, BaseModel, ConfigDict, field_validator, model_validator

from ingestion import limits, wire
from ingestion.personal import Personal
from ingestion.wire import told, unknown

# The columns in which dlt keeps from when to when a version held.
VALID_FROM, VALID_TO = "_dlt_valid_from", "_dlt_valid_to"
_LAST_DECIMAL = Decimal(1).scaleb(-limits.DECIMALS)
_DAY_EXPECTED = f"a day from {limits.FIRST_DAY} to {limits.LAST_DAY} is expected"


class Row(BaseModel):
    """Base of every row model: unknown fields are kept (`unknown_fields`), naive instants are UTC.

    What no table and no model behind it could carry is refused: see `limits`. An amount is rounded to the decimals that
    its column holds.

    A record that does not say what an optional column holds would take back what an earlier version said: absent is not
    null. `Intake` refuses it, but for the columns that the vendor leaves out by design (`left_out`, column to reason).

    A column has the vendor's name for it or, as `validation_alias`, the path to it in the vendor's record. `from_wire`
    reads those: pydantic itself takes a path that is absent and one that ends in null for the same.

    Attributes:
        read_elsewhere: top-level fields of the vendor's record that are not columns, because other tables hold them.
        may_be_empty: texts of the table's key that may be empty. Of any other, an empty one names nothing.
        personal: columns that tell of a person, and how: they are taken out of the rows of one who is erased.
        not_personal: the other texts and lists. Each is named, so that no column is forgotten.
        country_column: the column with the country by which phone numbers of the row are dialled.
    """

    left_out: ClassVar[Mapping[str, str]] = {}
    read_elsewhere: ClassVar[tuple[str, ...]] = ()
    may_be_empty: ClassVar[tuple[str, ...]] = ()
    personal: ClassVar[Mapping[str, Personal]] = {}
    not_personal: ClassVar[tuple[str, ...]] = ()
    country_column: ClassVar[str] = ""

    model_config = ConfigDict(
        extra="allow",
        str_strip_whitespace=True,
        coerce_numbers_to_str=True,
        populate_by_name=True,
        loc_by_alias=False,
    )

    @classmethod
    def from_wire(cls, record: Any, **given: Any) -> Any:
        """A vendor's record as a row that is still to be judged: what a path does not tell is `ABSENT`.

        Top-level fields that the model does not know become columns. Anything but an object is returned as it is.

        Args:
            record: as the vendor sent it.
            given: columns that the record itself does not hold.
        """
        if not isinstance(record, Mapping):
            return record
        paths = cls._paths()
        read = {path[0] for name, path in paths.items() if name not in given}
        columns = {name: given[name] if name in given else told(record, *path) for name, path in paths.items()}
        return {**unknown(record, read | {*cls.read_elsewhere}), **columns}

    @classmethod
    def _paths(cls) -> dict[str, tuple[str, ...]]:
        """Where the vendor's record holds each column."""
        aliases = {name: field.validation_alias for name, field in cls.model_fields.items()}
        return {
            name: tuple(str(step) for step in alias.path) if isinstance(alias, AliasPath) else (str(alias or name),)
            for name, alias in aliases.items()
        }

    @model_validator(mode="before")
    @classmethod
    def _numbers_are_finite(cls, record: Any) -> Any:
        for name, value in record.items() if isinstance(record, Mapping) else ():
            if type(value) is float and not math.isfinite(value) and name in cls.model_fields:
                raise ValueError(f"{name}: a finite number is expected (got {value})")
        return record

    @field_validator("*", mode="after")
    @classmethod
    def _is_storable(cls, value: Any) -> Any:
        if isinstance(value, str):
            if "\0" in value:
                raise ValueError(wire.DEPTH_EXPECTED if value == wire.TOO_DEEP else wire.TEXT_EXPECTED)
        elif isinstance(value, Decimal | int):
            return _amount(value)
        elif isinstance(value, datetime):
            return _instant(value)
        elif isinstance(value, date):
            _check_day(value)
        elif isinstance(value, list | dict):
            wire.check_json(value)
        return value


def _amount(value: Decimal | int) -> Decimal | int:
    if isinstance(value, Decimal) and _is_amount(value) and int(value.as_tuple().exponent) < -limits.DECIMALS:
        value = value.quantize(_LAST_DECIMAL, ROUND_HALF_EVEN)
    if _is_amount(value):
        return value
    raise ValueError(f"a number below {limits.AMOUNT_BELOW:.0e} is expected")


def _is_amount(value: Decimal | int) -> bool:
    return -limits.AMOUNT_BELOW < value < limits.AMOUNT_BELOW


def _instant(value: datetime) -> datetime:
    try:
        instant = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        raise ValueError(_DAY_EXPECTED) from None
    _check_day(instant.date())
    return instant


def _check_day(value: date) -> None:
    if not limits.FIRST_DAY <= value <= limits.LAST_DAY:
        raise ValueError(_DAY_EXPECTED)


class AccountRow(Row):
    """Base of the rows of vendors, of which a company may have several accounts: two shops, two portals.

    `source_account` is the short name of the account, set at the door (`Intake`), and empty for the one without a name.
    It is part of every key: equal ids of two accounts are two records.
    """

    source_account: str | None = None


@dataclass(frozen=True)
class RawTable:
    """Declaration of one raw table.

    Attributes:
        name: dlt resource = raw table = dbt source table = last part of the Dagster asset key.
        row: model of one row; also the table's columns when no row ever arrives.
        history: `versions` keeps each distinct version of a record (dlt merge strategy scd2: `_dlt_valid_from`,
            `_dlt_valid_to`); `events` inserts each key once (insert-only).
        key: for `events` the primary key; for `versions` the unit that arrives whole, so that rows of a unit that
            are missing from a new arrival are retired (one record's id, or an account and day of a report);
            empty where the source itself gives each load its scope (dlt's `destination_scope`).
        row_key: of `versions` whose unit holds several rows, the columns that tell these apart; by default the key
            and the row's `id`. By it a rejected row is known to be one that is already there.
        happened_at: the column that says when a fact happened, or on which day, where that cannot lie ahead: a row that
            is more than a day ahead of its load is rejected. None for people, whose records are worth more than their
            dates, and for what may be planned (a subscription that starts next month).
        kind: the column that says of which kind a fact is, where a table holds several: a kind of which every row is
            rejected is told apart from a few bad rows.
    """

    name: str
    row: type[Row]
    history: Literal["versions", "events"]
    key: tuple[str, ...]
    row_key: tuple[str, ...] = ()
    happened_at: str | None = None
    kind: str | None = None

    @property
    def identity(self) -> tuple[str, ...]:
        """The columns by which two versions are known to be of one row."""
        own = ("id",) if "id" in self.row.model_fields and "id" not in self.key else ()
        return self.row_key or (*self.key, *own)

    @property
    def is_of_accounts(self) -> bool:
        """Whether rows of several accounts lie in it, side by side."""
        return issubclass(self.row, AccountRow)

    @property
    def unit_has_rows(self) -> bool:
        """Whether rows that do not arrive with the others of their unit are retired."""
        return self.history == "versions" and bool(self.key) and self.identity != self.key

    def columns(self) -> dict[str, Any]:
        """dlt column hints of the row model."""
        return dict(pydantic_to_table_schema_columns(self.row))

    def stored_columns(self) -> dict[str, Any]:
        """As `columns`, with those in which dlt keeps from when to when a version held."""
        validity = (VALID_FROM, VALID_TO) if self.history == "versions" else ()
        return self.columns() | {name: {"name": name, "data_type": "timestamp", "nullable": True} for name in validity}

    def hints(self) -> dict[str, Any]:
        """Keyword arguments for `dlt.resource`."""
        key = ["source_account", *self.key] if self.is_of_accounts and self.key else [*self.key]
        if self.history == "versions":
            return {
                "name": self.name,
                "columns": self.columns(),
                "write_disposition": {"disposition": "merge", "strategy": "scd2"},
                "merge_key": key,
                "max_table_nesting": 0,
            }
        return {
            "name": self.name,
            "columns": self.columns(),
            "write_disposition": {"disposition": "merge", "strategy": "insert-only"},
            "primary_key": key,
            "max_table_nesting": 0,
        }


class RejectedRecord(AccountRow):
    """A record that arrived and was not loaded. The load id and instant are dlt's `_dlt_load_id`.

    It never changes: what became of it stands in `rejection_states`.
    """

    rejection_id: str
    source: str
    resource: str
    record: str
    reason: str
    unit: str | None = None  # JSON list: the table's key, where the record says it; of files the mapping
    arrived: str | None = None  # JSON of what the vendor sent, to be judged again; None of what never was a record


class RejectionState(AccountRow):
    """What became of a rejection in a later load: `loaded`, `superseded` by a later arrival, or `open` once more.

    The state with the highest number holds; a rejection that has none is open.
    """

    state_key: str
    rejection_id: str
    source: str
    resource: str
    state: str
    number: int


class LoadAudit(AccountRow):
    """Counts of one resource in one load: received = loaded + rejected.

    A replay is a load of its own, in which nothing is received. So are days that are read again (`days`): neither says
    that the account is up to date.
    """

    load_key: str
    source: str
    resource: str
    received: int
    loaded: int
    rejected: int
    replayed: int | None = None  # rejections of earlier loads that a replay loaded; None where a vendor was asked
    read_again_from: date | None = None  # the days that were read again, both included; None where all news were read
    read_again_until: date | None = None
    rejected_kinds: str | None = None  # kinds of which rows arrived and none was loaded, comma separated
    finished_at: datetime
    loaded_as_of: datetime | None = None  # the instant that the load called now


REJECTED_RECORDS = RawTable("rejected_records", RejectedRecord, "events", ("rejection_id",))
REJECTION_STATES = RawTable("rejection_states", RejectionState, "events", ("state_key",))
LOAD_AUDIT = RawTable("load_audit", LoadAudit, "events", ("load_key",))
OF_EVERY_SOURCE = (REJECTED_RECORDS, REJECTION_STATES, LOAD_AUDIT)
