"""The process around Dagster's command: an interruption ends it with all it started, even where it is swallowed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from dagster_project.refresh import following
from dagster_project.refresh.following import InterruptibleJob

# Loses every interruption, as a library does that catches everything; and has a child that does the same.
DEAF = """
import os, signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
child = os.fork()
if child:
    print(child, flush=True)
while True:
    signal.pause()
"""


@pytest.fixture
def job() -> Iterator[InterruptibleJob]:
    with subprocess.Popen([sys.executable, "-c", DEAF], stdout=subprocess.PIPE, start_new_session=True) as process:
        yield InterruptibleJob(process)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def test_who_does_not_heed_an_interruption_is_killed_with_all_that_it_started(
    job: InterruptibleJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "SECONDS_TO_END", 0.5)
    assert job.process.stdout is not None
    assert job.process.stdout.readline(), "the child runs"
    job.interrupt()
    deadline = time.monotonic() + 60
    while job.process.poll() is None and time.monotonic() < deadline:
        job.insist()
        time.sleep(0.05)

    assert job.process.returncode == -signal.SIGKILL
    assert job.process.stdout.read() == b"", "the child holds its end of the pipe"


def test_nobody_is_asked_to_end_who_was_not_interrupted_or_has_time_left(
    job: InterruptibleJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[int] = []
    monkeypatch.setattr(job.process, "send_signal", sent.append)
    monkeypatch.setattr(following, "SECONDS_TO_END", 0.0)
    job.insist()
    assert sent == []

    monkeypatch.setattr(following, "SECONDS_TO_END", 3600.0)
    job.interrupt()
    job.interrupt()
    job.insist()
    assert len(sent) == 1


def test_a_run_is_interrupted_when_its_time_limit_is_over_and_not_before(
    job: InterruptibleJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "SECONDS_TO_END", 0.2)
    job.ends_at = time.monotonic() + 0.5
    job.keep_to_limit()
    assert job.asked_at is None and not job.is_out_of_time
    deadline = time.monotonic() + 60
    while job.process.poll() is None and time.monotonic() < deadline:
        job.keep_to_limit()
        job.insist()
        time.sleep(0.05)

    assert job.process.returncode == -signal.SIGKILL, "it heeds no request to end"
    assert job.is_out_of_time
