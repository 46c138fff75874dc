"""The report beside a version: what it is told besides the marts, and `make report`, which writes it anew by itself.

Belongs here: counts of a run that no mart holds. Does not: pages and figures (`reports/`), when a version is published
(`defs/serving/`).
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import duckdb
from dagster import DagsterInstance

from dagster_project import environment, personal
from dagster_project.steps import BUILD_STEPS, build_target
from dagster_project.summary.dbt_results import STATUSES
from dagster_project.summary.run_log import RunLog
from ingestion import config, secrecy
from ingestion.config import SettingsError
from reports.figures import Given
from reports.script import INSTALLED
from reports.write import write_report
from serving.access import open_the_way
from serving.publish import Companion, PublicationError, current_publication
from serving.versions import DATABASE, stand, versions_before

# In the order in which they are done; the keys are words of the report.
CHECKS = {
    "loading": "loading",
    "accounting": "accounting",
    "raw gate": "raw_gate",
    "dbt test": "model_tests",
    "mart gate": "mart_gate",
}
# Where a record stood and what it held are nobody's business on a page: the kind of mistake is.
PLACE = re.compile(r"^\S+ line \d+: ")
VALUE = re.compile(r" \(got .*$", re.DOTALL)
QUOTED = re.compile(r"'[^']*'?|\"[^\"]*\"?")


def companion(instance: DagsterInstance, run_id: str) -> Companion:
    """What writes the report of the version that a run publishes."""

    def write(database: Path, before: Path | None) -> None:
        given = Given(rejections=_rejections(config.warehouse_path()), checks=_checks(instance, run_id))
        write_report(database, before, given=given, scripts=_scripts())

    return write


def _scripts() -> Path:
    """Where the JavaScript of charts lies: beside the environment, or with the data if nobody may write there."""
    return INSTALLED if os.access(INSTALLED, os.W_OK) else config.data_dir() / "charts"


def _rejections(warehouse: Path) -> list[dict[str, object]]:
    """How many records of which table are rejected now, by the kind of mistake."""
    with duckdb.connect() as connection:
        connection.execute(f"attach '{_quoted(warehouse)}' as build (read_only)")
        rejected = connection.execute(
            "select source_system, resource, reason, count(*) from build.ops.rejected_records where state = 'open' "
            "group by all order by all"
        ).fetchall()
    counted: Counter[tuple[str, str, str]] = Counter()
    for source, resource, reason, count in rejected:
        counted[source, resource, kind_of_mistake(reason)] += count
    return [
        {"source": source, "resource": resource, "reason": reason, "record_count": count}
        for (source, resource, reason), count in counted.items()
    ]


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def kind_of_mistake(reason: str) -> str:
    """The reason of a rejection without what the record held."""
    return personal.masked_text(QUOTED.sub("…", VALUE.sub("", PLACE.sub("", reason))))


def _checks(instance: DagsterInstance, run_id: str) -> list[dict[str, object]]:
    """How many checks of each kind the run did so far, and how they ended."""
    run = RunLog()
    for _ in run.read(instance, run_id):
        pass
    counted: Counter[tuple[str, str]] = Counter((finding.kind, finding.status) for finding in run.findings)
    counted.update(("dbt test", status) for status in _statuses_of_tests(run))
    return [
        {
            "check_kind": word,
            "passed_count": counted[kind, "passed"],
            "warned_count": counted[kind, "warned"],
            "failed_count": counted[kind, "failed"],
        }
        for kind, word in CHECKS.items()
    ]


def _statuses_of_tests(run: RunLog) -> Iterator[str]:
    for name in BUILD_STEPS:
        step, results = run.steps.get(name), build_target(name) / "run_results.json"
        if step and results.exists() and results.stat().st_mtime >= step.started_at:
            for result in json.loads(results.read_text())["results"]:
                if result["unique_id"].startswith("test."):
                    yield STATUSES.get(result["status"], "failed")


def main() -> int:
    """`make report`; 0 once the report of the published version is written anew."""
    try:
        serving_dir = environment.serving_dir()
        publication = current_publication(serving_dir)
        if publication is None:
            print("No report: nothing is published yet. `make refresh` publishes, and writes one.", file=sys.stderr)
            return 1
        if publication.path.name != DATABASE:
            print(
                f"No report: {publication.version} was published before reports lay beside versions. `make refresh` "
                "publishes, and writes one.",
                file=sys.stderr,
            )
            return 1
        before = next(iter(versions_before(publication.path, serving_dir)), None)
        path = write_report(publication.path, before, scripts=_scripts()).relative_to(publication.path.parent)
        stand(path.parts[0], serving_dir)
        open_the_way(serving_dir, environment.settings().published_readers)
    except (PublicationError, SettingsError, FileExistsError) as error:
        print(f"No report: {secrecy.hidden(str(error))}", file=sys.stderr)
        return 1
    print(f"Wrote the report of {publication.version}. Open it in a browser:\n  {serving_dir / path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
