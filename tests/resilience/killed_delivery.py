"""Deliveries that end by SIGKILL at a chosen point, each followed by one that does not: run by `test_activation_kills`.

`python -m tests.resilience.killed_delivery <sink>:<point>:<folder>...`: each folder is a data folder with a published
outbox, and its delivery to a sink is killed at a point, counted from 1: before and after each commit of the ledger and
each request. Prints a JSON list: which were killed. It has no threads, so that it may fork.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import dlt  # noqa: F401 # settings are read with it: imported once, not in every child

from activation.http import Http
from activation.ledger import Ledger
from activation.sinks.google_ads import GoogleAds
from activation.sinks.hubspot import HubSpot
from activation.sinks.meta import Meta
from activation.sinks.tiktok import TikTok
from dagster_project import activate, environment

PASSED = 0


def kill_at(point: int) -> None:
    """Let this process die at a point of what follows."""
    count = 0

    def pass_by() -> None:
        nonlocal count
        count += 1
        if count == point:
            os.kill(os.getpid(), signal.SIGKILL)

    attempt, transaction = Http._attempt, Ledger._transaction

    def attempted(self: Http, path: str, **body: Any) -> Any:
        pass_by()
        answer = attempt(self, path, **body)
        pass_by()
        return answer

    @contextmanager
    def committed(self: Ledger) -> Iterator[None]:
        with transaction(self):
            yield
            pass_by()
        pass_by()

    Http._attempt = attempted  # type: ignore[method-assign]
    Ledger._transaction = committed  # type: ignore[method-assign,assignment]


def in_a_child(sink: str, folder: str, prepare: Callable[[], None]) -> int:
    """Deliver from a data folder in a process of its own; its status, as the operating system gives it."""
    child = os.fork()
    if not child:
        os.environ |= {"LIFECYCLE_DATA_DIR": folder, "ACTIVATION_SINKS": sink}
        for each in (Meta, TikTok, GoogleAds, HubSpot):
            each.per_request = 2
        environment.prepare()
        prepare()
        os._exit(activate.main([]))
    return os.waitpid(child, 0)[1]


def main(arguments: list[str]) -> int:
    killed = []
    for argument in arguments:
        sink, point, folder = argument.split(":", 2)
        status = in_a_child(sink, folder, partial(kill_at, int(point)))
        killed.append(os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL)
        if not killed[-1] and status != PASSED:
            return 1
        if in_a_child(sink, folder, lambda: None) != PASSED:
            return 1
    print(json.dumps(killed))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
