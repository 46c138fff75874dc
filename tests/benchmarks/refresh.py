"""The whole refresh of companies of several sizes, by the job of `make refresh`, each step beside its floor.

The company's files (`company`) are loaded, checked, built, predicted, checked again and published; then one person in
a hundred does something, and the night after is refreshed and compared with a rebuild. The floor of a step (`bare`) is
the same rows by DuckDB alone, in the same run. How cost grows is the exponent of the processor's seconds over people: 1
is proportional, and what a refresh costs whatever its size lowers it. A large company is refreshed without floors and
without a rebuild, which would take longer than the two nights that are asked about.
"""

from __future__ import annotations

import math
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from serving.compare import compare
from serving.versions import current_version
from tests.benchmarks import bare, company
from tests.benchmarks.measuring import run, say, table
from tests.benchmarks.watching import Span, watch_command, watched

ROOT = Path(__file__).resolve().parents[2]
MAPPING = Path(__file__).parent / "company.yml"
SIZES = (10_000, 100_000)
# Of the 14 GB that the whole may take, what DuckDB may use; and no more models beside each other than there are cores.
OF_LARGE = {"LIFECYCLE_MEMORY_LIMIT": "10GB", "LIFECYCLE_MODELS_AT_ONCE": "2"}
# What a line of the report is made of, as Dagster names steps.
LINES = {
    "loads": "load_",
    "gate 1": "gate_raw",
    "models up to core": "build_models",
    "predictions": "predict_customers",
    "marts": "build_marts",
    "gate 2": "gate_marts",
    "publication": "serving__lifecycle",
}
IN_ENVIRONMENT = (sys.executable, "-m", "dagster_project.environment", "--sandbox", "--")
OURS = ("LIFECYCLE_", "SOURCES__", "SERVING_", "SANDBOX_", "DAGSTER_", "DBT_", "DLT_", "SPARK_")
WHOLE, REST = "whole refresh", "start, end and in between"


@dataclass(frozen=True)
class Measured:
    """One size: its first refresh and its night after.

    Attributes:
        floors: of the steps of the first refresh, in seconds of the processor; none of a large company.
        equality: how the marts of the night after compare with a rebuild, in words.
    """

    people: int
    rows: int
    first: Mapping[str, Span]
    floors: Mapping[str, float]
    night: Mapping[str, Span]
    night_rows: int
    equality: str
    published_bytes: int


class Installation:
    """A data folder and the settings of the company that is refreshed into it."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder, self.data = folder, folder / "data"
        self.warehouse = self.data / "warehouse.duckdb"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        self.environment = {
            **inherited,
            "LIFECYCLE_DATA_DIR": str(self.data),
            "LIFECYCLE_MEMORY_LIMIT": bare.MEMORY_LIMIT,
            "PYTHONWARNINGS": "ignore",
            **settings,
        }

    def refresh(self, name: str, as_of: datetime | None = None, beside: Sequence[int] = ()) -> dict[str, Span]:
        """Refresh once, with these processes working for it; the lines of the report."""
        spans = watched(
            [*IN_ENVIRONMENT, sys.executable, "-m", "dagster_project.refresh"],
            {**self.environment, **({"LIFECYCLE_AS_OF": f"{as_of.isoformat()}Z"} if as_of else {})},
            self.data,
            self.folder / f"{name}.log",
            beside,
        )
        return _lines(spans)

    def floor(self, name: str, source: Path, file: Path) -> float:
        """Seconds of the processor that a step takes at least."""
        log = self.folder / f"bare_{name}.log"
        run([sys.executable, "-m", "tests.benchmarks.bare", name, str(source), str(file)], log)
        return float(log.read_text(encoding="utf-8").split()[-1])

    def bare_loads(self) -> float:
        """Seconds of the processor that the loads of a refresh take alone, with the servers that they ask."""
        data = self.folder / "bare" / "data"
        watch = watch_command(
            [*IN_ENVIRONMENT, sys.executable, "-m", "tests.benchmarks.bare", "pipelines", str(data), str(data)],
            {**self.environment, "LIFECYCLE_DATA_DIR": str(data)},
            data,
            self.folder / "bare_pipelines.log",
        )
        shutil.rmtree(data.parent)
        return watch.cpu[-1]

    def floors(self) -> dict[str, float]:
        """The floor of each step of the latest refresh, which built everyone, apart from loads."""
        place = self.folder / "bare"
        builds = {"models up to core": self.data / "dbt", "marts": self.data / "dbt" / "build_marts"}
        built = [node for each in builds.values() for node, _ in bare.built(each, ("model",))]
        models = place / "warehouse.duckdb"  # the name that is written in the compiled SQL
        bare.prepare(self.warehouse, models, {f"{node['schema']}.{node['name']}" for node in built})
        floors = {
            **{line: self.floor("build", target, models) for line, target in builds.items()},
            "tests of models and marts": self.floor("checks", self._compiled_tests(), models),
            "publication": self.floor("publication", self.warehouse, place / "published.duckdb"),
        }
        shutil.rmtree(place)
        return floors

    def _compiled_tests(self) -> Path:
        """Where dbt leaves the SQL of every test: a refresh runs those of a table together, and keeps none of it."""
        target, dbt = self.folder / "tests", Path(sys.executable).with_name("dbt")
        places = ["--project-dir", "dbt_project", "--profiles-dir", "dbt_project", "--target-path", str(target)]
        run(
            [sys.executable, "-m", "dagster_project.environment", "--", str(dbt), "compile"]
            + ["--select", "resource_type:test", *places],
            self.folder / "compiled_tests.log",
            {**self.environment, "LIFECYCLE_AS_OF": f"{company.AS_OF.isoformat()}Z"},
        )
        return target

    def published(self) -> Path:
        """The version that was published last."""
        version = current_version(self.data / "serving")
        assert version is not None
        return version

    def forget_models(self) -> None:
        """Have the next refresh build everyone from the raw tables, as if it were the first."""
        with duckdb.connect(str(self.warehouse)) as connection:
            for schema in ("staging", "intermediate", "core", "marts"):
                connection.execute(f"drop schema if exists {schema} cascade")
        (self.data / "published_from.json").unlink()


def _lines(spans: Mapping[str, Span]) -> dict[str, Span]:
    lines = {}
    for line, step in LINES.items():
        (first, *others) = [span for name, span in spans.items() if name.startswith(step)]
        lines[line] = sum(others, first)
    whole = spans["whole"]
    seconds, cpu = (sum(getattr(line, of) for line in lines.values()) for of in ("seconds", "cpu_seconds"))
    lines[REST] = Span(whole.seconds - seconds, whole.cpu_seconds - cpu, 0, 0)
    return {**lines, WHOLE: whole}


def settings_of(files: Path) -> dict[str, str]:
    """Settings of an installation that reads a company's files."""
    return {
        "LIFECYCLE_PROFILE": "production",
        "LIFECYCLE_SOURCES": "files",
        "SOURCES__FILES__MAPPINGS_PATH": str(MAPPING),
        "SOURCES__FILES__DATA_PATH": str(files),
    }


def measure(folder: Path, people: int, *, is_large: bool = False) -> Measured:
    """Refresh a company of this size, and its night after; a large one without floors and without a rebuild."""
    files = folder / "files"
    installation = Installation(folder, **settings_of(files), **(OF_LARGE if is_large else {}))
    rows = company.draw(files, people)
    say(f"The first refresh of {people:,} people, {rows:,} rows …")
    first = installation.refresh("first", company.AS_OF)
    published_bytes = installation.published().stat().st_size
    floors = {}
    if not is_large:
        say("The floors of its steps …")
        bare_loads = installation.floor("loads", files, folder / "loads.duckdb")
        (folder / "loads.duckdb").unlink()
        floors = {"loads": bare_loads, **installation.floors()}
    night_rows = company.touch(files, people)
    say("The night after, when 1 % of people did something …")
    night = installation.refresh("night", company.LATER)
    equality = "" if is_large else _equality(installation)
    return Measured(people, rows, first, floors, night, night_rows, equality, published_bytes)


def _equality(installation: Installation) -> str:
    incremented = installation.published()
    say("A rebuild, to compare …")
    installation.forget_models()
    installation.refresh("rebuild", company.LATER)
    changes = compare(incremented, installation.published())
    differing = [change.mart for change in changes if not change.is_unchanged]
    names = f": {', '.join(differing)}" if differing else ""
    return f"{len(differing)} of {len(changes)} marts differ from a rebuild{names}"


def report(folder: Path, sizes: Sequence[int]) -> str:
    """Measure companies of these sizes, and the simulated one; Markdown with ratios and exponents."""
    measured = []
    for people in sizes:
        place = folder / str(people)
        place.mkdir()
        measured.append(measure(place, people))
        shutil.rmtree(place)
    parts = [_of_size(each) for each in measured]
    if len(measured) > 1:
        parts.append(_growth(measured[0], measured[-1]))
    parts.append(_sandbox(folder / "sandbox"))
    return "\n\n".join(["## The whole refresh", *parts])


def report_large(folder: Path, people: int) -> str:
    """Measure a large company; Markdown."""
    place = folder / "large"
    place.mkdir()
    measured = measure(place, people, is_large=True)
    shutil.rmtree(place)
    return f"## A large company\n\n{_of_size(measured)}"


def _of_size(measured: Measured) -> str:
    has_floors = bool(measured.floors)

    def row(line: str, span: Span) -> list[str]:
        floor, night = measured.floors.get(line), measured.night[line]
        beside = [f"{floor:.1f}", f"{span.cpu_seconds / floor:.2f}"] if floor else ["", ""]
        return [
            line,
            f"{span.seconds:.1f}",
            f"{span.cpu_seconds:.1f}",
            *(beside if has_floors else ()),
            f"{span.peak_bytes / 1e9:.1f}" if span.peak_bytes else "",
            f"{span.disk_bytes / 1e9:.2f}" if span.disk_bytes else "",
            f"{night.seconds:.1f}",
            f"{night.cpu_seconds:.1f}",
        ]

    of_floors = ["CPU of the floor", "times the floor"] if has_floors else []
    head = ["step", "seconds", "CPU seconds", *of_floors, "peak memory, GB", "disk, GB"]
    loads = measured.first["loads"]
    night_share = measured.night[WHOLE].cpu_seconds / measured.first[WHOLE].cpu_seconds
    tests = measured.floors.get("tests of models and marts")
    said = [
        f"Published: {measured.published_bytes / 1e9:.2f} GB.",
        f"Loads: {measured.rows / loads.seconds:,.0f} rows a second.",
        f"Tests of models and marts, bare: {tests:.1f} CPU seconds." if tests else "",
        f"The night after ({measured.night_rows:,} new rows) takes {night_share:.0%} of the CPU seconds of the first"
        " refresh.",
        f"After it, {measured.equality}." if measured.equality else "",
    ]
    return "\n".join(
        [
            f"### {measured.people:,} people, {measured.rows:,} rows",
            "",
            table(
                [*head, "the night after, seconds", "the night after, CPU seconds"],
                [row(line, span) for line, span in measured.first.items()],
            ),
            "",
            *filter(None, said),
        ]
    )


def _growth(small: Measured, large: Measured) -> str:
    def exponent(of: str, line: str) -> str:
        costs = [getattr(each, of)[line].cpu_seconds for each in (small, large)]
        return f"{math.log(costs[1] / costs[0]) / math.log(large.people / small.people):.2f}"

    return "\n".join(
        [
            f"### Exponent of CPU seconds over people, from {small.people:,} to {large.people:,}",
            "",
            table(
                ["step", "first refresh", "the night after"],
                [[line, exponent("first", line), exponent("night", line)] for line in small.first],
            ),
        ]
    )


def _sandbox(folder: Path) -> str:
    folder.mkdir()
    say("The first refresh of the simulated company, and its floors …")
    installation = Installation(folder)
    whole = installation.refresh("first")[WHOLE]
    floors = {"loads": installation.bare_loads(), **installation.floors()}
    shutil.rmtree(folder)
    floor = sum(floors.values())

    def row(name: str, seconds: float) -> list[str]:
        return [name, f"{seconds:.1f}", f"{seconds / floor:.2f}"]

    return "\n".join(
        [
            "### The simulated company in its default size, servers included",
            "",
            table(
                ["run", "CPU seconds", "times the floor"],
                [
                    row("the same loads and SQL, bare (floor)", floor),
                    *(row(f"… {name}", seconds) for name, seconds in floors.items()),
                    row(WHOLE, whole.cpu_seconds),
                ],
            ),
        ]
    )
