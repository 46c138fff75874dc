"""The end of the command: it prints what the run left, and says why where there was no run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest

from dagster_project.refresh import command
from dagster_project.summary import path_of
from dagster_project.summary.run_log import RunLog
from ingestion import config


@pytest.fixture(autouse=True)
def restored_environment(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = dict(os.environ)
    monkeypatch.setenv("LIFECYCLE_PROFILE", "production")
    monkeypatch.setattr(command, "_create_dagster_storage", lambda: None)
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
    assert ("\nLog: " in said) == (exit_code == 1)


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
