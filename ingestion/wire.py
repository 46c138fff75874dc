"""What a vendor sent, before it is judged: paths into nested JSON, batches, and the spool of one pass over an API.

Belongs here: handling of records whose shape is not known yet. Does not: requests (`http`), validation (`intake`).
"""

from __future__ import annotations

import json
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

T = TypeVar("T")

BATCH_ROWS = 1000  # rows handed to dlt at once: a list costs it far less than as many single rows
SPOOL_MEMORY_BYTES = 8_000_000


class _Absent:
    """Says that a record does not state a value. Null is a value: it states that there is none."""

    def __repr__(self) -> str:
        return "absent"


ABSENT: Any = _Absent()


@dataclass(frozen=True)
class AbsentRows:
    """A list that a record was asked for and does not show: it would have given rows of a unit.

    Attributes:
        unit: columns of those rows, by which they are known.
        path: of the list.
        record: what was to show it.
    """

    unit: Mapping[str, Any]
    path: str
    record: Any


def told(record: Any, *path: str) -> Any:
    """The value at `path`: None where null stands on the way, `ABSENT` where the record does not say."""
    for step in path:
        if record is None:
            return None
        if not isinstance(record, Mapping):
            return ABSENT
        record = record.get(step, ABSENT)
    return record


def at(record: Any, *path: str) -> Any:
    """The value at `path`, or None as soon as a step of it is absent or not an object."""
    for step in path:
        if not isinstance(record, Mapping):
            return None
        record = record.get(step)
    return record


def missing(record: Any, path: tuple[str, ...]) -> bool:
    """Whether what holds the last step of `path` is there and does not say at all what stands at that step.

    A step `[]` goes into each entry of a list. Where the way ends before the last step, nothing is missing there.
    """
    for place, step in enumerate(path):
        if step == "[]":
            return isinstance(record, list) and any(missing(entry, path[place + 1 :]) for entry in record)
        if record is None:
            return False
        if not isinstance(record, Mapping):
            return True
        if step not in record:
            return place == len(path) - 1
        record = record[step]
    return False


def unknown(record: Mapping[str, Any], known: Iterable[str]) -> dict[str, Any]:
    """The top-level fields of `record` that are not known: they become new columns."""
    names = set(known)
    return {name: value for name, value in record.items() if name not in names}


def batches(items: Iterable[T], size: int = BATCH_ROWS) -> Iterator[list[T]]:
    """Lists of `size` items, the last one shorter."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


class Spool:
    """Records of one pass over an API, on disk; of several arrivals of one key the last one counts.

    While pages are read, records change and move to a later page: they arrive twice. And several tables are made
    from one pass. Both need the records kept until the pass is over, and memory must not grow with them.
    """

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=SPOOL_MEMORY_BYTES)  # noqa: SIM115 (lives as long as the spool)
        self._offsets: dict[str, int] = {}
        weakref.finalize(self, self._file.close)

    def add(self, key: Any, record: Any) -> None:
        """Keep `record`. A record without a key (None) is its own key: it is rejected later, but not lost here."""
        text = json.dumps(record)
        name = text if key is None else str(key)
        self._offsets.pop(name, None)  # so that the order is that of the last arrivals
        self._offsets[name] = self._file.seek(0, 2)
        self._file.write(text.encode() + b"\n")

    def keys(self) -> Iterator[str]:
        yield from self._offsets

    def get(self, key: Any) -> Any:
        """The record of `key`; None where there is none."""
        if str(key) not in self._offsets:
            return None
        self._file.seek(self._offsets[str(key)])
        return json.loads(self._file.readline())

    def __contains__(self, key: object) -> bool:
        return key in self._offsets

    def __len__(self) -> int:
        return len(self._offsets)

    def __iter__(self) -> Iterator[Any]:
        for offset in list(self._offsets.values()):
            self._file.seek(offset)
            yield json.loads(self._file.readline())
