"""Processes that tests start and end: ports for them to listen on, and their end.

Belongs here: what holds for any process. Does not: servers and commands, which their tests know.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import time
from pathlib import Path

# The system gives those above to connections: a port that is free for a moment would be somebody's in the next one.
NOT_OF_CONNECTIONS = range(20_000, 32_768)
SECONDS_TO_END = 60


def free_ports(count: int) -> list[int]:
    """Different ports of 127.0.0.1 that nobody listens on, and that no connection will take."""
    found: list[int] = []
    for port in random.sample(NOT_OF_CONNECTIONS, len(NOT_OF_CONNECTIONS)):
        if len(found) == count:
            return found
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                found.append(port)
    raise OSError(f"no {count} ports are free")


def kill(pid: int) -> None:
    """End a process at once, and return when it has given back what it had, its ports among them."""
    os.kill(pid, signal.SIGKILL)
    until = time.monotonic() + SECONDS_TO_END
    while not _has_ended(pid):
        assert time.monotonic() < until
        time.sleep(0.05)


def _has_ended(pid: int) -> bool:
    """Whether nothing is left of it but its number. Its command line goes earlier than its ports."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True
