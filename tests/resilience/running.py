"""The real command on a small company, followed closely enough to break it at a chosen place.

Belongs here: starting it, seeing where it stands, ending its processes, comparing marts. Does not: what is broken.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import duckdb

from tests.integration.refreshing import ROOT, Company

PEOPLE, DAYS = "60", "60"
SECONDS_TO_WAIT = 240.0


class SmallCompany(Company):
    """As few people as have rows in every source: a refresh is mostly what the tools take for themselves."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.environment |= {"SANDBOX_PEOPLE": PEOPLE, "SANDBOX_DAYS": DAYS}


class Night:
    """One refresh under way, in a process group of its own; nothing of it is left at the end."""

    def __init__(self, company: Company, **variables: str) -> None:
        self._company = company
        self._environment = {**company.environment, **variables}
        self.began_at = time.time()

    def __enter__(self) -> Self:
        command = self._company.command(sys.executable, "-u", "-m", "dagster_project.refresh", sandbox=True)
        self._output = (self._company.data.parent / "said.txt").open("w+")
        self.wrapper = subprocess.Popen(
            command,
            cwd=ROOT,
            env=self._environment,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self._output.close()

    @property
    def said(self) -> str:
        """What the command printed so far."""
        return Path(self._output.name).read_text()

    def processes(self) -> dict[str, int]:
        """The processes of this night by what they are: sandbox, command, dagster."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                line = (folder / "cmdline").read_bytes().decode().split("\0")
                data = f"LIFECYCLE_DATA_DIR={self._company.data}\0".encode()
                if data not in (folder / "environ").read_bytes():
                    continue
            except (OSError, UnicodeDecodeError):
                continue  # it has ended, or is not ours
            for name, part in (
                ("sandbox", "sandbox"),
                ("dagster", "dagster_project.refresh.dg"),
                ("command", "dagster_project.refresh"),
            ):
                if part in line:
                    found[name] = int(folder.name)
                    break
        return found

    def has_written(self, pattern: str) -> bool:
        """Whether a file of the data folder that fits the pattern was written since the night began."""
        return any(_changed_at(path) >= self.began_at for path in self._company.data.glob(pattern))

    def kill(self) -> None:
        """End all of them by SIGKILL, as a machine that stops does."""
        while running := self.processes():
            for process in running.values():
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            time.sleep(0.05)
        self.wrapper.wait()

    def wait_until(self, holds: Callable[[], object], what: str) -> None:
        """Wait for something that comes with the run.

        Raises:
            AssertionError: it ended before, or takes too long.
        """
        deadline = time.monotonic() + SECONDS_TO_WAIT
        while not holds():
            assert self.wrapper.poll() is None, f"ended before {what}: {self.said}"
            assert time.monotonic() < deadline, f"{what} never came: {self.said}"
            time.sleep(0.02)

    def wait_for_end(self) -> int:
        return self.wrapper.wait(SECONDS_TO_WAIT)


def _changed_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def changed_marts(one: Company, other: Company) -> dict[str, int]:
    """How many rows only one of two publications has, of each mart; when a record was loaded, they do not agree on."""
    found = {}
    marts = one.published().rows
    assert marts.keys() == other.published().rows.keys() and any(marts.values())
    with duckdb.connect() as connection:
        for name, company in (("one", one), ("other", other)):
            quoted = str(company.published().path).replace("'", "''")
            connection.execute(f"attach '{quoted}' as {name} (read_only)")
        for mart in marts:
            ours, theirs = (
                f"select columns(name -> name <> 'loaded_at') from {name}.marts.{mart}" for name in ("one", "other")
            )
            count = connection.execute(
                f"select count(*) from (({ours} except all {theirs}) union all ({theirs} except all {ours}))"
            ).fetchall()[0][0]
            if count:
                found[mart] = count
    return found
