"""A real cluster: it starts, listens to this machine alone, is completed when something of it dies, and stops whole."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import duckdb
import pytest
import requests

from cluster import processes
from cluster.thrift import ClusterError, connected, outlive_failed_closes
from tests.processes import free_ports, kill

if TYPE_CHECKING:
    from dbt.adapters.spark.connections import PyhiveConnectionWrapper
    from pyhive.hive import Cursor


ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Running:
    """A cluster that was started by the command.

    Attributes:
        variables: of the command.
        said: by the command, when it started.
    """

    variables: dict[str, str]
    said: str

    @property
    def folder(self) -> Path:
        return Path(self.variables["LIFECYCLE_DATA_DIR"]) / "spark"

    def connected(self) -> AbstractContextManager[Cursor]:
        return connected("127.0.0.1", int(self.variables["SPARK_THRIFT_PORT"]))

    def asked(self, statement: str) -> list[tuple[object, ...]]:
        with self.connected() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def up(self) -> str:
        done = spark_command("up", self.variables)
        assert done.returncode == 0, done.stderr
        return done.stderr


def spark_variables(data: Path) -> dict[str, str]:
    """The environment of a small cluster of its own in a data folder."""
    master, thrift = free_ports(2)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LIFECYCLE_", "SPARK_"))}
    return {
        **kept,
        "LIFECYCLE_DATA_DIR": str(data),
        "SPARK_MASTER_PORT": str(master),
        "SPARK_THRIFT_PORT": str(thrift),
        "SPARK_WORKER_MEMORY": "1GB",
        "SPARK_DRIVER_MEMORY": "1.5GB",
        "PYTHONWARNINGS": "ignore",
    }


def spark_command(what: str, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """`make spark-up` or `make spark-down`, without make."""
    command = [sys.executable, "-m", "dagster_project.spark_command", what]
    return subprocess.run(command, cwd=ROOT, env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True)


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    variables = spark_variables(tmp_path_factory.mktemp("cluster") / "data")
    done = spark_command("up", variables)
    try:
        assert done.returncode == 0, done.stderr
        yield Running(variables, done.stderr)
    finally:
        spark_command("down", variables)


def test_it_starts_and_a_second_start_says_that_it_runs(spark: Running) -> None:
    before = processes.alive(spark.folder)

    assert list(before) == ["master", "worker-1", "worker-2", "thrift"]
    assert "`make refresh` with LIFECYCLE_ENGINE=spark builds the models on it." in spark.said
    assert "Spark runs already: master, worker-1, worker-2, thrift." in spark.up()
    assert processes.alive(spark.folder) == before


def test_it_listens_to_this_machine_alone_and_web_uis_let_nobody_in(spark: Running) -> None:
    found = processes._processes(spark.folder)
    addresses = {pid: listening(pid) for pid in found}

    assert sorted(found.values()) == ["executor", "executor", "master", "thrift", "worker-1", "worker-2"]
    assert all(addresses.values())
    assert [each for each in set().union(*addresses.values()) if not is_loopback(each[0])] == []
    uis = re.findall(r"started at (http://\S+)", "".join(log.read_text() for log in spark.folder.glob("logs/*.log")))
    assert len(uis) == 3  # master and workers; the Thrift server has none
    assert {requests.get(f"{ui}/json/", timeout=10).status_code for ui in uis} == {403}


def test_each_process_has_the_heap_that_the_settings_give_it(spark: Running) -> None:
    """Of the processes themselves: Spark's launcher reads one setting or another, by the class that it starts."""
    heaps = {name: set() for name in ("master", "worker-1", "worker-2", "thrift", "executor")}
    for pid, name in processes._processes(spark.folder).items():
        given = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
        heaps[name] |= {each.removeprefix("-Xmx").lower() for each in given if each.startswith("-Xmx")}

    daemon = {"512m"}
    assert heaps == {
        "master": daemon,
        "worker-1": daemon,
        "worker-2": daemon,
        "thrift": {"1430m"},
        "executor": {"953m"},
    }


def test_sessions_have_the_settings_that_the_models_need(spark: Running) -> None:
    recursion = "with recursive r(n) as (select 1 union all select n + 1 from r where n < 150) select count(*) from r"

    assert spark.asked(recursion) == [(150,)]  # Spark's own limit is 100
    assert spark.asked("select typeof(timestamp '2026-01-01 00:00:00'), current_timezone()") == [
        ("timestamp_ntz", "UTC")
    ]
    with pytest.raises(Exception, match="CAST_INVALID_INPUT"):
        spark.asked("select cast('x' as int)")


def dbts_session(spark: Running) -> PyhiveConnectionWrapper:
    """A session as dbt opens it, which has been asked something."""
    from dbt.adapters.spark.connections import PyhiveConnectionWrapper
    from pyhive import hive

    port = int(spark.variables["SPARK_THRIFT_PORT"])
    session = PyhiveConnectionWrapper(hive.connect("127.0.0.1", port, username="lifecycle"), poll_interval=0)
    session.cursor().execute("select 1")
    return session


def test_a_session_that_cannot_end_fails_nothing_of_dbt(spark: Running) -> None:
    outlive_failed_closes()
    session = dbts_session(spark)
    session.handle._transport._trans.close()  # the connection is gone, as where the server ends it
    session.close()


def test_a_session_whose_end_is_not_answered_holds_up_nothing_of_dbt(
    spark: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cluster.thrift.SECONDS_TO_END", 1.0)
    outlive_failed_closes()
    session = dbts_session(spark)
    server = processes.alive(spark.folder)["thrift"]
    os.kill(server, signal.SIGSTOP)  # it takes what is sent, and does not answer
    try:
        end = Thread(target=session.close, daemon=True)
        end.start()
        end.join(30)
        assert not end.is_alive()
    finally:
        os.kill(server, signal.SIGCONT)
    assert spark.asked("select 1") == [(1,)]


def test_duckdb_reads_what_spark_writes(spark: Running) -> None:
    spark.asked("create schema crossing")
    spark.asked("create table crossing.instants using parquet as select timestamp '2026-03-29 02:30:00.123456' as at")

    files = spark.folder / "warehouse" / "crossing.db" / "instants" / "*.parquet"
    assert duckdb.sql(f"select * from '{files}'").fetchall() == [(datetime(2026, 3, 29, 2, 30, 0, 123456),)]


def test_a_worker_that_is_killed_amid_a_query_fails_nothing_and_is_started_again(spark: Running) -> None:
    before = processes.alive(spark.folder)
    spark.asked("create schema if not exists killing")
    answers: list[object] = []
    slow = "select sum(hash(id) % 7) from (select id from range(0, 40000000, 1, 8) distribute by id % 8)"
    query = Thread(target=lambda: answers.extend(spark.asked(slow)))
    query.start()
    time.sleep(3)

    assert query.is_alive(), "the query was over before the worker was killed: make it longer"
    os.kill(before["worker-1"], signal.SIGKILL)
    said = spark.up()
    query.join(180)

    after = processes.alive(spark.folder)
    assert re.search(r"^worker-1 runs \(process \d+\)\.$", said, re.MULTILINE) and "worker-2" not in said
    assert {name for name in before if before[name] != after[name]} == {"worker-1"}
    assert answers == spark.asked(slow)
    wait_until(lambda: list(processes._processes(spark.folder).values()).count("executor") == 2)


def test_without_its_thrift_server_it_says_what_to_do_and_tables_outlive_it(spark: Running) -> None:
    spark.asked("create table killing.kept using parquet as select 1 as one")
    kill(processes.alive(spark.folder)["thrift"])

    with pytest.raises(ClusterError, match=r"does not answer at 127.0.0.1:\d+ \(.+\): run `make spark-up`"):
        spark.asked("select 1")
    spark.up()
    assert spark.asked("select one from killing.kept") == [(1,)]


def test_without_its_master_it_is_started_anew_and_tables_stay(spark: Running) -> None:
    kill(processes.alive(spark.folder)["master"])

    assert "The master is gone: what is left without it is stopped." in spark.up()
    assert spark.asked("select one from killing.kept") == [(1,)]


def test_it_stops_whole_also_what_lost_its_parent_and_what_does_not_listen(spark: Running) -> None:
    executors = [pid for pid, name in processes._processes(spark.folder).items() if name == "executor"]
    for pid in executors:
        os.kill(pid, signal.SIGSTOP)  # it would end by itself with its worker
    for name in ("worker-1", "worker-2"):
        kill(processes.alive(spark.folder)[name])

    done = spark_command("down", spark.variables)

    assert done.returncode == 0, done.stderr
    assert "Stopped master, thrift, executor." in done.stderr
    assert processes._processes(spark.folder) == {}
    assert not (spark.folder / "local").exists()
    assert "there is nothing to stop" in spark_command("down", spark.variables).stderr


def listening(pid: int) -> set[tuple[str, int]]:
    """Addresses and ports that a process takes connections on, as the kernel knows them."""
    sockets = {
        match[1] for fd in Path(f"/proc/{pid}/fd").iterdir() if (match := re.match(r"socket:\[(\d+)]", os.readlink(fd)))
    }
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *_, inode = line.split()[:10]
            if state == "0A" and inode in sockets:
                address, port = local.split(":")
                words = [bytes.fromhex(address[at : at + 8])[::-1] for at in range(0, len(address), 8)]
                found.add((str(ip_address(b"".join(words))), int(port, 16)))
    return found


def is_loopback(address: str) -> bool:
    parsed = ip_address(address)
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed).is_loopback


def wait_until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.1)
