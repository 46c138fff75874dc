"""The receiver is killed under load, again and again, and its disk is full: no event is lost or there twice."""

from __future__ import annotations

import errno
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest
import responses

from ingestion import config, inbox, pipelines
from ingestion.receiver.segments import Segments
from tests.integration.refreshing import ROOT
from tests.resilience import times
from tests.resilience.test_full_disk import mount
from tests.unit.ingestion.receiver.conftest import SECRET, signed

KILLS = times(2, 20)
SENDERS = 8
EVENTS = 60 * SENDERS * (KILLS + 1)
SECONDS_TO_WAIT = 60.0
VENDOR = "https://respond.example/v2"


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Settings of one workspace and its receiver, whose port this is."""
    for name in list(os.environ):
        if name.startswith(("SOURCES__", "LIFECYCLE_")):
            monkeypatch.delenv(name)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    for name, value in {
        "LIFECYCLE_DATA_DIR": str(tmp_path / "data"),
        "LIFECYCLE_SOURCES": "respond_io",
        "LIFECYCLE_RECEIVER_PORT": str(port),
        "SOURCES__RESPOND_IO__BASE_URL": VENDOR,
        "SOURCES__RESPOND_IO__ACCESS_TOKEN": "respond-token",
        "SOURCES__RESPOND_IO__WEBHOOK_SECRET": SECRET,
    }.items():
        monkeypatch.setenv(name, value)
    return port


@contextmanager
def receiving(log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The real command, killed at the end if nobody stopped it."""
    with log.open("ab") as said:
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "ingestion.receiver"], cwd=ROOT, stdout=said, stderr=said
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


class Vendor:
    """Sends each event until it is confirmed, and some of them again afterwards, from several connections."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.confirmed: set[str] = set()
        self.tries = 0
        self._threads = [threading.Thread(target=self._send_all, args=(number,)) for number in range(SENDERS)]
        for thread in self._threads:
            thread.start()

    def _send_all(self, number: int) -> None:
        connection: http.client.HTTPConnection | None = None
        for place in range(number, EVENTS, SENDERS):
            event = {"event_id": f"e{place}", "event_type": "contact.updated", "contact": {"id": place}}
            body = json.dumps({**event, "text": "é" * 400}).encode()
            left = 2 if place % 10 == 0 else 1
            while left:
                self.tries += 1
                try:
                    connection = connection or http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
                    connection.request("POST", "/respond_io", body, signed("respond_io", body))
                    answer = connection.getresponse()
                    answer.read()
                    left -= answer.status == 200
                except (OSError, http.client.HTTPException):
                    connection = None
                    time.sleep(0.02)
            self.confirmed.add(event["event_id"])

    def wait_until(self, count: int) -> None:
        deadline = time.monotonic() + SECONDS_TO_WAIT
        while len(self.confirmed) < count:
            assert time.monotonic() < deadline, f"{len(self.confirmed)} of {EVENTS} events were confirmed"
            time.sleep(0.005)

    def join(self) -> None:
        for thread in self._threads:
            thread.join(SECONDS_TO_WAIT)


def send(port: int, body: bytes) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("POST", "/respond_io", body, signed("respond_io", body))
    assert connection.getresponse().status == 200


def load() -> None:
    """The real load, of a workspace that has nothing but what it pushed."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as web:
        nothing = {"items": [], "pagination": {"next": "", "previous": ""}}
        for method in (responses.GET, responses.POST):
            web.add(method, re.compile(f"{VENDOR}/.*"), json=nothing)
        pipelines.run("respond_io")


def rows(query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(config.warehouse_path()), read_only=True) as connection:
        return connection.execute(query).fetchall()


def test_of_what_was_confirmed_nothing_is_lost_and_nothing_twice_however_often_the_receiver_is_killed(
    environment: int, tmp_path: Path
) -> None:
    vendor, log = Vendor(environment), tmp_path / "receiver.log"
    for number in range(1, KILLS + 1):
        with receiving(log) as process:
            vendor.wait_until(EVENTS * number // (KILLS + 1))
            assert len(vendor.confirmed) < EVENTS, "nothing is left to be sent after the kill"
            process.send_signal(signal.SIGKILL)
            process.wait()
    with receiving(log) as process:
        load()  # beside it, while it writes
        vendor.join()
        send(environment, b'{"event_id": "broken')
        send(environment, b'{"event_id": "new", "event_type": "of.tomorrow", "contact": {"id": 1}}')
        process.terminate()
        assert process.wait(SECONDS_TO_WAIT) == 0, log.read_text()
    assert vendor.tries > EVENTS * 1.1, "no event was sent again: the kills came between them"

    load()

    expected = {*vendor.confirmed, "new"}
    assert len(expected) == EVENTS + 1
    found = [event for (event,) in rows("select event_id from raw_respond_io.webhook_events")]
    assert len(found) == len({*found})
    assert {*found} == expected
    rejected = rows("select record from raw_respond_io.rejected_records where resource = 'webhook_events'")
    assert rejected == [('{"event_id": "broken',)]
    folder = config.data_dir() / "inbox" / "respond_io"
    assert all(file.read_bytes().endswith(b"\n") for file in folder.glob("*.jsonl"))
    waiting = inbox.loaded_until(config.Account("respond_io"))
    assert waiting is not None and all(file.stat().st_mtime < waiting.timestamp() for file in folder.glob("*.jsonl"))


def test_a_disk_without_room_takes_no_part_of_a_line_and_goes_on_when_there_is_some(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    mount("-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk))
    try:
        written = Segments(disk / "stripe")
        line, kept = b"x" * 9_000 + b"\n", 0
        with pytest.raises(OSError) as full:
            while kept < 100:
                written.write([line])
                kept += 1
        assert full.value.errno == errno.ENOSPC
        (file,) = (disk / "stripe").glob("*.jsonl")
        assert 0 < kept < 100 and file.read_bytes() == line * kept

        mount("-o", "remount,size=1m", str(disk))
        written.write([line, line])
        written.close()
        assert file.read_bytes() == line * (kept + 2)
    finally:
        subprocess.run(["umount", str(disk)], check=True)
