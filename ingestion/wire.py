"""What a vendor sent, before it is judged: JSON, paths into it, batches, and the spool of one pass over an API.

Belongs here: handling of records whose shape is not known yet, so that none of them stops the others. Does not:
requests (`http`), validation (`intake`).
"""

from __future__ import annotations

import json
import math
import re
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, TypeVar

from ingestion import limits

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
        arrived: the record of the vendor in which that lies.
    """

    unit: Mapping[str, Any]
    path: str
    record: Any
    arrived: Any = field(default=ABSENT, compare=False)


@dataclass(frozen=True)
class Unreadable:
    """A record of which no row can be made.

    Attributes:
        record: as it came.
        reason: why.
        arrived: the record of the vendor in which it lies; by default it is one itself.
    """

    record: Any
    reason: str
    arrived: Any = field(default=ABSENT, compare=False)


class Made(dict[str, Any]):
    """A row that was made of a vendor's record, with that record: of it the row can be made again.

    Attributes:
        arrived: the record.
    """

    __slots__ = ("arrived",)

    def __init__(self, row: Mapping[str, Any], arrived: Any) -> None:
        super().__init__(row)
        self.arrived = arrived


# ---- JSON

# Stands where lists and objects lie too deep to be read. No vendor sends it, and no column takes a NUL.
TOO_DEEP = "\0too deep"
DEPTH_EXPECTED = f"at most {limits.DEPTH} levels of lists and objects are expected"
TEXT_EXPECTED = "a text without NUL and without halves of characters is expected"
_BITS = 63  # of a whole number in JSON that every reader keeps
_MARKS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)
_MOST_DIGITS = 4000  # Python reads no whole number that is longer


def parsed(text: str | bytes) -> Any:
    """The value of a JSON text.

    What cannot be read costs its own record, which the door turns away, and not the page: `TOO_DEEP` stands for what is
    nested too deeply, infinity for a whole number of thousands of digits.

    Raises:
        ValueError: it is no JSON.
    """
    try:
        return json.loads(text)
    except RecursionError:
        pass
    except ValueError as error:
        if "integer string conversion" not in str(error):
            raise
    whole = text if isinstance(text, str) else text.decode(json.detect_encoding(text), "surrogatepass")
    return json.loads(
        _without_depths(whole), parse_int=lambda digits: int(digits) if len(digits) <= _MOST_DIGITS else math.inf
    )


def _without_depths(text: str) -> str:
    """The JSON text with `TOO_DEEP` in the place of what lies deeper than a record may."""
    kept, until, depth, begin = [], 0, 0, 0
    for mark in _MARKS.finditer(text):
        if mark[0] in "[{":
            depth += 1
            begin = mark.start() if depth == limits.DEPTH + 1 else begin
        elif mark[0] in "]}":
            if depth == limits.DEPTH + 1:
                kept += [text[until:begin], json.dumps(TOO_DEEP)]
                until = mark.end()
            depth -= 1
    if depth > limits.DEPTH:
        raise ValueError("the text breaks off")
    return "".join([*kept, text[until:]])


def as_json(value: Any, **options: Any) -> str:
    """JSON text of a value, with `TOO_DEEP` where it is nested too deeply to be written."""
    try:
        return json.dumps(value, **options)
    except RecursionError:
        return json.dumps(_shallow(value, limits.DEPTH), **options)


def _shallow(value: Any, levels: int) -> Any:
    if not isinstance(value, Mapping | list):
        return value
    if levels == 0:
        return TOO_DEEP
    if isinstance(value, list):
        return [_shallow(each, levels - 1) for each in value]
    return {name: _shallow(each, levels - 1) for name, each in value.items()}


def leaves(value: Any) -> Iterator[Any]:
    """Every name and every single value in a value.

    Raises:
        ValueError: it is nested too deeply.
    """
    level = [value]
    for _ in range(limits.DEPTH + 1):
        below: list[Any] = []
        for each in level:
            if isinstance(each, Mapping):
                yield from each
                below.extend(each.values())
            elif isinstance(each, list):
                below.extend(each)
            elif each == TOO_DEEP:
                raise ValueError(DEPTH_EXPECTED)
            else:
                yield each
        if not below:
            return
        level = below
    raise ValueError(DEPTH_EXPECTED)


def is_text(value: str) -> bool:
    """Whether every table can hold a text: NUL and halves of characters (lone surrogates) are none."""
    if value.isascii():
        return "\0" not in value
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in value


def check_json(value: Any) -> None:
    """Let a list or object pass that can be kept as JSON as it is.

    Raises:
        ValueError: saying what is expected instead.
    """
    for leaf in leaves(value):
        if isinstance(leaf, str) and not is_text(leaf):
            raise ValueError(TEXT_EXPECTED)
        if isinstance(leaf, float) and not math.isfinite(leaf):
            raise ValueError("finite numbers are expected")
        if isinstance(leaf, int) and not -(2**_BITS) <= leaf < 2**_BITS:
            raise ValueError(f"whole numbers of {_BITS + 1} bits are expected")


# ---- records


def one(to_row: Callable[[Any], Any]) -> Callable[[Any], list[Any]]:
    """What makes the rows of a record that is one row."""
    return lambda record: [to_row(record)]


def mapped(to_row: Callable[[Any], Any], records: Iterable[Any]) -> Iterator[Any]:
    """The row of each record, `Made` of it; `Unreadable` where none can be made."""
    return unfolded(one(to_row), records)


def unfolded(to_rows: Callable[[Any], Iterable[Any]], records: Iterable[Any]) -> Iterator[Any]:
    """The rows of each record, `Made` of it, of which there are all or none: then `Unreadable`."""
    for record in records:
        try:
            rows = [_made(row, record) for row in to_rows(record)]
        except (TypeError, ValueError, AttributeError, LookupError, ArithmeticError) as error:
            yield Unreadable(record, f"not in the documented shape: {type(error).__name__}: {error}")
        else:
            yield from rows


def _made(row: Any, record: Any) -> Any:
    if isinstance(row, Mapping):
        return Made(row, record)
    if isinstance(row, AbsentRows | Unreadable):
        return replace(row, arrived=record)
    return row if row is record else Unreadable(row, f"an object is expected (got {row!r:.80})", record)


def entries(record: Any, *path: str) -> list[Any]:
    """The entries of the list at `path`; none where there is no list."""
    found = at(record, *path)
    return found if isinstance(found, list) else []


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
    """The top-level fields of `record` that are not known: they become columns, see `unknown_fields`."""
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
        self._offsets: dict[str | int | None, int] = {}  # by key; by itself where there is none
        weakref.finalize(self, self._file.close)

    def add(self, key: Any, record: Any) -> None:
        """Keep `record`. One without a key (null, blank, no text or number) is rejected later, but not lost here."""
        name, offset = _key(key), self._file.seek(0, 2)
        place = offset if name is None else name
        self._offsets.pop(place, None)  # so that the order is that of the last arrivals
        self._offsets[place] = offset
        self._file.write(as_json(record).encode() + b"\n")

    def keys(self) -> Iterator[str]:
        """The keys of the records that have one."""
        return (place for place in self._offsets if isinstance(place, str))

    def get(self, key: Any) -> Any:
        """The record of `key`; None where there is none."""
        name = _key(key)
        return self._read(self._offsets[name]) if name in self._offsets else None

    def __contains__(self, key: object) -> bool:
        return _key(key) in self._offsets

    def __len__(self) -> int:
        return len(self._offsets)

    def __iter__(self) -> Iterator[Any]:
        yield from map(self._read, [*self._offsets.values()])

    def _read(self, offset: int) -> Any:
        self._file.seek(offset)
        return parsed(self._file.readline())


def _key(value: Any) -> str | None:
    """What tells a record from others; None where it says nothing."""
    return str(value) if isinstance(value, str | int) and str(value).strip() else None
