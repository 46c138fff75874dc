"""No figure of the report is about fewer than five people.

Groups that are smaller are put together, and where nothing is left to put them to, the row loses its figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from reports.figures import ADDED_UP, MEASURES, Column, Figure, Row

AT_LEAST = 5
SMALLER_GROUPS = "smaller_groups"
# What a row says of itself, beside its columns: that it lost its figures, and which column's groups it puts together.
WITHHELD, MERGED = "_withheld", "_merged"


def is_small(count: object) -> bool:
    """Whether so many people are some, and too few to be shown."""
    return isinstance(count, int | float | Decimal) and 0 < count < AT_LEAST


def without_small_groups(figure: Figure, rows: Sequence[Row], key: str = "") -> list[Row]:
    """The rows of a figure, none of which is about one to four people.

    Args:
        figure: says which column counts the people, and which may be merged.
        rows: of its query.
        key: the column by which the figure is repeated.
    """
    if not figure.people:
        return [*rows]
    if figure.merged:
        rows = _merged(figure, rows, key)
    measures = [column.name for column in figure.columns if column.kind in MEASURES and column.of_people]
    return [{**row, **dict.fromkeys(measures), WITHHELD: True} if is_small(row[figure.people]) else row for row in rows]


def _merged(figure: Figure, rows: Sequence[Row], key: str) -> list[Row]:
    """Small groups become one row, with the next larger one where they are still too few together."""
    label = next(column for column in figure.columns if column.name == figure.merged)
    apart = [name for name in (key, *(figure.chart.within if figure.chart else ())) if name and name != figure.merged]
    within: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        within.setdefault(tuple(row[name] for name in apart), []).append(row)
    shown: list[Row] = []
    for group in within.values():
        by_size = sorted(group, key=lambda row: row[figure.people] or 0)
        small = [row for row in by_size if is_small(row[figure.people])]
        larger = [row for row in by_size if row[figure.people] and row not in small]
        while small and larger and sum(row[figure.people] for row in small) < AT_LEAST:
            small.append(larger.pop(0))
        shown += [row for row in group if row not in small]
        if small:
            shown.append(_sum(figure.columns, small, label))
    return shown


def _sum(columns: Sequence[Column], rows: Sequence[Row], label: Column) -> Row:
    merged: Row = {**dict.fromkeys(rows[0]), MERGED: label.name}
    for column in columns:
        known = [row[column.name] for row in rows if row.get(column.name) is not None]
        if column.kind in ADDED_UP:
            merged[column.name] = sum(known) if known else None
        elif column.kind not in MEASURES and len({*map(str, known)}) == 1 and column.kind != "label":
            merged[column.name] = known[0]
    for name in rows[0]:  # what the figure is repeated by, and what only the chart reads
        values = {str(row[name]) for row in rows}
        if merged[name] is None and len(values) == 1:
            merged[name] = rows[0][name]
    for column in columns:
        if column.kind in MEASURES and column.kind not in ADDED_UP:
            merged[column.name] = None
        if column.share:
            part, whole = (merged[name] for name in column.share)
            merged[column.name] = float(part) / float(whole) if part is not None and whole else None
    if label.kind == "label":
        merged[f"{label.name}_en"], merged[f"{label.name}_fr"] = "Smaller groups", "Groupes plus petits"
    else:
        merged[label.name] = SMALLER_GROUPS
    return merged
