"""What the values of a table's columns look like: addresses, codes, numbers, dates, keys.

Belongs here: facts that DuckDB counts over values, whatever the column is called. Does not: what a column means
(`recognition.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations, product
from typing import Any

import duckdb

from ingestion.currencies import CURRENCIES
from ingestion.sources.files.inputs import column_names, literal, quoted
from ingestion.sources.files.vocabulary import COUNTRY_CODES, COUNTRY_NAMES, DIRECTIONS, plain
from ingestion.wire import batches

SAMPLE_ROWS = 200_000  # shapes of values are counted over at most about this many rows, keys over all
_FACTORS = 12  # numbers of a table that are set against each other, in at most this many rows:
_COMPARED = 500
_BOTH_WAYS = {"inbound", "outbound"}
_AT_ONCE = 8  # columns whose values are looked at in one query: as many samples of them have to fit into memory
LISTED_VALUES = 40  # columns with at most this many different values show them

_ZONE = r"(Z|UTC|GMT|[+-]\d{2}(:?\d{2})?|[A-Z][A-Za-z]+/[A-Za-z_/]+)"
_ISO_INSTANT = rf"\d{{4}}-\d{{2}}-\d{{2}}([ T]\d{{2}}:\d{{2}}(:\d{{2}}(\.\d+)?)?( ?{_ZONE})?)?"
_DATES = (
    "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d",
    "%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%d-%b-%Y",
)  # fmt: skip
_TIMES = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p", ", %H:%M", ", %H:%M:%S", "T%H:%M:%S")
_WRITTEN_DATE = (
    r"(\d{1,2}[./-]\d{1,2}[./-](\d{4}|\d{2})|\d{4}[./]\d{1,2}[./]\d{1,2}|(19|20)\d{6}"
    r"|\d{1,2}[ -][A-Za-z]{3,9}[ -]\d{4}|[A-Za-z]{3,9} \d{1,2},? \d{4})([T, ].*)?"
)
_POINT = r"[-+]?(\d+|\d{1,3}(,\d{3})+)(\.\d+)?"
_COMMA = r"[-+]?(\d+|\d{1,3}([.  ’'' ]\d{3})+)(,\d+)?"
_SIGN = rf"([€$£¥₹]|{'|'.join(sorted(CURRENCIES))})"
_MARKED = rf"{_SIGN} ?[-+]?\d[\d.,]*|[-+]?\d[\d.,]* ?{_SIGN}"


def _one_of(words: Iterable[str]) -> str:
    return "IN (" + ", ".join(literal(word) for word in sorted(words)) + ")"


# Share of the filled values for which each condition over the trimmed text `t` holds.
_SHAPES = {
    "email": r"regexp_full_match(t, '[^@\s<>,;]+@[^@\s<>,;]+\.[^@\s<>,;.]{2,}')",
    "phone": r"regexp_full_match(t, '(\+|00?)?[\d (][\d ().\/-]*\d') "
    r"and length(regexp_replace(t, '\D', '', 'g')) between 8 and 15 and regexp_matches(t, '^(\+|0)|[ ()]')"
    r" and not regexp_matches(t, '^\d{4}-\d{2}-\d{2}|^\d{1,2}[./]\d')",
    "parted": r"regexp_matches(t, '^\+|\d[ ().\/-]+\d')",
    "currency": f"upper(t) {_one_of(CURRENCIES)}",
    "country": f"upper(t) {_one_of(COUNTRY_CODES)} OR lower(strip_accents(t)) {_one_of(COUNTRY_NAMES)}",
    "castable": r"regexp_full_match(t, '[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?')",
    "whole": r"regexp_full_match(t, '[-+]?\d+([.,]0+)?')",
    "money": r"regexp_full_match(t, '[-+]?[\d.,'' ]*\d[.,]\d{2}')",
    "point": f"regexp_full_match(t, {literal(_POINT)})",
    "comma": f"regexp_full_match(t, {literal(_COMMA)})",
    "comma_fraction": r"regexp_matches(t, ',\d{1,2}$|,\d{4,}$')",
    "marked": f"regexp_full_match(t, {literal(_MARKED)})",
    "iso": f"regexp_full_match(t, {literal(_ISO_INSTANT)})",
    "zoned": rf"regexp_matches(t, '\d{{2}}:\d{{2}}.*{_ZONE}$')",
    "timed": r"regexp_matches(t, '\d{1,2}:\d{2}')",
    "dated": f"regexp_full_match(t, {literal(_WRITTEN_DATE)})",
    "flag": "lower(t) in ('true', 'false', 'yes', 'no', 't', 'f', 'y', 'n', 'ja', 'nein', 'oui', 'non', 'si', 'sí')",
    "spaced": "contains(t, ' ')",
    "wordy": r"regexp_matches(t, '\pL{2,}.* .*\pL{2,}|\pL{2,} .*\d')",
    "lettered": r"regexp_matches(t, '^\pL') and not regexp_matches(t, '\d')",
    "person": r"regexp_full_match(t, '\p{Lu}\p{Ll}+[ -]?(\p{Lu}\p{Ll}+|\p{Lu}\.)?,? \p{Lu}[''’\pL-]*\p{Ll}')",
    "domain": r"regexp_full_match(lower(t), '(https?://)?([\pL\d_-]+\.)+\pL{2,}/?([/?#]\S*)?')",
    "url": r"regexp_matches(lower(t), '^https?://|^www\.|/')",
    "placeholder": "lower(t) in ('unspecified', 'unknown', 'n/a', 'na', 'none', 'null', '-', 'not set', '(not set)')",
}


_DIGITS = r"regexp_replace(t, '[^0-9.,+-]', '', 'g')"
_IS_NUMBER = " OR ".join(f"({_SHAPES[shape]})" for shape in ("castable", "point", "comma", "marked"))
# The trimmed text `t` as a number, whichever mark it is written with.
_NUMBER = (
    f"CASE WHEN {_IS_NUMBER} THEN try_cast(CASE WHEN regexp_matches({_DIGITS}, ',\\d{{1,2}}$|,\\d{{4,}}$') "
    f"THEN replace(replace({_DIGITS}, '.', ''), ',', '.') ELSE replace({_DIGITS}, ',', '') END AS DOUBLE) END"
)


@dataclass(frozen=True)
class Profile:
    """The values of one column.

    Attributes:
        filled: rows with a value.
        shapes: of each shape, the share of the filled values that have it, 0 to 1.
        values: the different values in lower case where there are few.
        top: the most frequent values with their numbers of rows, the most frequent first.
        formats: how its dates are written, where they are not as ISO 8601 has them.
        is_ambiguous: day and month could change places in each of its dates.
        mean_epoch: the middle of its dates in seconds, which tells an earlier event from a later one.
        is_group: rows with the same value share their instant, as the lines of an order do.
        is_product: it is, row by row, a quantity times another number, as the total of a line is.
        is_of_outbound: it is filled, by and large, only where another column says that a message went out.
        has_other_addresses: rows with the same value have different e-mail addresses, as those of no person do.
    """

    table: str
    name: str
    position: int
    rows: int
    filled: int
    distinct: int
    length: float
    minimum: float | None
    maximum: float | None
    negative: int
    zero: int
    shapes: Mapping[str, float]
    placeholders: tuple[str, ...]
    values: frozenset[str]
    top: tuple[tuple[str, int], ...]
    formats: tuple[str, ...] = ()
    is_ambiguous: bool = False
    mean_epoch: float | None = None
    is_group: bool = False
    is_product: bool = False
    has_other_addresses: bool = False
    is_of_outbound: bool = False

    @property
    def words(self) -> str:
        """The name in lower case words without accents."""
        return plain(self.name)

    @property
    def is_unique(self) -> bool:
        return self.rows > 0 and self.distinct == self.filled == self.rows

    @property
    def is_number(self) -> bool:
        return max(self.shapes[shape] for shape in ("castable", "point", "comma", "marked")) >= 0.95

    @property
    def is_whole(self) -> bool:
        return self.shapes["whole"] >= 0.95

    @property
    def is_money(self) -> bool:
        return self.shapes["money"] >= 0.95

    @property
    def is_instant(self) -> bool:
        return self.shapes["iso"] >= 0.9 or bool(self.formats)

    @property
    def has_decimal_comma(self) -> bool:
        return self.shapes["comma"] >= 0.95 and self.shapes["comma_fraction"] > 0 and self.shapes["castable"] < 1


def profile(connection: duckdb.DuckDBPyConnection, table: str) -> list[Profile]:
    """A profile of each column of a table, in the order of the table."""
    names = column_names(connection, table)
    (rows,) = connection.execute(f"SELECT count(*) FROM {quoted(table)}").fetchone() or (0,)
    columns = ", ".join(f"nullif(trim({quoted(name)}::VARCHAR), '') AS {quoted(name)}" for name in names)
    # By a hash of the row's content, so that rows in another order are the same sample.
    every = max(1, rows // SAMPLE_ROWS)
    content = ", ".join(quoted(name) for name in names)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE _sample AS SELECT {columns} FROM {quoted(table)} "
        f"WHERE hash({content}) % {every} = 0"
    )
    shapes = _shapes(connection, names)
    found = [_profile(connection, table, name, position, int(rows), shapes) for position, name in enumerate(names)]
    result = [_with_mean(connection, column) for column in _with_shared_order(found)]
    products = _products(connection, result)
    outbound = _only_outbound(connection, result)
    connection.execute("DROP TABLE _sample")
    instants = [column for column in result if column.is_instant]
    addresses = [column for column in result if column.shapes["email"] >= 0.7]
    clock = max(instants, key=lambda column: (column.filled, column.distinct, column.name), default=None)
    address = max(addresses, key=lambda column: (column.filled, column.distinct, column.name), default=None)
    return [
        replace(
            column,
            is_group=clock is not None and _agrees(connection, column, clock) is True,
            is_product=column.name in products,
            is_of_outbound=column.name in outbound,
            has_other_addresses=address is not None and _agrees(connection, column, address) is False,
        )
        for column in result
    ]


def _shapes(connection: duckdb.DuckDBPyConnection, names: Sequence[str]) -> dict[str, Sequence[Any]]:
    """By column of the sample that has values, what these look like: in the order in which `_profile` takes it apart.

    Several columns in one query: nearly all of its time goes into making the patterns ready.
    """
    shares = ", ".join(f"coalesce(sum(n) FILTER ({condition}) / sum(n), 0)::DOUBLE" for condition in _SHAPES.values())
    found: dict[str, Sequence[Any]] = {}
    for some in batches(names, _AT_ONCE):
        columns = ", ".join(quoted(name) for name in some)
        rows = connection.execute(
            f"""
            SELECT name, avg(length(t)), min(number), max(number),
                coalesce(sum(n) FILTER (number < 0), 0), coalesce(sum(n) FILTER (number = 0), 0),
                max(struct_pack(n := n, t := t), 5),
                coalesce(list(DISTINCT t ORDER BY t) FILTER ({_SHAPES["placeholder"]}), []),
                {shares}
            FROM (
                SELECT name, t, n, {_NUMBER} AS number
                FROM (
                    SELECT name, t, count(*) AS n
                    FROM (UNPIVOT (SELECT {columns} FROM _sample) ON COLUMNS(*) INTO NAME name VALUE t)
                    GROUP BY name, t
                )
            )
            GROUP BY name
            """
        ).fetchall()
        found.update((name, values) for name, *values in rows)
    return found


def _profile(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    name: str,
    position: int,
    rows: int,
    shapes_by_column: Mapping[str, Sequence[Any]],
) -> Profile:
    nothing: Sequence[Any] = (0, None, None, 0, 0, [], [], *(0.0 for _ in _SHAPES))
    length, minimum, maximum, negative, zero, top, placeholders, *shapes = shapes_by_column.get(name, nothing)
    filled, distinct = connection.execute(
        f"SELECT count(v), count(DISTINCT v) FROM (SELECT nullif(trim({quoted(name)}::VARCHAR), '') AS v "
        f"FROM {quoted(table)})"
    ).fetchone() or (0, 0)
    values: frozenset[str] = frozenset()
    if distinct <= LISTED_VALUES:
        listed = connection.execute(f"SELECT DISTINCT lower({quoted(name)}) FROM _sample").fetchall()
        values = frozenset(value for (value,) in listed if value is not None)
    by_shape = dict(zip(_SHAPES, shapes, strict=True))
    formats: tuple[str, ...] = ()
    is_ambiguous = False
    if by_shape["dated"] >= 0.9 and by_shape["iso"] < 0.9:
        formats, is_ambiguous = _formats(connection, name)
    return Profile(
        table=table,
        name=name,
        position=position,
        rows=rows,
        filled=int(filled),
        distinct=int(distinct),
        length=float(length),
        minimum=minimum,
        maximum=maximum,
        negative=int(negative),
        zero=int(zero),
        shapes=by_shape,
        placeholders=tuple(placeholders),
        values=values,
        top=tuple((entry["t"], int(entry["n"])) for entry in top),
        formats=formats,
        is_ambiguous=is_ambiguous,
    )


def instant_sql(column: Profile) -> str:
    """SQL of a column's dates as instants, null where a value is not a date."""
    text = quoted(column.name)
    if not column.formats:
        return f"try_cast({text} AS TIMESTAMPTZ)"
    return f"try_strptime({text}, [{', '.join(map(literal, column.formats))}])"


def _with_mean(connection: duckdb.DuckDBPyConnection, column: Profile) -> Profile:
    if not column.is_instant:
        return column
    query = f"SELECT avg(epoch({instant_sql(column)})) FROM _sample"
    (mean,) = connection.execute(query).fetchone() or (None,)
    return replace(column, mean_epoch=mean)


def _products(connection: duckdb.DuckDBPyConnection, columns: list[Profile]) -> set[str]:
    """The columns that are, row by row, a whole number times another column."""
    numbers = [column for column in columns if column.is_number and not column.is_instant and column.distinct > 1]
    pieces = [column for column in numbers if column.is_whole and (column.maximum or 0) > 1]
    if not pieces or len(numbers) < 3:
        return set()
    names = [quoted(column.name) for column in numbers[:_FACTORS]]
    read = ", ".join(f"(SELECT {_NUMBER} FROM (SELECT _sample.{name} AS t))" for name in names)
    rows = connection.execute(f"SELECT {read} FROM _sample ORDER BY ALL LIMIT {_COMPARED}").fetchall()
    values = dict(zip([column.name for column in numbers], zip(*rows, strict=True), strict=False))
    return {
        total
        for piece in pieces
        for other, total in permutations(values, 2)
        if piece.name in values
        and piece.name not in (other, total)
        and _is_product(values[piece.name], values[other], values[total])
    }


def _is_product(pieces: Sequence[float | None], others: Sequence[float | None], totals: Sequence[float | None]) -> bool:
    """Whether nearly all totals are the product, those left out that any single piece or nothing gives."""
    told = wrong = 0
    for piece, other, total in zip(pieces, others, totals, strict=True):
        if piece is None or other is None or not total or piece == 1:
            continue
        told += 1
        wrong += abs(piece * other - total) > 0.01
        if wrong > 0.02 * len(totals):
            return False
    return told > 0


def _only_outbound(connection: duckdb.DuckDBPyConnection, columns: list[Profile]) -> set[str]:
    """The columns that are filled on messages that went out, and hardly on those that came in."""
    ways = [column for column in columns if {DIRECTIONS.get(plain(value)) for value in column.values} == _BOTH_WAYS]
    others = [column for column in columns if ways and column.filled and column.name != ways[0].name]
    if not others:
        return set()
    counts = ", ".join(f"count({quoted(column.name)})" for column in others)
    inward = _one_of(value for value in ways[0].values if DIRECTIONS[plain(value)] == "inbound")
    query = f"SELECT {counts} FROM _sample WHERE lower({quoted(ways[0].name)}) {inward}"
    found = connection.execute(query).fetchone() or ()
    return {column.name for column, count in zip(others, found, strict=True) if count <= 0.02 * column.filled}


def _agrees(connection: duckdb.DuckDBPyConnection, column: Profile, other: Profile) -> bool | None:
    """Whether rows with the same value have one value in the other column, too; None where no rows have the same."""
    if column.is_unique or column.filled == 0 or column.is_instant or column.distinct < 2 or column.name == other.name:
        return None
    query = f"""
        SELECT count(*), count(*) FILTER (others <= 1)
        FROM (
            SELECT count(DISTINCT {quoted(other.name)}) AS others FROM {quoted(column.table)}
            WHERE {quoted(column.name)} IS NOT NULL GROUP BY {quoted(column.name)} HAVING count(*) > 1
        )
    """
    groups, agreeing = connection.execute(query).fetchone() or (0, 0)
    return bool(agreeing >= 0.95 * groups) if groups else None


def _formats(connection: duckdb.DuckDBPyConnection, name: str) -> tuple[tuple[str, ...], bool]:
    """The formats that read the dates of a column, and whether another order of day and month would too."""
    pairs = list(product(_DATES, _TIMES))
    counts = ", ".join(
        f"count(*) FILTER (year(try_strptime(t, {literal(date + time)})) BETWEEN 1970 AND 2199)" for date, time in pairs
    )
    found = connection.execute(
        f"SELECT count(*), {counts} FROM (SELECT DISTINCT {quoted(name)} AS t FROM _sample) WHERE t IS NOT NULL"
    ).fetchone()
    assert found is not None  # an aggregate without groups has one row
    total, *counted = found
    by_date: dict[str, dict[str, int]] = {}
    for (date, time), count in zip(pairs, counted, strict=True):
        if count:
            by_date.setdefault(date, {})[date + time] = count
    covering = {date: formats for date, formats in by_date.items() if sum(formats.values()) >= 0.98 * total}
    if not covering:
        return (), False
    best = max(covering, key=lambda date: (sum(covering[date].values()), -_DATES.index(date)))
    rival = covering.get(_swapped(best), {})
    is_ambiguous = _swapped(best) != best and sum(rival.values()) == sum(covering[best].values())
    return tuple(covering[best]), is_ambiguous


def _with_shared_order(profiles: list[Profile]) -> list[Profile]:
    """Where one column of a file shows whether day or month comes first, its other columns follow."""
    settled = {format[:5] for column in profiles if not column.is_ambiguous for format in column.formats}
    if len(settled) != 1:
        return profiles
    (order,) = settled
    result = []
    for column in profiles:
        if column.is_ambiguous and _swapped(column.formats[0])[:5] == order:
            formats = tuple(_swapped(format) for format in column.formats)
            column = replace(column, formats=formats, is_ambiguous=False)
        elif column.is_ambiguous and column.formats[0][:5] == order:
            column = replace(column, is_ambiguous=False)
        result.append(column)
    return result


def _swapped(date_format: str) -> str:
    return date_format.translate(str.maketrans("dm", "md"))
