"""The models of one company on DuckDB, on one worker of Spark and on two, in one run: `make bench-spark`.

The company of `refresh` in two sizes. What a step takes is a fixed part and a part for each person: the two sizes tell
them apart, and with them where Spark would begin to pay, if it does on this machine. Spark's own log of tasks tells
what went through shuffles and how unevenly. The marts of every run are compared with those of the first. A million
people take hours on two cores: sizes and engines can be named, and each engine's figures are said when it is done.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from cluster.configuration import events_path
from cluster.processes import alive
from dagster_project.environment import variables
from dagster_project.steps import dbt_target
from tests.benchmarks import company
from tests.benchmarks.measuring import run, say, table
from tests.benchmarks.refresh import OF_LARGE, WHOLE, Installation, settings_of
from tests.benchmarks.watching import Span
from tests.processes import free_ports
from tests.spark.engines import differences

SIZES = (2_000, 20_000)
DUCKDB = "DuckDB"
# Engines by how many workers of Spark they have; DuckDB has none.
ENGINES = (0, 1, 2)
# What a worker and the Thrift server may use, and parts of a shuffle, by the size of the company: about 100 MB a part.
MEMORY, PEOPLE_A_PART = {"SPARK_WORKER_MEMORY": "3GB", "SPARK_DRIVER_MEMORY": "3GB"}, 20_000
LARGE = 500_000
# The steps that the engine runs, as `refresh` names them, and where in its folder dbt leaves what it ran.
STEPS = {"models up to core": ".", "marts": "build_marts"}
# For whom a cluster is, and how long a night may last.
MANY, NIGHT_SECONDS = 100_000_000, 8 * 3600
# A stage of fewer seconds says nothing about how evenly its rows lie.
SECONDS_OF_A_STAGE = 1.0


@dataclass(frozen=True)
class Tasks:
    """What Spark wrote down of its tasks.

    Attributes:
        count: of all tasks.
        seconds: that they ran, together.
        shuffled_bytes: written to be joined or grouped elsewhere.
        skew: the longest task of a stage over its mean one, as the median of stages with several tasks that ran
            `SECONDS_OF_A_STAGE` or more; None without such a stage.
    """

    count: int
    seconds: float
    shuffled_bytes: int
    skew: float | None


@dataclass(frozen=True)
class Run:
    """A first refresh with one engine.

    Attributes:
        steps: all of them, by name.
        nodes: what dbt ran: models, seeds, tests.
        disk_bytes: of everything in the data folder at the end.
        differing: marts that are not those of the engine that ran first.
        tasks: of Spark; None: another engine.
    """

    steps: Mapping[str, Span]
    nodes: int
    disk_bytes: int
    differing: Sequence[str]
    tasks: Tasks | None

    @property
    def seconds(self) -> float:
        """Of the steps that the engine runs."""
        return sum(self.steps[step].seconds for step in STEPS)

    @property
    def cpu_seconds(self) -> float:
        """Of the steps that the engine runs."""
        return sum(self.steps[step].cpu_seconds for step in STEPS)


@dataclass(frozen=True)
class Measured:
    """A company of one size, with each engine."""

    people: int
    rows: int
    runs: Mapping[str, Run]


def tasks(events: Path) -> Tasks:
    """What the event logs of a folder say of tasks, by DuckDB: there are thousands."""
    with duckdb.connect() as connection:
        rows = connection.execute(
            """
            with lines as (
                select * from read_json(
                    ?,
                    format = 'newline_delimited',
                    maximum_object_size = 268435456,
                    columns = {Event: 'varchar', "Stage ID": 'bigint', "Task Info": 'json', "Task Metrics": 'json'}
                )
                where Event = 'SparkListenerTaskEnd'
            ),
            ended as (
                select
                    "Stage ID" as stage,
                    ("Task Info" ->> '$."Finish Time"')::bigint - ("Task Info" ->> '$."Launch Time"')::bigint as ms,
                    ("Task Metrics" ->> '$."Shuffle Write Metrics"."Shuffle Bytes Written"')::bigint as shuffled
                from lines
            ),
            stages as (
                select max(ms) / avg(ms) as skew from ended group by stage having count(*) > 1 and sum(ms) >= 1000 * ?
            )
            select count(*), coalesce(sum(ms), 0) / 1000, coalesce(sum(shuffled), 0)::bigint,
                (select median(skew) from stages)
            from ended
            """,
            [str(events / "*"), SECONDS_OF_A_STAGE],
        ).fetchall()
    return Tasks(*rows[0])


def measure(folder: Path, people: int, engines: Sequence[int] = ENGINES) -> Measured:
    """Refresh a company of this size with each engine, and say what each took as soon as it is known."""
    files, expected = folder / "files", folder / "expected.duckdb"
    rows = company.draw(files, people)
    runs: dict[str, Run] = {}
    for workers in engines:
        say(f"{people:,} people, {rows:,} rows: {_name(workers)} …")
        place = folder / f"{workers}"
        place.mkdir()
        installation = Installation(place, **settings_of(files), **_settings(workers, people))
        steps, found = _on_spark(installation) if workers else (installation.refresh("first", company.AS_OF), None)
        differing: Sequence[str] = ()
        if expected.exists():
            differing = [*differences(expected, installation.published(), but=["loaded_at"])]  # each has its own loads
        runs[_name(workers)] = Run(steps, _nodes(installation), _disk_bytes(installation), differing, found)
        if not expected.exists():
            installation.published().rename(expected)
        shutil.rmtree(place)  # those of a large company do not fit beside each other
        say(_of_size(Measured(people, rows, runs)))
    return Measured(people, rows, runs)


def _settings(workers: int, people: int) -> dict[str, str]:
    is_large = people >= LARGE
    if workers == 0:
        return dict(OF_LARGE) if is_large else {}
    master, thrift = free_ports(2)
    return {
        "LIFECYCLE_ENGINE": "spark",
        "SPARK_WORKERS": str(workers),
        "SPARK_MASTER_PORT": str(master),
        "SPARK_THRIFT_PORT": str(thrift),
        "SPARK_EVENT_LOG": "true",
        **({**MEMORY, "SPARK_SHUFFLE_PARTITIONS": str(people // PEOPLE_A_PART)} if is_large else {}),
    }


def _on_spark(installation: Installation) -> tuple[Mapping[str, Span], Tasks]:
    """A first refresh on a cluster of its own, which is gone afterwards."""
    cluster = installation.data / "spark"
    _make(installation, "up")
    try:
        steps = installation.refresh("first", company.AS_OF, beside=[*alive(cluster).values()])
    finally:
        _make(installation, "down")
    found = tasks(events_path(cluster))
    shutil.rmtree(events_path(cluster))
    return steps, found


def _make(installation: Installation, verb: str) -> None:
    command = [sys.executable, "-m", "dagster_project.spark_command", verb]
    run(command, installation.folder / f"{verb}.log", installation.environment)


def _nodes(installation: Installation) -> int:
    of = installation.environment.get("LIFECYCLE_ENGINE", "duckdb")
    with variables(LIFECYCLE_DATA_DIR=str(installation.data)):
        places = [dbt_target(of) / each / "run_results.json" for each in STEPS.values()]
    found = [json.loads(place.read_text()) for place in places]
    return sum(len(results["results"]) for results in found)


def _disk_bytes(installation: Installation) -> int:
    return sum(file.stat().st_size for file in installation.data.rglob("*") if file.is_file() and not file.is_symlink())


def _name(workers: int) -> str:
    return {0: DUCKDB, 1: "1 worker"}.get(workers, f"{workers} workers")


def report(folder: Path, sizes: Sequence[int], engines: Sequence[int] = ENGINES) -> str:
    """Measure companies of these sizes with these engines; Markdown."""
    measured = []
    for people in sizes:
        place = folder / str(people)
        place.mkdir()
        measured.append(measure(place, people, engines))
        shutil.rmtree(place)
    parts = ["## The models on Spark", *(_of_size(each) for each in measured)]
    if len(measured) > 1:
        parts.append(_growth(measured[0], measured[-1]))
    return "\n\n".join(parts)


def _of_size(measured: Measured) -> str:
    def row(name: str, one: Run) -> list[str]:
        spans = [one.steps[step] for step in STEPS]
        return [
            name,
            *(f"{span.seconds:.1f}" for span in spans),
            f"{one.cpu_seconds:.1f}",
            f"{measured.rows / one.seconds:,.0f}",
            f"{max(span.peak_bytes for span in spans) / 1e9:.1f}",
            f"{one.disk_bytes / 1e9:.2f}",
            f"{one.nodes}",
            f"{one.seconds / one.nodes:.2f}",
            f"{one.steps[WHOLE].seconds:.1f}",
            *(
                ["", "", "", ""]
                if one.tasks is None
                else [
                    f"{one.tasks.count:,}",
                    f"{one.tasks.seconds:.1f}",
                    f"{one.tasks.shuffled_bytes / 1e6:.1f}",
                    "" if one.tasks.skew is None else f"{one.tasks.skew:.2f}",
                ]
            ),
        ]

    head = [
        "engine",
        *(f"{step}, seconds" for step in STEPS),
        "CPU seconds of both",
        "rows a second",
        "peak memory, GB",
        "disk, GB",
    ]
    head += ["nodes", "seconds a node", "whole refresh, seconds", "tasks", "seconds of tasks", "shuffled, MB", "skew"]
    differing = sorted({mart for one in measured.runs.values() for mart in one.differing})
    return "\n".join(
        [
            f"### {measured.people:,} people, {measured.rows:,} rows",
            "",
            table(head, [row(name, one) for name, one in measured.runs.items()]),
            "",
            f"Marts that differ between engines: {', '.join(differing) or 'none'}.",
        ]
    )


def _growth(small: Measured, large: Measured) -> str:
    """The fixed and the growing part of models and marts with each engine, where they cross, and many people."""
    more_people, more_rows = large.people - small.people, large.rows - small.rows

    def a_person(name: str, of: str) -> float:
        return (getattr(large.runs[name], of) - getattr(small.runs[name], of)) / more_people

    def fixed(name: str) -> float:
        return small.runs[name].seconds - a_person(name, "seconds") * small.people

    def crossing(name: str) -> str:
        if name == DUCKDB or DUCKDB not in small.runs:
            return ""
        less = a_person(DUCKDB, "seconds") - a_person(name, "seconds")
        return f"{(fixed(name) - fixed(DUCKDB)) / less:,.0f} people" if less > 0 else "nowhere on this machine"

    def row(name: str) -> list[str]:
        cpu_seconds = a_person(name, "cpu_seconds")
        return [
            name,
            f"{fixed(name):.1f}",
            f"{a_person(name, 'seconds') * more_people / more_rows * 1e6:.1f}",
            f"{cpu_seconds * more_people / more_rows * 1e6:.1f}",
            crossing(name),
            f"{cpu_seconds * MANY / 3600:,.0f}",
            f"{cpu_seconds * MANY / NIGHT_SECONDS:,.0f}",
            f"{a_person(name, 'disk_bytes') * MANY / 1e12:.1f}",
        ]

    head = [
        "engine",
        "fixed, seconds",
        "seconds a million rows",
        "CPU seconds a million rows",
        "faster than DuckDB from",
    ]
    many = f"{MANY / 1e6:.0f} M people"
    head += [f"{many}, CPU hours", f"{many}, cores for {NIGHT_SECONDS // 3600} hours", f"{many}, disk, TB"]
    return "\n".join(
        [
            f"### Models and marts, from {small.people:,} to {large.people:,} people",
            "",
            table(head, [row(name) for name in small.runs]),
        ]
    )
