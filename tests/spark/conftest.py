"""The simulated company in its default size on both engines, refreshed once: on Spark that takes minutes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from cluster.prerequisites import java, spark_home
from cluster.thrift import ClusterError
from tests.integration.refreshing import Company
from tests.spark.engines import OnSpark, take_build_file

OF_A_SMALL_COMPANY = ("SANDBOX_PEOPLE", "SANDBOX_DAYS")


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
    found = Engines(Company(tmp_path_factory.mktemp("duckdb")), OnSpark(tmp_path_factory.mktemp("spark")))
    for company in (found.duckdb, found.spark):
        for name in OF_A_SMALL_COMPANY:
            del company.environment[name]
    done = found.duckdb.refresh()
    assert done.returncode == 0, done.stdout + done.stderr
    take_build_file(found.duckdb, found.spark)
    found.spark.cluster("up")
    try:
        done = found.spark.refresh()
        assert done.returncode == 0, done.stdout + done.stderr
        yield found
    finally:
        found.spark.cluster("down")
