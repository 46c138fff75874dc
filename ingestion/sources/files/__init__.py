"""Bring your own files: CSV, Parquet and JSON lines, mapped to canonical entities by YAML. See README.md here.

Belongs here: which mappings have to be read, and their way into dlt. Does not: the format of a mapping
(`mapping.py`), reading files (`inputs.py`), SQL (`evaluation.py`).
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
from dlt.common.schema.typing import TScd2StrategyDict
from dlt.extract import DltResource

from ingestion import warehouse
from ingestion.intake import AHEAD_AT_MOST, Intake
from ingestion.sources.files.canonical import columns, entity_row
from ingestion.sources.files.evaluation import Evaluation, no_rows
from ingestion.sources.files.inputs import find_files
from ingestion.sources.files.mapping import FileMapping, MappingError, read_mappings
from ingestion.sources.files.models import TABLES
from ingestion.sources.files.settings import Settings
from ingestion.tables import RawTable

__all__ = ["TABLES", "MappingError", "resources"]

logger = logging.getLogger(__name__)


def resources(intake: Intake) -> Iterable[DltResource]:
    """One resource a canonical entity. A mapping's files are read when the first of them asks."""
    load = _Load(intake)
    for table in TABLES:
        yield dlt.resource(load.rows_of(table), **table.hints())


class _Load:
    """What the resources of one run share: the mappings, and the open evaluation of each changed one."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._settings: Settings | None = None
        self._data_path = Path()
        self._mappings: list[FileMapping] | None = None
        self._files: dict[str, str] = {}
        self._evaluations: dict[str, Evaluation] = {}
        self._waiting: dict[str, set[str]] = {}

    def rows_of(self, table: RawTable) -> Callable[[], Iterator[Any]]:
        def rows() -> Iterator[Any]:
            yield from self._rows(table)

        return rows

    def _rows(self, table: RawTable) -> Iterator[Any]:
        """The entity's rows of every mapping that changed, at most one Arrow table.

        What is read replaces the mapping's rows; the state of the resource remembers what was read, so that it
        moves together with the data. It remembers, too, when the first of the facts that were turned away because they
        lay ahead happens: from then on the files are read again, though nobody changed them.
        """
        mappings = {mapping.name: mapping for mapping in self._all() if table.name in mapping.entities}
        state = dlt.current.resource_state(table.name).setdefault("mappings", {})
        next_at = dlt.current.resource_state(table.name).setdefault("next_at", {})
        prints = {name: self._fingerprint(table, mapping) for name, mapping in mappings.items()}
        changed = [
            name
            for name, fingerprint in prints.items()
            if state.get(name) != fingerprint or (name in next_at and self._has_come(next_at[name]))
        ]
        gone = sorted(state.keys() - mappings.keys())
        tables = []
        for name in changed:
            result = self._evaluation(mappings[name]).entity(table.name)
            self._hold_what_shrinks(table, mappings[name], result.rows.num_rows)
            self._intake.count_set(table.name, loaded=result.rows.num_rows, rejections=result.rejections)
            tables.append(result.rows)
            self._done(name, table)
            state[name] = prints[name]
            next_at.pop(name, None)
            if result.next_at:
                next_at[name] = result.next_at.isoformat()
        for name in (name for name in prints if name not in changed):
            self._done(name, table)
        for name in gone:
            logger.warning("files: no mapping named %s fills %s any more; its rows are retired", name, table.name)
            del state[name]
            next_at.pop(name, None)
        if changed or gone:
            # The scope is what the new rows replace. A merge key would not do: where a mapping has no row left, it
            # retires none.
            scope = ", ".join(f"'{name}'" for name in sorted({*changed, *gone}))
            disposition: TScd2StrategyDict = {
                "disposition": "merge",
                "strategy": "scd2",
                "destination_scope": f"mapping IN ({scope})",
            }
            rows = pa.concat_tables(tables) if tables else no_rows(table.name)  # the merge runs, and retires
            yield dlt.mark.with_hints(rows, dlt.mark.make_hints(write_disposition=disposition))

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
        paths = ", ".join(source.path for source in mapping.inputs.values())
        raise MappingError(
            f"{mapping.file}: {table.name}: {before:,} rows are known, and {paths} would leave {rows:,}. That is more "
            f"than {settings.most_retired:.0%} fewer, so that nothing was loaded. Have the files written again; if the "
            f"rows are gone for good, set {Settings.variable('accept')}={mapping.name} for one run."
        )

    def _has_come(self, instant: str) -> bool:
        return datetime.fromisoformat(instant) <= self._intake.as_of + AHEAD_AT_MOST

    def _all(self) -> list[FileMapping]:
        if self._mappings is None:
            settings = self._settings = Settings.read()
            self._data_path = settings.data_path
            self._mappings = read_mappings(settings.mappings_path)
            self._files = {mapping.name: self._files_of(mapping) for mapping in self._mappings}
        return self._mappings

    def _files_of(self, mapping: FileMapping) -> str:
        """What distinguishes one state of a mapping and its files from another: text, names, sizes, times of change."""
        parts = [mapping.text]
        for source in mapping.inputs.values():
            for file in find_files(mapping, source, self._data_path):
                stat = file.stat()
                parts.append(f"{source.name} {file} {stat.st_size} {stat.st_mtime_ns}")
        return "\n".join(parts)

    def _fingerprint(self, table: RawTable, mapping: FileMapping) -> str:
        # with the canonical columns and the rules of the row, which decide too
        row = entity_row(table)
        text = f"{self._files[mapping.name]}\n{mapping.company}\n{columns(row)!r}\n{row.row_rules!r}"
        return hashlib.sha256(text.encode()).hexdigest()

    def _evaluation(self, mapping: FileMapping) -> Evaluation:
        if mapping.name not in self._evaluations:
            evaluation = self._evaluations[mapping.name] = Evaluation(
                mapping,
                self._data_path,
                self._intake.as_of,
                is_accepted=mapping.name in (self._settings or Settings.read()).accept,
            )
            for rows in evaluation.inputs:
                resource = f"inputs.{mapping.name}.{rows.name}"
                self._intake.count_set(resource, loaded=rows.taken, rejections=rows.rejections)
        return self._evaluations[mapping.name]

    def _done(self, name: str, table: RawTable) -> None:
        """Let go of a mapping's data once each of its entities had its turn."""
        mapping = next(mapping for mapping in self._all() if mapping.name == name)
        waiting = self._waiting.setdefault(name, set(mapping.entities))
        waiting.discard(table.name)
        if not waiting and name in self._evaluations:
            self._evaluations.pop(name).close()
