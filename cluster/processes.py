"""The processes of a cluster on this machine: master, workers and Thrift server, each a Java of its own.

Belongs here: starting them, what is alive, stopping them. Does not: what they are started with (`configuration`), what
has to be installed (`prerequisites`).

Whose a process is, its command line says: it has the path of its settings in the cluster's folder. So none is taken for
another one that has got its number, and an executor is found whose worker is gone.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from cluster.configuration import (
    ADDRESS,
    LOGGING,
    MARK,
    MASTER,
    POOLS,
    PROPERTIES,
    THRIFT,
    Cluster,
    command,
    log_path,
    properties,
    properties_path,
    properties_text,
    variables,
)
from cluster.prerequisites import java, spark_home
from cluster.thrift import ClusterError, connected

SECONDS_TO_START = 180.0
SECONDS_TO_STOP = 20.0
# What a worker's log says once the master knows it.
REGISTERED = "Successfully registered with master"
# Computed by a worker: a statement without rows of a range is answered by the Thrift server alone.
QUESTION = "select count(*) from range(0, 8, 1, 2)"
SETTING_OF_PORT = {MASTER: "SPARK_MASTER_PORT", THRIFT: "SPARK_THRIFT_PORT"}

Say = Callable[[str], None]


def up(cluster: Cluster, say: Say) -> None:
    """Start what does not run, and return when statements are answered.

    Args:
        cluster: as it is wanted. What runs stays as it is, and other settings are said.
        say: takes a line for whoever waits.

    Raises:
        ClusterError: something is missing, a port is taken, or a process does not start or answer.
    """
    home = spark_home()
    java()
    with _locked(cluster.folder):
        _write_settings(cluster)
        running = alive(cluster.folder)
        if MASTER in cluster.names and MASTER not in running and running:
            # A new master knows neither the workers of the last one nor its Thrift server.
            say("The master is gone: what is left without it is stopped.")
            _stop(cluster.folder)
            running = {}
        missing = [name for name in cluster.names if name not in running]
        for name in (name for name in missing if name in SETTING_OF_PORT):
            _refuse_taken_port(_port(cluster, name), SETTING_OF_PORT[name])
        for name in running:
            if name not in cluster.names or _is_set_otherwise(cluster, name, home):
                say(
                    f"{name} runs with other settings than these: `make spark-down`, then `make spark-up` applies them."
                )
        if cluster.master_url and THRIFT in missing:
            _refuse_silent_master(cluster.master_url)
        started: dict[str, subprocess.Popen[bytes]] = {}
        try:
            for names in _beside_each_other(missing):
                for name in names:
                    started[name] = _start(cluster, name, home)
                for name in names:
                    _wait_until_it_answers(cluster, name, started[name])
                    say(f"{name} runs (process {started[name].pid}){_where(cluster, name)}.")
            if THRIFT in running:
                _wait_until_it_answers(cluster, THRIFT, None)
        except BaseException:
            for process in started.values():
                process.kill()
            raise
        if not missing:
            say(f"Spark runs already: {', '.join(running)}.")


def down(folder: Path, say: Say) -> None:
    """Stop every process of the cluster, also one whose parent is gone, and delete what only it needed.

    Tables stay, and so do logs, those of executors in `work/`.

    Raises:
        ClusterError: a process does not end.
    """
    if not folder.exists():
        say("Spark does not run here: there is nothing to stop.")
        return
    with _locked(folder):
        stopped = _stop(folder)
        shutil.rmtree(folder / "local", ignore_errors=True)
    say(f"Stopped {', '.join(stopped)}." if stopped else "Spark does not run here: there is nothing to stop.")


def alive(folder: Path) -> dict[str, int]:
    """Number of each process of the cluster that runs, by its name, in the order in which they start."""
    found = {name: pid for pid, name in _processes(folder).items() if name != EXECUTOR}
    order = {MASTER: 0, THRIFT: 2}
    return {name: found[name] for name in sorted(found, key=lambda name: (order.get(name, 1), name))}


# ---- which processes are the cluster's

EXECUTOR = "executor"


def _processes(folder: Path) -> dict[int, str]:
    """Name of each process of the cluster, executors included."""
    if not Path("/proc/self/cmdline").exists():
        raise ClusterError("processes are told apart by /proc, which this system lacks: run the cluster on Linux.")
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue  # it has ended, or is somebody else's
        if name := name_of(arguments, folder):
            found[int(entry.name)] = name
    return found


def name_of(arguments: list[str], folder: Path) -> str | None:
    """The process of the cluster that has this command line; None: it is not of this cluster."""
    if f"{MARK}{folder}" in arguments:
        return EXECUTOR
    if PROPERTIES in arguments[:-1]:
        path = Path(arguments[arguments.index(PROPERTIES) + 1])
        if path == properties_path(folder, path.stem):
            return path.stem
    return None


# ---- starting


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ClusterError(f"another spark-up or spark-down is at work in {folder}: wait until it ends.") from None
        yield


def _write_settings(cluster: Cluster) -> None:
    for name in ("conf", "logs", "local/tmp", "metastore", "warehouse", "events"):
        (cluster.folder / name).mkdir(parents=True, exist_ok=True, mode=0o700)
    _write(cluster.folder / "conf" / "pools.xml", POOLS)
    _write(cluster.folder / "conf" / "log4j2.properties", LOGGING)


def _settings_text(cluster: Cluster, name: str, home: Path) -> str:
    """The file of a process's settings; its first line is the command, so that the file tells all it runs with."""
    settings = properties_text(properties(cluster, name, _secret(cluster.folder)))
    return f"# {' '.join(command(cluster, name, home))}\n{settings}"


def _is_set_otherwise(cluster: Cluster, name: str, home: Path) -> bool:
    path = properties_path(cluster.folder, name)
    return not path.exists() or path.read_text() != _settings_text(cluster, name, home)


def _secret(folder: Path) -> str:
    path = folder / "conf" / "secret"
    if not path.exists():
        _write(path, urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("="))
    return path.read_text()


def _write(path: Path, text: str) -> None:
    """A file that its owner alone may read."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)


def _beside_each_other(names: list[str]) -> list[list[str]]:
    """The names in groups that start together: workers and Thrift server look for the master until it is there."""
    return [group for group in ([MASTER] if MASTER in names else [], [n for n in names if n != MASTER]) if group]


def _start(cluster: Cluster, name: str, home: Path) -> subprocess.Popen[bytes]:
    _write(properties_path(cluster.folder, name), _settings_text(cluster, name, home))
    shutil.rmtree(cluster.folder / "work" / name, ignore_errors=True)
    log = log_path(cluster.folder, name)
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
    with log.open("wb") as said:
        return subprocess.Popen(
            command(cluster, name, home),
            cwd=cluster.folder / "local",
            env=variables(cluster, name, home),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,  # Ctrl-C and the end of the terminal are for this process alone
        )


def _port(cluster: Cluster, name: str) -> int:
    return cluster.master_port if name == MASTER else cluster.thrift_port


def _where(cluster: Cluster, name: str) -> str:
    return f" at {ADDRESS}:{_port(cluster, name)}" if name in SETTING_OF_PORT else ""


def _refuse_taken_port(port: int, setting: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except OSError as error:
            raise ClusterError(
                f"port {port} of {ADDRESS}: {error.strerror}. Stop what has it, or set {setting} to another."
            ) from None


def _refuse_silent_master(url: str) -> None:
    host, _, port = url.removeprefix("spark://").partition(",")[0].rpartition(":")
    try:
        socket.create_connection((host, int(port)), 10).close()
    except OSError as error:
        raise ClusterError(f"SPARK_MASTER_URL={url}: {error.strerror or error}. Start that master first.") from None


def _wait_until_it_answers(cluster: Cluster, name: str, process: subprocess.Popen[bytes] | None) -> None:
    """Wait for a process that was started, or, without one, for the Thrift server that ran before."""
    until = time.monotonic() + SECONDS_TO_START
    log = log_path(cluster.folder, name)
    while not _answers(cluster, name, until):
        if process is not None and process.poll() is not None:
            raise ClusterError(f"{name} ended while it started: {_last_error(log)}. All it said is in {log}.")
        if time.monotonic() > until:
            raise ClusterError(
                f"{name} does not answer after {SECONDS_TO_START:.0f} seconds. What it said is in {log}; "
                "`make spark-down` stops it."
            )
        time.sleep(0.2)


def _answers(cluster: Cluster, name: str, until: float) -> bool:
    if name not in SETTING_OF_PORT:
        return REGISTERED in log_path(cluster.folder, name).read_text(errors="replace")
    try:
        socket.create_connection((ADDRESS, _port(cluster, name)), 1).close()
    except OSError:
        return False
    if name == MASTER:
        return True
    # A server that hangs takes connections and never answers: who asks is left behind then.
    answered: list[object] = []
    asking = Thread(target=lambda: answered.append(_answer(cluster.thrift_port)), daemon=True)
    asking.start()
    asking.join(max(0.0, until - time.monotonic()))
    return answered == [8]


def _answer(port: int) -> object:
    try:
        with connected(ADDRESS, port) as cursor:
            cursor.execute(QUESTION)
            return cursor.fetchone()[0]
    except Exception:
        return None  # it is not ready; one that ends or stays so is told by whoever waits


def _last_error(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    telling = [line for line in lines if "Exception" in line or " ERROR " in line or "Error:" in line]
    return (telling or lines or ["it said nothing"])[-1][:300]


# ---- stopping


def _stop(folder: Path) -> list[str]:
    """End every process, the Thrift server first; the names of those that ran."""
    names = list(alive(folder)) + [name for name in _processes(folder).values() if name == EXECUTOR][:1]
    for group in ({THRIFT}, None):
        pids = {pid for pid, name in _processes(folder).items() if group is None or name in group}
        _signal(pids, signal.SIGTERM)
        if _wait_until_gone(folder, pids):
            continue
        _signal(pids, signal.SIGKILL)
        if not _wait_until_gone(folder, pids):
            left = ", ".join(str(pid) for pid in sorted(pids & set(_processes(folder))))
            raise ClusterError(f"these processes do not end: {left}. Look at them with `ps -f {left}`.")
    return names


def _signal(pids: set[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue  # it ended by itself
        except PermissionError:
            raise ClusterError(f"process {pid} of the cluster is another user's, who has to stop it.") from None


def _wait_until_gone(folder: Path, pids: set[int]) -> bool:
    until = time.monotonic() + SECONDS_TO_STOP
    while pids & set(_processes(folder)):
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True
