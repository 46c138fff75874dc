"""Columns for what a vendor sends beyond the fields that its row model knows.

Belongs here: which of these fields gets a column of its own, and as what. Does not: the columns of row models.

Nobody knows what they will hold tomorrow, so that each is a text: of a list, an object, a number and a flag its JSON.
What can have no column is kept in `other_fields`, one JSON object: a field whose name is a known column's but for
capitals, does not begin with a letter or is too long, one of too many, and a value that is no text that a table takes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from dlt.common.normalizers.naming.snake_case import NamingConvention

from ingestion import limits, wire

OTHER_FIELDS = "other_fields"
_NAME = re.compile(r"[a-z][a-z0-9_]*")


class UnknownFields:
    """The columns of the unknown fields of one table, in one load.

    Args:
        known: names of the columns that the row model has.
    """

    def __init__(self, known: Iterable[str]) -> None:
        self._naming = NamingConvention()
        self._taken = {OTHER_FIELDS, *map(self._naming.normalize_identifier, known)}
        self._columns: dict[str, str | None] = {}
        self._own: set[str] = set()

    def columns(self, fields: Mapping[str, Any] | None) -> dict[str, str | None]:
        """Each column that the fields of a record fill, with its value.

        Raises:
            ValueError: a value is nested too deeply.
        """
        row: dict[str, str | None] = {}
        others: dict[str, Any] = {}
        # of two names for one column, the one that is written as the column has it
        for name in sorted(fields or (), key=lambda name: (self._column(name) != name, name)):
            value, column = (fields or {})[name], self._column(name)
            text = _text(value)
            if column is None or column in row or not (text is None or wire.is_text(text)):
                others[name] = value
            else:
                row[column] = text
        if others:
            row[OTHER_FIELDS] = json.dumps(others, sort_keys=True)
        return row

    def _column(self, name: str) -> str | None:
        if name not in self._columns:
            self._columns[name] = self._own_column(name)
        return self._columns[name]

    def _own_column(self, name: str) -> str | None:
        if len(name) > limits.COLUMN_NAME_LENGTH or not name.strip() or name.startswith("_"):
            return None
        column = self._naming.normalize_identifier(name)
        # a name without a Latin letter or digit is normalised to an x
        is_name = bool(_NAME.fullmatch(column)) and any(each.isascii() and each.isalnum() for each in name)
        is_room = column in self._own or len(self._own) < limits.UNKNOWN_COLUMNS
        if not (is_name and is_room) or column in self._taken:
            return None
        self._own.add(column)
        return column


def _text(value: Any) -> str | None:
    if isinstance(value, Mapping | list) or value == wire.TOO_DEEP:
        for _ in wire.leaves(value):
            pass
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)
