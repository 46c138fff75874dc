"""How many events a second the receiver of webhooks takes, beside a bare server and a bare writer.

Three things are measured with the same events: uvicorn with an application that reads a body and answers (the floor),
the receiver, signature and disk included, and a loop that writes and flushes one event after the other, without HTTP.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import os
import socket
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.benchmarks.measuring import say, table

SECRET = "a secret of the vendor"
BODY_BYTES = 2_000  # of a message with its contact and channel
EVENTS = 5_000
CONNECTIONS = 32
SECONDS_TO_START = 60.0


def report(folder: Path, events: int = EVENTS) -> str:
    """Measure, and tell it as a section of docs/benchmarks.md."""
    requests = [request(number) for number in range(events)]
    say("receiver: bare server")
    with serving(folder, "-m", "uvicorn", "tests.benchmarks.receiver:bare", "--no-access-log", "--port") as port:
        floor = asyncio.run(rate(port, requests, CONNECTIONS))
    say("receiver")
    with serving(folder, "-m", "ingestion.receiver") as port:
        many = asyncio.run(rate(port, requests, CONNECTIONS))
        few = asyncio.run(rate(port, requests[: events // 10], 1))
    alone = flushed_alone(folder / "alone.jsonl", [body(number) for number in range(events // 10)])
    rows = [
        (f"bare uvicorn, {CONNECTIONS} connections (floor)", floor),
        (f"receiver, {CONNECTIONS} connections", many),
        ("receiver, one connection: a flush for each event", few),
        ("a loop that writes and flushes each event, no HTTP", alone),
    ]
    shown = [[name, f"{found:,.0f}", f"{found / floor:.2f}"] for name, found in rows]
    return f"## Receiver of webhooks: {events:,} events of {BODY_BYTES:,} bytes\n\n" + table(
        ["run", "events a second", "times the floor"], shown
    )


async def bare(
    scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
) -> None:
    """Reads a body and answers."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"3")]})
    await send({"type": "http.response.body", "body": b"ok\n"})


def body(number: int) -> bytes:
    event = {"event_id": f"e{number}", "event_type": "message.received", "contact": {"id": number}, "text": ""}
    return json.dumps({**event, "text": "x" * (BODY_BYTES - len(json.dumps(event)))}).encode()


def request(number: int) -> bytes:
    """An event as it goes over the wire."""
    content = body(number)
    signature = b64encode(hmac.digest(SECRET.encode(), content, "sha256")).decode()
    head = f"POST /respond_io HTTP/1.1\r\nHost: localhost\r\nX-Webhook-Signature: {signature}\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


@contextmanager
def serving(folder: Path, *command: str) -> Iterator[int]:
    """Run a server on a free port, until it is no longer asked."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    environment = {
        **os.environ,
        "LIFECYCLE_DATA_DIR": str(folder / "receiver"),
        "LIFECYCLE_SOURCES": "respond_io",
        "LIFECYCLE_RECEIVER_PORT": str(port),
        "LIFECYCLE_RECEIVER_EVENTS_PER_SECOND": "1000000",
        "SOURCES__RESPOND_IO__WEBHOOK_SECRET": SECRET,
    }
    arguments = [*command, str(port)] if command[-1] == "--port" else [*command]
    with (folder / "receiver.log").open("ab") as log:
        process = subprocess.Popen([sys.executable, *arguments], env=environment, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + SECONDS_TO_START
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{' '.join(command)} did not start: see {log.name}") from None
                time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()


async def rate(port: int, requests: list[bytes], connections: int) -> float:
    """Events a second, sent over some connections, each as soon as the one before it is confirmed."""
    began = time.perf_counter()
    await asyncio.gather(*(_send(port, requests[number::connections]) for number in range(connections)))
    return len(requests) / (time.perf_counter() - began)


async def _send(port: int, requests: list[bytes]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for each in requests:
        writer.write(each)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode())
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.split(b":")[1]))
    writer.close()


def flushed_alone(path: Path, bodies: list[bytes]) -> float:
    """Events a second where each waits for its own flush."""
    began = time.perf_counter()
    with path.open("ab", buffering=0) as file:
        for content in bodies:
            file.write(content + b"\n")
            os.fsync(file.fileno())
    return len(bodies) / (time.perf_counter() - began)
