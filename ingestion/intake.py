"""The intake: each record that arrives becomes a typed row or a rejection with its reason, and is counted.

Belongs here: validation, counting, rejections. Does not: how records are fetched, how a table is read.

No record stops the others: what a table could not hold is rejected here, before dlt sees it, whichever vendor sent it.

A rejection retires nothing. Where a unit of several rows replaces what was there (the lines of an order), a rejected
row would be missing, and its last accepted version would end. So that version is handed on once more in its place, and
dlt finds it unchanged.

Absent is not null. A record that lacks a value that the version before it had is rejected: it does not say that the
value is gone, and loading it would undo whatever depends on it.

A rejection is kept as the vendor sent it, to be judged again (`replay`), until the same unit arrives once more: what
arrives last counts, and a rejection from before it is superseded.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from uuid import uuid4

from pydantic import TypeAdapter, ValidationError

from ingestion.clock import Clock
from ingestion.days import Days
from ingestion.personal import People
from ingestion.tables import RawTable
from ingestion.unknown_fields import UnknownFields
from ingestion.warehouse import OpenRejection
from ingestion.wire import ABSENT, AbsentRows, Made, Unreadable, as_json

log = logging.getLogger(__name__)

AHEAD_AT_MOST = timedelta(days=1)  # clocks and time zones differ; what lies further ahead has not happened
# What is kept of a rejected record of somebody who was erased.
ERASED_RECORD, OF_ERASED = "erased", "a record of a person who was erased: what it holds is not kept"
IS_AHEAD = "is more than a day ahead of the load: correct the record, or the clock that wrote it"

# The current versions of a table that agree with one of the given keys (column to text) in each column that it names.
CurrentVersions = Callable[[RawTable, Sequence[Mapping[str, str]]], Iterable[dict[str, Any]]]
# Of some rejections, by their ids, those that are not open any more, with the number of their state.
ClosedRejections = Callable[[Collection[str]], Mapping[str, int]]


def _no_versions(table: RawTable, keys: Sequence[Mapping[str, str]]) -> Iterable[dict[str, Any]]:
    return ()


def _none_closed(rejection_ids: Collection[str]) -> Mapping[str, int]:
    return {}


@dataclass(frozen=True)
class Verdict:
    """What the door found of one record.

    Attributes:
        record: as it was judged.
        arrived: what the vendor sent, of which the record was made.
        key: columns of the row's identity that the record names in a readable way, as texts.
        row: the typed row; empty where there is a problem.
        problem: why the record is rejected; None where it is accepted.
    """

    record: Any
    arrived: Any
    key: Mapping[str, str]
    row: dict[str, Any]
    problem: str | None = None

    def unit(self, table: RawTable) -> str | None:
        """The table's key as a JSON list; None where the record does not say."""
        named = self.row or self.key
        if not table.key or not named.keys() >= {*table.key}:
            return None
        return json.dumps([str(named[column]) for column in table.key])


def _readable(error: ValidationError) -> str:
    """One line a rejection shows: which field, what was wrong, what was there."""
    problems = error.errors(include_url=False)
    places = [".".join(map(str, problem["loc"])) or "record" for problem in problems]
    told = zip(places, problems, strict=True)
    return "; ".join(f"{place}: {problem['msg']} (got {_shown(problem['input'])})" for place, problem in told)


def _shown(value: Any) -> str:
    try:
        return f"{value!r:.80}"
    except RecursionError:
        return "lists or objects, nested too deeply"


def text_of(record: Any) -> str:
    """The text of a record in `rejected_records`."""
    return _writable(record if isinstance(record, str) else as_json(record, default=str, sort_keys=True))


def _writable(text: str) -> str:
    """A text as a table can hold it, for a person to read: what is none is escaped."""
    return text.encode(errors="backslashreplace").decode().replace("\0", "\\x00")


def _nameless(table: RawTable, row: Mapping[str, Any]) -> str | None:
    """Why a row is that of no record: rows without an id would take each other's place. None where it has one."""
    empty = [column for column in table.key if row[column] == "" and column not in table.row.may_be_empty]
    return f"{', '.join(empty)}: is empty, so that nothing says which record this is" if empty else None


@cache
def _key_readers(table: RawTable) -> dict[str, TypeAdapter[Any]]:
    """What reads each column of the row's identity as the row model does."""
    fields = table.row.model_fields
    annotations: dict[str, Any] = {column: fields[column].annotation for column in table.identity}
    return {name: TypeAdapter(annotation, config=table.row.model_config) for name, annotation in annotations.items()}


def _key_of(table: RawTable, record: Any) -> dict[str, str]:
    """The columns of the row's identity that a rejected record names in a readable way, as texts."""
    found: dict[str, str] = {}
    for column, reader in _key_readers(table).items() if isinstance(record, Mapping) else ():
        try:
            value = reader.validate_python(record.get(column))
        except ValidationError:
            continue
        if value is not None and "\0" not in str(value):
            found[column] = str(value)
    return found


_ABSENT = "Absent is not null: what was loaded before stays"


def _told(table: RawTable, record: Any) -> tuple[Any, frozenset[str]]:
    """The record without what it does not tell, and the columns that it does not tell though it was asked for them."""
    if not isinstance(record, Mapping):
        return record, frozenset()
    if ABSENT in record.values():
        record = {name: value for name, value in record.items() if value is not ABSENT}
    if table.history != "versions" or not table.key:
        return record, frozenset()
    set_here = {"source_account"} if table.is_of_accounts else set()
    return record, frozenset(table.row.model_fields.keys() - record.keys() - table.row.left_out.keys() - set_here)


def _agrees(row: Mapping[str, Any], with_columns: Mapping[str, Any]) -> bool:
    return all(str(row.get(column)) == str(value) for column, value in with_columns.items())


def _identity(table: RawTable, row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(row.get(column)) for column in table.identity)


def _undone(
    table: RawTable, row: Mapping[str, Any], absent: Iterable[str], before: Iterable[Mapping[str, Any]]
) -> list[str]:
    """The columns that a row lacks and an earlier version of it has."""
    known = {column: row[column] for column in table.identity if row[column] is not None}
    versions = [version for version in before if _agrees(version, known)]
    return sorted(name for name in absent if any(each.get(name) not in (None, row[name]) for each in versions))


class Intake:
    """Counts and judges the records of one run of one source.

    Attributes:
        source: name of the source.
        account: short name of the account that is loaded; empty where the source has one without a name.
        clock: what time it is for this load.
        days: the days that are read again; None: all news are read.
        erased: who was erased, and stays so whatever arrives; None: nobody.

    Args:
        typed_columns: columns of the warehouse that are no text, by table: no unknown field goes into them.
        made_again: tables whose rows can be made again of what the vendor sent; of others the row is kept.
        open_rejections: of earlier loads.
        closed_rejections: finds those that are not open any more.
    """

    def __init__(
        self,
        source: str,
        tables: Iterable[RawTable] = (),
        current_versions: CurrentVersions = _no_versions,
        account: str = "",
        typed_columns: Mapping[str, Iterable[str]] | None = None,
        made_again: Collection[str] = (),
        open_rejections: Iterable[OpenRejection] = (),
        closed_rejections: ClosedRejections = _none_closed,
        days: Days | None = None,
        erased: People | None = None,
    ) -> None:
        self.source, self.account, self.days = source, account, days
        self.received: Counter[str] = Counter()
        self.loaded: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        self.kept: Counter[str] = Counter()  # versions handed on again because a newer one was rejected
        self.unchanged: Counter[str] = Counter()  # rows of sets that the table has already, and that are not handed on
        self.replayed: Counter[str] = Counter()  # rejections of earlier loads that are loaded now
        self.replayed_rows: Counter[str] = Counter()  # rows handed on for them
        self.warnings: list[str] = []
        self.failures: list[str] = []  # of the warnings those of a part that a person has to mend
        self.erased = erased
        self._current_versions = current_versions
        self._rejections: dict[str, dict[str, Any]] = {}
        self._keys: dict[str, set[bytes]] = {}
        self._tables = {table.name: table for table in tables}
        self._made_again = frozenset(made_again)
        self._closed_rejections = closed_rejections
        self._open: dict[str, dict[str | None, dict[str, int]]] = {}  # resource, unit, id: number of the state
        for each in open_rejections:
            self._open.setdefault(each.resource, {}).setdefault(each.unit, {})[each.rejection_id] = each.number
        self._superseded: dict[str, tuple[str, int]] = {}  # id: resource, number of the state before
        self._kinds: dict[str, Counter[tuple[str, bool]]] = {}
        self._unknown_fields: dict[str, UnknownFields] = {}
        self._typed_columns = typed_columns or {}
        self._last_arrived: tuple[Any, str] = (None, "")
        self.clock = Clock()

    def accept(self, table: RawTable, records: Iterable[Any], origin: str = "") -> Iterator[dict[str, Any]]:
        """Yield the rows of `records` that fit the table's row model; the others become rejections.

        An event that arrives again in the same run counts as loaded and is not yielded: it is in the table. After the
        rows come the accepted versions that the rejected records would have retired; these count as `kept`.

        Args:
            table: whose row model and key apply.
            records: mappings of field to value; anything else is rejected, `Unreadable` with its own reason.
            origin: where the records are from (a file and line), for the reason of a rejection.
        """
        rejected_keys: list[Mapping[str, str]] = []
        for verdict in self.judged(table, records):
            self.received[table.name] += 1
            self._count_kind(table, verdict.record, is_loaded=verdict.problem is None)
            unit = verdict.unit(table) if table.name in self._open or verdict.problem is not None else None
            if unit is not None:
                self._supersede(table.name, unit)
            if verdict.problem is not None:
                reason = f"{origin}: {verdict.problem}" if origin else verdict.problem
                self._keep(table.name, verdict.record, reason, unit, verdict.arrived)
                rejected_keys.append(verdict.key)
                continue
            self.loaded[table.name] += 1
            if table.history == "versions" or self.is_first(table, verdict.row):
                yield verdict.row
        for version in self.kept_for(table, rejected_keys):
            self.kept[table.name] += 1
            yield version

    def judged(self, table: RawTable, records: Iterable[Any]) -> Iterator[Verdict]:
        """What is found of each of some records. Nothing is counted."""
        lists: list[AbsentRows] = []
        silent: list[tuple[Verdict, frozenset[str]]] = []
        accepted: list[dict[str, Any]] = []
        for each in records:
            if isinstance(each, AbsentRows):
                lists.append(each)
                continue
            if isinstance(each, Unreadable):
                arrived = each.record if each.arrived is ABSENT else each.arrived
                yield Verdict(each.record, arrived, _key_of(table, each.record), {}, each.reason)
                continue
            record, absent = _told(table, each)
            arrived = each.arrived if isinstance(each, Made) and table.name in self._made_again else record
            try:
                row = self._row(table, record)
                problem = _nameless(table, row) or self._ahead(table, row)
            except ValidationError as error:
                row, problem = {}, _readable(error)
            except ValueError as error:
                row, problem = {}, str(error)
            if problem is not None:
                yield Verdict(record, arrived, _key_of(table, record), {}, problem)
            elif absent:
                silent.append((Verdict(record, arrived, {}, row), absent))
            else:
                accepted.append(row)
                yield Verdict(record, arrived, {}, row)
        before = self._before(table, [*(verdict.row for verdict, _ in silent), *(each.unit for each in lists)])
        for verdict, absent in silent:
            undone = _undone(table, verdict.row, absent, before)
            if undone:
                problem = f"{', '.join(undone)}: absent, but the version before has it. {_ABSENT}"
                yield Verdict(verdict.record, verdict.arrived, _key_of(table, verdict.record), {}, problem)
            else:
                accepted.append(verdict.row)
                yield verdict
        identities = {_identity(table, row) for row in accepted} if lists else set()
        for each in lists:
            if any(_agrees(row, each.unit) and _identity(table, row) not in identities for row in before):
                key = {column: str(value) for column, value in each.unit.items()}
                problem = f"{each.path}: absent, but rows of it are known. {_ABSENT}"
                yield Verdict(each.record, None if each.arrived is ABSENT else each.arrived, key, {}, problem)

    def kept_for(self, table: RawTable, rejected_keys: Iterable[Mapping[str, str]]) -> Iterator[dict[str, Any]]:
        """The accepted versions that records with these keys would retire, because they are rejected."""
        # Without its unit a record cannot be one of those that are replaced.
        known = [key for key in rejected_keys if key.keys() >= {*table.key}] if table.unit_has_rows else []
        if known:
            yield from self._known(table, known)

    def _row(self, table: RawTable, record: Any) -> dict[str, Any]:
        """The row of a record: the columns of the row model, those of unknown fields, the account.

        Raises:
            ValueError: the record does not fit; a ValidationError, where the row model says so.
        """
        model = table.row.model_validate(record)
        if table.name not in self._unknown_fields:
            typed = self._typed_columns.get(table.name, ())
            self._unknown_fields[table.name] = UnknownFields([*table.row.model_fields, *typed])
        unknown = self._unknown_fields[table.name].columns(model.model_extra)
        row = {**model.__dict__, **unknown, **self._account_of(table)}
        return row if self.erased is None else self.erased.clean(table, row)

    def _is_of_erased(self, resource: str, record: Any, arrived: Any) -> bool:
        if self.erased is None:
            return False
        table = self._tables.get(resource)
        is_theirs = table is not None and isinstance(record, Mapping)
        if is_theirs and table is not None and self.erased.is_of(table, {**record, **self._account_of(table)}):
            return True
        return self.erased.are_named_in(record) or self.erased.are_named_in(arrived)

    def _before(self, table: RawTable, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The current versions of the units of some rows."""
        units = {tuple(str(row[column]) for column in table.key) for row in rows}
        keys = [dict(zip(table.key, unit, strict=True)) for unit in sorted(units)]
        return list(self._known(table, keys)) if keys else []

    def _account_of(self, table: RawTable) -> dict[str, str]:
        return {"source_account": self.account} if table.is_of_accounts else {}

    def _known(self, table: RawTable, keys: Sequence[Mapping[str, str]]) -> Iterable[dict[str, Any]]:
        """The current versions of this account that agree with one of `keys`."""
        return self._current_versions(table, [{**key, **self._account_of(table)} for key in keys])

    def _ahead(self, table: RawTable, row: Mapping[str, Any]) -> str | None:
        """Why a fact cannot have happened yet; None where it can."""
        moment = row.get(table.happened_at) if table.happened_at else None
        latest = self.clock.present + AHEAD_AT_MOST
        if moment is None or (moment <= latest if isinstance(moment, datetime) else moment <= latest.date()):
            return None
        # without the instant of the load: the same record rejected again is the same rejection
        return f"{table.happened_at}: {moment.isoformat()} {IS_AHEAD}"

    def _count_kind(self, table: RawTable, record: Any, *, is_loaded: bool) -> None:
        kind = record.get(table.kind) if table.kind and isinstance(record, Mapping) else None
        name = _writable(str(kind)) if isinstance(kind, str | int) else table.name
        self._kinds.setdefault(table.name, Counter())[name, is_loaded] += 1

    def rejected_kinds(self, resource: str) -> list[str]:
        """Kinds of a resource of which rows arrived and none was loaded; a table without kinds is one."""
        counted = self._kinds.get(resource, Counter())
        return sorted({kind for kind, is_loaded in counted if not is_loaded and not counted[kind, True]})

    def is_first(self, table: RawTable, row: Mapping[str, Any]) -> bool:
        """Whether an event arrives for the first time in this run."""
        # dlt's insert-only compares with what is in the table, not within the load: twins would both be inserted
        keys = self._keys.setdefault(table.name, set())
        text = "\x1f".join(str(row[column]) for column in table.key)
        key = hashlib.blake2b(text.encode(), digest_size=16).digest()
        if key in keys:
            return False
        keys.add(key)
        return True

    def warn(self, sentence: str) -> None:
        """Say what this load could not do, though it ends well: it stands where a person reads of the load."""
        log.warning("%s: %s", self.source, sentence)
        self.warnings.append(sentence)

    def fail(self, sentence: str) -> None:
        """Say that a part of this load failed, which keeps what it has, though the others are loaded."""
        self.warn(sentence)
        self.failures.append(sentence)

    def reject(self, resource: str, record: Any, reason: str) -> None:
        """Count a record as received and reject it: for what never takes the shape of a record (bad JSON).

        It is not judged again: what is rejected so stands for a record that is not there.
        """
        self.received[resource] += 1
        table = self._tables.get(resource)
        unit = Verdict(record, None, _key_of(table, record), {}).unit(table) if table else None
        self._keep(resource, record, reason, unit)

    def count_set(
        self,
        resource: str,
        of: str,
        *,
        loaded: int,
        unchanged: int = 0,
        rejections: Iterable[Mapping[str, Any]] = (),
    ) -> None:
        """Count rows that were judged as a set outside (Arrow, SQL), and that replace what there was of it.

        Args:
            of: name of the set. Its rejections of earlier loads are superseded.
            loaded: rows that fit.
            unchanged: those of them that the table has already, and that are not handed on.
            rejections: mappings of record and reason.
        """
        self._supersede(resource, of)
        self._supersede(resource, None)  # rejected before sets had names
        self.received[resource] += loaded
        self.loaded[resource] += loaded
        self.unchanged[resource] += unchanged
        for rejection in rejections:
            self.received[resource] += 1
            self._keep(resource, rejection["record"], str(rejection["reason"]), of)

    def supersede_set(self, resource: str, of: str) -> None:
        """What was rejected of a set is open no longer: the set is gone."""
        self._supersede(resource, of)

    def _supersede(self, resource: str, unit: str | None) -> None:
        """A unit arrives: what is open of it from earlier loads is not, unless it is rejected again."""
        for rejection_id, number in self._open.get(resource, {}).pop(unit, {}).items():
            self._superseded[rejection_id] = (resource, number)

    def _keep(self, resource: str, record: Any, reason: str, unit: str | None = None, arrived: Any = None) -> None:
        self.rejected[resource] += 1
        if self._is_of_erased(resource, record, arrived):
            record, reason, unit, arrived = ERASED_RECORD, OF_ERASED, None, None
        text, reason = text_of(record), _writable(reason)
        arrived_text = None if arrived is None else self._arrived_text(arrived)
        # an account without a name keeps the ids that its rejections had before there were others
        named = (self.source, self.account) if self.account else (self.source,)
        # a row that is as it was in another record is another rejection: the rest of the record is not as it was
        made_of = () if arrived_text is None or arrived is record else (arrived_text,)
        identity = "\x1f".join((*named, resource, text, reason, *made_of))
        rejection_id = hashlib.sha256(identity.encode()).hexdigest()[:32]
        self._rejections[rejection_id] = {
            "rejection_id": rejection_id,
            "source": self.source,
            "source_account": self.account,
            "resource": resource,
            "record": text,
            "reason": reason,
            "unit": unit,
            "arrived": arrived_text,
        }

    def _arrived_text(self, arrived: Any) -> str:
        """The JSON text of what a vendor sent; of many rows of one record it is one text."""
        before, text = self._last_arrived
        if before is not arrived:
            text = as_json(arrived, default=str)
            self._last_arrived = (arrived, text)
        return text

    @property
    def as_of(self) -> datetime:
        """The instant that the load calls now."""
        return self.clock.as_of

    @property
    def resources(self) -> list[str]:
        """Names of the resources counted, also of those where nothing arrived."""
        return sorted({*self._tables, *self.received, *self.replayed})

    def rejections(self) -> Iterator[dict[str, Any]]:
        """Rows of `rejected_records`; a record rejected again for the same reason has the same id and is one row."""
        yield from self._rejections.values()

    def states(self) -> Iterator[dict[str, Any]]:
        """Rows of `rejection_states`: what of earlier rejections is superseded, and what is open once more."""
        for rejection_id in self._superseded.keys() - self._rejections.keys():
            resource, number = self._superseded[rejection_id]
            yield self.state(rejection_id, resource, "superseded", number + 1)
        for rejection_id, number in self._closed_rejections([*self._rejections]).items():
            yield self.state(rejection_id, self._rejections[rejection_id]["resource"], "open", number + 1)

    def state(self, rejection_id: str, resource: str, state: str, number: int) -> dict[str, Any]:
        """A row of `rejection_states`."""
        return {
            "state_key": uuid4().hex,
            "rejection_id": rejection_id,
            "source": self.source,
            "source_account": self.account,
            "resource": resource,
            "state": state,
            "number": number,
        }

    def audit(self) -> Iterator[dict[str, Any]]:
        """Rows of `load_audit`, one a resource, also where nothing arrived."""
        run, finished_at = uuid4().hex, datetime.now(UTC)
        for resource in self.resources:
            yield {
                "load_key": f"{run}:{resource}",
                "source": self.source,
                "source_account": self.account,
                "resource": resource,
                "received": self.received[resource],
                "loaded": self.loaded[resource],
                "rejected": self.rejected[resource],
                "replayed": self.replayed.get(resource),
                "read_again_from": self.days.first if self.days else None,
                "read_again_until": self.days.last if self.days else None,
                "rejected_kinds": ", ".join(self.rejected_kinds(resource)) or None,
                "finished_at": finished_at,
                "loaded_as_of": self.as_of,
            }
