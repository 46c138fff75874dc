"""Starting and stopping, with scripts in Spark's place: they take its arguments and say what it says."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cluster import processes
from cluster.configuration import THRIFT, Cluster, log_path, properties_path
from cluster.processes import alive, down, name_of, up
from cluster.thrift import ClusterError
from tests.processes import free_ports, kill

# Listens where Spark would; a worker says that the master knows it.
SCRIPT = """#!{python}
import signal, socket, sys, time
from pathlib import Path
name = Path(sys.argv[sys.argv.index("--properties-file") + 1]).stem
if "{fails}" == name:
    print("2026-01-01 ERROR Utils: Exception: no room on the device")
    sys.exit(1)
if name.startswith("worker"):
    print("INFO Worker: Successfully registered with master spark://127.0.0.1", flush=True)
else:
    given = " ".join(sys.argv).replace("hive.server2.thrift.port=", "--port ").split()
    listening = socket.create_server(("127.0.0.1", int(given[given.index("--port") + 1])))
if "{deaf}" == name:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
time.sleep(600)
"""


def write_spark(home: Path, fails: str = "", deaf: str = "") -> None:
    (home / "bin").mkdir(exist_ok=True, parents=True)
    for name in ("spark-class", "spark-submit"):
        (home / "bin" / name).write_text(SCRIPT.format(python=sys.executable, fails=fails, deaf=deaf))
        (home / "bin" / name).chmod(0o755)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Spark made of scripts, on a machine that has all it needs."""
    home = tmp_path / "home"
    write_spark(home)
    monkeypatch.setattr(processes, "spark_home", lambda: home)
    monkeypatch.setattr(processes, "java", lambda: home)
    monkeypatch.setattr(processes, "_answer", lambda _port: 8)
    monkeypatch.setattr(processes, "SECONDS_TO_START", 20.0)
    monkeypatch.setattr(processes, "SECONDS_TO_STOP", 1.0)
    return home


@pytest.fixture
def cluster(home: Path, tmp_path: Path) -> Iterator[Cluster]:
    folder = tmp_path / "data folder" / "spark"
    yield Cluster(folder, *free_ports(2), "", 2, 1, 2**30, 2**30, 4, False)
    down(folder, lambda _line: None)


def test_it_starts_says_so_line_by_line_and_runs_after_the_command(cluster: Cluster) -> None:
    said: list[str] = []
    up(cluster, said.append)

    running = alive(cluster.folder)
    assert list(running) == ["master", "worker-1", "worker-2", "thrift"]
    assert said == [
        f"master runs (process {running['master']}) at 127.0.0.1:{cluster.master_port}.",
        f"worker-1 runs (process {running['worker-1']}).",
        f"worker-2 runs (process {running['worker-2']}).",
        f"thrift runs (process {running['thrift']}) at 127.0.0.1:{cluster.thrift_port}.",
    ]
    assert {os.getsid(pid) for pid in running.values()} == {*running.values()}  # no terminal's end is theirs
    assert [path for path in (cluster.folder / "conf").iterdir() if path.stat().st_mode & 0o077] == []


def test_a_second_start_starts_nothing(cluster: Cluster) -> None:
    up(cluster, lambda _line: None)
    before, said = alive(cluster.folder), list[str]()

    up(cluster, said.append)

    assert said == ["Spark runs already: master, worker-1, worker-2, thrift."]
    assert alive(cluster.folder) == before


@pytest.mark.parametrize("lost", ["worker-2", "thrift"])
def test_what_is_gone_is_started_and_the_rest_left_alone(cluster: Cluster, lost: str) -> None:
    up(cluster, lambda _line: None)
    before, said = alive(cluster.folder), list[str]()
    kill(before[lost])

    up(cluster, said.append)

    after = alive(cluster.folder)
    assert len(said) == 1 and said[0].startswith(f"{lost} runs (process {after[lost]})")
    assert {name for name in after if after[name] != before[name]} == {lost}


def test_without_its_master_all_is_started_anew(cluster: Cluster) -> None:
    up(cluster, lambda _line: None)
    before, said = alive(cluster.folder), list[str]()
    kill(before["master"])

    up(cluster, said.append)

    after = alive(cluster.folder)
    assert said[0] == "The master is gone: what is left without it is stopped."
    assert list(after) == list(before) and not {*after.values()} & {*before.values()}


def test_other_settings_than_those_it_runs_with_are_said(cluster: Cluster) -> None:
    up(cluster, lambda _line: None)
    said: list[str] = []

    up(replace(cluster, workers=1, driver_memory=2**31), said.append)

    advice = "runs with other settings than these: `make spark-down`, then `make spark-up` applies them."
    assert said[:2] == [f"worker-2 {advice}", f"thrift {advice}"]


@pytest.mark.parametrize("setting", ["SPARK_MASTER_PORT", "SPARK_THRIFT_PORT"])
def test_a_taken_port_is_named_with_its_setting_and_nothing_is_started(cluster: Cluster, setting: str) -> None:
    port = {"SPARK_MASTER_PORT": cluster.master_port, "SPARK_THRIFT_PORT": cluster.thrift_port}[setting]
    refused = pytest.raises(ClusterError, match=f"^port {port} of 127.0.0.1: Address already in use.*{setting}")
    with socket.create_server(("127.0.0.1", port)), refused:
        up(cluster, lambda _line: None)
    assert alive(cluster.folder) == {}


def test_a_process_that_ends_at_its_start_is_named_with_its_last_error(cluster: Cluster, home: Path) -> None:
    write_spark(home, fails="worker-1")

    with pytest.raises(ClusterError, match="worker-1 ended while it started: .*no room on the device.* is in /"):
        up(cluster, lambda _line: None)
    wait_until(lambda: alive(cluster.folder) == {})  # no half of a cluster stays


def test_a_thrift_server_that_takes_connections_and_never_answers_is_named(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    up(cluster, lambda _line: None)
    monkeypatch.setattr(processes, "_answer", lambda _port: time.sleep(60))
    monkeypatch.setattr(processes, "SECONDS_TO_START", 1.0)

    with pytest.raises(ClusterError, match="thrift does not answer after 1 seconds"):
        up(cluster, lambda _line: None)
    assert len(alive(cluster.folder)) == 4  # it ran before: what it does is not for a start to end


def test_a_master_of_somebody_else_that_is_silent_is_named(cluster: Cluster) -> None:
    url = f"spark://127.0.0.1:{free_ports(1)[0]}"

    with pytest.raises(ClusterError, match=f"SPARK_MASTER_URL={url}: Connection refused"):
        up(replace(cluster, master_url=url), lambda _line: None)


def test_the_last_log_is_kept_beside_the_next_one(cluster: Cluster) -> None:
    up(cluster, lambda _line: None)
    log_path(cluster.folder, THRIFT).write_text("of the first")
    down(cluster.folder, lambda _line: None)

    up(cluster, lambda _line: None)

    assert log_path(cluster.folder, THRIFT).with_suffix(".log.1").read_text() == "of the first"


def test_all_is_stopped_also_what_does_not_listen_and_an_executor_without_its_worker(
    cluster: Cluster, home: Path
) -> None:
    write_spark(home, deaf="worker-1")
    up(cluster, lambda _line: None)
    orphan = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)", f"-Dlifecycle.cluster={cluster.folder}"]
    )
    # The system shows a new program's command line a moment after it says that the program has started.
    wait_until(lambda: orphan.pid in processes._processes(cluster.folder))
    (cluster.folder / "warehouse" / "table").mkdir()
    said: list[str] = []

    down(cluster.folder, said.append)

    assert said == ["Stopped master, worker-1, worker-2, thrift, executor."]
    assert processes._processes(cluster.folder) == {} and orphan.wait(5) == -signal.SIGTERM
    assert not (cluster.folder / "local").exists()
    assert (cluster.folder / "warehouse" / "table").exists() and log_path(cluster.folder, THRIFT).exists()
    down(cluster.folder, said.append)
    assert said[-1] == "Spark does not run here: there is nothing to stop."


def test_two_at_once_are_refused(cluster: Cluster) -> None:
    cluster.folder.mkdir(parents=True)
    with (cluster.folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        for run in (lambda: up(cluster, print), lambda: down(cluster.folder, print)):
            with pytest.raises(ClusterError, match="another spark-up or spark-down is at work"):
                run()


def test_a_process_is_known_by_its_command_line_alone(tmp_path: Path) -> None:
    settings = str(properties_path(tmp_path, "worker-1"))

    assert name_of(["java", "Worker", "--properties-file", settings, "--cores", "1"], tmp_path) == "worker-1"
    assert name_of(["java", f"-Dlifecycle.cluster={tmp_path}", "Executor"], tmp_path) == "executor"
    # of another cluster, of somebody who reads the settings, cut off
    assert name_of(["java", "Worker", "--properties-file", settings], tmp_path / "other") is None
    assert name_of(["java", f"-Dlifecycle.cluster={tmp_path}/more", "Executor"], tmp_path) is None
    assert name_of(["less", settings], tmp_path) is None
    assert name_of(["java", "Worker", "--properties-file"], tmp_path) is None


def wait_until(holds) -> None:
    until = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.05)
