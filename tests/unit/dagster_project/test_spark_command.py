"""`make spark-up` and `make spark-down` before Spark itself runs: settings, refusals, and what is said in the end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster import processes
from cluster.configuration import Cluster
from cluster.thrift import ClusterError
from dagster_project.environment import SparkSettings
from dagster_project.spark_command import main, wanted
from dagster_project.steps import engine
from ingestion.config import SettingsError

GIGABYTE = 1000**3


@pytest.fixture(autouse=True)
def restored_environment(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`prepare` writes to the environment: put it back."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("SPARK_") or name == "LIFECYCLE_ENGINE"]:
        monkeypatch.delenv(name)
    yield
    os.environ.clear()
    os.environ.update(before)


def test_without_settings_there_are_two_workers_in_the_data_folder(data_dir: Path) -> None:
    assert wanted() == Cluster(
        folder=data_dir / "spark",
        thrift_port=10000,
        master_port=7077,
        master_url="",
        workers=2,
        worker_cores=1,
        worker_memory=3 * GIGABYTE // 2,
        driver_memory=2 * GIGABYTE,
        shuffle_partitions=4,
        event_log=False,
    )
    assert engine() == "duckdb"


def test_each_setting_is_one_of_the_cluster(data_dir: Path) -> None:
    stated = {
        "THRIFT_PORT": "10100",
        "MASTER_PORT": "7177",
        "MASTER_URL": "spark://one:7077,two:7077",
        "WORKERS": "3",
        "WORKER_CORES": "4",
        "WORKER_MEMORY": "8GB",
        "DRIVER_MEMORY": "500MB",
        "SHUFFLE_PARTITIONS": "64",
        "EVENT_LOG": "true",
    }
    os.environ.update({f"SPARK_{name}": value for name, value in stated.items()})

    urls = "spark://one:7077,two:7077"
    assert wanted() == Cluster(data_dir / "spark", 10100, 7177, urls, 3, 4, 8 * GIGABYTE, GIGABYTE // 2, 64, True)
    assert len(stated) == len(SparkSettings.model_fields) - 1  # and the Thrift server of somebody else


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("LIFECYCLE_ENGINE", "snowflake", "LIFECYCLE_ENGINE='snowflake': choose one of duckdb, spark."),
        (
            "SPARK_WORKER_MEMORY",
            "400MB",
            "SPARK_WORKER_MEMORY='400MB': no size that Spark can run with. Write 500MB or",
        ),
        ("SPARK_DRIVER_MEMORY", "2g", "SPARK_DRIVER_MEMORY='2g': no size that Spark can run with. Write 500MB or more"),
        ("SPARK_EVENT_LOG", "maybe", "SPARK_EVENT_LOG='maybe': write true or false."),
        ("SPARK_WORKERS", "0", "SPARK_WORKERS='0': write a whole number, 1 or more."),
        ("SPARK_THRIFT_PORT", "70000", "SPARK_THRIFT_PORT='70000': write the number of a port, 1 to 65535."),
        (
            "SPARK_MASTER_URL",
            "yarn",
            "SPARK_MASTER_URL='yarn': no URL of a master of Spark. Write it like spark://host",
        ),
    ],
)
def test_a_setting_that_cannot_work_is_refused_with_what_to_write(variable: str, value: str, said: str) -> None:
    os.environ[variable] = value

    with pytest.raises(SettingsError) as refused:
        engine()
        SparkSettings.read()
    assert str(refused.value).startswith(said)


@pytest.mark.parametrize("what", ["up", "down"])
def test_a_spark_of_somebody_else_is_neither_started_nor_stopped(
    what: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    os.environ["SPARK_THRIFT_HOST"] = "spark.example"
    for name in ("up", "down"):
        monkeypatch.setattr(processes, name, lambda *_: pytest.fail("it was touched"))

    assert main([what]) == 1
    assert "SPARK_THRIFT_HOST=spark.example is a Spark of your own, which is not for this" in capsys.readouterr().err


@pytest.mark.parametrize(("engine", "what_next"), [("", "with LIFECYCLE_ENGINE=spark builds"), ("spark", "` builds")])
def test_in_the_end_it_says_what_to_do_next(
    engine: str, what_next: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    os.environ["LIFECYCLE_ENGINE"] = engine
    monkeypatch.setattr(processes, "up", lambda _cluster, say: say("master runs."))

    assert main(["up"]) == 0
    said = capsys.readouterr().err.splitlines()
    assert said[:2] == ["Starting Spark …", "master runs."]
    assert f"`make refresh{'`' if not engine else ''}" in said[2] and what_next in said[2] and "spark-down" in said[2]


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (ClusterError("there is no java."), 1, "No Spark: there is no java."),
        (KeyboardInterrupt(), 130, "Interrupted: what was just started is stopped again."),
    ],
)
def test_what_goes_wrong_is_one_line(
    error: BaseException,
    status: int,
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def up(*_: object) -> None:
        raise error

    monkeypatch.setattr(processes, "up", up)

    assert main(["up"]) == status
    assert capsys.readouterr().err.splitlines()[-1] == said


def test_where_nothing_runs_a_stop_says_so(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["down"]) == 0
    assert capsys.readouterr().err == "Spark does not run here: there is nothing to stop.\n"
    assert not (data_dir / "spark").exists()
