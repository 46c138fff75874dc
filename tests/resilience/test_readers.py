"""Who reads the published file never meets an error, a torn read or a step back, however often it is replaced."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from serving.publish import Source, publish
from serving.versions import link_path
from tests.resilience import times

PUBLICATIONS = times(3, 20)
ROWS = 20_000
# Every mart of a version holds its number in all rows: two numbers in one read would be torn.
READ = (
    "select min(a.version), max(a.version), min(b.version), max(b.version), count(*) "
    "from {one} as a inner join {two} as b using (id)"
)
LONG_HELD = """
import duckdb, json, sys
reader = duckdb.connect(sys.argv[1], read_only=True)
while True:
    print(json.dumps(reader.execute(sys.argv[2]).fetchone()), flush=True)
"""
ATTACHING = """
import duckdb, json, sys
path = sys.argv[1].replace("'", "''")
while True:
    with duckdb.connect() as reader:
        reader.execute(f"attach '{path}' as published (read_only)")
        print(json.dumps(reader.execute(sys.argv[2]).fetchone()), flush=True)
"""
SHORT_LIVED = """
import duckdb, json, sys
while True:
    with duckdb.connect(sys.argv[1], read_only=True) as reader:
        print(json.dumps(reader.execute(sys.argv[2]).fetchone()), flush=True)
"""


def read(prefix: str = "") -> str:
    return READ.format(one=f"{prefix}marts.one", two=f"{prefix}marts.two")


@pytest.mark.parametrize("folder", ["served", "it's served"])
def test_publications_under_readers_in_four_kinds_of_handles(tmp_path: Path, folder: str) -> None:
    serving, warehouse = tmp_path / folder, tmp_path / "warehouse.duckdb"
    refresh(warehouse, serving, 0)
    link, shell = str(link_path(serving)), Path(sys.executable).with_name("duckdb")
    handles = {
        "short-lived": [sys.executable, "-c", SHORT_LIVED, link, read()],
        "long-held": [sys.executable, "-c", LONG_HELD, link, read()],
        "attached": [sys.executable, "-c", ATTACHING, link, read("published.")],
    }
    seen: dict[str, list[list[int]]] = {name: [] for name in [*handles, "shell"]}
    errors: Counter[str] = Counter()
    stop = threading.Event()

    def follow(name: str, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None and process.stderr is not None
        for line in process.stdout:
            seen[name].append(json.loads(line))
        if not stop.is_set():
            errors[f"{name}: {process.stderr.read()[-300:]}"] += 1

    def ask_by_shell() -> None:
        while not stop.is_set():
            done = subprocess.run(
                [shell, "-readonly", "-json", link, read()], capture_output=True, text=True, check=False
            )
            if done.returncode:
                errors[f"shell: {done.stderr[-300:]}"] += 1
            else:
                seen["shell"].append(list(json.loads(done.stdout)[0].values()))

    processes = {
        name: subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for name, command in handles.items()
    }
    threads = [threading.Thread(target=follow, args=each) for each in processes.items()]
    threads.append(threading.Thread(target=ask_by_shell))
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: all(seen.values()))
        for number in range(1, PUBLICATIONS + 1):
            refresh(warehouse, serving, number)
            before = {name: len(reads) for name, reads in seen.items()}
            wait_until(lambda: errors or all(len(seen[name]) > count for name, count in before.items()))  # noqa: B023
    finally:
        stop.set()
        for process in processes.values():
            process.kill()
        for thread in threads:
            thread.join(30)

    assert errors == {}
    for name, reads in seen.items():
        assert all(len({*each[:4]}) == 1 and each[4] == ROWS for each in reads), f"torn: {name}"
        numbers = [each[0] for each in reads]
        assert numbers == sorted(numbers), f"went back: {name}"
    assert {name for name, reads in seen.items() if reads[-1][0] >= PUBLICATIONS - 1} == {*seen} - {"long-held"}
    assert {each[0] for each in seen["long-held"]} == {0}, "who holds a version keeps it"


def refresh(warehouse: Path, serving: Path, number: int) -> None:
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("create schema if not exists marts")
        for mart in ("one", "two"):
            connection.execute(
                f"create or replace table marts.{mart} as select range as id, {number} as version from range({ROWS})"
            )
    as_of, sources = datetime(2026, 10, 31, tzinfo=UTC), [Source("files")]
    publish(warehouse, serving, marts=["one", "two"], as_of=as_of, sources=sources, keep=2)


def wait_until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)
