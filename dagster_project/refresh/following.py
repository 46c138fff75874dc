"""Dagster's command as a child process, and its run as lines on a terminal while it is under way."""

from __future__ import annotations

import math
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

from ingestion.config import PROJECT_ROOT

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from dagster_project.summary.run_log import RunLog

JOB = "nightly_refresh"
MARKS = {"started": "…", "finished": "✓", "failed": "✗", "lacks": "!", "retried": "↻", "rows": " "}
SECONDS_BETWEEN_POLLS = 0.25
# After an interruption, for the run to say so and for dbt to stop: dagster-dbt gives it 25 seconds.
SECONDS_TO_END = 40.0


@dataclass
class InterruptibleJob:
    """A command under way.

    Attributes:
        ends_at: when its time limit is over (monotonic).
        asked_at: since when it has been asked to end.
        is_out_of_time: whether that was because of the limit.
    """

    process: subprocess.Popen[bytes]
    ends_at: float = math.inf
    asked_at: float | None = None
    is_out_of_time: bool = False

    def interrupt(self) -> None:
        """Ask the command to end, as Ctrl-C would."""
        if self.process.poll() is None:
            self.asked_at = time.monotonic()
            self.process.send_signal(signal.SIGINT)

    def keep_to_limit(self) -> None:
        """Ask the command to end once its time limit is over, as a person would."""
        if self.asked_at is None and time.monotonic() >= self.ends_at:
            self.is_out_of_time = True
            self.interrupt()

    def insist(self) -> None:
        """Ask again when it goes on: an interruption is an exception somewhere in its code, and code may swallow it."""
        if self.asked_at is not None and time.monotonic() - self.asked_at >= SECONDS_TO_END:
            self.interrupt()


@contextmanager
def dagster_job(log_file: object, limit_seconds: float) -> Iterator[InterruptibleJob]:
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

    job = InterruptibleJob(child, time.monotonic() + limit_seconds)

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


def follow(job: InterruptibleJob, console: Console, started_at: float) -> tuple[str | None, RunLog]:
    """Show the run's steps as Dagster logs them, until the command has ended.

    Returns:
        The run's id, or None where the command ended before there was a run; and what the run logged.
    """
    with console.status("starting Dagster") as status:
        from dagster import DagsterInstance  # while the command starts: the import takes as long

        from dagster_project.summary.run_log import Happening, RunLog

        log = RunLog()

        def show(happening: Happening) -> None:
            status.update(f"{happening.step} {escape(happening.detail)}")
            if happening.what == "models":
                return
            step = log.steps[happening.step]
            mark = MARKS[happening.what]
            seconds = f"{step.seconds:.1f} s" if happening.what == "finished" and step.seconds is not None else ""
            if happening.what != "started" or not console.is_terminal:
                line = f"{mark} {happening.step:<22} {seconds or happening.detail}"
                console.print(line.rstrip(), markup=False, highlight=False, soft_wrap=True)

        with DagsterInstance.get() as instance:
            run_id: str | None = None
            while True:
                job.keep_to_limit()
                job.insist()
                has_ended = job.process.poll() is not None
                run_id = run_id or _run_since(instance, started_at)
                if run_id:
                    for happening in log.read(instance, run_id):
                        show(happening)
                if has_ended:
                    return run_id, log
                time.sleep(SECONDS_BETWEEN_POLLS)


def _run_since(instance: DagsterInstance, started_at: float) -> str | None:
    """The run that our command created: the lock allows no other in the meantime."""
    from dagster import RunsFilter

    created_after = datetime.fromtimestamp(started_at, UTC)
    records = instance.get_run_records(RunsFilter(job_name=JOB, created_after=created_after), limit=1, ascending=True)
    return records[0].dagster_run.run_id if records else None
