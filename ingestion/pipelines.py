"""Turns a source's name into a dlt source and a pipeline: one factory for all of them.

Belongs here: what every source run has in common. Does not: orchestration (Dagster calls these functions), a
vendor's paging or fields.

A source package `ingestion.sources.<name>` offers two things: `TABLES`, its `RawTable` declarations, and
`resources(intake)`, its dlt resources in the order in which they run. Settings are resolved inside the resources,
so that building a source needs neither network nor secret.
"""

from __future__ import annotations

import json
import logging
import shutil
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import dlt
from dlt.common.destination import TLoaderFileFormat
from dlt.extract import DltResource, DltSource

from ingestion import accounting, config, warehouse
from ingestion.accounting import UnaccountedError
from ingestion.config import Account, SettingsError
from ingestion.http import VendorError
from ingestion.intake import Intake
from ingestion.lock import RefreshInProgressError, writer_lock
from ingestion.obstacles import HeldFileError, explained, refuse_held_file
from ingestion.tables import LOAD_AUDIT, REJECTED_RECORDS, RawTable

logger = logging.getLogger(__name__)

LOADER_FILE_FORMAT: TLoaderFileFormat = "parquet"  # nine times faster into DuckDB than dlt's default


def tables(name: str) -> tuple[RawTable, ...]:
    """The raw tables of a source, with the two that every source has."""
    return (*import_module(f"ingestion.sources.{name}").TABLES, REJECTED_RECORDS, LOAD_AUDIT)


def new_intake(name: str, account: str = "", pipeline: dlt.Pipeline | None = None) -> Intake:
    """The intake of one run of the source `name`, or of an account, into the warehouse that `pipeline` knows."""
    stored: Mapping[str, Any] = pipeline.default_schema.tables if pipeline and pipeline.default_schema_name else {}
    typed = {
        table: [
            column for column, hints in stored[table]["columns"].items() if hints.get("data_type", "text") != "text"
        ]
        for table in stored
    }
    return Intake(name, import_module(f"ingestion.sources.{name}").TABLES, warehouse.current_versions, account, typed)


def build_source(name: str, intake: Intake | None = None) -> DltSource:
    """The dlt source of `name`. Rejections and counts run last and land in the same load package as the data."""
    config.use_project_settings()
    module = import_module(f"ingestion.sources.{name}")
    door = intake or new_intake(name)

    @dlt.source(name=name)
    def source() -> Iterator[DltResource]:
        yield from module.resources(door)
        yield dlt.resource(door.rejections(), **REJECTED_RECORDS.hints())
        yield dlt.resource(door.audit(), **LOAD_AUDIT.hints())

    return _without_guesses(source())


def _without_guesses(source: DltSource) -> DltSource:
    """The source, whose unknown fields stay the texts that the door made of them, also where one is like an instant."""
    source.schema.remove_type_detection("iso_timestamp")
    return source


def build_pipeline(name: str, account: str = "", progress: Any = None) -> dlt.Pipeline:
    """The pipeline that loads `name` into its raw schema; its working state lies in the data folder.

    Each account has a pipeline of its own, and so cursors of its own; the raw tables are those of the source.
    """
    config.use_project_settings()
    pipeline_name, folder = f"{name}__{account}" if account else name, config.data_dir() / "dlt"
    _discard_unreadable(folder / pipeline_name)
    return dlt.pipeline(
        pipeline_name=pipeline_name,
        pipelines_dir=str(folder),
        destination=config.destination(),
        dataset_name=config.dataset_name(name),
        progress=progress,
    )


def _discard_unreadable(working_folder: Path) -> None:
    """Delete a working folder that a crash left with half a file: it holds nothing that is not in the warehouse."""
    for file in (*working_folder.glob("*.json"), *working_folder.glob("schemas/*.json")):
        try:
            json.loads(file.read_bytes())
        except ValueError:
            logger.warning("%s cannot be read: what dlt keeps there is made anew from the warehouse.", file)
            shutil.rmtree(working_folder)
            return


def _take_cursors(pipeline: dlt.Pipeline) -> None:
    """What is in the warehouse decides what is already loaded, also after a build file was restored or deleted.

    What the working folder knows is dropped, with what a crashed run left half-way: its cursors never moved.
    """
    pipeline.drop()
    pipeline.sync_destination()


def prepare(name: str, pipeline: dlt.Pipeline) -> None:
    """Take the cursors from the warehouse, and create raw tables and columns not there yet.

    Every source has its raw tables, also a disabled one, with every declared column, also where an older version of
    the project created them, so that every model always builds. A column that may be null now may be null there too.
    """
    _take_cursors(pipeline)
    tables_then: Mapping[str, Any] = pipeline.default_schema.tables if pipeline.default_schema_name else {}
    known = {table: tables_then[table]["columns"] for table in tables_then}
    missing = [table for table in tables(name) if not table.stored_columns().keys() <= known.get(table.name, {}).keys()]
    relaxed = {
        (table.name, column)
        for table in tables(name)
        for column, hints in table.columns().items()
        if hints["nullable"] and not known.get(table.name, {}).get(column, hints).get("nullable", True)
    }
    if relaxed:
        _let_be_null(pipeline, relaxed)
    if missing or relaxed:
        changed = [table for table in tables(name) if table in missing or table.name in {each for each, _ in relaxed}]
        pipeline.run(_empty_source(name, changed, {*known}), loader_file_format=LOADER_FILE_FORMAT)
    _say_whose_rows(name, pipeline)


def _say_whose_rows(name: str, pipeline: dlt.Pipeline) -> None:
    """Rows that an older version of the project loaded are those of the account without a name."""
    with pipeline.sql_client() as client:
        for table in tables(name):
            if table.is_of_accounts:
                place = client.make_qualified_table_name(table.name)
                client.execute_sql(f"update {place} set source_account = '' where source_account is null")


def _let_be_null(pipeline: dlt.Pipeline, columns: Collection[tuple[str, str]]) -> None:
    """Take the constraint off columns that an older version of the project required, where loads pass them too."""
    with pipeline.sql_client() as client:
        for table, column in sorted(columns):
            if client.has_dataset():
                name = client.make_qualified_table_name(table)
                client.execute_sql(f"alter table {name} alter column {client.escape_column_name(column)} drop not null")
        with client.with_staging_dataset():
            if client.has_dataset():
                client.drop_dataset()  # it is made again as the tables are now


def _empty_source(name: str, missing: list[RawTable], known: set[str]) -> DltSource:
    def nothing() -> Iterator[Any]:
        yield dlt.mark.materialize_table_schema()

    @dlt.source(name=name)
    def source() -> Iterator[DltResource]:
        for table in missing:
            hints = table.hints()
            # insert-only hashes the key of the empty marker row and fails; scd2 would retire all rows of a known table
            if table.history == "events" or table.name in known:
                hints |= {"write_disposition": "append", "columns": table.stored_columns()}
            yield dlt.resource(nothing, **hints)

    return _without_guesses(source())


@dataclass(frozen=True)
class Load:
    """One load of one source, ready to run: the same wherever it is started from.

    Attributes:
        pipeline: with the cursors of the warehouse, and every raw table in place.
        source: what it loads.
        intake: the door that counts.
    """

    pipeline: dlt.Pipeline
    source: DltSource
    intake: Intake

    def problems(self) -> list[str]:
        """After the run: sentences on records that are not accounted for."""
        rows_of = accounting.handed_on(self.pipeline)
        return list(accounting.unaccounted(self.intake, tables(self.intake.source), rows_of))


def ready(name: str, account: str = "", progress: Any = None) -> Load:
    """Make one load of a source, or of an account of it, ready.

    Whoever runs it passes `LOADER_FILE_FORMAT`, and asks for its problems then.

    Raises:
        SettingsError: now lies before what is loaded already.
    """
    warehouse.refuse_going_back()
    pipeline = build_pipeline(name, progress=None if account else progress)
    prepare(name, pipeline)
    intake = new_intake(name, account, pipeline)
    if account:  # has cursors of its own, and the raw tables that were prepared for all
        pipeline = build_pipeline(name, account, progress)
        _take_cursors(pipeline)
    return Load(pipeline, build_source(name, intake), intake)


def run(name: str, account: str = "", progress: Any = None) -> Intake:
    """Load one source, or one account of it, once and return its counts.

    Raises:
        SettingsError: now lies before what is loaded already.
        UnaccountedError: a record is neither loaded nor rejected.
    """
    load = ready(name, account, progress)
    load.pipeline.run(load.source, loader_file_format=LOADER_FILE_FORMAT)
    problems = load.problems()
    if problems:
        raise UnaccountedError(f"{Account(name, account)}: {'; '.join(problems)}")
    return load.intake


def cause(error: BaseException) -> BaseException:
    """What a person has to know of a failed run: the vendor's or a setting's error under dlt's own, or the deepest."""
    deepest = error
    while True:
        if isinstance(deepest, VendorError | SettingsError):
            return deepest
        below = deepest.__cause__ or deepest.__context__
        if below is None:
            return deepest
        deepest = below


def interruption(error: BaseException) -> BaseException | None:
    """The interruption that an error came from: dlt wraps it in a failure of its own, which looks as if it may pass."""
    below: BaseException | None = error
    while below is not None and isinstance(below, Exception):
        below = below.__cause__ or below.__context__
    return below


def main(name: str) -> int:
    """The command line of one source: load each enabled account of it and print what was counted.

    Where none is enabled, the account without a name is loaded. Returns the exit code; 1: failed, with a line why.
    """
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("ingestion").setLevel(logging.INFO)
    try:
        with writer_lock(config.data_dir()):
            refuse_held_file(config.warehouse_path())
            for account in config.accounts_of(name) or (Account(name),):
                intake = run(name, account.name)
                print(counts(intake))
                for sentence in intake.warnings:
                    print(f"warning: {account}: {sentence}", file=sys.stderr)
    except (Exception, KeyboardInterrupt) as error:
        reason = cause(error)
        if interruption(error):
            print("interrupted: what was under way is not loaded. Load again.", file=sys.stderr)
            return 1
        known = isinstance(
            reason, VendorError | SettingsError | UnaccountedError | RefreshInProgressError | HeldFileError
        )
        said = str(reason) if known else explained(f"{name}: {type(reason).__name__}: {reason}")
        print(f"failed: {said}", file=sys.stderr)
        return 1
    return 0


def counts(intake: Intake) -> str:
    """Received, loaded and rejected of each resource, as a table of text."""
    lines = [f"{'resource':<28}{'received':>10}{'loaded':>10}{'rejected':>10}"]
    for resource in intake.resources:
        numbers = (intake.received[resource], intake.loaded[resource], intake.rejected[resource])
        name = f"{Account(intake.source, intake.account)}.{resource}"
        lines.append(f"{name:<28}" + "".join(f"{number:>10}" for number in numbers))
    return "\n".join(lines)
