"""A canonical entity as DuckDB sees it: the SQL type, the obligation and the rule of each of its columns.

Belongs here: the translation from row model to SQL types. Does not: the entities themselves (`models.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, get_args

from ingestion.limits import FIRST_DAY, LAST_DAY
from ingestion.sources.files.models import TABLES, Entity, Rule
from ingestion.tables import RawTable

# DECIMAL(38, 9) is what dlt makes of a Decimal in DuckDB: the tables look the same whichever way they were created.
SQL_TYPES: dict[type, tuple[str, str]] = {
    str: ("VARCHAR", "text"),
    datetime: ("TIMESTAMPTZ", "a date and time"),
    date: ("DATE", "a date"),
    Decimal: ("DECIMAL(38, 9)", "a number"),
    int: ("BIGINT", "a whole number"),
    bool: ("BOOLEAN", "true or false"),
}
_DAYS = f"between {FIRST_DAY} and {LAST_DAY}"
# what values of a type have to be in any column
_TYPE_RULES: dict[type, tuple[Rule, ...]] = {
    date: (Rule(f"{{}} BETWEEN DATE '{FIRST_DAY}' AND DATE '{LAST_DAY}'", _DAYS),),
    datetime: (
        Rule(
            f"{{}} >= TIMESTAMPTZ '{FIRST_DAY} 00:00:00+00' AND "
            f"{{}} < TIMESTAMPTZ '{LAST_DAY + timedelta(days=1)} 00:00:00+00'",
            _DAYS,
        ),
    ),
}


@dataclass(frozen=True)
class Column:
    """A column that a mapping can fill.

    Attributes:
        name: as in the raw table.
        sql_type: DuckDB type.
        type_in_words: what a value that cannot be cast "is not".
        required: a row without it is rejected.
        rules: what its values have to be.
    """

    name: str
    sql_type: str
    type_in_words: str
    required: bool
    rules: tuple[Rule, ...]


def _parts(annotation: Any) -> Iterator[Any]:
    """The types and markers in a possibly optional, possibly annotated type."""
    yield annotation
    for part in (*get_args(annotation), *getattr(annotation, "__metadata__", ())):
        yield from _parts(part)


def columns(row: type[Entity]) -> tuple[Column, ...]:
    """Columns of an entity that a mapping can fill, in the order of the row model."""
    result = []
    for name, field in row.model_fields.items():
        if name in Entity.model_fields:
            continue
        parts = [*_parts(field.annotation), *field.metadata]
        python_type = next(part for part in parts if part in SQL_TYPES)
        stated = tuple(dict.fromkeys(part for part in parts if isinstance(part, Rule)))
        rules = (*_TYPE_RULES.get(python_type, ()), *stated)
        result.append(Column(name, *SQL_TYPES[python_type], required=field.is_required(), rules=rules))
    return tuple(result)


def entity_row(table: RawTable) -> type[Entity]:
    """The row model of one of this source's tables."""
    if not issubclass(table.row, Entity):
        raise TypeError(f"{table.name} is no table of the files source")
    return table.row


ENTITIES: dict[str, type[Entity]] = {table.name: entity_row(table) for table in TABLES}
HAPPENED_AT: dict[str, str | None] = {table.name: table.happened_at for table in TABLES}
