"""`make refresh`: run the job `nightly_refresh` through its command, show what it does, and print the summary that it
left.

Belongs here: the beginning and the end of the process. Does not: the run while it is under way (`following`).
"""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from cluster.thrift import ClusterError
from dagster_project import environment
from dagster_project.refresh.following import dagster_job, follow
from dagster_project.spark_tables import refuse_unreachable_cluster
from dagster_project.steps import CLASS_PATH
from ingestion import config
from ingestion.clock import check_before_loading
from ingestion.config import SettingsError
from ingestion.lifeline import watch_parent
from ingestion.lock import RefreshInProgressError, writer_lock
from ingestion.obstacles import WarehouseFileError, explained, refuse_unusable_file
from ingestion.warehouse import refuse_going_back
from serving.publish import Publication, damage, latest_readable

NOT_STARTED = "Refresh not started"


def main() -> int:
    """Refresh once. 0: published; 2: published, without news of some source; 1: published data is as it was."""
    console = Console(soft_wrap=False, width=None if sys.stdout.isatty() else 160)
    try:
        return _refresh(console)
    except Exception as error:  # a full disk is met first by whoever writes first, which may be this command itself
        said = explained(str(error))
        if said == str(error):
            raise
        console.print(f"Failed: {said}", markup=False, highlight=False, soft_wrap=True)
        _alert(console, "Refresh failed", [said])
        return 1


def _refresh(console: Console) -> int:
    started_at = time.time()
    watch_parent(lambda: os.kill(os.getpid(), signal.SIGTERM))
    try:
        _fix_environment()
        with writer_lock(config.data_dir()):
            # Held by the run itself, and asked there too; asked here to fail before anything starts.
            refuse_unusable_file(config.warehouse_path())
            refuse_unreachable_cluster()
            refuse_going_back()
            check_before_loading()
        before = latest_readable(environment.serving_dir())
        if damaged := damage(environment.serving_dir()):
            console.print(f"Look: {damaged}", markup=False, highlight=False, soft_wrap=True)
    except (RefreshInProgressError, WarehouseFileError, ClusterError, SettingsError) as error:
        console.print(f"Not refreshed: {error}", markup=False, highlight=False, soft_wrap=True)
        _alert(console, NOT_STARTED, [str(error)])
        return 1
    _prepare_dagster_storage(console)
    log_path = _new_log()
    console.print(
        f"Refreshing {', '.join(map(str, config.enabled_accounts()))} as of {config.as_of():%Y-%m-%d %H:%M %Z} "
        f"(log: {_shown(log_path)})",
        highlight=False,
        soft_wrap=True,
    )
    minutes = environment.settings().time_limit_minutes
    with log_path.open("w") as log_file, dagster_job(log_file, minutes * 60) as job:
        run_id, log = follow(job, console, started_at)
    seconds = time.time() - started_at
    console.print()
    if run_id is None:
        _say_that_no_run_began(console, before, "interrupted" if job.asked_at else _first_error(log_path))
    else:
        summary = _summary(run_id, before, _last_line(log_path), was_interrupted=job.asked_at is not None)
        console.print(summary, end="", markup=False, highlight=False, soft_wrap=True)
    if job.is_out_of_time:
        limit = environment.RefreshSettings.variable("time_limit_minutes")
        console.print(f"The run was ended after its time limit of {minutes} minutes ({limit}).", highlight=False)
    console.print(f"The command took {seconds:.1f} s.", highlight=False)
    is_published = log.ended == "succeeded" and job.process.returncode == 0 and log.is_up_to_date
    if is_published and not log.stale_sources:
        return 0
    console.print(f"Log: {_shown(log_path)}", highlight=False, soft_wrap=True)
    return 2 if is_published else 1


def _fix_environment() -> None:
    """One instant counts as now for every step, process and model of this refresh."""
    environment.prepare()
    environment.refuse_wrong_settings()
    os.environ.update(config.fixed_as_of())


def _prepare_dagster_storage(console: Console) -> None:
    """Create the instance's databases before two processes, the command and this one, would do so at once.

    What cannot be read of them is thrown away: they hold how earlier runs went, and nothing that the next one needs.
    """
    for database in Path(os.environ["DAGSTER_HOME"]).rglob("*.db"):
        if not _reads(database):
            for file in (database, *(database.with_name(f"{database.name}{suffix}") for suffix in ("-wal", "-shm"))):
                file.unlink(missing_ok=True)
            console.print(f"{database} could not be read and is made anew.", highlight=False, soft_wrap=True)
    if not any(Path(os.environ["DAGSTER_HOME"]).glob("schedules/*.db")):
        from dagster import DagsterInstance

        with DagsterInstance.get():
            pass


def _reads(database: Path) -> bool:
    """Whether a database of SQLite is whole. One without any page was cut off at its beginning."""
    try:
        with closing(sqlite3.connect(database)) as connection:
            return database.stat().st_size > 0 and connection.execute("pragma quick_check(1)").fetchall() == [("ok",)]
    except sqlite3.DatabaseError:
        return False


def _new_log() -> Path:
    folder = config.data_dir() / "logs"
    for outdated in sorted(folder.glob("dagster-*.log"))[: 1 - environment.settings().keep_runs or None]:
        outdated.unlink()
    return folder / f"dagster-{datetime.now(UTC):%Y%m%dT%H%M%S%f}Z.log"


def _summary(run_id: str, before: Publication | None, last_line: str, *, was_interrupted: bool) -> str:
    """What the run left; where its process died before it could, the same from what it logged."""
    from dagster import DagsterInstance

    from dagster_project.summary import leave, path_of

    with DagsterInstance.get() as instance:
        run = instance.get_run_by_id(run_id)
        if run is not None and not run.is_finished:  # its process is gone
            if was_interrupted:
                instance.report_run_canceled(run, "The run was interrupted, and its process ended.")
            else:
                instance.report_run_failed(run, "The process of this run ended without saying so.")
        left = path_of(run_id)
        return left.read_text() if left.exists() else leave(instance, run_id, before=before, reason=last_line)


def _say_that_no_run_began(console: Console, before: Publication | None, reason: str) -> None:
    from dagster_project.summary.run_log import RunLog
    from dagster_project.summary.text import left, print_left, print_why, reasons

    log = RunLog(cause=reason)
    damaged = damage(environment.serving_dir())
    print_why(console, log)
    print_left(console, log, before, damaged)
    _alert(console, NOT_STARTED, [*reasons(log), *left(log, before, damaged)])


def _alert(console: Console, title: str, lines: Sequence[str]) -> None:
    """Send what is due where no run could, unless somebody sits in front of the terminal and reads it there."""
    from dagster_project import alerts

    if console.is_terminal:
        return
    for sentence in alerts.tell("failed", title, lines):
        console.print(sentence, markup=False, highlight=False, soft_wrap=True)


def _first_error(log_path: Path) -> str:
    """What the log's first traceback ends with, which is the cause of those behind it; else the last line."""
    traceback = log_path.read_text(errors="replace").partition("Traceback (most recent call last):\n")[2]
    error = next((line for line in traceback.splitlines() if line.strip() and not line.startswith(" ")), None)
    return explained(CLASS_PATH.sub("", error)) if error else _last_line(log_path)


def _last_line(log_path: Path) -> str:
    lines = [line.strip() for line in log_path.read_text(errors="replace").splitlines() if line.strip()]
    return explained(lines[-1]) if lines else "the log is empty"


def _shown(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
