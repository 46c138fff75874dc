"""HTTP connections whose reads end at a deadline, however slowly bytes come.

Belongs here: the deadline of the attempt under way, down at the socket. Does not: how long an attempt may take, and
what follows when it took longer (`http`).

The time-out of `requests` counts from one byte to the next: a server that sends one a second is never late. So each
read of a socket waits no longer than what is left until the deadline, in status line, headers and body alike, and also
while a proxy answers. Connecting and the TLS handshake have a time-out of their own.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection

OUT_OF_TIME = "the answer took longer than a request may take"
_DEADLINE: ContextVar[float] = ContextVar("deadline of the attempt", default=float("inf"))


@contextmanager
def ends_at(deadline: float) -> Iterator[None]:
    """Let every read of an answer end at an instant of the monotonic clock, with a TimeoutError."""
    token = _DEADLINE.set(deadline)
    try:
        yield
    finally:
        _DEADLINE.reset(token)


class _TimedFile(io.RawIOBase):
    """What comes from a socket, until the deadline."""

    def __init__(self, sock: socket.socket, file: io.RawIOBase) -> None:
        self._sock, self._file = sock, file
        self._between_bytes = sock.gettimeout()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = _DEADLINE.get() - time.monotonic()
        between = float("inf") if self._between_bytes is None else self._between_bytes
        if left <= 0:
            raise TimeoutError(OUT_OF_TIME)
        self._sock.settimeout(min(left, between) if min(left, between) < float("inf") else None)
        try:
            return self._file.readinto(buffer)
        except TimeoutError:
            if left < between:
                raise TimeoutError(OUT_OF_TIME) from None
            raise

    def close(self) -> None:
        self._file.close()
        super().close()


class _TimedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        buffered: Any = self.fp
        self.fp = io.BufferedReader(_TimedFile(sock, buffered.detach()))


class _Connection(HTTPConnection):
    response_class = _TimedResponse


class _SecureConnection(HTTPSConnection):
    response_class = _TimedResponse


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


_POOLS = {"http": _Pool, "https": _SecurePool}


class TimedAdapter(HTTPAdapter):
    """The transport of `requests`, over connections that know the deadline."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> ProxyManager:
        manager: ProxyManager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager
