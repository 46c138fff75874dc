"""Turns a source's name into a dlt source and a pipeline: one factory for all of them.

Belongs here: what every source run has in common. Does not: orchestration (Dagster calls these functions), a
vendor's paging or fields.

A source package `ingestion.sources.<name>` offers two things: `TABLES`, its `RawTable` declarations, and
`resources(intake)`, its dlt resources in the order in which they run. Settings are resolved inside the resources,
so that building a source needs neither network nor secret. It may offer a third, `ROWS_OF`: of tables whose rows it
makes of a vendor's record (`wire.mapped`, `wire.unfolded`), how. What is rejected there is kept as the vendor sent it.
"""

from __future__ import annotations

import logging
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any

import dlt
from dlt.common.destination import TLoaderFileFormat
from dlt.extract import DltResource, DltSource

from ingestion import accounting, config, replay, warehouse
from ingestion.accounting import UnaccountedError
from ingestion.config import Account, SettingsError
from ingestion.http import VendorError
from ingestion.intake import Intake
from ingestion.tables import LOAD_AUDIT, OF_EVERY_SOURCE, REJECTED_RECORDS, REJECTION_STATES, RawTable

log = logging.getLogger(__name__)

LOADER_FILE_FORMAT: TLoaderFileFormat = "parquet"  # nine times faster into DuckDB than dlt's default


def tables(name: str) -> tuple[RawTable, ...]:
    """The raw tables of a source, with those that every source has."""
    return (*import_module(f"ingestion.sources.{name}").TABLES, *OF_EVERY_SOURCE)


def _rows_of(name: str) -> replay.RowsOf:
    found: replay.RowsOf = getattr(import_module(f"ingestion.sources.{name}"), "ROWS_OF", {})
    return found


def new_intake(name: str, account: str = "", pipeline: dlt.Pipeline | None = None) -> Intake:
    """The intake of one run of the source `name`, or of an account, into the warehouse that `pipeline` knows."""
    return Intake(
        name,
        import_module(f"ingestion.sources.{name}").TABLES,
        warehouse.current_versions,
        account,
        _typed_columns(pipeline),
        made_again=_rows_of(name),
        open_rejections=warehouse.open_rejections(account) if pipeline else (),
        closed_rejections=warehouse.closed_rejections,
    )


def _typed_columns(pipeline: dlt.Pipeline | None) -> dict[str, list[str]]:
    stored: Mapping[str, Any] = pipeline.default_schema.tables if pipeline and pipeline.default_schema_name else {}
    return {
        table: [
            column for column, hints in stored[table]["columns"].items() if hints.get("data_type", "text") != "text"
        ]
        for table in stored
    }


def build_source(name: str, intake: Intake | None = None) -> DltSource:
    """The dlt source of `name`. Rejections and counts run last and land in the same load package as the data."""
    config.use_project_settings()
    module = import_module(f"ingestion.sources.{name}")
    door = intake or new_intake(name)

    @dlt.source(name=name)
    def source() -> Iterator[DltResource]:
        yield from module.resources(door)
        yield dlt.resource(door.rejections(), **REJECTED_RECORDS.hints())
        yield dlt.resource(door.states(), **REJECTION_STATES.hints())
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
    return dlt.pipeline(
        pipeline_name=f"{name}__{account}" if account else name,
        pipelines_dir=str(config.data_dir() / "dlt"),
        destination=config.destination(),
        dataset_name=config.dataset_name(name),
        progress=progress,
    )


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

    Whoever runs it passes `LOADER_FILE_FORMAT`, and asks for its problems then. What was rejected before and fits by
    now is loaded already, so that a newer version that the vendor sends in this load comes after it.

    Raises:
        SettingsError: now lies before what is loaded already.
        UnaccountedError: a record that was replayed is not accounted for.
    """
    warehouse.refuse_going_back()
    pipeline = build_pipeline(name, progress=None if account else progress)
    prepare(name, pipeline)
    _replay(name, account, pipeline)
    intake = new_intake(name, account, pipeline)
    if account:  # has cursors of its own, and the raw tables that were prepared for all
        pipeline = build_pipeline(name, account, progress)
        _take_cursors(pipeline)
    return Load(pipeline, build_source(name, intake), intake)


def replay_rejections(name: str, account: str = "") -> Intake:
    """Load what of a source, or of an account of it, was rejected before and fits by now. The vendor is not asked.

    Raises:
        SettingsError: now lies before what is loaded already.
        UnaccountedError: a record is not accounted for.
    """
    warehouse.refuse_going_back()
    pipeline = build_pipeline(name)
    prepare(name, pipeline)
    return _replay(name, account, pipeline)


def _replay(name: str, account: str, pipeline: dlt.Pipeline) -> Intake:
    """Judge the open rejections again; where there is news of one, it is a load of its own."""
    rows_of, rejections = _rows_of(name), warehouse.open_rejections(account)
    intake = Intake(name, (), warehouse.current_versions, account, _typed_columns(pipeline), made_again=rows_of)
    of_source = import_module(f"ingestion.sources.{name}").TABLES
    with_news = [
        table for table in of_source if next(replay.replayed(intake, table, rows_of, rejections), None) is not None
    ]
    if not with_news:
        return intake
    states: list[dict[str, Any]] = []

    def rows(table: RawTable) -> Iterator[Any]:
        for each in replay.replayed(intake, table, rows_of, rejections):
            found = [row for row in each.rows if table.history == "versions" or intake.is_first(table, row)]
            intake.replayed[table.name] += len(each.rejections) if each.state == "loaded" else 0
            intake.replayed_rows[table.name] += len(found)
            states.extend(
                intake.state(of.rejection_id, table.name, each.state, of.number + 1) for of in each.rejections
            )
            yield found

    @dlt.source(name=name)
    def source() -> Iterator[DltResource]:
        for table in with_news:
            yield dlt.resource(rows(table), **table.hints())
        yield dlt.resource(lambda: iter(states), **REJECTION_STATES.hints())
        yield dlt.resource(intake.audit(), **LOAD_AUDIT.hints())

    pipeline.run(_without_guesses(source()), loader_file_format=LOADER_FILE_FORMAT)
    problems = [*accounting.unaccounted(intake, tables(name), accounting.handed_on(pipeline))]
    if problems:
        raise UnaccountedError(f"{Account(name, account)}: {'; '.join(problems)}")
    log.info("%s: %s records that were rejected before are loaded now", Account(name, account), intake.replayed.total())
    return intake


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


def main(name: str) -> int:
    """The command line of one source: load each enabled account of it and print what was counted.

    Where none is enabled, the account without a name is loaded. Returns the exit code; 1: failed, also in part, with a
    line why.
    """
    failures: list[str] = []

    def load() -> None:
        for account in config.accounts_of(name) or (Account(name),):
            intake = run(name, account.name)
            print(counts(intake))
            for sentence in intake.warnings:
                kind = "failed in part" if sentence in intake.failures else "warning"
                print(f"{kind}: {account}: {sentence}", file=sys.stderr)
            failures.extend(intake.failures)

    return _exit_code(name, load) or int(bool(failures))


def main_replay(names: Iterable[str]) -> int:
    """The command line of the replay: of each source, what was rejected before and fits by now is loaded.

    Returns the exit code; 1: a source failed, with a line why, and the others were tried.
    """

    def replay_all(name: str) -> None:
        for account in config.accounts_of(name) or (Account(name),):
            intake = replay_rejections(name, account.name)
            left = Counter(each.resource for each in warehouse.open_rejections(account.name))
            for resource in sorted({*intake.replayed, *left}):
                print(f"{f'{account}.{resource}':<44}{intake.replayed[resource]:>10}{left[resource]:>12}")

    print(f"{'resource':<44}{'loaded now':>10}{'still open':>12}")
    codes = [_exit_code(name, partial(replay_all, name)) for name in names]
    print("The marts have what is loaded now after the next refresh: make refresh")
    return max(codes, default=0)


def _exit_code(name: str, command: Callable[[], None]) -> int:
    """0, or 1 where the command fails, with a line why."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("ingestion").setLevel(logging.INFO)
    try:
        command()
    except Exception as error:
        reason = cause(error)
        known = isinstance(reason, VendorError | SettingsError | UnaccountedError)
        print(f"failed: {reason if known else f'{name}: {type(reason).__name__}: {reason}'}", file=sys.stderr)
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
