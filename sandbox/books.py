"""What the simulated company's ad platforms and systems were told: it outlives the client, and the servers.

Belongs here: keeping it. Does not: what a vendor counts, and what it refuses (the servers).
"""

from __future__ import annotations

import json
import sqlite3
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BOOKS = "books.sqlite"  # in the folder of the sandbox


@dataclass(frozen=True)
class Told:
    """Something that arrived and was accepted.

    Attributes:
        key: what the vendor recognises it by.
        at: the sandbox's clock when it arrived.
        is_counted: whether it counts; else it is the same as something before.
    """

    key: str
    at: int
    body: dict[str, Any]
    is_counted: bool


class Books:
    """The books of all vendors, in a file or in memory. Safe to use from several threads."""

    def __init__(self, path: Path | None = None) -> None:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        self._connection.execute(
            "create table if not exists told (vendor text, key text, at integer, body text, is_counted integer)"
        )
        self._connection.execute("create index if not exists told_by_key on told (vendor, key)")
        self._lock = threading.Lock()

    def write(self, vendor: str, arrived: list[Told]) -> None:
        """What one request brought, all of it or nothing."""
        rows = [(vendor, each.key, each.at, json.dumps(each.body), int(each.is_counted)) for each in arrived]
        with self._lock:
            self._connection.execute("begin immediate")
            self._connection.executemany("insert into told values (?, ?, ?, ?, ?)", rows)
            self._connection.execute("commit")

    def told(self, vendor: str, key: str | None = None) -> list[Told]:
        """What a vendor was told, in order; of one key, or all."""
        with self._lock:
            rows = self._connection.execute(
                "select key, at, body, is_counted from told where vendor = ? and key = coalesce(?, key) order by rowid",
                [vendor, key],
            ).fetchall()
        return [Told(key, at, json.loads(body), bool(is_counted)) for key, at, body, is_counted in rows]

    def counted(self, vendor: str) -> list[Told]:
        """What counts of it."""
        return [each for each in self.told(vendor) if each.is_counted]
