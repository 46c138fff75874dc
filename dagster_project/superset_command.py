"""`make superset`: Superset on this machine, with the project's dashboards over what is published.

It has an environment of its own (`.superset/`), because its libraries and those of the refresh exclude each other. What
people add in Superset stays in `data/superset/`; the project's dashboards are imported anew at each start.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb

from dagster_project import environment
from dagster_project.copies import say
from dashboards.assets import AssetError, Place, bundle
from ingestion import config
from ingestion.config import PROJECT_ROOT, SettingsError
from serving.postgres import PostgresError, marts_of
from serving.publish import SCHEMA
from serving.versions import link_path

PYTHON = PROJECT_ROOT / ".superset" / "bin" / "python"
SERVER = PROJECT_ROOT / "dashboards" / "server"
# What `serve` says once it does, before its address.
ANSWERS = "Superset answers at "
# Nothing but the file itself: no other file of the machine, and no extension fetched from DuckDB's server.
READ_ONLY_FILE = "access_mode=read_only&enable_external_access=false"


def main(arguments: Sequence[str]) -> int:
    """Replace this process by Superset; returns only when that cannot start."""
    parser = argparse.ArgumentParser(prog="python -m dagster_project.superset_command", description=__doc__)
    parser.add_argument("--over", choices=["file", "postgres"], default="file", help="where Superset reads the marts")
    parser.add_argument("--port", type=int, default=8088)
    options = parser.parse_args(arguments)
    try:
        environment.prepare()
        home = config.data_dir() / "superset"
        home.mkdir(exist_ok=True)
        if not PYTHON.exists():
            raise SettingsError("Superset is not installed here: start it with `make superset`.")
        _refuse_taken_port(options.port)
        lock = (home / "lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SettingsError(f"another Superset uses {home}: stop it first.") from None
        assets = assets_over(options.over)
    except (SettingsError, AssetError) as error:
        say(f"No Superset: {error}")
        return 1
    stated = environment.SupersetSettings.read().password.get_secret_value()
    variables = {
        **{name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TZ") if name in os.environ},
        "HOME": str(home),
        "SUPERSET_HOME": str(home),
        "SUPERSET_CONFIG_PATH": str(SERVER / "superset_config.py"),
        "SUPERSET_PORT": str(options.port),
        "SUPERSET_SECRET_KEY": _kept_secret(home / "secret_key"),
        "SUPERSET_PASSWORD": password(),
    }
    where = "the one in SUPERSET_PASSWORD" if stated else f"in {home / 'password'}"
    say(f"Starting Superset; its log is {home / 'superset.log'}. Sign in as admin, the password is {where}.")
    with tempfile.TemporaryFile("w+") as given, (home / "superset.log").open("a") as log:
        json.dump(assets, given)
        given.flush()
        given.seek(0)
        os.dup2(given.fileno(), 0)
        os.dup2(log.fileno(), 2)
        os.set_inheritable(lock.fileno(), True)  # held as long as Superset runs
        os.execve(PYTHON, [str(PYTHON), str(SERVER / "serve.py")], variables)


def password() -> str:
    """Of the user admin: the one that is set, or else the one that was made at the first start."""
    stated = environment.SupersetSettings.read().password.get_secret_value()
    return stated or _kept_secret(config.data_dir() / "superset" / "password")


@contextmanager
def running(*arguments: str, variables: Mapping[str, str] | None = None) -> Iterator[str]:
    """The address of a Superset that is started for a while, on a free port, and stopped as by Ctrl-C.

    Args:
        arguments: as on the command line.
        variables: its whole environment; None: that of this process.

    Raises:
        SettingsError: it did not start, with the end of what it said.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    command = [sys.executable, "-m", "dagster_project.superset_command", "--port", port, *arguments]
    server = subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    said = ""
    try:
        for line in server.stdout or ():
            said += line
            if line.startswith(ANSWERS):
                yield line.removeprefix(ANSWERS).strip()
                break
        else:
            raise SettingsError(f"Superset did not start: {said}")
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(60)


def assets_over(over: str) -> dict[str, str]:
    """What Superset imports, for what is published now.

    Raises:
        SettingsError: nothing is published, or no PostgreSQL is set.
        AssetError: a chart reads what is not published.
    """
    link = link_path(environment.serving_dir())
    if not link.exists():
        raise SettingsError(f"nothing is published in {link.parent} yet: run `make refresh` first.")
    # The file says what its marts hold also where PostgreSQL is read, which is a copy of it.
    with duckdb.connect(str(link), read_only=True) as connection:
        try:
            marts = marts_of(connection)
        except PostgresError as error:
            raise AssetError(str(error)) from error
    return bundle(marts, _place(over, link), environment.settings().reporting_currency)


def _place(over: str, link: Path) -> Place:
    if over == "file":
        return Place(f"duckdb:///{link}?{READ_ONLY_FILE}", SCHEMA, {})
    target = environment.postgres()
    if target is None:
        raise SettingsError(
            "SERVING_POSTGRES_URL is not set: there is no PostgreSQL to read. Set it, or leave OVER out."
        )
    address = target.url.partition("://")[2]
    # The user is the one who publishes: Superset itself only ever reads.
    return Place(f"postgresql+psycopg2://{address}", target.schema, {"options": "-c default_transaction_read_only=on"})


def _refuse_taken_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise SettingsError(f"port {port}: {error.strerror}. Choose another: make superset PORT=8089") from None


def _kept_secret(path: Path) -> str:
    """The secret in a file that its owner alone may read; made at the first start."""
    if not path.exists():
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
    return path.read_text().strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
