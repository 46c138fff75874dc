"""Watches a refresh from outside while it runs: processor, memory and disk of each of its steps.

Belongs here: what all processes of a command used between two instants. Does not: what a step is measured against.

The steps run in one process, so that the system alone cannot tell them apart. Their instants stand in Dagster's log.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
from dagster import DagsterInstance

from dagster_project.environment import variables
from dagster_project.summary.run_log import RunLog

SECONDS_BETWEEN_SAMPLES = 0.25


@dataclass(frozen=True)
class Span:
    """What was used between two instants; bytes of memory at their peak, of disk at the end."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    disk_bytes: int

    def __add__(self, other: Span) -> Span:
        return Span(
            self.seconds + other.seconds,
            self.cpu_seconds + other.cpu_seconds,
            max(self.peak_bytes, other.peak_bytes),
            max(self.disk_bytes, other.disk_bytes),
        )


@dataclass
class Watch:
    """Samples of a command and all that it started."""

    at: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)
    disk: list[int] = field(default_factory=list)
    _seen: dict[int, float] = field(default_factory=dict)

    def sample(self, processes: Sequence[psutil.Process], data: Path) -> None:
        """Take in what these processes and all that they started have used so far."""
        memory = 0
        for one in _with_children(processes):
            try:
                times, resident = one.cpu_times(), one.memory_info().rss
            except psutil.NoSuchProcess:
                continue
            self._seen[one.pid] = times.user + times.system
            memory += resident
        self.at.append(time.time())
        self.cpu.append(sum(self._seen.values()))
        self.memory.append(memory)
        self.disk.append(sum(_size(path) for path in _databases(data)))

    def end(self, data: Path) -> None:
        """Note that all has ended, with nothing used since the last sample."""
        self.at.append(time.time())
        self.cpu.append(self.cpu[-1])
        self.memory.append(0)
        self.disk.append(sum(_size(path) for path in _databases(data)))

    def between(self, start: float, end: float) -> Span:
        """What was used from one instant to another."""
        start_cpu, end_cpu = np.interp([start, end], self.at, self.cpu)
        within = [place for place, at in enumerate(self.at) if start <= at <= end + SECONDS_BETWEEN_SAMPLES]
        return Span(
            end - start,
            float(end_cpu - start_cpu),
            max((self.memory[place] for place in within), default=0),
            self.disk[within[-1]] if within else 0,
        )


def watched(
    command: Sequence[str], environment: Mapping[str, str], data: Path, log: Path, beside: Sequence[int] = ()
) -> dict[str, Span]:
    """Run a refresh to its end. The steps in their order, under their names in Dagster, and all of it as `whole`.

    Args:
        command, environment, data, log: as of `watch_command`.
        beside: numbers of processes that work for it and that it did not start, such as a cluster.

    Raises:
        RuntimeError: it failed; the message holds what it printed last.
    """
    watch = watch_command(command, environment, data, log, beside)
    began, ended = watch.at[0], watch.at[-1]
    spans = {name: watch.between(start, end) for name, start, end in _steps(data, began)}
    return {**spans, "whole": watch.between(began, ended)}


def watch_command(
    command: Sequence[str], environment: Mapping[str, str], data: Path, log: Path, beside: Sequence[int] = ()
) -> Watch:
    """Run a command to its end, and watch it and all that it starts, with the processes beside it.

    Raises:
        RuntimeError: it failed; the message holds what it printed last.
    """
    watch = Watch()
    others = [psutil.Process(number) for number in beside]
    with log.open("w", encoding="utf-8") as output:
        process = psutil.Popen(command, env=dict(environment), stdout=output, stderr=subprocess.STDOUT)
        while process.poll() is None:
            watch.sample([process, *others], data)
            time.sleep(SECONDS_BETWEEN_SAMPLES)
    watch.end(data)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{log.read_text(encoding='utf-8')[-3000:]}")
    return watch


def _steps(data: Path, since: float) -> Iterator[tuple[str, float, float]]:
    home = str(data / "dagster")
    with variables(DAGSTER_HOME=home), DagsterInstance.from_config(home) as instance:
        (run, *_) = instance.get_runs(limit=1)
        log = RunLog()
        for _ in log.read(instance, run.run_id):
            pass
    assert log.started_at is not None and log.started_at > since, "this run left no log"
    for step in log.steps.values():
        if step.seconds is not None:
            yield step.name, step.started_at, step.started_at + step.seconds


def _with_children(processes: Sequence[psutil.Process]) -> Iterator[psutil.Process]:
    for process in processes:
        yield process
        with suppress(psutil.NoSuchProcess):
            yield from process.children(recursive=True)


def _databases(data: Path) -> Iterator[Path]:
    """The build file with what it spills, and what is published."""
    yield from data.glob("warehouse.duckdb*")
    yield from data.glob("warehouse.duckdb.tmp/*")
    yield from data.glob("serving/versions/*/lifecycle.duckdb")


def _size(path: Path) -> int:
    try:
        return 0 if path.is_symlink() or path.is_dir() else path.stat().st_size
    except FileNotFoundError:
        return 0
