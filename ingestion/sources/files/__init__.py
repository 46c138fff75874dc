"""Bring your own files, or tables of a PostgreSQL, mapped to canonical entities by YAML. See README.md here.

Belongs here: which mappings have to be read, and their way into dlt. Does not: the format of a mapping
(`mapping.py`), reading files (`inputs.py`) and databases (`copies.py`), SQL (`evaluation.py`).
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from dlt.common.schema.typing import TScd2StrategyDict
from dlt.extract import DltResource

from ingestion import erasure, limits, warehouse
from ingestion.http import VendorError
from ingestion.intake import AHEAD_AT_MOST, Intake
from ingestion.personal import People
from ingestion.sources.files.canonical import columns, entity_row
from ingestion.sources.files.copies import Copies, Known, State
from ingestion.sources.files.evaluation import ROW_VERSION, Evaluation, no_rows
from ingestion.sources.files.inputs import Rejection, find_files, literal
from ingestion.sources.files.mapping import FileMapping, MappingError, read_mappings
from ingestion.sources.files.models import TABLES
from ingestion.sources.files.settings import Settings
from ingestion.tables import VALID_FROM, VALID_TO, RawTable

__all__ = ["TABLES", "MappingError", "resources"]

logger = logging.getLogger(__name__)

# Rows that are gone are named in the merge, one by one, up to this number; beyond it, all rows are handed on.
GONE_AT_MOST = 10_000


def resources(intake: Intake) -> Iterable[DltResource]:
    """One resource a canonical entity. A mapping's files are read when the first of them asks."""
    load = _Load(intake)
    for table in TABLES:
        yield dlt.resource(load.rows_of(table), **table.hints())


@dataclass(frozen=True)
class _Found:
    """What a mapping's files hold of an entity now, beside what the table has.

    Attributes:
        file: Parquet with the rows to be handed on: those that the table does not have, or all of them.
        count: of them.
        loaded: how many rows fit.
        unchanged: how many of them the table has already, and are not handed on.
        gone: hashes of the table's rows that are not there any more; None where all rows are handed on, and the merge
            finds by itself which are gone.
        rejections: what does not fit.
        next_at: when the first fact happens that lies ahead and was turned away.
    """

    file: Path
    count: int
    loaded: int
    unchanged: int
    gone: list[str] | None
    rejections: list[Rejection]
    next_at: datetime | None


class _Load:
    """What the resources of one run share: the mappings, and what the changed ones hold now.

    A mapping is loaded whole or not at all: of one that fails, in a file or an entity, each entity keeps its rows, and
    it is read again at the next load. The other mappings are loaded.
    """

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._settings: Settings | None = None
        self._mappings: list[FileMapping] | None = None
        self._files: dict[str, str] = {}
        self._results: dict[str, dict[str, _Found]] = {}
        self._local: dict[str, FileMapping] = {}  # mappings whose tables and queries are files by now
        self._known: dict[str, dict[str, Known]] = {}
        self._failed: dict[str, MappingError | VendorError | OSError] = {}
        self._folder = tempfile.TemporaryDirectory(prefix="files-")

    def rows_of(self, table: RawTable) -> Callable[[], Iterator[Any]]:
        def rows() -> Iterator[Any]:
            yield from self._rows(table)

        return rows

    def _rows(self, table: RawTable) -> Iterator[Any]:
        """The entity's new rows of every mapping that changed, a file of each.

        What is read replaces the mapping's rows, of which those that stay as they are need not be handed on. The state
        of the resource remembers what was read, so that it moves together with the data. It remembers, too, when the
        first of the facts that were turned away because they lay ahead happens: from then on the files are read again,
        though nobody changed them.
        """
        mappings = {mapping.name: mapping for mapping in self._all() if table.name in mapping.entities}
        state, next_at = _read(table), _next_at(table)
        gone = sorted(state.keys() - mappings.keys())
        found: list[_Found] = []
        replaced: list[str] = []  # mappings of which the merge sees all rows
        retired: list[str] = []  # rows of the other mappings that are gone
        for name, mapping in mappings.items():
            result = self._result(mapping).pop(table.name, None)
            if result is None:
                continue
            self._intake.count_set(
                table.name, name, loaded=result.loaded, unchanged=result.unchanged, rejections=result.rejections
            )
            if result.count:
                found.append(result)
            if result.gone is None:
                replaced.append(name)
            else:
                retired += result.gone
            state[name] = self._fingerprint(table, mapping)
            if mapping.connection:
                _copies()[name] = self._known[name]
            next_at.pop(name, None)
            if result.next_at:
                next_at[name] = result.next_at.isoformat()
        for name in gone:
            logger.warning("files: no mapping named %s fills %s any more; its rows are retired", name, table.name)
            self._intake.supersede_set(table.name, name)
            del state[name]
            next_at.pop(name, None)
        if found and warehouse.is_empty(table):
            hints = dlt.mark.make_hints(write_disposition="append", columns=table.stored_columns())
        elif found or replaced or retired or gone:
            # The scope is what the new rows replace. A merge key would not do: where a mapping has no row left, it
            # retires none.
            scope = " OR ".join(
                f"{column} IN ({', '.join(map(literal, sorted(values)))})"
                for column, values in (("mapping", {*replaced, *gone}), (ROW_VERSION, {*retired}))
                if values
            )
            disposition: TScd2StrategyDict = {
                "disposition": "merge",
                "strategy": "scd2",
                "destination_scope": scope or "1 = 0",
            }
            hints = dlt.mark.make_hints(write_disposition=disposition)
        else:
            return
        for each in found:
            yield dlt.mark.with_file_import(str(each.file), "parquet", each.count, hints)
        if not found:
            yield dlt.mark.with_hints(no_rows(table.name), hints)  # the merge runs, and retires

    def _result(self, mapping: FileMapping) -> dict[str, _Found]:
        """The rows of the entities of a mapping that have to be read, each on disk; none where the mapping fails.

        Raises:
            MappingError: every mapping fails.
            VendorError: every mapping fails, and one of them because its database cannot be read now.
        """
        if mapping.name in self._failed:
            return {}
        if mapping.name not in self._results:
            try:
                self._results[mapping.name] = self._evaluated(mapping)
            except (MappingError, OSError) as error:
                self._fail(mapping, error)
        return self._results.get(mapping.name, {})

    def _evaluated(self, mapping: FileMapping) -> dict[str, _Found]:
        changed = [table for table in TABLES if table.name in mapping.entities and self._has_to_be_read(table, mapping)]
        if not changed:
            return {}
        settings = self._settings or Settings.read()
        is_accepted = mapping.name in settings.accept
        local = self._local.get(mapping.name, mapping)
        evaluation = Evaluation(local, settings.data_path, self._intake.as_of, is_accepted=is_accepted)
        try:
            found = {table.name: self._entity(evaluation, table, mapping) for table in changed}
        finally:
            evaluation.close()
        for rows in evaluation.inputs:
            resource = f"inputs.{mapping.name}.{rows.name}"
            self._intake.count_set(resource, mapping.name, loaded=rows.taken, rejections=rows.rejections)
        return found

    def _entity(self, evaluation: Evaluation, table: RawTable, mapping: FileMapping) -> _Found:
        result = evaluation.entity(table.name)
        self._hold_what_shrinks(table, mapping, result.rows.num_rows)
        rows, gone = _new(table, mapping, result.rows, self._intake.erased)
        unchanged = result.rows.num_rows - rows.num_rows
        # until the whole mapping is known to be good its rows wait on disk, not in memory
        file = Path(self._folder.name) / f"{mapping.name}.{table.name}.parquet"
        pq.write_table(_as_stored(table, rows), file, compression="none")
        return _Found(file, rows.num_rows, result.rows.num_rows, unchanged, gone, result.rejections, result.next_at)

    def _fail(self, mapping: FileMapping, error: MappingError | VendorError | OSError) -> None:
        self._failed[mapping.name] = error
        if len(self._failed) == len(self._mappings or ()):
            told = "\n".join(dict.fromkeys(map(str, self._failed.values())))
            may_pass = any(isinstance(each, VendorError) for each in self._failed.values())
            raise (VendorError(told) if may_pass else MappingError(told)) from error
        self._intake.fail(f"mapping {mapping.name} is not loaded, and keeps the rows it has: {error}")

    def _has_to_be_read(self, table: RawTable, mapping: FileMapping) -> bool:
        happens = _next_at(table).get(mapping.name)
        # whether a table has changed only reading it tells
        return (
            bool(mapping.connection)
            or _read(table).get(mapping.name) != self._fingerprint(table, mapping)
            or (happens is not None and self._has_come(happens))
        )

    def _hold_what_shrinks(self, table: RawTable, mapping: FileMapping, rows: int) -> None:
        """Stop where the files of a mapping have lost more rows than a night takes: what is missing would be retired.

        Raises:
            MappingError: saying what to do.
        """
        settings = self._settings or Settings.read()
        before = warehouse.count_current(table, "mapping", mapping.name)
        is_held = before >= settings.most_retired_from and before - rows > settings.most_retired * before
        if not is_held or mapping.name in settings.accept:
            return
        origins = ", ".join(source.origin for source in mapping.inputs.values())
        mend = "Look at the tables" if mapping.connection else "Have the files written again"
        raise MappingError(
            f"{mapping.file}: {table.name}: {before:,} rows are known, and {origins} would leave {rows:,}. That is "
            f"more than {settings.most_retired:.0%} fewer, so that nothing was loaded. {mend}; if the rows are gone "
            f"for good, set {Settings.variable('accept')}={mapping.name} for one run."
        )

    def _has_come(self, instant: str) -> bool:
        return datetime.fromisoformat(instant) <= self._intake.as_of + AHEAD_AT_MOST

    def _all(self) -> list[FileMapping]:
        if self._mappings is None:
            settings = self._settings = Settings.read()
            self._mappings = read_mappings(settings.mappings_path)
            for mapping in self._mappings:
                try:
                    self._files[mapping.name] = _files_of(mapping, settings.data_path)
                except (MappingError, OSError) as error:
                    self._fail(mapping, error)
            self._copy_inputs(settings)
        return self._mappings

    def _copy_inputs(self, settings: Settings) -> None:
        """Read tables and queries once for all, those of one database at one moment."""
        mappings = [mapping for mapping in self._mappings or () if mapping.connection]
        made = Copies(settings, self._intake.as_of, Path(self._folder.name), _copies())
        made.forget_all_but(mappings)
        for copied in made.make([mapping for mapping in mappings if mapping.name not in self._failed]):
            if copied.error is not None:
                self._fail(copied.mapping, copied.error)
            self._known[copied.mapping.name] = copied.known
            self._local[copied.mapping.name] = copied.mapping

    def _fingerprint(self, table: RawTable, mapping: FileMapping) -> str:
        # with the canonical columns, the rules of the row and the code, which decide too
        row = entity_row(table)
        text = f"{self._files[mapping.name]}\n{mapping.company}\n{columns(row)!r}\n{row.row_rules!r}\n{_code()}"
        return hashlib.sha256(text.encode()).hexdigest()


def _new(
    table: RawTable, mapping: FileMapping, rows: pa.Table, erased: People | None
) -> tuple[pa.Table, list[str] | None]:
    """The rows that the table does not have yet, and the hashes of those that it has and that are gone.

    Where very many are gone: all rows, and None. Rows that the table has as they come are of nobody who was erased, or
    erasing would have changed them there.
    """
    known = warehouse.current_hashes(table, "mapping", mapping.name)
    is_known = pc.is_in(rows.column(ROW_VERSION), known)
    others = rows.filter(pc.invert(is_known)) if len(known) else rows
    if erased is not None:
        others = erasure.clean_set("files", table, others, erased)
    if not len(known):
        return others, []
    stay = rows.filter(is_known)
    there = pa.chunked_array([*stay.column(ROW_VERSION).chunks, *others.column(ROW_VERSION).chunks], pa.string())
    gone = known.filter(pc.invert(pc.is_in(known, there.combine_chunks())))
    if len(gone) > GONE_AT_MOST:
        return pa.concat_tables([stay, others]), None
    return others.filter(pc.invert(pc.is_in(others.column(ROW_VERSION), known))), gone.to_pylist()


def _as_stored(table: RawTable, rows: pa.Table) -> pa.Table:
    """Rows with dlt's own columns, in the order of the raw table: so dlt does not write its file of them anew.

    The first rows of a table also say from when on they hold, as dlt's merge would have them say. The merge would write
    each row twice, first into a table beside the raw table.
    """
    package = dlt.current.load_package_state()
    constants = {"_dlt_load_id": pa.scalar(package["load_id"])}
    if warehouse.is_empty(table):
        instant = pa.timestamp("us", "UTC")
        constants |= {
            VALID_FROM: pa.scalar(package["state"]["created_at"], instant),
            VALID_TO: pa.scalar(None, instant),
        }
    for name, value in constants.items():
        rows = rows.append_column(name, pa.repeat(value, rows.num_rows))
    stored = dlt.current.pipeline().default_schema.get_table_columns(table.name)
    names = sorted(rows.column_names, key=[*stored].index)
    fields = [rows.schema.field(name).with_nullable(stored[name].get("nullable", True)) for name in names]
    return rows.select(names).cast(pa.schema(fields))


def _read(table: RawTable) -> dict[str, str]:
    """What was read last of an entity, by mapping."""
    found: dict[str, str] = dlt.current.resource_state(table.name).setdefault("mappings", {})
    return found


def _copies() -> State:
    """The copies of tables and queries that are kept: it moves together with the data, too."""
    found: State = dlt.current.source_state().setdefault("copies", {})
    return found


def _next_at(table: RawTable) -> dict[str, str]:
    """When the first fact that was turned away because it lay ahead happens, by mapping."""
    found: dict[str, str] = dlt.current.resource_state(table.name).setdefault("next_at", {})
    return found


def _files_of(mapping: FileMapping, data_path: Path) -> str:
    """What distinguishes one state of a mapping and its files from another: text, names, sizes, times of change."""
    parts = [mapping.text]
    for source in mapping.inputs.values():
        for file in () if source.is_of_database else find_files(mapping, source, data_path):
            stat = file.stat()
            parts.append(f"{source.name} {file} {stat.st_size} {stat.st_mtime_ns}")
    return "\n".join(parts)


@cache
def _code() -> str:
    """What distinguishes one state of the code that reads files from another: a newer one may accept more."""
    folder = Path(__file__).parent
    files = [*sorted(folder.glob("*.py")), Path(limits.__file__)]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
