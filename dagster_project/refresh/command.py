"""`make refresh`: run the job `nightly_refresh` through its command, show what it does, and print the summary that it
left.

Belongs here: the beginning and the end of the process. Does not: the run while it is under way (`following`).
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from dagster_project import environment
from dagster_project.lock import RefreshInProgressError, writer_lock
from dagster_project.refresh.following import dagster_job, follow
from ingestion import config
from ingestion.config import SettingsError
from ingestion.warehouse import refuse_going_back
from serving.publish import Publication, PublicationError, current_publication


def main() -> int:
    """Refresh once. 0: published; 1: failed or interrupted, published data is as it was."""
    console = Console(soft_wrap=False, width=None if sys.stdout.isatty() else 160)
    started_at = time.time()
    try:
        _fix_environment()
        with writer_lock(config.data_dir()):
            # Held by the run itself, and asked there too; asked here to fail before anything starts.
            refuse_going_back()
        before = current_publication(environment.serving_dir())
    except (RefreshInProgressError, SettingsError, PublicationError) as error:
        console.print(f"Not refreshed: {error}", markup=False, highlight=False, soft_wrap=True)
        _alert(console, [str(error)])
        return 1
    _create_dagster_storage()
    log_path = _new_log()
    console.print(
        f"Refreshing {', '.join(map(str, config.enabled_accounts()))} as of {config.as_of():%Y-%m-%d %H:%M %Z} "
        f"(log: {_shown(log_path)})",
        highlight=False,
        soft_wrap=True,
    )
    with log_path.open("w") as log_file, dagster_job(log_file) as job:
        run_id, log = follow(job, console, started_at)
    seconds = time.time() - started_at
    console.print()
    if run_id is None:
        _say_that_no_run_began(console, before, "interrupted" if job.asked_at else _last_line(log_path))
    else:
        summary = _summary(run_id, before, _last_line(log_path))
        console.print(summary, end="", markup=False, highlight=False, soft_wrap=True)
    console.print(f"The command took {seconds:.1f} s.", highlight=False)
    if log.ended == "succeeded" and job.process.returncode == 0 and log.published is not None:
        return 0
    console.print(f"Log: {_shown(log_path)}", highlight=False, soft_wrap=True)
    return 1


def _fix_environment() -> None:
    """One instant counts as now for every step, process and model of this refresh."""
    environment.prepare()
    os.environ["LIFECYCLE_AS_OF"] = config.as_of().isoformat()
    environment.settings()


def _create_dagster_storage() -> None:
    """Create the instance's databases before two processes, the command and this one, would do so at once."""
    if not any(Path(os.environ["DAGSTER_HOME"]).glob("schedules/*.db")):
        from dagster import DagsterInstance

        with DagsterInstance.get():
            pass


def _new_log() -> Path:
    folder = config.data_dir() / "logs"
    for outdated in sorted(folder.glob("dagster-*.log"))[: 1 - environment.settings().keep_runs or None]:
        outdated.unlink()
    return folder / f"dagster-{datetime.now(UTC):%Y%m%dT%H%M%S%f}Z.log"


def _summary(run_id: str, before: Publication | None, last_line: str) -> str:
    """What the run left; where its process died before it could, the same from what it logged."""
    from dagster import DagsterInstance

    from dagster_project.summary import leave, path_of

    left = path_of(run_id)
    if left.exists():
        return left.read_text()
    with DagsterInstance.get() as instance:
        return leave(instance, run_id, before=before, reason=last_line)


def _say_that_no_run_began(console: Console, before: Publication | None, reason: str) -> None:
    from dagster_project.summary.run_log import RunLog
    from dagster_project.summary.text import left, print_left, print_why, reasons

    log = RunLog(cause=reason)
    print_why(console, log)
    print_left(console, log, before)
    _alert(console, [*reasons(log), *left(log, before)])


def _alert(console: Console, lines: Sequence[str]) -> None:
    """Send what is due where no run began, unless somebody sits in front of the terminal and reads it there."""
    from dagster_project import alerts

    if console.is_terminal:
        return
    try:
        sentences = alerts.tell("failed", "Refresh not started", lines)
    except SettingsError as error:
        sentences = [f"No alert was sent: {error}"]
    for sentence in sentences:
        console.print(sentence, markup=False, highlight=False, soft_wrap=True)


def _last_line(log_path: Path) -> str:
    lines = [line.strip() for line in log_path.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "the log is empty"


def _shown(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
