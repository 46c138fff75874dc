"""The end of the command: it prints what the run left, and says why where there was no run."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest
from rich.console import Console

from dagster_project.refresh import command
from dagster_project.summary import path_of
from dagster_project.summary.run_log import RunLog
from ingestion import config
from serving.versions import database_of, point_link_at


@pytest.fixture(autouse=True)
def restored_environment(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = dict(os.environ)
    monkeypatch.setenv("LIFECYCLE_PROFILE", "production")
    monkeypatch.setattr(command, "_prepare_dagster_storage", lambda console: None)
    yield
    os.environ.clear()
    os.environ.update(before)


def end_of(
    monkeypatch: pytest.MonkeyPatch,
    run_id: str | None,
    log: RunLog,
    *,
    asked_at: float | None = None,
    code: int = 0,
    is_out_of_time: bool = False,
) -> int:
    """Run the command around a job that writes a line to its log and ends."""

    @contextmanager
    def job(log_file, limit_seconds):
        assert limit_seconds == 36000
        log_file.write("starting\nno such folder\n")
        log_file.flush()
        yield SimpleNamespace(
            process=SimpleNamespace(returncode=code), asked_at=asked_at, is_out_of_time=is_out_of_time
        )

    monkeypatch.setattr(command, "dagster_job", job)
    monkeypatch.setattr(command, "follow", lambda *arguments: (run_id, log))
    return command.main()


@pytest.mark.parametrize(("asked_at", "reason"), [(None, "no such folder"), (1.0, "interrupted")])
def test_where_no_run_began_the_last_line_of_the_log_says_why(monkeypatch, capsys, asked_at, reason) -> None:
    assert end_of(monkeypatch, None, RunLog(), asked_at=asked_at, code=1) == 1
    said = capsys.readouterr().out

    assert f"Failed before the first step: {reason}\n" in said
    assert "Published data not there yet: nothing was published before." in said
    assert "\nLog: " in said


def test_where_definitions_cannot_be_loaded_the_first_error_says_why(tmp_path: Path) -> None:
    log = tmp_path / "dagster.log"
    log.write_text(
        "17:33:18  Running with dbt\n"
        "Traceback (most recent call last):\n"
        '  File "models.py", line 24, in defs\n'
        "    manifest=dbt_manifest(),\n"
        "             ^^^^^^^^^^^^^^\n"
        "dagster_project.dbt_runner.DbtError: customer_360 depends on a node named 'nowhere' which was not found\n"
        "\nThe above exception was the direct cause of the following exception:\n\n"
        "Traceback (most recent call last):\n"
        '  File "cli.py", line 1, in main\n'
        "dagster.components.core.ComponentTreeException: Error while loading defs\n"
        "└── cut_short.py (loaded)\n"
    )
    assert command._first_error(log) == "customer_360 depends on a node named 'nowhere' which was not found"


@pytest.mark.parametrize(
    ("log", "code", "exit_code"),
    [
        (RunLog(ended="succeeded", published={"version": "v"}), 0, 0),
        (RunLog(ended="succeeded", published={"version": "v", "stale_sources": []}), 0, 0),
        (RunLog(ended="succeeded", published={"version": "v", "stale_sources": ["shopify ever"]}), 0, 2),
        (RunLog(ended="failed", published={"version": "v", "stale_sources": ["shopify ever"]}), 0, 1),
        (RunLog(ended="succeeded", published={"version": "v"}), 1, 1),
        (RunLog(ended="succeeded"), 0, 1),
        (RunLog(ended="failed", published={"version": "v"}), 0, 1),
    ],
)
def test_the_summary_that_the_run_left_is_printed_as_it_is(monkeypatch, capsys, log, code, exit_code) -> None:
    left = path_of("some-run")
    left.parent.mkdir(parents=True)
    left.write_text("Run some-run: [all] is well\n")

    assert end_of(monkeypatch, "some-run", log, code=code) == exit_code
    said = capsys.readouterr().out
    assert "\nRun some-run: [all] is well\n" in said
    assert ("\nLog: " in said) == (exit_code != 0)


def test_the_end_of_a_run_by_its_time_limit_is_said(monkeypatch, capsys) -> None:
    left = path_of("some-run")
    left.parent.mkdir(parents=True)
    left.write_text("Interrupted: the run was ended.\n")

    assert end_of(monkeypatch, "some-run", RunLog(ended="canceled"), asked_at=1.0, code=1, is_out_of_time=True) == 1
    said = capsys.readouterr().out
    assert "The run was ended after its time limit of 600 minutes (LIFECYCLE_TIME_LIMIT_MINUTES)." in said


def test_an_instant_before_the_last_refresh_is_refused_in_words_and_by_the_exit_code(monkeypatch, capsys) -> None:
    path = config.warehouse_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema raw_stripe")
        connection.execute(
            "create table raw_stripe.load_audit as select timestamptz '2026-10-31 06:00:00+00' loaded_as_of"
        )
    monkeypatch.setenv("LIFECYCLE_AS_OF", "2026-10-30T06:00:00Z")

    assert end_of(monkeypatch, None, RunLog()) == 1
    (said,) = capsys.readouterr().out.splitlines()
    assert said.startswith("Not refreshed: now is 2026-10-30T06:00:00Z, and ")
    assert "was loaded as of 2026-10-31T06:00:00Z" in said and "Set LIFECYCLE_DATA_DIR" in said


@pytest.mark.parametrize("step", ["_fix_environment", "_new_log", "dagster_job"])
def test_a_disk_that_is_full_is_called_that_wherever_the_command_meets_it(monkeypatch, capsys, step) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(command, step, full)

    told: list[str] = []
    monkeypatch.setattr("dagster_project.alerts.tell", lambda outcome, title, lines: told.extend(lines) or [])

    assert command.main() == 1
    said = capsys.readouterr().out
    assert "Failed: the disk is full: " in said and "Traceback" not in said
    (alert,) = told
    assert alert.startswith("the disk is full: ")


def test_any_other_error_of_the_command_itself_is_not_hidden(monkeypatch) -> None:
    def broken() -> None:
        raise OSError("something else")

    monkeypatch.setattr(command, "_new_log", broken)
    with pytest.raises(OSError, match="something else"):
        command.main()


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_database_of_dagster_that_was_cut_short_is_made_anew(monkeypatch, capsys, tmp_path, share) -> None:
    whole, cut = tmp_path / "history" / "runs.db", tmp_path / "schedules" / "schedules.db"
    for path in (whole, cut):
        path.parent.mkdir()
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(
                "create table t as with recursive n(i) as (select 1 union all select i + 1 from n "
                "limit 9999) select i from n"
            )
    os.truncate(cut, int(cut.stat().st_size * share))
    monkeypatch.undo()
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setattr("dagster.DagsterInstance.get", nullcontext)
    command._prepare_dagster_storage(Console(soft_wrap=True))

    assert (whole.exists(), cut.exists()) == (True, False)
    assert f"{cut} could not be read and is made anew." in capsys.readouterr().out


def test_what_is_published_and_cannot_be_read_is_told_and_stops_nobody(monkeypatch, capsys, data_dir) -> None:
    version = database_of("lifecycle-000007-20261031T060000000000Z", data_dir / "serving")
    version.parent.mkdir(parents=True)
    version.write_bytes(b"half")
    point_link_at(version, data_dir / "serving")

    assert end_of(monkeypatch, None, RunLog(), code=1) == 1
    said = capsys.readouterr().out
    assert "Look: the published version" in said and "the next refresh publishes a new one" in said
    assert "Published data left as it was, and the published version" in said
    assert "Failed before the first step: no such folder" in said, "the job was started all the same"
