"""The process around Dagster's command: an interruption is heeded even where something swallows it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from dagster_project.refresh import following
from dagster_project.refresh.following import InterruptibleJob

# Loses the first interruption, as a library does that catches everything.
DEAF_ONCE = """
import signal, sys
heard = []
signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
print("ready", flush=True)
while len(heard) < 2:
    signal.pause()
sys.exit(3)
"""


@pytest.fixture
def job() -> Iterator[InterruptibleJob]:
    with subprocess.Popen([sys.executable, "-c", DEAF_ONCE], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"ready\n"
        yield InterruptibleJob(process)
        process.kill()


def test_who_does_not_heed_an_interruption_is_asked_again(
    job: InterruptibleJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "SECONDS_TO_END", 0.5)
    job.interrupt()
    deadline = time.monotonic() + 60
    while job.process.poll() is None and time.monotonic() < deadline:
        job.insist()
        time.sleep(0.05)

    assert job.process.returncode == 3


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

    assert job.process.returncode == 3
    assert job.is_out_of_time
