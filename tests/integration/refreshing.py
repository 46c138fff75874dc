"""A small simulated company and its warehouse, for the tests that refresh it by the real commands."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from dagster_project.environment import variables
from dagster_project.parsed_project import take_over
from serving.publish import Publication, current_publication
from tests.made_once import made_once

ROOT = Path(__file__).resolve().parents[2]
PEOPLE, DAYS = "150", "120"
OURS = ("LIFECYCLE_", "SOURCES__", "ACTIVATION_", "SERVING_", "SANDBOX_", "DAGSTER_", "DBT_", "DLT_")
MARTS = sorted(path.stem for path in (ROOT / "dbt_project/models/marts").rglob("*.sql"))
# Without those that hold personal data.
PUBLISHED = sorted(
    path.stem for path in (ROOT / "dbt_project/models/marts").rglob("*.yml") if "personal: true" not in path.read_text()
)
# As a refresh builds and checks, which takes half as long as a node of dbt for each test.
BEGIN = """
import gc, sys
gc.set_threshold(50_000, 20, 100)
from dagster_project import dbt_runner
from dagster_project.steps import dbt_target

target = dbt_target()
manifest = dbt_runner._parsed(target)
"""
JUDGE = """
tests = dbt_runner._selected(["--select", "test_type:generic"], target, manifest)
results, exception = dbt_runner._checked(tests, target, manifest)
assert sum(each.node.resource_type == "test" for each in results) == len(tests) > 500 and exception is None
assert [(each.node.name, each.message) for each in results if each.status not in ("pass", "success")] == []
"""
BUILD = f"""{BEGIN}
generic = ["--exclude", "test_type:generic"]
built = dbt_runner._invoke(["build", "--exclude-resource-type", "unit_test", *generic, *sys.argv[1:]], target, manifest)
assert built.success
if "--full-refresh" in sys.argv:  # the tests judge the same rows above
    sys.exit()
{JUDGE}"""


class Company:
    """A simulated company and its warehouse, driven by the commands that the Makefile runs."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.serving = self.data / "serving"
        self.warehouse = self.data / "warehouse.duckdb"
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(
                ("LIFECYCLE_", "SOURCES__", "ACTIVATION_", "SERVING_", "SANDBOX_", "DAGSTER_", "DBT_", "DLT_")
            )
        }
        self.environment = {
            **inherited,
            "LIFECYCLE_DATA_DIR": str(self.data),
            "SANDBOX_PEOPLE": PEOPLE,
            "SANDBOX_DAYS": DAYS,
            "PYTHONWARNINGS": "ignore",
            "COLUMNS": "200",
        }

    def command(self, *command: str, sandbox: bool = False) -> list[str]:
        flags = ["--sandbox"] if sandbox else []
        return [sys.executable, "-m", "dagster_project.environment", *flags, "--", *command]

    def run(self, *command: str, sandbox: bool = False, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*command, sandbox=sandbox),
            cwd=ROOT,
            env={**self.environment, **variables},
            capture_output=True,
            text=True,
            timeout=600,
        )

    def refresh(self, **variables: str) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, "-m", "dagster_project.refresh", sandbox=True, **variables)

    def begin_parsed(self, parsed_project: Path) -> None:
        """Have the first refresh read no more of the dbt project than what is not as it was parsed before."""
        with variables(LIFECYCLE_WAREHOUSE_PATH=str(self.warehouse)):
            take_over(parsed_project, self.data / "dbt", ROOT / "dbt_project", "")

    def build(self, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Build the models without loading anything; with `--full-refresh` nothing is checked."""
        return self.run(sys.executable, "-c", BUILD, *options, **variables)

    def judge(self, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run every generic test of the models on what is built."""
        return self.run(sys.executable, "-c", BEGIN + JUDGE, **variables)

    def has_something_to_build(self) -> None:
        """For the next refresh, which would end before the models where nothing is new."""
        (self.data / "published_from.json").unlink(missing_ok=True)

    def published(self) -> Publication:
        publication = current_publication(self.serving)
        assert publication is not None
        return publication

    def dbt_artifact(self, name: str) -> dict:
        """`manifest` or `run_results` of dbt's last command."""
        return json.loads((self.data / "dbt" / f"{name}.json").read_text())

    def rows(self, sql: str) -> list[tuple]:
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            return connection.execute(sql).fetchall()


def refreshed_first(shared: Path, folder: Path, parsed_project: Path) -> Company:
    """The company of `first_publication`, refreshed in a folder of its own if nobody has done so before."""
    with first_publication(shared) as published:
        if not published.data.exists():
            company = Company(folder)
            company.begin_parsed(parsed_project)
            done = company.refresh()
            assert done.returncode == 0, done.stdout + done.stderr
            shutil.copytree(company.serving, published.serving, symlinks=True)
    return published


@contextmanager
def first_publication(shared: Path) -> Iterator[Company]:
    """What a company publishes by its first refresh, for whoever compares with it: made by who needs it first.

    Of the folder of data there is no more than what is published.
    """
    with made_once(shared, "first_publication") as folder:
        yield Company(folder)


def reverse_raw_rows(warehouse: Path) -> None:
    """Have each raw table hold its rows in the reverse order, which nothing may depend on."""
    with duckdb.connect(str(warehouse)) as connection:
        tables = connection.execute(
            "select schema_name, table_name from duckdb_tables() where starts_with(schema_name, 'raw_')"
        ).fetchall()
        for schema, table in tables:
            name = f'"{schema}"."{table}"'
            connection.execute(f"create or replace temp table reversed as select * from {name} order by rowid desc")
            connection.execute(f"delete from {name}")
            connection.execute(f"insert into {name} select * from reversed")
