"""`make refresh`: run the job `nightly_refresh` by its command, show what it does, and say how it ended.

Belongs here: the process around Dagster's command. Does not: any step of the refresh itself (`defs/`).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from dagster_project import environment
from dagster_project.lock import RefreshInProgressError, writer_lock
from dagster_project.steps import BUILD_STEPS, build_target, dbt_target
from ingestion import config
from ingestion.config import PROJECT_ROOT, SettingsError
from ingestion.warehouse import refuse_going_back
from serving.compare import compare
from serving.publish import Publication, PublicationError, current_publication, link_path

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from dagster_project.run_log import RunLog

JOB = "nightly_refresh"
SECONDS_BETWEEN_POLLS = 0.25
# After an interruption, for the run to say so and for dbt to stop: dagster-dbt gives it 25 seconds.
SECONDS_TO_END = 40.0
LOGS_KEPT = 30


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
        return 1
    _create_dagster_storage()
    log_path = _new_log()
    console.print(
        f"Refreshing {', '.join(config.enabled_sources())} as of {config.as_of():%Y-%m-%d %H:%M %Z} "
        f"(log: {_shown(log_path)})",
        highlight=False,
        soft_wrap=True,
    )
    with log_path.open("w") as log_file, _dagster_job(log_file) as job:
        log = _follow(job, console, started_at)
    ended_at = time.time()
    return _conclude(console, log, job.process.returncode, before, log_path, (started_at, ended_at))


@dataclass
class InterruptibleJob:
    """A command under way, and since when it has been asked to end."""

    process: subprocess.Popen[bytes]
    asked_at: float | None = None

    def interrupt(self) -> None:
        """Ask the command to end, as Ctrl-C would."""
        if self.process.poll() is None:
            self.asked_at = time.monotonic()
            self.process.send_signal(signal.SIGINT)

    def insist(self) -> None:
        """Ask again when it goes on: an interruption is an exception somewhere in its code, and code may swallow it."""
        if self.asked_at is not None and time.monotonic() - self.asked_at >= SECONDS_TO_END:
            self.interrupt()


def _fix_environment() -> None:
    """One instant counts as now for every step, process and model of this refresh."""
    environment.prepare()
    os.environ["LIFECYCLE_AS_OF"] = config.as_of().isoformat()
    config.enabled_sources()
    environment.profile()
    environment.versions_kept()
    environment.subscription_cost_rate()


def _create_dagster_storage() -> None:
    """Create the instance's databases before two processes, the command and this one, would do so at once."""
    if not any(Path(os.environ["DAGSTER_HOME"]).glob("schedules/*.db")):
        from dagster import DagsterInstance

        with DagsterInstance.get():
            pass


def _new_log() -> Path:
    folder = config.data_dir() / "logs"
    for outdated in sorted(folder.glob("dagster-*.log"))[: -LOGS_KEPT + 1]:
        outdated.unlink()
    return folder / f"dagster-{datetime.now(UTC):%Y%m%dT%H%M%S%f}Z.log"


@contextmanager
def _dagster_job(log_file: object) -> Iterator[InterruptibleJob]:
    """Dagster's command in a process group of its own: an interruption reaches it once, from here."""
    # Not in the project's folder: `dg` would let a `.env` there win over the variables that are set.
    child = subprocess.Popen(
        [Path(sys.executable).with_name("dg"), "launch", "--job", JOB, "--target-path", PROJECT_ROOT],
        stdout=log_file,  # type: ignore[call-overload]
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        cwd=os.environ["DAGSTER_HOME"],
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
        start_new_session=True,
    )

    job = InterruptibleJob(child)

    def interrupt(number: int, frame: FrameType | None) -> None:
        job.interrupt()

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield job
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if child.poll() is None:
            child.kill()
            child.wait()


def _follow(job: InterruptibleJob, console: Console, started_at: float) -> RunLog:
    """Show the run's steps as Dagster logs them, until the command has ended."""
    with console.status("starting Dagster") as status:
        from dagster import DagsterInstance  # while the command starts: the import takes as long

        from dagster_project.run_log import Happening, RunLog

        log = RunLog()

        def show(happening: Happening) -> None:
            status.update(f"{happening.step} {escape(happening.detail)}")
            if happening.what == "models":
                return
            step = log.steps[happening.step]
            mark = {"started": "…", "finished": "✓", "failed": "✗", "retried": "↻", "rows": " "}[happening.what]
            seconds = f"{step.seconds:.1f} s" if happening.what == "finished" and step.seconds is not None else ""
            if happening.what != "started" or not console.is_terminal:
                line = f"{mark} {happening.step:<22} {seconds or happening.detail}"
                console.print(line.rstrip(), markup=False, highlight=False, soft_wrap=True)

        with DagsterInstance.get() as instance:
            run_id: str | None = None
            while True:
                job.insist()
                has_ended = job.process.poll() is not None
                run_id = run_id or _run_since(instance, started_at)
                if run_id:
                    for happening in log.read(instance, run_id):
                        show(happening)
                if has_ended:
                    return log
                time.sleep(SECONDS_BETWEEN_POLLS)


def _run_since(instance: DagsterInstance, started_at: float) -> str | None:
    """The run that our command created: the lock allows no other in the meantime."""
    from dagster import RunsFilter

    created_after = datetime.fromtimestamp(started_at, UTC)
    records = instance.get_run_records(RunsFilter(job_name=JOB, created_after=created_after), limit=1, ascending=True)
    return records[0].dagster_run.run_id if records else None


def _conclude(
    console: Console,
    log: RunLog,
    exit_code: int,
    before: Publication | None,
    log_path: Path,
    span: tuple[float, float],
) -> int:
    """Print the end of the story and return the exit code."""
    from dagster_project import dbt_results, summary

    findings = list(log.findings)
    for step in BUILD_STEPS:
        build, results = log.steps.get(step), build_target(step) / "run_results.json"
        if build and results.exists() and results.stat().st_mtime >= build.started_at:
            findings += dbt_results.findings(results.parent, config.warehouse_path())

    folder = environment.serving_dir()
    now = current_publication(folder)
    is_published = log.ended == "succeeded" and exit_code == 0 and log.published is not None and now is not None
    console.print()
    summary.print_sources(console, log.counts)
    console.print()
    summary.print_checks(console, findings)
    console.print()
    if is_published and now is not None:
        summary.print_figures(console, now, config.warehouse_path())
        summary.print_held_back(console, config.warehouse_path())
        console.print()
        known = before is not None and before.path.exists()
        changes = compare(before.path, now.path, dbt_results.mart_keys(dbt_target())) if before and known else None
        summary.print_changes(console, changes)
        console.print()
    summary.print_steps(console, log, *span)
    console.print()
    if is_published and now is not None:
        summary.print_published(console, link_path(folder), now)
        return 0
    _say_why(console, log, log_path)
    left = f"left as it was (version {before.version})" if before else "not there yet: nothing was published before"
    console.print(f"Published data {left}.", highlight=False, soft_wrap=True)
    return 1


def _say_why(console: Console, log: RunLog, log_path: Path) -> None:
    failed = [step for step in log.steps.values() if step.has_failed]
    if log.ended == "canceled" or (not failed and log.ended is None and log.started_at is not None):
        console.print("Interrupted: the run was ended.", highlight=False)
    elif not failed:
        reason = log.cause or _last_line(log_path)
        console.print(f"Failed before the first step: {reason}", markup=False, highlight=False, soft_wrap=True)
    for step in failed:
        console.print(f"Failed: {step.name}: {step.cause}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"Log: {_shown(log_path)}", highlight=False, soft_wrap=True)


def _last_line(log_path: Path) -> str:
    lines = [line.strip() for line in log_path.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "the log is empty"


def _shown(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


if __name__ == "__main__":
    sys.exit(main())
