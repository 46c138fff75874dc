"""The same company on both engines, and whether they come to the same rows: for the tests on a real Spark.

Belongs here: what more than one of these tests needs. Does not: tests.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

import duckdb

from serving.publish import current_publication
from tests.integration.refreshing import Company
from tests.processes import free_ports

# Sums of doubles depend on the order of their terms, which is another one on each engine: of a double, so many
# significant digits are compared.
DIGITS = 9
# What is put down of a publication itself, not of people.
OF_THE_PUBLICATION = ("publication", "publication_sources")
# JSON texts whose numbers are doubles: the engines write the same double with different digits.
JSON_WITH_DOUBLES = {("lifecycle_explanations", "measures")}
SECONDS = 1800


class OnSpark(Company):
    """A company that is refreshed on a Spark of its own, on free ports."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        master, thrift = free_ports(2)
        self.environment |= {
            "LIFECYCLE_ENGINE": "spark",
            "SPARK_MASTER_PORT": str(master),
            "SPARK_THRIFT_PORT": str(thrift),
            "SPARK_WORKER_MEMORY": "1500MB",
            "SPARK_DRIVER_MEMORY": "2GB",
            "SPARK_SHUFFLE_PARTITIONS": "2",
        }

    def cluster(self, verb: str) -> str:
        """`make spark-up` or `make spark-down`, and what it says."""
        done = self.run(sys.executable, "-m", "dagster_project.spark_command", verb)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def run(self, *command: str, sandbox: bool = False, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*command, sandbox=sandbox),
            cwd=Path(__file__).resolve().parents[2],
            env={**self.environment, **variables},
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )


def take_build_file(of: Company, by: Company, publications: bool = True) -> None:
    """Give one company what another has loaded, and what it published unless it has its own."""
    by.data.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(of.warehouse, by.warehouse)
    for folder in ("sandbox", "dlt", *(["serving"] if publications else [])):
        if (of.data / folder).exists():
            shutil.rmtree(by.data / folder, ignore_errors=True)
            shutil.copytree(of.data / folder, by.data / folder, symlinks=True)


def differences(one: Path, other: Path, but: Collection[str] = ()) -> dict[str, tuple[int, int]]:
    """How many rows of each mart are in one published file and not in the other, and the reverse; without equal marts.

    Args:
        one, other: published files.
        but: columns that are not compared.

    Raises:
        AssertionError: they have other marts, or a mart has other columns or types.
    """
    found = {}
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        for alias, path in (("one", one), ("other", other)):
            connection.execute(f"attach '{path}' as {alias} (read_only)")
        columns = {alias: _columns(connection, alias) for alias in ("one", "other")}
        assert columns["one"] == columns["other"]
        for mart, types in columns["one"].items():
            compared = ", ".join(_compared(mart, name, type_) for name, type_ in types.items() if name not in but)
            rows = {alias: f"select {compared} from {alias}.marts.{mart}" for alias in columns}
            # Of millions of equal rows, which `except all` would all keep in memory, hashes say that they are equal.
            if len({_fingerprint(connection, each) for each in rows.values()}) == 1:
                continue
            counts = [
                connection.execute(f"select count(*) from ({rows[a]} except all {rows[b]})").fetchall()[0][0]
                for a, b in (("one", "other"), ("other", "one"))
            ]
            if any(counts):
                found[mart] = (counts[0], counts[1])
    return found


def _fingerprint(connection: duckdb.DuckDBPyConnection, rows: str) -> tuple[object, ...]:
    """What rows come to, in whichever order: their number, and the sums of two hashes of each."""
    hashes = "sum(hash(one_row)::hugeint), sum(hash('again', one_row)::hugeint)"
    return connection.execute(f"select count(*), {hashes} from ({rows}) as one_row").fetchall()[0]


def published_file(company: Company) -> Path:
    publication = current_publication(company.serving)
    assert publication is not None
    return publication.path


def _columns(connection: duckdb.DuckDBPyConnection, alias: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for mart, name, type_ in connection.execute(
        "select table_name, column_name, data_type from duckdb_columns() "
        "where database_name = ? and schema_name = 'marts' order by table_name, column_index",
        [alias],
    ).fetchall():
        if mart not in OF_THE_PUBLICATION:
            found.setdefault(mart, {})[name] = type_
    return found


def _compared(mart: str, name: str, type_: str) -> str:
    quoted = f'"{name}"'
    if type_ == "DOUBLE":
        return _digits(quoted)
    if (mart, name) in JSON_WITH_DOUBLES:
        value = f"json_extract_string({quoted}, key)"
        number = _digits(f"try_cast({value} as double)")
        return f"list_transform(json_keys({quoted}), lambda key: key || ' ' || coalesce({number}, {value}, 'null'))"
    return quoted


def _digits(expression: str) -> str:
    return f"printf('%.{DIGITS - 1}e', {expression} + 0.0)"
