"""Nothing lasts for ever: an attempt, a wait and a whole load end in time, whatever a server does with its bytes."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import SimpleNamespace

import pytest

from ingestion import http
from ingestion.http import Client, Problem, VendorError, judge_status

# Whoever answers closes: a connection that is used once more may be gone already.
OK = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"
BODY = b'{"data": []}'
Script = Callable[[socket.socket], None]


class RawServer:
    """Answers each connection as the next script says, and as the last one from then on."""

    def __init__(self, *scripts: Script) -> None:
        self._scripts = list(scripts)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.asked = 0
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def _serve(self) -> None:
        with suppress(OSError):  # the listener was closed
            while True:
                connection, _ = self._listener.accept()
                script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
                self.asked += 1
                threading.Thread(target=self._answer, args=(connection, script), daemon=True).start()

    @staticmethod
    def _answer(connection: socket.socket, script: Script) -> None:
        with connection, suppress(OSError):  # the client has gone
            connection.recv(65536)
            script(connection)

    def close(self) -> None:
        self._listener.close()


def says(*parts: bytes) -> Script:
    return lambda connection: connection.sendall(b"".join(parts))


def drips(begin: bytes, drop: bytes) -> Script:
    """Sends a beginning, and then one byte after the other, each well before the time-out between two of them."""

    def script(connection: socket.socket) -> None:
        connection.sendall(begin)
        while True:
            time.sleep(0.02)
            connection.sendall(drop)

    return script


GOOD = says(OK, b"Content-Length: 12\r\n\r\n", BODY)
SLOW = {
    "status line": drips(b"HTTP/1.1 200 ", b"O"),
    "header": drips(OK + b"X-Slow: ", b"x"),
    "body": drips(OK + b"Content-Length: 1000000\r\n\r\n", b" "),
    "chunks": drips(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "chunk size": drips(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "body without length": drips(OK + b"\r\n", b" "),
    "nothing": lambda connection: time.sleep(5),
}
BROKEN = {
    "no answer": says(),
    "cut in a header": says(OK + b"X-Cut: he"),
    "cut in the body": says(OK, b"Content-Length: 12\r\n\r\n", BODY[:5]),
    "too short a length": says(OK, b"Content-Length: 5\r\n\r\n", BODY),
    "chunks that end early": says(OK, b"Transfer-Encoding: chunked\r\n\r\n5\r\n", BODY[:5]),
    "a chunk of no length": says(OK, b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", BODY),
    "no gzip": says(OK, b"Content-Encoding: gzip\r\nContent-Length: 12\r\n\r\n", BODY),
    "a header of 100 kB": says(OK, b"X-Huge: ", b"x" * 100_000, b"\r\n\r\n"),
    "a thousand headers": says(OK, *(b"X-%d: x\r\n" % number for number in range(1000)), b"\r\n"),
    "two lengths": says(OK, b"Content-Length: 12\r\nContent-Length: 5\r\n\r\n", BODY),
    "no HTTP": says(b"220 mail.example ESMTP\r\n"),
    "an HTML page": says(OK, b"Content-Length: 13\r\n\r\n<html></html>"),
    "an empty body": says(OK, b"Content-Length: 0\r\n\r\n"),
    "no content": says(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"),
    "more after the JSON": says(OK, b"Content-Length: 14\r\n\r\n", BODY, b"{}"),
}


@pytest.fixture
def server() -> Iterator[Callable[..., RawServer]]:
    opened: list[RawServer] = []

    def open_server(*scripts: Script) -> RawServer:
        opened.append(RawServer(*scripts))
        return opened[-1]

    yield open_server
    for each in opened:
        each.close()


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch, pauses: list[float]) -> None:
    monkeypatch.setenv("LIFECYCLE_REQUEST_LIMIT_SECONDS", "1")
    monkeypatch.setenv("RUNTIME__REQUEST_MAX_ATTEMPTS", "2")


def client(server: RawServer, scheme: str = "http") -> Client:
    return Client("vendor", f"{scheme}://127.0.0.1:{server.port}", {})


@pytest.mark.parametrize("what", SLOW)
def test_an_attempt_ends_however_slowly_bytes_come_and_the_next_one_reads_all(server, what):
    slow_once = server(SLOW[what], GOOD)
    began = time.monotonic()
    assert client(slow_once).get("/x") == {"data": []}
    assert time.monotonic() - began < 3


def test_a_server_that_only_drips_is_an_error_that_says_so(server):
    began = time.monotonic()
    with pytest.raises(VendorError, match="the answer took longer than a request may take") as raised:
        client(server(SLOW["header"])).get("/x")
    assert raised.value.may_pass
    assert 2 <= time.monotonic() - began < 4


@pytest.mark.parametrize("what", BROKEN)
def test_an_answer_that_is_broken_on_the_way_is_asked_for_again(server, what):
    broken_once = server(BROKEN[what], GOOD)
    assert client(broken_once).get("/x") == {"data": []}
    assert broken_once.asked == 2

    with pytest.raises(VendorError):
        client(server(BROKEN[what])).get("/x")


def test_what_cannot_speak_tls_is_one_clear_error(server):
    with pytest.raises(VendorError, match="no answer from 127.0.0.1:[0-9]+ .SSLError."):
        client(server(GOOD), "https").get("/x")


def test_an_endless_answer_is_given_up_at_its_largest_size(server, monkeypatch):
    monkeypatch.setenv("LIFECYCLE_ANSWER_LIMIT_MEGABYTES", "1")

    def endless(connection: socket.socket) -> None:
        connection.sendall(OK + b"\r\n")
        while True:
            connection.sendall(b" " * 65536)

    with pytest.raises(VendorError, match="larger than 1 MB.*LIFECYCLE_ANSWER_LIMIT_MEGABYTES") as raised:
        client(server(endless)).get("/x")
    assert not raised.value.may_pass


# ---- the time limit of a source


@pytest.fixture
def minutes(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let minutes pass, in which the load waited for something."""
    passed = [0.0]
    real = time.monotonic
    monkeypatch.setattr(http, "time", SimpleNamespace(monotonic=lambda: real() + passed[0], sleep=lambda seconds: None))

    def go_on(count: float) -> None:
        passed[0] += count * 60

    return go_on


def busy(wait_seconds: float) -> Callable:
    def judge(response, body):
        if body == {"busy": True}:
            return Problem("busy", retry=True, wait_seconds=wait_seconds)
        return judge_status(response, body)

    return judge


def test_a_load_that_has_run_for_its_time_limit_asks_nothing_more(web, minutes):
    web.get("https://vendor.example/x", json={})
    limited = Client("stripe", "https://vendor.example", {}, time_limit_minutes=30)
    minutes(29)
    limited.get("/x")
    minutes(2)
    with pytest.raises(VendorError, match="stripe: it has run for its time limit of 30 minutes") as raised:
        limited.get("/x")
    assert "SOURCES__STRIPE__TIME_LIMIT_MINUTES" in str(raised.value)
    assert not raised.value.may_pass  # to start at once again would take as long
    assert len(web.calls) == 1


def test_a_pause_that_would_end_after_the_time_limit_is_not_made(web, minutes, pauses):
    web.get("https://vendor.example/x", json={"busy": True})
    limited = Client("vendor", "https://vendor.example", {}, busy(200), time_limit_minutes=5)
    minutes(2)
    with pytest.raises(VendorError, match="a pause of 200 s would end after its time limit of 5 minutes"):
        limited.get("/x")
    assert pauses == []
    with pytest.raises(VendorError, match="a pause of 400 s would end after"):
        limited.pause(400)
    limited.pause(10)


def test_an_attempt_does_not_outlast_the_time_limit(server, monkeypatch):
    monkeypatch.setenv("LIFECYCLE_REQUEST_LIMIT_SECONDS", "60")
    limited = Client("vendor", f"http://127.0.0.1:{server(SLOW['body']).port}", {}, time_limit_minutes=1)
    limited._ends_at = time.monotonic() + 0.5
    began = time.monotonic()
    with pytest.raises(VendorError, match="time limit of 1 minutes"):
        limited.get("/x")
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    ("header", "pause"),
    [
        ("1000000000", 300),
        ("9" * 5000, 1),
        ("1e9", 1),
        ("-5", 1),
        ("0", 1),
        ("soon", 1),
        ("Sat, 31 Oct 2026 05:00:00 GMT", 1),
        ("Sat, 31 Oct 2026 06:00:30 GMT", 30),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 300),
    ],
)
def test_what_a_vendor_asks_to_wait_is_obeyed_as_far_as_it_makes_sense(web, pauses, header, pause):
    """A date counts from the vendor's own clock, which the fixture sets to 06:00."""
    web.get("https://vendor.example/x", status=429, headers={"Retry-After": header}, json={})
    web.get("https://vendor.example/x", json={"a": 1})
    assert Client("vendor", "https://vendor.example", {}).get("/x") == {"a": 1}
    assert pauses == [pause]
