"""Settings and command lines of a cluster: limits of memory, loopback, what nobody else may read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cluster.configuration import MASTER, THRIFT, Cluster, command, properties, properties_text, variables

GIBIBYTE = 2**30
HOME = Path("/spark")
CLUSTER = Cluster(
    folder=Path("/data with space/spark"),
    thrift_port=10100,
    master_port=7177,
    master_url="",
    workers=3,
    worker_cores=2,
    worker_memory=3 * GIBIBYTE,
    driver_memory=GIBIBYTE,
    shuffle_partitions=16,
    event_log=True,
)
ELSEWHERE = replace(CLUSTER, master_url="spark://127.0.0.1:7277")


def option(arguments: list[str], name: str) -> str:
    return arguments[arguments.index(name) + 1]


def test_there_are_a_master_as_many_workers_as_wanted_and_a_thrift_server() -> None:
    assert CLUSTER.names == ("master", "worker-1", "worker-2", "worker-3", "thrift")


def test_the_settings_are_the_limits_of_the_processes() -> None:
    worker, driver = command(CLUSTER, "worker-2", HOME), properties(CLUSTER, THRIFT, "secret")

    assert (option(worker, "--memory"), option(worker, "--cores")) == ("3072m", "2")
    # The executor takes the worker whole: there is one each.
    assert (driver["spark.executor.memory"], driver["spark.executor.cores"]) == ("3072m", "2")
    assert driver["spark.driver.memory"] == "1024m"
    assert driver["spark.sql.shuffle.partitions"] == "16"
    heaps = {name: variables(CLUSTER, name, HOME)["SPARK_DAEMON_MEMORY"] for name in CLUSTER.names}
    assert heaps == {"master": "512m", "worker-1": "512m", "worker-2": "512m", "worker-3": "512m", "thrift": "1024m"}


def test_everything_listens_on_loopback() -> None:
    given = variables(CLUSTER, THRIFT, HOME)
    driver = properties(CLUSTER, THRIFT, "secret")

    assert option(command(CLUSTER, MASTER, HOME), "--host") == option(command(CLUSTER, "worker-1", HOME), "--host")
    assert option(command(CLUSTER, MASTER, HOME), "--host") == given["SPARK_LOCAL_IP"] == "127.0.0.1"
    assert driver["spark.driver.host"] == driver["spark.driver.bindAddress"] == "127.0.0.1"
    assert "hive.server2.thrift.bind.host=127.0.0.1" in command(CLUSTER, THRIFT, HOME)
    assert "hive.server2.thrift.port=10100" in command(CLUSTER, THRIFT, HOME)
    assert command(CLUSTER, "worker-1", HOME)[-1] == driver["spark.master"] == "spark://127.0.0.1:7177"
    assert driver["spark.ui.enabled"] == "false"


@pytest.mark.parametrize("name", CLUSTER.names)
def test_each_process_asks_for_the_secret_and_no_command_line_shows_it(name: str) -> None:
    settings = properties(CLUSTER, name, "much-hidden")

    assert settings["spark.authenticate"] == "true"
    assert settings["spark.authenticate.secret"] == "much-hidden"
    assert settings["spark.ui.filters"].endswith("JWSFilter")
    assert "much-hidden" not in " ".join([*command(CLUSTER, name, HOME), *variables(CLUSTER, name, HOME).values()])


def test_variables_that_spark_reads_are_not_taken_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """`SPARK_WORKER_MEMORY` and others are settings here, and Spark's own scripts read them in another way."""
    for name in (
        "SPARK_WORKER_MEMORY",
        "SPARK_DRIVER_MEMORY",
        "SPARK_MASTER_PORT",
        "HIVE_SERVER2_THRIFT_PORT",
        "MASTER",
    ):
        monkeypatch.setenv(name, "1")

    assert "1" not in variables(CLUSTER, THRIFT, HOME).values()


def test_what_is_written_lies_in_the_folder_of_the_cluster() -> None:
    driver, given = properties(CLUSTER, THRIFT, "secret"), variables(CLUSTER, THRIFT, HOME)

    places = [driver["spark.sql.warehouse.dir"], driver["spark.hadoop.hive.exec.scratchdir"], given["SPARK_LOCAL_DIRS"]]
    places += [option(command(CLUSTER, "worker-1", HOME), "--work-dir"), given["SPARK_CONF_DIR"]]
    places += [driver["spark.eventLog.dir"]]
    assert [place for place in places if not place.startswith("/data with space/spark/")] == []
    assert '"-Djava.io.tmpdir=/data with space/spark/local/tmp"' in given["SPARK_DAEMON_JAVA_OPTS"]


def test_tasks_are_written_down_where_somebody_asks_for_it() -> None:
    wanted, unwanted = (properties(each, THRIFT, "secret") for each in (CLUSTER, replace(CLUSTER, event_log=False)))

    assert (wanted["spark.eventLog.enabled"], unwanted["spark.eventLog.enabled"]) == ("true", "false")


def test_for_a_master_of_somebody_else_there_is_a_thrift_server_alone() -> None:
    driver = properties(ELSEWHERE, THRIFT, "secret")

    assert ELSEWHERE.names == ("thrift",)
    assert driver["spark.master"] == "spark://127.0.0.1:7277"
    # How that cluster tells its own from others is for who runs it to say.
    assert "spark.authenticate" not in driver and "secret" not in driver.values()


def test_a_backslash_stays_one_in_a_file_of_java_properties() -> None:
    assert properties_text({"a": "b\\c", "d": "e f"}) == "a=b\\\\c\nd=e f\n"
