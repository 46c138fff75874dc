"""Turns a source's name into a dlt source and a pipeline: one factory for all of them.

Belongs here: what every source run has in common. Does not: orchestration (Dagster calls these functions), a
vendor's paging or fields.

A source package `ingestion.sources.<name>` offers two things: `TABLES`, its `RawTable` declarations, and
`resources(intake)`, its dlt resources in the order in which they run. Settings are resolved inside the resources,
so that building a source needs neither network nor secret. It may offer a third, `ROWS_OF`: of tables whose rows it
makes of a vendor's record (`wire.mapped`, `wire.unfolded`), how. What is rejected there is kept as the vendor sent it.
And a fourth, `BY_DAY`: which tables can be read again by day (`days`).
"""

from __future__ import annotations

import json
import logging
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import dlt
import duckdb
from dlt.common.destination import TLoaderFileFormat
from dlt.extract import DltResource, DltSource

from ingestion import accounting, config, erasure, failures, inbox, permissions, replay, secrecy, warehouse
from ingestion.accounting import UnaccountedError
from ingestion.clock import check_before_loading
from ingestion.config import Account, SettingsError
from ingestion.days import ByDay, Days, DaysError
from ingestion.failures import cause as cause
from ingestion.freshness import note_failure, note_success
from ingestion.intake import Intake
from ingestion.lock import RefreshInProgressError, writer_lock
from ingestion.obstacles import WarehouseFileError, refuse_unusable_file
from ingestion.sources import SOURCE_NAMES
from ingestion.tables import LOAD_AUDIT, OF_EVERY_SOURCE, REJECTED_RECORDS, REJECTION_STATES, RawTable

log = logging.getLogger(__name__)

IN_PART = "a part of it could not be loaded"
LOADER_FILE_FORMAT: TLoaderFileFormat = "parquet"  # nine times faster into DuckDB than dlt's default


def tables(name: str) -> tuple[RawTable, ...]:
    """The raw tables of a source, with those that every source has."""
    return (*import_module(f"ingestion.sources.{name}").TABLES, *OF_EVERY_SOURCE)


def _rows_of(name: str) -> replay.RowsOf:
    found: replay.RowsOf = getattr(import_module(f"ingestion.sources.{name}"), "ROWS_OF", {})
    return found


def by_day(name: str) -> ByDay | None:
    """What of a source can be read again by day; None: nothing."""
    found: ByDay | None = getattr(import_module(f"ingestion.sources.{name}"), "BY_DAY", None)
    return found


def new_intake(name: str, account: str = "", pipeline: dlt.Pipeline | None = None, days: Days | None = None) -> Intake:
    """The intake of one run of the source `name`, or of an account, into the warehouse that `pipeline` knows."""
    return Intake(
        name,
        import_module(f"ingestion.sources.{name}").TABLES if days is None else _by_day(name).tables,
        warehouse.current_versions,
        account,
        _typed_columns(pipeline),
        made_again=_rows_of(name),
        open_rejections=warehouse.open_rejections(account) if pipeline else (),
        closed_rejections=warehouse.closed_rejections,
        days=days,
        erased=erasure.erased_people(name),
    )


def _by_day(name: str) -> ByDay:
    found = by_day(name)
    if found is None:
        can = [each for each in SOURCE_NAMES if by_day(each)]
        raise DaysError(f"{name}: nothing of it can be read again by day. Choose from: {', '.join(can)}")
    return found


def _typed_columns(pipeline: dlt.Pipeline | None) -> dict[str, list[str]]:
    stored: Mapping[str, Any] = pipeline.default_schema.tables if pipeline and pipeline.default_schema_name else {}
    return {
        table: [
            column for column, hints in stored[table]["columns"].items() if hints.get("data_type", "text") != "text"
        ]
        for table in stored
    }


def build_source(name: str, intake: Intake | None = None) -> DltSource:
    """The dlt source of `name`. Rejections and counts run last and land in the same load package as the data.

    Of an intake that reads days again, it is what can be read so.
    """
    config.use_project_settings()
    module = import_module(f"ingestion.sources.{name}")
    door = intake or new_intake(name)

    @dlt.source(name=name)
    def source() -> Iterator[DltResource]:
        yield from module.resources(door)
        yield dlt.resource(door.rejections(), **REJECTED_RECORDS.hints())
        yield dlt.resource(door.states(), **REJECTION_STATES.hints())
        yield dlt.resource(door.audit(), **LOAD_AUDIT.hints())

    built = _without_guesses(source())
    if door.days is None:
        return built
    return built.with_resources(*(table.name for table in (*_by_day(name).tables, *OF_EVERY_SOURCE)))


def _without_guesses(source: DltSource) -> DltSource:
    """The source, whose unknown fields stay the texts that the door made of them, also where one is like an instant."""
    source.schema.remove_type_detection("iso_timestamp")
    return source


def build_pipeline(name: str, account: str = "", progress: Any = None) -> dlt.Pipeline:
    """The pipeline that loads `name` into its raw schema; its working state lies in the data folder.

    Each account has a pipeline of its own, and so cursors of its own; the raw tables are those of the source.
    """
    config.use_project_settings()
    secrecy.keep_out_of_traces()
    pipeline_name, folder = f"{name}__{account}" if account else name, config.working_dir()
    _discard_unreadable(name, folder / pipeline_name)
    return dlt.pipeline(
        pipeline_name=pipeline_name,
        pipelines_dir=str(folder),
        destination=config.destination(),
        dataset_name=config.dataset_name(name),
        progress=progress,
    )


def _discard_unreadable(name: str, working_folder: Path) -> None:
    """Delete a working folder that a crash left with half a file: it holds nothing that is not in the warehouse.

    Only the folders in it still tell which load did not end: that one is taken back first.
    """
    for file in (*working_folder.glob("*.json"), *working_folder.glob("schemas/*.json")):
        try:
            json.loads(file.read_bytes())
        except ValueError:
            log.warning("%s cannot be read: what dlt keeps there is made anew from the warehouse.", file)
            _take_back(name, [package.name for package in (working_folder / "load" / "normalized").glob("*")])
            shutil.rmtree(working_folder)
            return


def _take_cursors(name: str, pipeline: dlt.Pipeline) -> None:
    """What is in the warehouse decides what is already loaded, also after a build file was restored or deleted.

    What the working folder knows is dropped, with what a crashed run left half-way: its cursors never moved.
    """
    _take_back(name, pipeline.list_normalized_load_packages())
    pipeline.drop()
    pipeline.sync_destination()


def _take_back(name: str, begun: Collection[str]) -> None:
    """Undo what loads that did not end have done to the raw tables: dlt writes one after the other.

    Their rows go, and versions that they retired hold again. dlt retires versions as of the instant that the load's id
    is.

    Args:
        begun: ids of loads, by the working folder; dlt's table of loads says which of them ended after all.
    """
    if not begun or not config.warehouse_path().exists():
        return
    schema = config.dataset_name(name)
    with duckdb.connect(str(config.warehouse_path())) as connection:
        found = "select table_name from duckdb_tables() where schema_name = ?"
        there = {table for (table,) in connection.execute(found, [schema]).fetchall()}
        ended: set[str] = set()
        if "_dlt_loads" in there:
            loads = f"select load_id from {schema}._dlt_loads where status = 0"
            ended = {load_id for (load_id,) in connection.execute(loads).fetchall()}
        connection.begin()
        for load_id in sorted({*begun} - ended):
            for table in (table for table in tables(name) if table.name in there):
                place = f'{schema}."{table.name}"'
                connection.execute(f"delete from {place} where _dlt_load_id = ?", [load_id])
                if table.history == "versions":
                    retired_at = datetime.fromtimestamp(float(load_id), UTC)
                    connection.execute(f"update {place} set _dlt_valid_to = null where _dlt_valid_to = ?", [retired_at])
        connection.commit()


def prepare(name: str, pipeline: dlt.Pipeline) -> None:
    """Take the cursors from the warehouse, and create raw tables and columns not there yet.

    Every source has its raw tables, also a disabled one, with every declared column, also where an older version of
    the project created them, so that every model always builds. A column that may be null now may be null there too.
    """
    _take_cursors(name, pipeline)
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
        began_at: when it was made ready, before anything was read.
    """

    pipeline: dlt.Pipeline
    source: DltSource
    intake: Intake
    began_at: datetime

    @property
    def account(self) -> Account:
        """Whose records it loads."""
        return Account(self.intake.source, self.intake.account)

    def succeed(self) -> None:
        """After a run that ended: the account is up to date, but for the parts of it that failed.

        Days that were read again say nothing of that, whether they could be read or not.
        """
        if self.intake.days is not None:
            return
        if self.intake.failures:
            note_failure(self.account, IN_PART)
        else:
            note_success(self.account)
            inbox.note_loaded(self.account, self.began_at)

    def fail(self, error: BaseException) -> None:
        """After a run that did not: leave the raw tables as they were, and note why there is no news."""
        _take_back(self.intake.source, self.pipeline.list_normalized_load_packages())
        if self.intake.days is None:
            note_failure(self.account, failures.in_short(error))

    def problems(self) -> list[str]:
        """After the run: sentences on records that are not accounted for."""
        rows_of = accounting.handed_on(self.pipeline)
        return list(accounting.unaccounted(self.intake, tables(self.intake.source), rows_of))


def check_settings() -> None:
    """Stop where an enabled account lacks a setting, or has one that cannot work: before anything is loaded.

    Raises:
        SettingsError: with a line for each account.
    """
    problems = []
    for account in config.enabled_accounts():
        try:
            import_module(f"ingestion.sources.{account.source}.settings").Settings.of(account.name).check()
        except SettingsError as error:
            problems.append(str(error))
    if problems:
        raise SettingsError("\n".join(problems))


@contextmanager
def held_open() -> Iterator[None]:
    """Keep the build file open for loads, once an erasure that was interrupted has come to its end: it writes the file
    anew, which it cannot while somebody has it.
    """
    erasure.hold()
    with warehouse.held_open():
        yield


def ready(name: str, account: str = "", progress: Any = None, days: Days | None = None) -> Load:
    """Make one load of a source, or of an account of it, ready: of all news, or of days that are read again.

    Whoever runs it passes `LOADER_FILE_FORMAT`, says how it ended, and asks for its problems then. What was rejected
    before and fits by now is loaded already, so that a newer version that the vendor sends in this load comes after it.
    `held_open` is around both.

    Raises:
        SettingsError: now lies before what is loaded already.
        DaysError: the source cannot tell of these days.
        UnaccountedError: a record that was replayed is not accounted for.
    """
    began_at = config.machine_time()
    warehouse.refuse_going_back()
    if days is not None:
        _by_day(name).check(name, days, config.as_of().date())
    pipeline = build_pipeline(name, progress=None if account else progress)
    prepare(name, pipeline)
    if days is None:
        _replay(name, account, pipeline)
    intake = new_intake(name, account, pipeline, days)
    if account:  # has cursors of its own, and the raw tables that were prepared for all
        pipeline = build_pipeline(name, account, progress)
        _take_cursors(name, pipeline)
    return Load(pipeline, build_source(name, intake), intake, began_at)


def replay_rejections(name: str, account: str = "") -> Intake:
    """Load what of a source, or of an account, was rejected before and fits by now. Nothing is read from the vendor.

    Raises:
        SettingsError: now lies before what is loaded already.
        UnaccountedError: a record is not accounted for.
    """
    with held_open():
        warehouse.refuse_going_back()
        pipeline = build_pipeline(name)
        prepare(name, pipeline)
        return _replay(name, account, pipeline)


def _replay(name: str, account: str, pipeline: dlt.Pipeline) -> Intake:
    """Judge the open rejections again; where there is news of one, it is a load of its own."""
    rows_of, rejections = _rows_of(name), warehouse.open_rejections(account)
    intake = Intake(
        name,
        (),
        warehouse.current_versions,
        account,
        _typed_columns(pipeline),
        made_again=rows_of,
        erased=erasure.erased_people(name),
    )
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

    try:
        pipeline.run(_without_guesses(source()), loader_file_format=LOADER_FILE_FORMAT)
    except Exception:
        _take_back(name, pipeline.list_normalized_load_packages())
        raise
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
    with held_open():
        return _run(ready(name, account, progress))


def read_again(name: str, account: str, first: date, last: date) -> Intake:
    """Load the days from `first` to `last`, both included, of what a source tells by day, and return its counts.

    Nothing but these days of these tables is asked for or changed: cursors stay where they are, the next load reads
    what it would have read, and how far the account is known does not change.

    Raises:
        DaysError: the source cannot tell of these days.
        SettingsError: now lies before what is loaded already.
        UnaccountedError: a record is neither loaded nor rejected.
    """
    with held_open():
        return _run(ready(name, account, days=Days(first, last)))


def _run(load: Load) -> Intake:
    try:
        load.pipeline.run(load.source, loader_file_format=LOADER_FILE_FORMAT)
    except Exception as error:
        if not failures.stops_the_run(error):
            load.fail(error)
        raise
    load.succeed()
    problems = load.problems()
    if problems:
        raise UnaccountedError(f"{load.account}: {'; '.join(problems)}")
    return load.intake


def main(name: str) -> int:
    """The command line of one source: load each enabled account of it and print what was counted.

    Where none is enabled, the account without a name is loaded. Returns the exit code; 1: at least one failed, also in
    part, with a line why; the others were loaded all the same.
    """

    def load(account: Account) -> bool:
        intake = run(account.source, account.name)
        print(counts(intake))
        for sentence in intake.warnings:
            kind = "failed in part" if sentence in intake.failures else "warning"
            print(f"{kind}: {account}: {sentence}", file=sys.stderr)
        return not intake.failures

    return _of_each_account([name], load)


def main_replay(names: Sequence[str]) -> int:
    """The command line of the replay: of each source, what was rejected before and fits by now is loaded.

    Returns the exit code; 1: an account failed, with a line why, and the others were tried.
    """

    def load(account: Account) -> bool:
        intake = replay_rejections(account.source, account.name)
        left = Counter(each.resource for each in warehouse.open_rejections(account.name))
        for resource in sorted({*intake.replayed, *left}):
            print(f"{f'{account}.{resource}':<44}{intake.replayed[resource]:>10}{left[resource]:>12}")
        return True

    print(f"{'resource':<44}{'loaded now':>10}{'still open':>12}")
    code = _of_each_account(names, load)
    print("The marts have what is loaded now after the next refresh: make refresh")
    return code


def _of_each_account(names: Sequence[str], load: Callable[[Account], bool]) -> int:
    """0, or 1 where an account failed: with a line why, and after the others were loaded, if that is possible."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("ingestion").setLevel(logging.INFO)
    permissions.keep_to_owner(config.data_dir())
    has_failed = False
    try:
        with writer_lock(config.data_dir()):
            refuse_unusable_file(config.warehouse_path())
            check_before_loading()
            accounts = [account for name in names for account in config.accounts_of(name) or (Account(name),)]
            for account in accounts:
                try:
                    has_failed |= not load(account)
                except Exception as error:
                    has_failed = True
                    print(f"failed: {failures.told(error, account)}", file=sys.stderr)
                    if failures.stops_the_run(error):
                        break
    except (SettingsError, RefreshInProgressError, WarehouseFileError) as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: what was under way is not loaded. Load again.", file=sys.stderr)
        return 1
    return int(has_failed)


def counts(intake: Intake) -> str:
    """Received, loaded and rejected of each resource, as a table of text."""
    lines = [f"{'resource':<28}{'received':>10}{'loaded':>10}{'rejected':>10}"]
    for resource in intake.resources:
        numbers = (intake.received[resource], intake.loaded[resource], intake.rejected[resource])
        name = f"{Account(intake.source, intake.account)}.{resource}"
        lines.append(f"{name:<28}" + "".join(f"{number:>10}" for number in numbers))
    return "\n".join(lines)
