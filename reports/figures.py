"""What a page is made of: texts in both languages, columns of tables, figures and headlines.

Belongs here: their shape. Does not: which there are (`reports/pages/`), how they are drawn (`reports/charts.py`) and
written (`reports/write.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from reports.charts import Chart

Row = dict[str, Any]
Code = Literal["en", "fr"]
CODES: tuple[Code, ...] = ("en", "fr")
# How a value is read, and so written: `label` is a column with its `_en` and `_fr` in the row, `word` a key of the
# vocabulary, `sentence` what a mart says in its own words.
Kind = Literal[
    "text", "word", "label", "sentence", "flag", "count", "money", "number", "ratio", "rate", "seconds", "hours",
    "days", "instant", "day", "week", "month", "quarter",
]  # fmt: skip
TIMES: tuple[Kind, ...] = ("week", "month", "quarter", "day", "instant")
ADDED_UP: tuple[Kind, ...] = ("count", "money")
MEASURES: tuple[Kind, ...] = ("count", "money", "number", "ratio", "rate", "days", "hours", "seconds")


@dataclass(frozen=True)
class Text:
    """A text in both languages."""

    en: str
    fr: str

    def in_(self, code: Code) -> str:
        """The text in one of them."""
        return self.fr if code == "fr" else self.en


@dataclass(frozen=True)
class Column:
    """A column of a figure's query.

    Attributes:
        name: as in the query.
        heading: of the table and of the axis.
        kind: how its values are read.
        share: of a row of merged groups, the two columns whose quotient it is; else it is left empty there.
        of_people: whether it tells of the people behind a row; spend does not, and is shown however few they are.
        in_table: whether the table shows it; a place in an order, or a colour, it need not.
    """

    name: str
    heading: Text
    kind: Kind
    share: tuple[str, str] | None = None
    in_table: bool = True
    of_people: bool = True


@dataclass(frozen=True)
class Figure:
    """A question, with the chart and the table that answer it.

    Attributes:
        name: of its query in `reports/queries/<page>/`, and its place in the page.
        title: the question.
        definition: what is counted, in a sentence.
        marts: which it reads.
        columns: of the query, in the order of the table.
        needs: what would fill it (`reports/needs.py`).
        chart: how it is drawn; None: as a table alone.
        people: the column that counts the people, accounts or conversions behind a row; where it is below five, the row
            is not shown as it is.
        merged: the column whose groups are put together where they are too small; empty: such rows lose their figures.
        hidden: the column that says why a prediction is hidden; where it says so in every row, its reason is shown and
            nothing else.
        tabled: the column that is true for rows of the table; empty: all of them.
    """

    name: str
    title: Text
    definition: Text
    marts: tuple[str, ...]
    columns: tuple[Column, ...]
    needs: str
    chart: Chart | None = None
    people: str = ""
    merged: str = ""
    hidden: str = ""
    tabled: str = ""


@dataclass(frozen=True)
class Headline:
    """One number, with its change since the last publication and since a year ago.

    Attributes:
        name: of its query, which has a row with `value`, `year_ago`, and `period` where it is of a month.
        needs: what would fill it (`reports/needs.py`).
        better: which way is good news.
    """

    name: str
    title: Text
    definition: Text
    marts: tuple[str, ...]
    kind: Kind
    needs: str
    better: Literal["more", "less", "neither"] = "neither"


@dataclass(frozen=True)
class Choice:
    """Figures that exist once for each value of a column, of which one is shown at a time.

    Attributes:
        by: the column, which all of their queries have.
        query: lists the values in order, with `label_en` and `label_fr`.
        label: what is chosen.
        figures: those that are repeated.
    """

    by: str
    query: str
    label: Text
    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class Page:
    """A page of the report.

    Attributes:
        name: of its files, and of the folder of its queries.
        title: in the navigation.
        summary: what it answers, in a sentence.
        parts: figures, and choices of figures, from top to bottom.
        headlines: above them.
    """

    name: str
    title: Text
    summary: Text
    parts: Sequence[Figure | Choice]
    headlines: Sequence[Headline] = ()

    @property
    def figures(self) -> list[Figure]:
        """All of its figures, also those that are repeated."""
        return [figure for part in self.parts for figure in (part.figures if isinstance(part, Choice) else (part,))]


@dataclass(frozen=True)
class Given:
    """What no mart holds, told by whoever runs the refresh: counts only. None: not known.

    Attributes:
        rejections: rows with source, resource, reason and record_count.
        checks: rows with check_kind, passed_count, warned_count and failed_count.
    """

    rejections: Sequence[Row] | None = None
    checks: Sequence[Row] | None = None
