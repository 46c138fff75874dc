"""One writer at a time, across processes."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from ingestion.lock import RefreshInProgressError, writer_lock

HOLD = """
import sys, time
from pathlib import Path
from ingestion.lock import writer_lock
with writer_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_writer_fails_at_once_and_says_who_holds_it(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        started_at = time.monotonic()

        held = rf"another process is writing .* \(process {holder.pid}: .*python.*\)"
        with pytest.raises(RefreshInProgressError, match=held), writer_lock(tmp_path):
            pytest.fail("two writers at once")

        assert time.monotonic() - started_at < 1
        holder.kill()


def test_a_killed_writer_leaves_no_lock_behind(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        holder.kill()
        holder.wait()

    with writer_lock(tmp_path):
        pass


def test_the_lock_is_free_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="inside"), writer_lock(tmp_path):
        raise ValueError("inside")

    with writer_lock(tmp_path):
        pass
