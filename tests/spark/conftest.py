"""One company on both engines, for all tests on a real Spark: a refresh takes minutes there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from cluster.prerequisites import java, spark_home
from cluster.thrift import ClusterError
from tests.integration.refreshing import Company
from tests.spark.engines import OnSpark, take_build_file

PEOPLE, DAYS = "150", "120"


@dataclass
class Engines:
    """A company and its twin: both read the same loads."""

    duckdb: Company
    spark: OnSpark


@pytest.fixture(scope="session", autouse=True)
def spark_and_java() -> None:
    """Skip, saying what to install, where no Spark can run."""
    try:
        spark_home()
        java()
    except ClusterError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    found = Engines(Company(tmp_path_factory.mktemp("duckdb")), OnSpark(tmp_path_factory.mktemp("spark"), PEOPLE, DAYS))
    for name in ("SANDBOX_PEOPLE", "SANDBOX_DAYS"):
        found.duckdb.environment[name] = found.spark.environment[name]
    done = found.duckdb.refresh()
    assert done.returncode == 0, done.stdout + done.stderr
    take_build_file(found.duckdb, found.spark)
    found.spark.cluster("up")
    done = found.spark.refresh()
    assert done.returncode == 0, done.stdout + done.stderr
    yield found
    found.spark.cluster("down")
