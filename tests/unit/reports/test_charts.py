"""Every shape is Vega-Lite, and what depends on the rows stands in them."""

from __future__ import annotations

import pytest

from reports.charts import COLOUR, LABEL, PLACE, REST, ROWS, Bars, Columns, Field, series
from reports.figures import Figure, Page
from reports.languages import Language
from reports.pages import PAGES
from reports.small_groups import MERGED, WITHHELD
from reports.write import fields

DRAWN = [(page, figure) for page in PAGES for figure in page.figures if figure.chart]


@pytest.mark.parametrize(("page", "figure"), DRAWN, ids=[f"{page.name}/{figure.name}" for page, figure in DRAWN])
def test_a_shape_fits_the_schema_of_vega_lite(page: Page, figure: Figure) -> None:
    assert figure.chart is not None
    marks = figure.chart.marks(fields(figure, Language("fr", "EUR")))

    checked = marks.properties(width="container").to_dict()  # raises where it does not fit

    assert ROWS in str(checked)
    assert {*figure.chart.columns} <= {column.name for column in figure.columns}


def test_smaller_groups_are_grey_and_come_last() -> None:
    rows = [
        {"month": "2026-01-01", "amount": 9, "kind": "Smaller groups", MERGED: "kind"},
        {"month": "2026-02-01", "amount": 9, "kind": "Orders"},
        {"month": "2026-02-01", "amount": 9, "kind": "Subscriptions"},
    ]
    chart = Columns("month", "amount", "kind")

    assert chart.legend(rows) == [("Orders", series(0)), ("Subscriptions", series(1)), ("Smaller groups", REST)]
    assert [(row[COLOUR], row[PLACE]) for row in chart.with_marks(rows, {})] == [
        (REST, 2),
        (series(0), 0),
        (series(1), 1),
    ]


def test_a_bar_without_figures_keeps_its_name() -> None:
    said = {"people": Field("People", lambda value: "under 5" if value is None else str(value))}
    rows = [{"people": 7, "band": "Low"}, {"people": None, "band": "High", WITHHELD: True}]
    chart = Bars("people", "band")

    assert all(map(chart.is_drawn, rows))
    assert [row[LABEL] for row in chart.with_marks(rows, said)] == ["Low · 7", "High · under 5"]
