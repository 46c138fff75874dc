"""Reading the documented payloads of `tests/wire`: what a connector looks at in a record, and what it leaves out.

Belongs here: the recording of paths, and the comparison of a payload with the rows made of it. Does not: a vendor.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

WIRE = Path(__file__).resolve().parents[1] / "wire"


def payload(vendor: str, name: str) -> dict[str, Any]:
    """A documented payload, as the vendor would send it."""
    body = json.loads((WIRE / vendor / f"{name}.json").read_text())
    return {key: value for key, value in body.items() if not key.startswith("_")}


def left_out(vendor: str, name: str) -> dict[str, str]:
    """What the payload says that no row holds: path to reason."""
    found: dict[str, str] = json.loads((WIRE / vendor / f"{name}.json").read_text()).get("_left_out", {})
    return found


class Recorded(dict[str, Any]):
    """A record that notes the path of each field that is asked for."""

    def __init__(self, fields: Mapping[str, Any], asked: set[str], path: str = "") -> None:
        super().__init__(fields)
        self._asked, self._path = asked, path

    def get(self, key: str, default: Any = None) -> Any:
        self._asked.add(self._path + key)
        return self._wrapped(super().get(key, default), self._path + key)

    def items(self) -> Any:
        """Of a mapping without fixed names, every value is asked for under the name `*`."""
        return [(key, self._wrapped(value, f"{self._path}*")) for key, value in super().items()]

    def _wrapped(self, value: Any, path: str) -> Any:
        if isinstance(value, Mapping):
            return Recorded(value, self._asked, f"{path}.")
        if isinstance(value, list):
            return [self._wrapped(each, path) for each in value]
        return value


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, each in value.items():
            name = "*" if path.endswith("propertiesWithHistory") else key
            yield from _leaves(each, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and value:
        for each in value:
            yield from _leaves(each, f"{path}[]")
    elif value not in (None, [], {}):
        yield path, value


def untold(body: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> set[str]:
    """Paths of the payload whose value stands in no row, neither by itself nor in a list that is kept as one text."""
    values = [leaf for row in rows for _, leaf in _leaves(dict(row))]
    told = {str(value) for value in values} | {part for value in values for part in re.split("[;:]", str(value))}
    return {path for path, value in _leaves(body) if str(value) not in told}
