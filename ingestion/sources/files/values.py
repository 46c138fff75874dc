"""How a value that a mapping gives becomes the canonical type: SQL for instants, dates, numbers, truth and text.

Belongs here: reading one value. Does not: what values a row may hold (`models.py`), the query around them
(`evaluation.py`).

How a value is read never depends on another row. DuckDB's own cast of a text to TIMESTAMPTZ does depend on them: it
keeps the zone that an earlier row named. So a text is taken apart here (day, time, offset or name of a zone) and each
part is converted by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb

from ingestion.sources.files.canonical import Column
from ingestion.sources.files.inputs import ROW, literal, quoted

ZONES = "_zones"  # table: a zone as a text may name it, in lower case, and the zone that DuckDB knows

# Abbreviations that mean one offset everywhere, as whole hours from UTC. Others (CST, IST, BST) mean several.
_ABBREVIATIONS = {
    **dict.fromkeys(("z", "utc", "gmt", "ut", "wet"), 0),
    **{"west": 1, "cet": 1, "cest": 2, "eet": 2, "eest": 3, "msk": 3},
    **{"est": -5, "edt": -4, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7, "akst": -9, "akdt": -8, "hst": -10},
    **{"jst": 9, "kst": 9, "awst": 8, "aest": 10, "aedt": 11, "nzst": 12, "nzdt": 13},
}
_PARTS = ("local", "day", "sign", "hours", "minutes", "seconds", "zone")
# An offset decides; what stands behind it (`+01:00[Europe/Paris]`, `+0000 UTC`) only repeats it.
_INSTANT = (
    r"^((\d{4}[-/]\d{1,2}[-/]\d{1,2})(?:(?:T|\s+)\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?)?)"
    r"\s*(?:(?:UTC|GMT)?([+-])(0?\d|1\d)(?::?([0-5]\d)(?::?([0-5]\d))?)?(?:\[[^\]]*\]|\s+[A-Z]{1,5})?"
    r"|([A-Za-z].*))?$"
)
_GROUPING = {",": (".", " ", "'", "’", "\u00a0", "\u202f"), ".": (",", " ", "'", "’", "\u00a0", "\u202f")}
_LOCAL_TYPES = ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "DATE")
_INSTANT_TYPE = "TIMESTAMP WITH TIME ZONE"


@dataclass(frozen=True)
class Reading:
    """What the mapping says about texts.

    Attributes:
        timezone: the zone of times written without one.
        decimal: the decimal mark; None: a point, without separators of thousands.
        date_formats: how dates and times are written; empty: year, month, day.
    """

    timezone: str
    decimal: str | None
    date_formats: tuple[str, ...]


@dataclass(frozen=True)
class _Value:
    """SQL of one value in three steps.

    Attributes:
        typed: the value in its canonical type, null where it is empty or does not fit.
        parts: what a text is made of, for `times`; `times`: its local time and its zone, for `typed`. Empty where
            `typed` needs none.
        unknown_zone: condition: the text does not fit because of the zone that it names.
    """

    typed: str
    parts: str = ""
    times: str = ""
    unknown_zone: str = "false"


def create_zones(connection: duckdb.DuckDBPyConnection) -> None:
    """The table of the zones that a text may name: Region/City as DuckDB knows them, and the abbreviations above."""
    abbreviations = ", ".join(
        f"({literal(name)}, {literal(_fixed_zone(hours))})" for name, hours in _ABBREVIATIONS.items()
    )
    connection.execute(
        f"""
        CREATE TEMP TABLE {ZONES} AS
        SELECT lower(name) AS name, name AS zone FROM pg_timezone_names()
        WHERE name LIKE '%/%' AND name NOT LIKE 'SystemV/%'
        UNION ALL
        SELECT name, zone FROM (VALUES {abbreviations}) AS abbreviations (name, zone)
        """
    )


def _fixed_zone(hours: int) -> str:
    return f"Etc/GMT{-hours:+d}" if hours else "Etc/UTC"  # Etc counts west of Greenwich as positive


def typed_rows(candidates: str, canonical: tuple[Column, ...], types: Mapping[str, str], reading: Reading) -> str:
    """SQL of the rows of the table `candidates` (`_row`, `value_<n>`) with each value as the nth canonical column.

    Added are a column of each canonical name, null where the value is empty or does not fit, and `unknown_zone_<n>`:
    it does not fit because of the zone that it names. `types` says how DuckDB holds the value of a column; a column
    that it leaves out is null.
    """
    found = [
        _value(column, number, types[column.name], reading)
        if column.name in types
        else _Value(f"NULL::{column.sql_type}")
        for number, column in enumerate(canonical)
    ]
    typed = ", ".join(
        f"{value.typed} AS {quoted(column.name)}, {value.unknown_zone} AS unknown_zone_{number}"
        for number, (column, value) in enumerate(zip(canonical, found, strict=True))
    )
    steps = candidates
    for columns in ([value.parts for value in found], [value.times for value in found]):
        steps = f"(SELECT *{''.join(f', {column}' for column in columns if column)} FROM {steps})"
    values = ", ".join(f"value_{number}" for number in range(len(canonical)))
    return f"SELECT {ROW}, {values}, {typed} FROM {steps}"


def helpful_key(column: Column, text: str, reading: Reading) -> str:
    """SQL of what to add to "… is not a number" where the text looks like one that another key would read."""
    if column.sql_type in ("DECIMAL(38, 9)", "BIGINT") and reading.decimal is None:
        key, looks = "decimal", "[+-]?[0-9][0-9.]*[, '\u00a0\u202f][0-9., '\u00a0\u202f]*"
    elif column.sql_type in ("TIMESTAMPTZ", "DATE") and not reading.date_formats:
        key, looks = "date_format", "[0-9]{1,2}[-/. ]([0-9]{1,2}|[A-Za-z]+)[-/. ][0-9]{2,4}.*"
    else:
        return "''"
    words = literal(f" as it is written; the key {key} of the input says how to read it")
    return f"CASE WHEN regexp_full_match({text}, {literal(looks)}) THEN {words} ELSE '' END"


def _value(column: Column, number: int, duckdb_type: str, reading: Reading) -> _Value:
    name = f"value_{number}"
    text = _text(name)
    is_text = duckdb_type in ("VARCHAR", "JSON", "UUID") or duckdb_type.startswith("ENUM")
    if column.sql_type in ("TIMESTAMPTZ", "DATE"):
        as_date = column.sql_type == "DATE"
        if is_text and reading.date_formats:
            return _Value(_formatted(text, as_date, reading))
        if is_text:
            return _instant(number, text, as_date, reading.timezone)
        return _Value(_timed(name, duckdb_type, as_date, reading.timezone))
    if column.sql_type == "VARCHAR":
        return _Value(text)
    if is_text and column.sql_type in ("DECIMAL(38, 9)", "BIGINT"):
        name = _number_text(text, reading.decimal)
    elif is_text:
        name = text
    cast = f"TRY_CAST({name} AS {column.sql_type})"
    if column.sql_type == "BIGINT":  # a cast alone rounds 3.7 to 4
        cast = f"CASE WHEN TRY_CAST({name} AS DECIMAL(38, 9)) % 1 = 0 THEN {cast} END"
    return _Value(cast)


def _text(name: str) -> str:
    return f"nullif(trim({name}::VARCHAR), '')"


def _instant(number: int, text: str, as_date: bool, timezone: str) -> _Value:
    parts, local, zone = f"parts_{number}", f"local_{number}", f"zone_{number}"
    names = ", ".join(map(literal, _PARTS))
    known = f"({parts}.zone = '' OR {zone} IS NOT NULL)"
    if as_date:  # the day as it is written, wherever that is
        typed = f"CASE WHEN {known} AND {local} IS NOT NULL THEN TRY_CAST({parts}.day AS DATE) END"
    else:
        offset = " + ".join(
            f"coalesce(TRY_CAST({parts}.{part} AS BIGINT), 0) * {seconds}"
            for part, seconds in (("hours", 3600), ("minutes", 60), ("seconds", 1))
        )
        shifted = f"{local} - to_seconds(CASE {parts}.sign WHEN '-' THEN -1 ELSE 1 END * ({offset}))"
        typed = f"""
            CASE
                WHEN {parts}.sign <> '' THEN timezone('UTC', {shifted})
                WHEN {parts}.zone = '' THEN {_in_zone(local, literal(timezone))}
                WHEN {zone} IS NOT NULL THEN {_in_zone(local, zone)}
            END
        """
    return _Value(
        typed,
        parts=f"regexp_extract({text}, {literal(_INSTANT)}, [{names}]) AS {parts}",
        times=f"TRY_CAST(replace({parts}.local, ',', '.') AS TIMESTAMP) AS {local}, "
        f"(SELECT {ZONES}.zone FROM {ZONES} WHERE {ZONES}.name = lower({parts}.zone)) AS {zone}",
        unknown_zone=f"NOT {known} AND {local} IS NOT NULL",
    )


def _in_zone(local: str, zone: str) -> str:
    """SQL of the instant at which clocks in `zone` show `local`.

    Of the hour that comes twice it is the first pass, and an hour that never is lies as much later as the clocks were
    put forward: both are what the offset of the day before says. DuckDB alone takes the second pass.
    """
    plain = f"timezone({zone}, {local})"
    if zone == "'UTC'":
        return plain
    day_before = f"({local} - INTERVAL 1 DAY)"
    offset_before = f"({day_before} - timezone('UTC', timezone({zone}, {day_before})))"
    first = f"timezone('UTC', {local} - {offset_before})"
    return f"""
        CASE
            WHEN epoch_us({plain}) - epoch_us(timezone({zone}, {day_before})) = 86400000000 THEN {plain}
            WHEN timezone({zone}, {first}) = {local} THEN {first}
            ELSE {plain}
        END
    """


def _timed(name: str, duckdb_type: str, as_date: bool, timezone: str) -> str:
    """SQL of a value that is not text. 'infinity' is an instant to DuckDB, and no zone holds the year 200,000."""
    zone = literal(timezone)
    if duckdb_type == _INSTANT_TYPE:
        typed = f"timezone({zone}, {name})::DATE" if as_date else name
    elif duckdb_type in _LOCAL_TYPES:
        typed = f"{name}::DATE" if as_date else _in_zone(f"{name}::TIMESTAMP", zone)
    else:
        return f"TRY_CAST({name} AS {'DATE' if as_date else 'TIMESTAMPTZ'})"
    return f"CASE WHEN year({name}) BETWEEN 1 AND 9999 THEN {typed} END"


def _formatted(text: str, as_date: bool, reading: Reading) -> str:
    digits = f"CASE WHEN regexp_matches({text}, '[0-9]') THEN {text} END"  # strptime reads 'epoch' and 'infinity'
    read = []
    for pattern in reading.date_formats:
        parsed = f"try_strptime({digits}, {literal(pattern)})"
        duckdb_type = _INSTANT_TYPE if "%z" in pattern.replace("%%", "") else "TIMESTAMP"
        read.append(_timed(parsed, duckdb_type, as_date, reading.timezone))
    return f"coalesce({', '.join(read)})"


def _number_text(text: str, decimal: str | None) -> str:
    """SQL of a number's text as DuckDB reads it, null where the text is not a number by the mapping's decimal mark."""
    if decimal is None:
        return text
    separators = [rf"\x{{{ord(mark):x}}}" for mark in _GROUPING[decimal]]
    grouped = "|".join(rf"\d{{1,3}}(?:{mark}\d{{3}})+" for mark in separators)
    mark = rf"\x{{{ord(decimal):x}}}"
    shape = literal(rf"[+-]?(?:{grouped}|\d*)(?:{mark}\d*)?(?:[eE][+-]?\d+)?")
    plain = f"regexp_replace({text}, {literal('[' + ''.join(separators) + ']')}, '', 'g')"
    return f"CASE WHEN regexp_full_match({text}, {shape}) THEN replace({plain}, {literal(decimal)}, '.') END"
