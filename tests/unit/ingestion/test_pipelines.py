"""What every source run has in common, tried with a source of one table of each kind."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from types import ModuleType

import dlt
import duckdb
import pytest
from dlt.destinations.exceptions import DatabaseTerminalException
from dlt.destinations.impl.duckdb.duck import DuckDbClient

from ingestion import config, failures, pipelines
from ingestion.config import Account, SettingsError
from ingestion.freshness import freshness
from ingestion.http import VendorError
from ingestion.sources import SOURCE_NAMES
from ingestion.tables import OF_EVERY_SOURCE, RawTable, Row


class Thing(Row):
    id: str
    name: str | None = None


class Happening(Row):
    id: str
    at: datetime


class Part(Row):
    thing: str
    id: str
    size: int


THINGS = RawTable("things", Thing, "versions", ("id",))
HAPPENINGS = RawTable("happenings", Happening, "events", ("id",))
PARTS = RawTable("parts", Part, "versions", ("thing",))
AT = datetime(2026, 1, 1, tzinfo=UTC)


class Vendor(ModuleType):
    """A source package whose records are set by the test; it remembers how often it was read."""

    TABLES = (THINGS, HAPPENINGS)

    def __init__(self) -> None:
        super().__init__("ingestion.sources.vendor")
        self.things: list[dict] = []
        self.parts: list[dict] = []
        self.happenings: list[dict] = []
        self.error: Exception | None = None
        self.cursors: list[int] = []

    def resources(self, intake):
        def things():
            state = dlt.current.resource_state()
            self.cursors.append(state.get("cursor", 0))
            yield list(intake.accept(THINGS, self.things))
            state["cursor"] = state.get("cursor", 0) + 1

        def happenings():
            yield list(intake.accept(HAPPENINGS, self.happenings))
            if self.error:
                raise self.error

        yield dlt.resource(things, **THINGS.hints())

        def parts():
            for record in self.parts:  # one a batch: what a unit keeps does not depend on how it arrives
                yield list(intake.accept(PARTS, [record]))

        yield dlt.resource(happenings, **HAPPENINGS.hints())
        if PARTS in self.TABLES:
            yield dlt.resource(parts, **PARTS.hints())


@pytest.fixture
def unknown_vendor(monkeypatch) -> Vendor:
    """There is no warehouse yet."""
    module = Vendor()
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


@pytest.fixture
def vendor(unknown_vendor, begin_with_raw_tables) -> Vendor:
    begin_with_raw_tables("vendor")
    return unknown_vendor


def counts(query, *tables: str) -> list[int]:
    return [query(f"select count(*) from raw_vendor.{table}")[0] for table in tables]


def test_a_run_loads_rejects_and_audits_in_one_load(unknown_vendor, query):
    unknown_vendor.things = [{"id": "1", "name": "a"}, {"name": "no id"}]
    unknown_vendor.happenings = [{"id": "e", "at": AT}]
    intake = pipelines.run("vendor")
    assert dict(intake.loaded) == {"things": 1, "happenings": 1}
    audit = "select resource, received, loaded, rejected from raw_vendor.load_audit order by 1"
    assert query(audit) == [("happenings", 1, 1, 0), ("things", 2, 1, 1)]
    assert query("select resource, record from raw_vendor.rejected_records") == [("things", '{"name": "no id"}')]
    tables = ("things", "happenings", *(table.name for table in OF_EVERY_SOURCE))
    loads = " union ".join(f"select _dlt_load_id from raw_vendor.{table}" for table in tables)
    assert len(query(loads)) == 1


def test_the_same_records_again_change_nothing_but_the_audit(vendor, query):
    vendor.things = [{"id": "1", "name": "a"}, {"name": "no id"}]
    vendor.happenings = [{"id": "e", "at": AT}, {"id": "e", "at": AT}]
    for _ in range(3):
        pipelines.run("vendor")
    assert counts(query, "things", "happenings", "rejected_records") == [1, 1, 1]
    assert counts(query, "load_audit") == [6]


def test_each_version_of_a_record_is_kept_also_one_that_comes_back(vendor, query):
    for name in ("a", "b", "a"):
        vendor.things = [{"id": "1", "name": name}, {"id": "2"}]
        pipelines.run("vendor")
    versions = "select name, _dlt_valid_to is null from raw_vendor.things where id = '1' order by _dlt_valid_from"
    assert query(versions) == [("a", False), ("b", False), ("a", True)]
    assert query("select count(*) from raw_vendor.things where id = '2'") == [1]


def test_a_record_that_does_not_arrive_stays(vendor, query):
    vendor.things = [{"id": "1"}, {"id": "2"}]
    pipelines.run("vendor")
    vendor.things = [{"id": "1", "name": "new"}]
    pipelines.run("vendor")
    assert query("select id from raw_vendor.things where _dlt_valid_to is null order by 1") == ["1", "2"]


@pytest.mark.parametrize(
    ("arriving", "left"),
    [
        ({"id": "p2", "size": "large"}, ["p1=1", "p2=2"]),  # what is known of the rejected row stays
        ({"id": "p4", "size": "large"}, ["p1=1"]),  # of a row that was not there nothing can stay
        ({"size": 2}, ["p1=1", "p2=2", "p3=3"]),  # it may be any of them
    ],
)
def test_a_rejection_does_not_retire_the_last_version_that_was_accepted(vendor, query, arriving, left):
    vendor.TABLES = (*vendor.TABLES, PARTS)
    vendor.parts = [{"thing": "a", "id": f"p{n}", "size": n} for n in (1, 2, 3)] + [
        {"thing": "b", "id": "p1", "size": 9}
    ]
    pipelines.run("vendor")
    current = "select id || '=' || size from raw_vendor.parts where _dlt_valid_to is null and thing = 'a' order by 1"
    vendor.parts = [{"thing": "a", "id": "p1", "size": 1}, {"thing": "a", **arriving}]
    for _ in range(2):  # a replay changes nothing
        intake = pipelines.run("vendor")
        assert (intake.loaded["parts"], intake.rejected["parts"]) == (1, 1)
        assert query(current) == left
    assert query("select count(*) from raw_vendor.parts") == [4]
    assert query("select size from raw_vendor.parts where _dlt_valid_to is null and thing = 'b'") == [9]
    vendor.parts = [{"thing": "a", "id": "p2", "size": 7}]  # the next good arrival replaces the unit again
    pipelines.run("vendor")
    assert query(current) == ["p2=7"]


def test_every_table_exists_before_anything_arrives(unknown_vendor, query):
    pipelines.prepare("vendor", pipelines.build_pipeline("vendor"))
    assert counts(query, "things", "happenings", "rejected_records", "load_audit") == [0, 0, 0, 0]
    types = "select data_type from information_schema.columns where table_name = 'happenings' and column_name = 'at'"
    assert query(types) == ["TIMESTAMP WITH TIME ZONE"]
    loads = query("select count(*) from raw_vendor._dlt_loads")
    pipelines.prepare("vendor", pipelines.build_pipeline("vendor"))  # again: nothing to do
    assert query("select count(*) from raw_vendor._dlt_loads") == loads
    unknown_vendor.happenings = [{"id": "e", "at": AT}]
    pipelines.run("vendor")
    pipelines.run("vendor")
    assert counts(query, "happenings") == [1]


def test_a_column_declared_later_is_there_before_anything_arrives(unknown_vendor, query, monkeypatch):
    class WiderThing(Thing):
        cost: int | None = None

    things = RawTable("things", Thing, "versions", ())  # without key: what a load lacks is retired
    monkeypatch.setitem(globals(), "THINGS", things)
    unknown_vendor.TABLES, unknown_vendor.things = (things, HAPPENINGS), [{"id": "1", "name": "a"}]
    pipelines.run("vendor")
    unknown_vendor.TABLES = (replace(things, row=WiderThing), HAPPENINGS)
    pipelines.prepare("vendor", pipelines.build_pipeline("vendor"))
    assert query("select id, cost, _dlt_valid_to is null from raw_vendor.things") == [("1", None, True)]


def test_a_column_that_was_required_once_takes_nulls_now(vendor, query):
    class OncePart(Part):
        name: str

    class NowPart(Part):
        name: str | None = None

    vendor.TABLES = (THINGS, replace(PARTS, row=OncePart))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(globals(), "PARTS", vendor.TABLES[1])
        vendor.parts = [{"thing": "a", "id": "p1", "size": 1, "name": "n"}]
        pipelines.run("vendor")
        vendor.TABLES = (THINGS, replace(PARTS, row=NowPart))
        patch.setitem(globals(), "PARTS", vendor.TABLES[1])
        vendor.parts = [{"thing": "a", "id": "p2", "size": 1}]
        pipelines.run("vendor")
        loads = query("select count(*) from raw_vendor._dlt_loads")
        pipelines.prepare("vendor", pipelines.build_pipeline("vendor"))  # again: nothing to do
        assert query("select count(*) from raw_vendor._dlt_loads") == loads
    rows = "select id, name, _dlt_valid_to is null from raw_vendor.parts order by 1"
    assert query(rows) == [("p1", "n", False), ("p2", None, True)]


def test_facts_that_turn_out_to_change_become_versions_and_may_lack_what_they_always_had(vendor, query, monkeypatch):
    class ChangingHappening(Row):
        id: str
        at: datetime | None = None

    vendor.happenings = [{"id": "e", "at": AT}, {"id": "f", "at": AT}]
    pipelines.run("vendor")
    happenings = RawTable("happenings", ChangingHappening, "versions", ("id",))
    monkeypatch.setitem(globals(), "HAPPENINGS", happenings)
    vendor.TABLES = (THINGS, happenings)
    pipelines.prepare("vendor", pipelines.build_pipeline("vendor"))
    assert query("select count(*) from raw_vendor.happenings where _dlt_valid_from is null") == [2]
    vendor.happenings = [{"id": "e", "at": None}]
    for _ in range(2):
        pipelines.run("vendor")
    versions = 'select id, "at" is null, _dlt_valid_to is null from raw_vendor.happenings'
    assert query(f"{versions} order by id, _dlt_valid_from nulls first") == [
        ("e", False, False),
        ("e", True, True),
        ("f", False, True),
    ]


@pytest.mark.parametrize("source", SOURCE_NAMES)
def test_a_source_can_be_built_and_prepared_without_any_setting(source, query):
    assert set(pipelines.build_source(source).resources) == {table.name for table in pipelines.tables(source)}
    for _ in range(2):
        pipelines.prepare(source, pipelines.build_pipeline(source))
    assert query(f"select count(*) from {config.dataset_name(source)}._dlt_loads") == [1]  # again: nothing to do
    found = f"select table_name from information_schema.tables where table_schema = '{config.dataset_name(source)}'"
    assert {table.name for table in pipelines.tables(source)} <= set(query(found))


def test_the_audit_runs_after_everything_it_counts(vendor):
    assert list(pipelines.build_source("vendor").resources)[-3:] == [
        "rejected_records",
        "rejection_states",
        "load_audit",
    ]


def test_a_run_that_fails_while_reading_loads_nothing_and_moves_no_cursor(vendor, query):
    pipelines.run("vendor")
    vendor.things, vendor.error = [{"id": "1"}], VendorError("vendor: down")
    with pytest.raises(Exception) as raised:
        pipelines.run("vendor")
    assert pipelines.cause(raised.value) is vendor.error
    assert counts(query, "things", "load_audit") == [0, 2]
    vendor.error = None
    pipelines.run("vendor")
    assert counts(query, "things") == [1]
    assert vendor.cursors == [0, 1, 1]


def test_a_run_that_fails_while_loading_is_dropped_and_moves_no_cursor(vendor, query, monkeypatch):
    pipelines.run("vendor")
    vendor.things = [{"id": "1"}]
    with monkeypatch.context() as patch:
        patch.setattr("dlt.load.load.Load.run", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
        with pytest.raises(Exception) as raised:
            pipelines.run("vendor")
    assert "disk full" in str(pipelines.cause(raised.value))
    vendor.things = [{"id": "2"}]
    pipelines.run("vendor")
    assert query("select id from raw_vendor.things") == ["2"]
    assert vendor.cursors == [0, 1, 1]


@pytest.fixture
def raw_rows(query):
    """The rows of the raw tables of the vendor, each with everything that dlt keeps of it."""
    tables = ("things", "happenings", "rejected_records", "load_audit")
    return lambda: [query(f"select * from raw_vendor.{table} order by all") for table in tables]


@pytest.mark.parametrize("ends", ["with an error", "with the process", "with the power"])
def test_a_load_that_fails_after_some_tables_leaves_all_of_them_as_they_were(
    vendor, query, raw_rows, monkeypatch, ends
):
    vendor.things = [{"id": "1", "name": "a"}, {"id": "2", "name": "b"}]
    vendor.happenings = [{"id": "e", "at": AT}]
    pipelines.run("vendor")
    before, half = raw_rows(), []
    vendor.things = [{"id": "1", "name": "new"}, {"id": "3"}, {"name": "no id"}]
    vendor.happenings.append({"id": "f", "at": AT})
    create = DuckDbClient.create_load_job

    def fails_once_things_are_loaded(self, table, file_path, load_id, restore=False):
        """dlt orders its jobs as it likes: whichever comes after the merge of one table fails."""
        if file_path.endswith(".sql") and is_half_loaded():
            raise DatabaseTerminalException(ValueError("no more tables"))
        return create(self, table, file_path, load_id, restore)

    def is_half_loaded(*_):
        with duckdb.connect(str(config.warehouse_path())) as connection:  # opened as dlt has opened it
            half.append(connection.execute("from raw_vendor.things select count(*)").fetchall() != [(2,)])
        return half[-1]

    def fails_at_the_end(self, load_id):
        """Where that merge was the last one."""
        assert is_half_loaded()
        raise ValueError("no more tables")

    with monkeypatch.context() as patch:
        patch.setenv("LOAD__WORKERS", "1")
        patch.setattr(DuckDbClient, "create_load_job", fails_once_things_are_loaded)
        patch.setattr(DuckDbClient, "complete_load", fails_at_the_end)
        if ends != "with an error":
            patch.setattr(pipelines.Load, "fail", lambda *_: None)
        with pytest.raises(Exception, match="no more tables"):
            pipelines.run("vendor")
    assert half[-1], "nothing was loaded before the failure"
    if ends == "with the power":
        state = config.working_dir() / "vendor" / "state.json"
        os.truncate(state, state.stat().st_size // 2)
    if ends != "with an error":
        pipelines.ready("vendor")
    assert raw_rows() == before
    assert vendor.cursors == [0, 1]
    pipelines.run("vendor")
    assert vendor.cursors == [0, 1, 1]
    current = "select id, name from raw_vendor.things where _dlt_valid_to is null order by 1"
    assert query(current) == [("1", "new"), ("2", "b"), ("3", None)]
    assert query("select id from raw_vendor.happenings order by 1") == ["e", "f"]


def test_a_warehouse_that_was_deleted_is_filled_again_from_the_start(vendor, query):
    vendor.things = [{"id": "1"}]
    pipelines.run("vendor")
    config.warehouse_path().unlink()
    pipelines.run("vendor")
    assert counts(query, "things") == [1]
    assert vendor.cursors == [0, 0]


def test_an_old_warehouse_file_that_is_restored_loses_nothing(vendor, query, tmp_path, monkeypatch):
    def resources(intake):
        def things():
            state = dlt.current.resource_state()
            yield list(intake.accept(THINGS, vendor.things[state.get("read", 0) :]))
            state["read"] = len(vendor.things)

        yield dlt.resource(things, **THINGS.hints())

    monkeypatch.setattr(vendor, "resources", resources)
    vendor.things = [{"id": "1"}]
    pipelines.run("vendor")
    shutil.copyfile(config.warehouse_path(), tmp_path / "old.duckdb")
    vendor.things.append({"id": "2"})
    pipelines.run("vendor")
    shutil.copyfile(tmp_path / "old.duckdb", config.warehouse_path())
    vendor.things.append({"id": "3"})
    pipelines.run("vendor")
    assert query("select id from raw_vendor.things order by 1") == ["1", "2", "3"]


def test_a_record_that_dlt_lost_fails_the_load_and_is_named(vendor, monkeypatch, capsys):
    vendor.things = [{"id": "1"}, {"id": "2"}]
    resources = vendor.resources

    def one_less(intake):
        for resource in resources(intake):
            yield resource.add_filter(lambda row: row["id"] != "2") if resource.name == "things" else resource

    monkeypatch.setattr(vendor, "resources", one_less)
    assert pipelines.main("vendor") == 1
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said == "failed: vendor: things: 2 loaded, but dlt handed on 1 rows"


def test_the_state_survives_in_the_warehouse(vendor, query):
    pipelines.run("vendor")
    shutil.rmtree(config.data_dir() / "dlt")
    pipelines.run("vendor")
    assert vendor.cursors == [0, 1]


def test_the_settings_of_the_project_are_found_from_any_folder(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "DLT_PROJECT_DIR"}
    environment["PYTHONPATH"] = str(config.PROJECT_ROOT)
    script = "import dlt; from ingestion import config, pipelines; pipelines.build_pipeline('shopify'); "
    script += "print(config.source_setting('shopify', 'api_version'), dlt.config['extract.next_item_mode'])"
    command = [sys.executable, "-W", "ignore", "-c", script]
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    committed = tomllib.loads((config.PROJECT_ROOT / ".dlt" / "config.toml").read_text())
    assert ran.stdout.split() == [committed["sources"]["shopify"]["api_version"], "fifo"], ran.stderr


def test_one_account_that_fails_does_not_stop_the_next(vendor, query, capsys, monkeypatch):
    accounts = (Account("vendor"), Account("vendor", "two"), Account("vendor", "three"))
    monkeypatch.setattr(config, "enabled_accounts", lambda: accounts)
    resources = vendor.resources

    def one_is_down(intake):
        vendor.error = VendorError("vendor: down") if intake.account == "two" else None
        return resources(intake)

    monkeypatch.setattr(vendor, "resources", one_is_down)
    assert pipelines.main("vendor") == 1
    printed = capsys.readouterr()
    assert printed.err.strip().splitlines()[-1] == "failed: vendor.two: vendor: down"
    assert [line.split()[0] for line in printed.out.splitlines() if "things" in line] == [
        "vendor.things",
        "vendor.three.things",
    ]
    assert query("select distinct source_account from raw_vendor.load_audit order by 1") == ["", "three"]
    assert [known.reason for known in freshness(accounts)] == [None, "it could not be read on", None]
    vendor.resources = resources
    vendor.error = None
    pipelines.run("vendor", "two")
    assert [known.reason for known in freshness(accounts)] == [None, None, None]


def test_the_cause_of_a_failure_is_the_vendors_or_the_deepest_error():
    vendor_error = VendorError("vendor: down")
    try:
        try:
            try:
                raise OSError("socket")
            except OSError as low:
                raise vendor_error from low
        except VendorError as middle:
            raise RuntimeError("step failed") from middle
    except RuntimeError as error:
        assert pipelines.cause(error) is vendor_error
    try:
        try:
            raise KeyError("deep")
        except KeyError as low:
            raise RuntimeError("step failed") from low
    except RuntimeError as error:
        assert isinstance(pipelines.cause(error), KeyError)


def test_the_command_line_prints_counts(vendor, capsys):
    vendor.things = [{"id": "1"}, {}]
    assert pipelines.main("vendor") == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        ["resource", "received", "loaded", "rejected"],
        ["vendor.happenings", "0", "0", "0"],
        ["vendor.things", "2", "1", "1"],
    ]


def test_the_command_line_says_what_a_load_could_not_do(vendor, capsys, monkeypatch):
    resources = vendor.resources
    vendor.resources = lambda intake: (intake.warn("account 8 could not be read."), resources(intake))[1]
    assert pipelines.main("vendor") == 0
    assert capsys.readouterr().err.strip().splitlines()[-1] == "warning: vendor: account 8 could not be read."


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (VendorError("vendor: GET /x: down."), "failed: vendor: GET /x: down."),
        (SettingsError("vendor: the secret is missing."), "failed: vendor: the secret is missing."),
        (ZeroDivisionError("division"), "failed: vendor: ZeroDivisionError: division"),
    ],
)
def test_the_command_line_fails_with_one_line_why(vendor, capsys, error, said):
    vendor.error = error
    assert pipelines.main("vendor") == 1
    printed = capsys.readouterr()
    assert printed.err.strip().splitlines()[-1] == said
    assert printed.out == ""


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_an_interruption_is_found_below_what_a_library_makes_of_it(kind: type[BaseException]) -> None:
    def wrapped() -> None:
        try:
            try:
                raise ConnectionError("reset")
            except ConnectionError:
                raise kind from None  # while a failure is handled
        except BaseException as error:
            raise RuntimeError("pipeline step failed") from error

    with pytest.raises(RuntimeError) as failed:
        wrapped()
    assert failures.is_interruption(failed.value)
    assert not failures.is_interruption(RuntimeError("no interruption"))
