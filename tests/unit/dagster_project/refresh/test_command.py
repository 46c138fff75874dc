"""The end of the command: it prints what the run left, and says why where there was no run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from dagster_project.refresh import command
from dagster_project.summary import path_of
from dagster_project.summary.run_log import RunLog


@pytest.fixture(autouse=True)
def restored_environment(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = dict(os.environ)
    monkeypatch.setenv("LIFECYCLE_PROFILE", "production")
    monkeypatch.setattr(command, "_prepare_dagster_storage", lambda console: None)
    yield
    os.environ.clear()
    os.environ.update(before)


def end_of(
    monkeypatch: pytest.MonkeyPatch, run_id: str | None, log: RunLog, *, asked_at: float | None = None, code: int = 0
) -> int:
    """Run the command around a job that writes a line to its log and ends."""

    @contextmanager
    def job(log_file):
        log_file.write("starting\nno such folder\n")
        log_file.flush()
        yield SimpleNamespace(process=SimpleNamespace(returncode=code), asked_at=asked_at)

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
