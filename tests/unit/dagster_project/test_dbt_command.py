"""`make dbt`: what dbt is told, and the copy of the build file that it works on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest

from dagster_project import copies, dbt_command, environment
from ingestion.lock import writer_lock

ROOT = Path(__file__).resolve().parents[3]
AS_OF = "2026-10-31 06:00:00"


class Told(Exception):
    """Raised where dbt would begin."""


@pytest.fixture(autouse=True)
def ours(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No settings of whoever runs the tests, and theirs back at the end; dbt does not start."""
    before = dict(os.environ)
    for name in list(os.environ):
        if name.startswith(("LIFECYCLE_", "DBT_")) and name != "LIFECYCLE_DATA_DIR":
            monkeypatch.delenv(name)

    def start(arguments: list[str], target: Path) -> None:
        raise Told([*arguments])

    monkeypatch.setattr(dbt_command, "_run", start)
    yield
    os.environ.clear()
    os.environ.update(before)


def refresh(data_dir: Path, as_of: str = AS_OF, currency: str = "GBP", rate: str = "0.00001") -> Path:
    """What a refresh leaves, as far as `make dbt` reads it."""
    path = data_dir / "warehouse.duckdb"
    path.unlink(missing_ok=True)
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            f"create schema ops; create table ops.refresh_settings as select timestamp '{as_of}' as as_of, "
            f"'{currency}' as reporting_currency, {rate}::double as subscription_cost_rate;"
            f"create schema raw_files; create table raw_files.load_audit as "
            f"select timestamptz '{as_of}+00' as loaded_as_of;"
            "create schema core; create table core.orders as select 1 as order_id;"
            "create view core.fct_orders as select * from warehouse.core.orders"
        )
    return path


@contextmanager
def free_afterwards() -> Iterator[None]:
    """The copy is free again at the end, as when the process of the command has ended."""
    opened: list[int] = []
    original = os.open

    def noted(path: str, *rest: int) -> int:
        file = original(path, *rest)
        if str(path).endswith("dev/lock"):
            opened.append(file)
        return file

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", noted)
        yield
    for file in opened:
        os.close(file)


def run(*arguments: str) -> list[str]:
    """Start dbt and give its arguments."""
    with free_afterwards(), pytest.raises(Told) as told:
        dbt_command.main(arguments)
    return told.value.args[0]


def orders(data_dir: Path) -> list[tuple]:
    with duckdb.connect(str(data_dir / "dev/warehouse.duckdb"), read_only=True) as connection:
        return connection.execute("select * from core.fct_orders").fetchall()


def test_dbt_is_told_the_instant_and_the_settings_of_the_last_refresh(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refresh(data_dir)
    # What the file says since counts from the next refresh on.
    (tmp_path / ".env").write_text("LIFECYCLE_REPORTING_CURRENCY=USD\n")
    (tmp_path / "dagster_project").mkdir()
    (tmp_path / "dagster_project/dagster.yaml").touch()
    monkeypatch.setattr(environment, "PROJECT_ROOT", tmp_path)

    assert run("build", "-s", "customer_360") == ["build", "-s", "customer_360"]

    assert os.environ["LIFECYCLE_AS_OF"] == "2026-10-31T06:00:00Z"
    assert os.environ["LIFECYCLE_REPORTING_CURRENCY"] == "GBP"
    assert environment.settings().subscription_cost_rate == 0.00001
    assert os.environ["DBT_TARGET"] == "dev"
    assert "LIFECYCLE_WAREHOUSE_PATH" not in os.environ
    assert os.environ["DBT_TARGET_PATH"] == str(data_dir / "dev/dbt")


def test_a_rate_that_nobody_knew_is_not_known_now(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refresh(data_dir, rate="null")

    run("build")

    assert environment.settings().subscription_cost_rate is None


def test_a_variable_that_is_set_wins(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refresh(data_dir)
    monkeypatch.setenv("LIFECYCLE_AS_OF", "2026-12-01T00:00:00Z")

    run("build")

    assert os.environ["LIFECYCLE_AS_OF"] == "2026-12-01T00:00:00Z"
    assert os.environ["LIFECYCLE_REPORTING_CURRENCY"] == "GBP"


def test_what_was_loaded_since_is_later_than_the_last_build(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with duckdb.connect(str(refresh(data_dir))) as connection:
        connection.execute("insert into raw_files.load_audit values (timestamptz '2026-11-01 06:00:00+00')")

    for _ in ("the copy is new", "the copy is there"):
        run("build")

        assert os.environ["LIFECYCLE_AS_OF"] == "2026-11-01T06:00:00Z"
        assert (
            "loaded as of 2026-11-01T06:00:00Z and the models built as of 2026-10-31T06:00:00Z"
            in capsys.readouterr().err
        )
        del os.environ["LIFECYCLE_AS_OF"]


def test_where_spark_builds_a_new_copy_gets_its_views_and_one_without_them_is_copied_again(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    refresh(data_dir)
    asked: list[list[str]] = []
    succeeds = False

    class Runner:
        def invoke(self, arguments: list[str]) -> SimpleNamespace:
            asked.append(arguments)
            return SimpleNamespace(
                success=succeeds, exception=None if succeeds else RuntimeError("no view"), result=None
            )

    monkeypatch.setattr("dbt.cli.main.dbtRunner", Runner)
    run("build")
    assert asked == []  # DuckDB has its views

    monkeypatch.setenv("LIFECYCLE_ENGINE", "spark")
    (data_dir / "dev" / copies.COPIED_FROM).unlink()
    with free_afterwards():
        assert dbt_command.main(["build"]) == 1
    assert "dbt not started: " in capsys.readouterr().err

    succeeds = True
    run("build")
    run("build")
    views = ["--quiet", "run", "--select", "config.materialized:view", "--no-write-json"]
    assert asked == [views, views]


def test_before_the_first_refresh_one_line_says_so(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert dbt_command.main(["build"]) == 1

    assert capsys.readouterr().err == (
        f"dbt not started: nothing was refreshed in {data_dir} yet: run `make refresh` first.\n"
    )
    assert list(data_dir.rglob("*.duckdb")) == []


def test_a_refresh_that_built_no_model_is_none(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with duckdb.connect(str(refresh(data_dir))) as connection:
        connection.execute("drop schema ops cascade")

    assert dbt_command.main(["build"]) == 1
    assert "no refresh has built every model" in capsys.readouterr().err.splitlines()[-1]


def test_without_arguments_one_line_shows_how(capsys: pytest.CaptureFixture[str]) -> None:
    assert dbt_command.main([]) == 1
    assert 'make dbt ARGS="build -s customer_360"' in capsys.readouterr().err


def test_the_copy_is_made_anew_only_when_the_build_file_changed(data_dir: Path) -> None:
    warehouse = refresh(data_dir)
    run("build")
    with duckdb.connect(str(data_dir / "dev/warehouse.duckdb")) as connection:
        connection.execute("update core.orders set order_id = 2")
    before = warehouse.read_bytes()

    run("build")
    assert orders(data_dir) == [(2,)]
    assert warehouse.read_bytes() == before

    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("insert into core.orders values (3)")
    run("build")
    assert orders(data_dir) == [(1,), (3,)]


def test_what_lies_in_the_log_of_the_build_file_is_copied_too(data_dir: Path) -> None:
    warehouse = refresh(data_dir)
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("insert into core.orders values (4)")
        assert warehouse.with_name("warehouse.duckdb.wal").exists()
        run("build")

    assert orders(data_dir) == [(1,), (4,)]


def test_while_a_refresh_writes_the_earlier_copy_serves(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refresh(data_dir)
    with writer_lock(data_dir):
        assert dbt_command.main(["build"]) == 1
    assert "is being written: try again when that has finished" in capsys.readouterr().err


def test_a_refresh_under_way_is_not_copied(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refresh(data_dir)
    run("build")
    refresh(data_dir, as_of="2026-11-01 06:00:00")

    with writer_lock(data_dir):
        run("build")

    assert "this is the copy of what was there before" in capsys.readouterr().err
    assert os.environ["LIFECYCLE_AS_OF"] == "2026-10-31T06:00:00Z"


def test_what_changes_while_it_is_copied_is_not_taken(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    refresh(data_dir)
    clone = copies._clone

    def disturbed(source: Path, target: Path) -> None:
        clone(source, target)
        with duckdb.connect(str(source)) as connection:
            connection.execute("insert into core.orders values (2)")

    monkeypatch.setattr(copies, "_clone", disturbed)

    assert dbt_command.main(["build"]) == 1
    assert "is being written" in capsys.readouterr().err
    assert list((data_dir / "dev").glob("*.duckdb*")) == []


def test_one_dbt_works_on_the_copy_at_a_time(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refresh(data_dir)
    with pytest.raises(Told):
        dbt_command.main(["build"])  # the lock stays, as while dbt runs

    assert dbt_command.main(["build"]) == 1
    assert "another dbt is working on" in capsys.readouterr().err


def test_the_second_command_needs_no_dlt(data_dir: Path) -> None:
    """It takes half a second to import, which somebody waits for."""
    refresh(data_dir)
    run("build")
    loaded = (
        "import sys; from dagster_project import dbt_command\n"
        "dbt_command._run = lambda *_: print([name for name in ('dlt', 'dagster') if name in sys.modules])\n"
        "dbt_command.main(['build'])"
    )

    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, cwd=ROOT)

    assert done.stdout == "[]\n", done.stderr


def test_what_the_refresh_has_parsed_is_not_parsed_again(data_dir: Path, parsed_project: Path) -> None:
    from dbt.cli.main import dbtRunner

    refresh(data_dir)
    shutil.copytree(parsed_project, data_dir / "dbt")
    events: list[str] = []

    run("build")
    done = dbtRunner(callbacks=[lambda event: events.append(event.info.name)]).invoke(
        ["--quiet", "parse", "--no-write-json"]
    )

    assert done.success, done.exception
    assert "ParsePerfInfoPath" in events  # it did parse
    assert "UnableToPartialParse" not in events


def test_what_is_parsed_for_the_copy_stays(data_dir: Path) -> None:
    from dbt.parser.manifest import extended_mashumaro_encoder

    refresh(data_dir)
    for folder in ("dbt", "dev/dbt"):
        (data_dir / folder).mkdir(parents=True)
        (data_dir / folder / "partial_parse.msgpack").write_bytes(extended_mashumaro_encoder({"state_check": {}}))
    before = (data_dir / "dev/dbt/partial_parse.msgpack").read_bytes()

    run("build")

    assert (data_dir / "dev/dbt/partial_parse.msgpack").read_bytes() == before


def test_a_parsed_project_that_is_cut_short_is_left_alone(data_dir: Path) -> None:
    refresh(data_dir)
    (data_dir / "dbt").mkdir()
    (data_dir / "dbt/partial_parse.msgpack").write_bytes(b"\xde\x00")

    run("build")

    assert not (data_dir / "dev/dbt/partial_parse.msgpack").exists()
