"""A child that ends with its parent, and an end that loses nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from ingestion.lifeline import VARIABLE, lifeline, watch_parent

PARENT = """
import os, subprocess, sys
from ingestion.lifeline import VARIABLE, lifeline
child = (
    "import os, signal, time; from ingestion.lifeline import watch_parent; "
    "watch_parent(lambda: os.kill(os.getpid(), signal.SIGKILL)); print('watching', flush=True); time.sleep(60)"
)
with lifeline() as descriptor:
    environment = {**os.environ, VARIABLE: str(descriptor)}
    subprocess.Popen([sys.executable, "-c", child], env=environment, pass_fds=[descriptor]).wait()
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_child_ends_however_its_parent_ended(number: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as parent:
        assert parent.stdout is not None and parent.stdout.readline() == b"watching\n"
        began_at = time.monotonic()
        parent.send_signal(number)
        rest = parent.stdout.read()  # ends when nobody holds the pipe any more: the child does, while it lives
        assert (rest, time.monotonic() - began_at < 5) == (b"", True)


def test_who_was_handed_no_lifeline_watches_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    called: list[bool] = []
    watch_parent(lambda: called.append(True))

    assert called == []


def test_the_lifeline_is_not_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a grandchild would keep it, and look like a parent that lives."""
    ended: list[bool] = []
    with lifeline() as descriptor:
        copy = os.dup(descriptor)
        os.set_inheritable(copy, True)
        monkeypatch.setenv(VARIABLE, str(copy))
        watch_parent(lambda: ended.append(True))
        assert VARIABLE not in os.environ
        assert not os.get_inheritable(copy)
        assert ended == []
    deadline = time.monotonic() + 5
    while not ended and time.monotonic() < deadline:
        time.sleep(0.01)
    assert ended == [True]


def test_an_end_without_delay_runs_what_was_registered_and_loses_no_output() -> None:
    script = (
        "import atexit, sys; from ingestion.lifeline import end\n"
        "atexit.register(lambda: print('registered'))\n"
        "print('printed'); print('an error', file=sys.stderr)\n"
        "class Held:\n    def __del__(self): print('freed')\n"
        "held = Held()\n"
        "end(3)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

    assert (done.returncode, done.stdout, done.stderr) == (3, "printed\nregistered\n", "an error\n")
