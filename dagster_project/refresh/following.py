"""Dagster's command as a child process, and its run as lines on a terminal while it is under way."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from types import FrameType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from dagster_project.steps import JOB
from ingestion.config import PROJECT_ROOT
from ingestion.lifeline import VARIABLE, lifeline

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from dagster_project.summary.run_log import RunLog

MARKS = {"started": "…", "finished": "✓", "failed": "✗", "lacks": "!", "retried": "↻", "rows": " "}
SECONDS_BETWEEN_POLLS = 0.25
# After an interruption, for the run to say so and for dbt to stop. Then it is killed, which it survives at any point:
# nobody waits for what does not heed an exception, such as a query or a request that hangs.
SECONDS_TO_END = 3.0


@dataclass
class InterruptibleJob:
    """A command under way in a process group of its own.

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
        """Ask the command to end, as Ctrl-C would: once, however often this is called."""
        if self.asked_at is None and self.process.poll() is None:
            self.asked_at = time.monotonic()
            self.process.send_signal(signal.SIGINT)

    def keep_to_limit(self) -> None:
        """Ask the command to end once its time limit is over, as a person would."""
        if self.asked_at is None and time.monotonic() >= self.ends_at:
            self.is_out_of_time = True
            self.interrupt()

    def insist(self) -> None:
        """Kill what still goes on some time after it was asked to end."""
        if self.asked_at is not None and time.monotonic() - self.asked_at >= SECONDS_TO_END:
            self.kill()

    def kill(self) -> None:
        """End the command and all that it started, such as dbt, also where the command itself is gone already."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def dagster_job(log_file: object, limit_seconds: float) -> Iterator[InterruptibleJob]:
    """Dagster's command in a process group of its own: an interruption reaches it once, from here.

    It ends with this process, however this one ends, and leaves nothing behind that goes on.
    """
    asked: list[int] = []
    job: InterruptibleJob | None = None

    def interrupt(number: int, frame: FrameType | None) -> None:
        asked.append(number)
        if job is not None:
            job.interrupt()

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with lifeline() as descriptor:
            # Not in the project's folder: `dg` would let a `.env` there win over the variables that are set.
            child = subprocess.Popen(
                [
                    *(sys.executable, "-m", "dagster_project.refresh.dg"),
                    *("launch", "--job", JOB, "--target-path", str(PROJECT_ROOT)),
                ],
                stdout=log_file,  # type: ignore[call-overload]
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                cwd=os.environ["DAGSTER_HOME"],
                env={**os.environ, "PYTHONWARNINGS": "ignore", VARIABLE: str(descriptor)},
                pass_fds=[descriptor],
                start_new_session=True,
            )
            job = InterruptibleJob(child, time.monotonic() + limit_seconds)
            try:
                if asked:
                    job.interrupt()
                yield job
            finally:
                job.kill()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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
