"""How a CSV file is written: encoding, delimiter, quote, lines above the header, names of the columns.

Belongs here: what the text of a file shows before it is a table. Does not: reading the rows (`inputs.py`), what the
columns mean (`recognition.py`).
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HEAD_LINES = 500  # what the delimiter and the header are judged by
_CHUNK = 1 << 20
_DELIMITERS = (",", ";", "\t", "|")
# A value that no header would be: a number, a date, an address.
_VALUE = re.compile(r"[-+]?[\d.,/:\s-]*\d[\d.,/:\s-]*(?:[TZ][\dZ:.+-]*)?|\S+@\S+\.\S+|true|false", re.IGNORECASE)


@dataclass(frozen=True)
class Dialect:
    """What differs from a comma-separated UTF-8 file with a header line.

    Attributes:
        skip: lines before the header, or before the rows where `header` names the columns.
        header: the names of the columns where the file has no line that names each of them once.
    """

    encoding: str = "utf-8"
    delimiter: str = ","
    quote: str = '"'
    skip: int = 0
    header: tuple[str, ...] = ()

    def options(self) -> dict[str, Any]:
        """The keys that a mapping has to state."""
        stated = {
            "encoding": self.encoding,
            "delimiter": self.delimiter,
            "quote": self.quote,
            "skip": self.skip,
            "header": self.header,
        }
        return {key: value for key, value in stated.items() if value != getattr(Dialect, key)}


def read_dialect(file: Path) -> Dialect:
    """The dialect of a CSV file, also of a compressed one.

    Raises:
        ValueError: the file is empty, or holds no text.
    """
    encoding = _encoding(file)
    lines = _head(file, encoding)
    if not any(line.strip() for line in lines):
        raise ValueError("it is empty")
    if "\x00" in "".join(lines):
        raise ValueError("it holds no text")
    stated = re.fullmatch(r"sep=(.)\s*", lines[0])
    if stated:
        # the loader leaves this line out by itself
        del lines[0]
    delimiter, quote = _separators(lines, stated.group(1) if stated else None)
    records = _records(lines, delimiter, quote)
    width = _width(records)
    skip, first = next((number, record) for number, record in records if len(record) == width)
    below = [record for number, record in records if number > skip and len(record) == width]
    names = [name.strip() for name in first]
    if not _is_header(names, below):
        numbered = tuple(f"column_{number}" for number in range(1, width + 1))
        return Dialect(encoding, delimiter, quote, skip, numbered)
    if names and names[-1] == "" and all(not record[-1].strip() for record in below):
        names.pop()  # each line ends with the delimiter: the loader leaves that column out
    unique = _unique(names)
    if unique == names:
        return Dialect(encoding, delimiter, quote, skip)
    unique += [f"column_{number}" for number in range(len(unique) + 1, width + 1)]
    return Dialect(encoding, delimiter, quote, skip + 1, tuple(unique))


def _binary(file: Path) -> gzip.GzipFile | io.BufferedReader:
    return gzip.GzipFile(file, "rb") if file.suffix == ".gz" else file.open("rb")


def _encoding(file: Path) -> str:
    """UTF-16 by its first bytes, UTF-8 where the whole file is, else what Excel on Windows writes."""
    with _binary(file) as binary:
        chunk = binary.read(_CHUNK)
        if chunk.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        utf8 = codecs.getincrementaldecoder("utf-8")()
        is_utf8 = is_windows = True
        while chunk:
            if is_utf8:
                try:
                    utf8.decode(chunk)
                except UnicodeDecodeError:
                    is_utf8 = False
            is_windows = is_windows and not any(byte in chunk for byte in b"\x81\x8d\x8f\x90\x9d")
            chunk = binary.read(_CHUNK)
    if is_utf8:
        return "utf-8"
    return "windows-1252" if is_windows else "latin-1"


def _head(file: Path, encoding: str) -> list[str]:
    with _binary(file) as binary:
        text = io.TextIOWrapper(
            binary, encoding="utf-8-sig" if encoding == "utf-8" else encoding, errors="replace", newline=None
        )
        return [line for line, _ in zip(text, range(HEAD_LINES), strict=False)]


def _records(lines: list[str], delimiter: str, quote: str) -> list[tuple[int, list[str]]]:
    """Records of the head, each with the number of lines before it."""
    reader = csv.reader(lines, delimiter=delimiter, quotechar=quote)
    records = []
    before = 0
    for record in reader:
        records.append((before, record))
        before = reader.line_num
    return records


def _width(records: list[tuple[int, list[str]]]) -> int:
    """The number of values that most records have; of two, the larger: text above a table is one value a line."""
    widths = Counter(len(record) for _, record in records if record)
    return max(widths, key=lambda width: (widths[width], width))


def _separators(lines: list[str], stated: str | None) -> tuple[str, str]:
    """The delimiter and the quote with which most lines have the same number of values, the more the better.

    Of two that part the lines into as many, the one that leaves more numbers and dates: commas stand in texts, too.
    """

    def judgement(delimiter: str, quote: str) -> tuple[float, int, int]:
        records = [(before, record) for before, record in _records(lines, delimiter, quote) if record]
        width = _width(records)
        of_it = sum(len(record) == width for _, record in records)
        told = sum(bool(_VALUE.fullmatch(value)) for _, record in records for value in record)
        return (of_it / len(records) if width > 1 else 0.0, width, told)

    delimiters = (stated,) if stated else _DELIMITERS
    candidates = [(delimiter, '"') for delimiter in delimiters]
    text = "".join(lines)
    # Single quotes are quotes only where values begin and end with them.
    candidates += [(mark, "'") for mark in delimiters if f"{mark}'" in text and f"'{mark}" in text and '"' not in text]
    return max(candidates, key=lambda candidate: judgement(*candidate))


def _is_header(names: list[str], below: list[list[str]]) -> bool:
    """Whether the first line names columns.

    It does not where a cell is a number, a date or an address. It does where such values stand below it. In a file of
    words alone, a cell that stands below itself again is a value.
    """
    filled = [name for name in names if name]
    if not filled or any(_VALUE.fullmatch(name) for name in filled):
        return False
    columns = [[value.strip() for value in column if value.strip()] for column in zip(*below, strict=False)]
    if any(column and all(_VALUE.fullmatch(value) for value in column) for column in columns):
        return True
    return not any(name and name in column for name, column in zip(names, columns, strict=False))


def _unique(names: list[str]) -> list[str]:
    """The names, with a number after those that stand twice or are empty."""
    seen: set[str] = set()
    result = []
    for position, name in enumerate(names, start=1):
        candidate = base = name or f"column_{position}"
        number = 1
        while candidate.lower() in seen:
            number += 1
            candidate = f"{base}_{number}"
        seen.add(candidate.lower())
        result.append(candidate)
    return result
