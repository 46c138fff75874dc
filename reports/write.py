"""The site of one published version: its pages in both languages, each a file that needs no other.

Belongs here: from a published file to HTML files. Does not: which figures there are (`reports/pages/`), their queries
(`reports/queries/`), their shapes (`reports/charts.py`), the JavaScript in them (`reports/script.py`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from reports import FIRST_PAGE, FOLDER
from reports.charts import CONFIG, ROWS, Chart, Field
from reports.figures import CODES, MEASURES, TIMES, Choice, Code, Column, Figure, Given, Headline, Kind, Page, Row, Text
from reports.languages import Language
from reports.needs import NEEDS
from reports.pages import PAGES
from reports.pages.trust import CHECKS, REJECTIONS
from reports.reading import NotInThisVersionError, Publication, Published
from reports.script import TEMPLATES, put, script
from reports.small_groups import MERGED, WITHHELD, is_small, without_small_groups
from reports.wording import WORDING, not_in_this_version

GIVEN = "given.json"  # beside the pages, for a report that is written anew by itself
MARTS_PAGE = Page("marts", Text("Marts", "Marts"), Text(
    "Every published table behind these pages, and what its columns mean.",
    "Chaque table publiée derrière ces pages, et ce que signifient ses colonnes.",
), ())  # fmt: skip


def write_report(
    database: Path,
    before: Path | None = None,
    folder: Path | None = None,
    given: Given | None = None,
    scripts: Path | None = None,
) -> Path:
    """Write every page of the report of a published version.

    Args:
        database: the published file; it is only read.
        before: the file that was published before it, which headlines are compared with.
        folder: where to; `report` beside the file if it is not given.
        given: what no mart holds; if it is not given, what the report in that folder was told when it was written.
        scripts: where the JavaScript of charts is kept for the next report; it takes longer to bundle than to read.

    Returns:
        The page to open first.
    """
    folder = folder or database.parent / FOLDER
    folder.mkdir(exist_ok=True)
    kept = folder / GIVEN
    if given is None:
        given = Given(**json.loads(kept.read_text())) if kept.exists() else Given()
    with ExitStack() as opened:
        published = opened.enter_context(Published(database))
        earlier = opened.enter_context(Published(before)) if before else None
        report = Report(published, earlier, given)
    charts = script(scripts)
    for code in CODES:
        for page in (*PAGES, MARTS_PAGE):
            put(folder / file_name(page, code), report.page(page, code, charts))
    put(kept, json.dumps(asdict(given), indent=1))
    return folder / file_name(PAGES[0], CODES[0])


def file_name(page: Page, code: Code) -> str:
    """The file of a page in a language; the first page is the one that a folder opens with."""
    stem = Path(FIRST_PAGE).stem if page.name == PAGES[0].name else page.name
    return f"{stem}.html" if code == CODES[0] else f"{stem}.{code}.html"


@dataclass(frozen=True)
class Answer:
    """What was found for a figure.

    Attributes:
        rows: none of which is about fewer than five people.
        message: what stands in the place of chart and table, where there is neither.
    """

    rows: Sequence[Row]
    message: Text | str | None = None


class Report:
    """What a published version answers to every figure, read once for both languages."""

    def __init__(self, published: Published, earlier: Published | None, given: Given) -> None:
        self.publication = published.publication()
        self.before: Publication | None = earlier.publication() if earlier else None
        self._currency = published.currency()
        self._marts = published.marts()
        self._given = {REJECTIONS: given.rejections, CHECKS: given.checks}
        self._headlines = {
            each.name: (_headline(published, page, each), _headline(earlier, page, each) if earlier else None)
            for page in PAGES
            for each in page.headlines
        }
        self._choices = {
            (page.name, part.by): _choices(published, part)
            for page in PAGES
            for part in page.parts
            if isinstance(part, Choice)
        }
        self._answers = {
            (page.name, figure.name): self._answer(published, page, part, figure)
            for page in PAGES
            for part in page.parts
            for figure in (part.figures if isinstance(part, Choice) else (part,))
        }
        self._shapes: dict[tuple[str, str, Code], dict[str, Any]] = {}
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def _answer(self, published: Published, page: Page, part: Figure | Choice, figure: Figure) -> Answer:
        if not figure.marts:
            told = self._given[figure.name]
            return Answer(()) if told is None else Answer(told, None if told else NEEDS[figure.needs])
        try:
            rows = published.rows(f"{page.name}/{figure.name}")
        except NotInThisVersionError as error:
            return Answer((), not_in_this_version(error))
        return Answer(without_small_groups(figure, rows, part.by if isinstance(part, Choice) else ""))

    def page(self, page: Page, code: Code, script: str) -> str:
        """A page in a language, as HTML."""
        language = Language(code, self._currency)
        parts = [self._part(page, part, language) for part in page.parts]
        has_charts = any(figure["chart"] for part in parts for each in part["sections"] for figure in each["figures"])
        headlines = [self._shown_headline(each, language) for each in page.headlines]
        template = "marts.html.jinja" if page is MARTS_PAGE else "page.html.jinja"
        return self._environment.get_template(template).render(
            language=language,
            words={name: text.in_(code) for name, text in WORDING.items()},
            page=_Named(page, code, True),
            pages=[_Named(each, code, each is page) for each in (*PAGES, MARTS_PAGE)],
            other=file_name(page, language.other),
            publication=self.publication,
            before=self.before,
            stale=[language.word(name) for name in self.publication.stale_sources],
            headlines=[each for each in headlines if each["value"] is not None or each["is_withheld"]],
            missing=[each for each in headlines if each["value"] is None and not each["is_withheld"]],
            parts=parts,
            marts=self._marts,
            style=Markup((TEMPLATES / "style.css").read_text()),
            script=Markup(script) if has_charts else None,
            options=_json(
                {
                    "config": CONFIG,
                    "formatLocale": language.number_locale,
                    "timeFormatLocale": language.time_locale,
                    "renderer": "svg",
                    "actions": False,
                }
            ),
        )

    def _part(self, page: Page, part: Figure | Choice, language: Language) -> dict[str, Any]:
        if isinstance(part, Figure):
            return {
                "choice": None,
                "sections": [{"value": "", "label": "", "figures": [self._shown(page, part, language)]}],
            }
        sections = [
            {
                "value": row[part.by],
                "label": row[f"label_{language.code}"] or language.word(row[part.by]),
                "figures": [self._shown(page, figure, language, part.by, row[part.by]) for figure in part.figures],
            }
            for row in self._choices[page.name, part.by]
        ]
        if not sections:  # the figures say what would fill them
            return {
                "choice": None,
                "sections": [
                    {"value": "", "label": "", "figures": [self._shown(page, each, language) for each in part.figures]}
                ],
            }
        return {"choice": part.by, "label": part.label.in_(language.code), "sections": sections}

    def _shown(self, page: Page, figure: Figure, language: Language, by: str = "", value: str = "") -> dict[str, Any]:
        answer = self._answers[page.name, figure.name]
        rows = [row for row in answer.rows if not by or row[by] == value]
        message = answer.message or self._message(figure, rows)
        tabled = [row for row in rows if not figure.tabled or row[figure.tabled]]
        columns = [column for column in figure.columns if column.in_table and _says_something(column, tabled, language)]
        chart = None if message else self._chart(page, figure, rows, language)
        return {
            "id": f"{figure.name}-{_slug(value)}" if value else figure.name,
            "query": f"{page.name}/{figure.name}",
            "title": figure.title.in_(language.code),
            "definition": figure.definition.in_(language.code),
            "marts": figure.marts,
            "marts_page": file_name(MARTS_PAGE, language.code),
            "message": message.in_(language.code) if isinstance(message, Text) else message,
            "is_quoted": isinstance(message, str),
            "chart": chart["spec"] if chart else None,
            "height": chart["height"] if chart else 0,
            "legend": chart["legend"] if chart else [],
            "headings": [(column.name, column.heading.in_(language.code), _is_number(column)) for column in columns],
            "table": [] if message else [[_cell(row, column, language) for column in columns] for row in tabled],
        }

    def _chart(self, page: Page, figure: Figure, rows: Sequence[Row], language: Language) -> dict[str, Any] | None:
        if not figure.chart:
            return None
        chart, told = figure.chart, fields(figure, language)
        columns = [column for column in figure.columns if column.name in chart.columns]
        shown = [
            {column.name: _plain(language, column, language.of(row, column), chart) for column in columns}
            | {name: row[name] for name in (WITHHELD, MERGED) if name in row}
            for row in rows
        ]
        shown = chart.with_marks([row for row in shown if chart.is_drawn(row)], told)
        if all(row[chart.x] is None or row[chart.y] is None for row in shown):  # nothing, or withheld throughout
            return None
        shape = self._shapes.get((page.name, figure.name, language.code))
        if shape is None:
            shape = self._shapes[page.name, figure.name, language.code] = chart.shape(told)
        specification = {**shape, "height": chart.height(shown), "datasets": {**shape.get("datasets", {}), ROWS: shown}}
        return {"spec": _json(specification), "height": specification["height"], "legend": chart.legend(shown)}

    def _message(self, figure: Figure, rows: Sequence[Row]) -> Text | str | None:
        """Why there is nothing to show: no rows, or a prediction that is hidden in all of them."""
        if not rows:
            return NEEDS[figure.needs if figure.marts else "refresh"]
        if figure.hidden and all(row[figure.hidden] for row in rows):
            return rows[0][figure.hidden]
        return None

    def _shown_headline(self, headline: Headline, language: Language) -> dict[str, Any]:
        now, before = self._headlines[headline.name]
        value, period = now.get("value"), now.get("period")
        withheld = _is_withheld(headline, value)
        return {
            "name": headline.name,
            "title": headline.title.in_(language.code),
            "definition": headline.definition.in_(language.code),
            "mart": headline.marts[0],
            "marts_page": file_name(MARTS_PAGE, language.code),
            "value": None if withheld else _machine(value),
            "text": WORDING["under_five"].in_(language.code) if withheld else language.written(headline.kind, value),
            "period": language.month(period) if period else "",
            "is_withheld": withheld,
            "reason": now.get("hidden_reason"),
            "needs": NEEDS[headline.needs].in_(language.code),
            "changes": [
                _change(headline, language, since, value, then)
                for since, then in (("before", _value_of(before, period)), ("year_ago", now.get("year_ago")))
                if not withheld and value is not None and then is not None and not _is_withheld(headline, then)
            ],
        }


@dataclass(frozen=True)
class _Named:
    page: Page
    code: Code
    is_current: bool

    @property
    def file(self) -> str:
        return file_name(self.page, self.code)

    @property
    def title(self) -> str:
        return self.page.title.in_(self.code)

    @property
    def summary(self) -> str:
        return self.page.summary.in_(self.code)

    @property
    def name(self) -> str:
        return self.page.name


def _choices(published: Published, choice: Choice) -> list[Row]:
    """The values that can be chosen; none where the version lacks them, which the figures themselves say."""
    try:
        return published.rows(choice.query)
    except NotInThisVersionError:
        return []


def _headline(published: Published, page: Page, headline: Headline) -> Row:
    """Its row; empty where there is none, or where an earlier version has no such mart."""
    try:
        rows = published.rows(f"{page.name}/{headline.name}")
    except NotInThisVersionError:  # an earlier version, with which nothing can be compared then
        return {}
    return rows[0] if rows else {}


def _value_of(before: Row | None, period: date | None) -> Any:
    """The figure of the version before, unless it is of another month."""
    return before.get("value") if before and before.get("period") == period else None


def _is_withheld(headline: Headline, value: Any) -> bool:
    return headline.kind == "count" and is_small(value)


def _change(headline: Headline, language: Language, since: str, value: Any, then: Any) -> dict[str, Any]:
    """What became of a figure: in points of a rate, else in its unit and, against a year ago, as a share."""
    name = WORDING[since].in_(language.code)
    difference = float(value) - float(then)
    sign = "+" if difference > 0 else ""
    if headline.kind == "rate":
        text = f"{sign}{language.number(difference * 100, 1)} {WORDING['points'].in_(language.code)}"
    elif since == "year_ago" and then:
        text = f"{sign}{language.rate(difference / float(then))}"
    else:
        text = f"{sign}{language.written(headline.kind, difference)}"
    good = {"more": difference > 0, "less": difference < 0, "neither": None}[headline.better]
    return {
        "since": since,
        "name": name,
        "text": text if round(difference, 4) else WORDING["unchanged"].in_(language.code),
        "value": round(difference, 10),
        "then": _machine(then),
        "then_text": language.written(headline.kind, then),
        "mood": "" if good is None or not round(difference, 4) else "good" if good else "bad",
    }


def fields(figure: Figure, language: Language) -> dict[str, Field]:
    """What the chart of a figure says of its columns; what is told apart by colour is a text."""
    found = {}
    for column in figure.columns:
        is_text = figure.chart is not None and column.name == figure.chart.color
        axis, tooltip = ("", "") if is_text else language.formats(column.kind)
        title, write = (
            _unit(column.heading.in_(language.code), column, language),
            partial(_written, language, column.kind),
        )
        found[column.name] = Field(title, write, axis, tooltip, is_time=not is_text and column.kind in TIMES)
    return found


def _written(language: Language, kind: Kind, value: Any) -> str:
    """A value beside its mark, which stands there without one where its figures are withheld."""
    return WORDING["under_five"].in_(language.code) if value is None else language.written(kind, value)


def _unit(heading: str, column: Column, language: Language) -> str:
    """The title of an axis with its unit, where the numbers on it do not carry it."""
    unit = {"days": "days_unit", "hours": "hours_unit"}.get(column.kind)
    return f"{heading} ({WORDING[unit].in_(language.code)})" if unit else heading


def _plain(language: Language, column: Column, value: Any, chart: Chart) -> Any:
    """A value as JSON has it; a quarter that is told apart by colour is a text."""
    if column.kind == "quarter" and column.name == chart.color and value is not None:
        return language.quarter(value)
    return _machine(value)


def _machine(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    return value


def _cell(row: Row, column: Column, language: Language) -> dict[str, Any]:
    if row.get(WITHHELD) and _is_number(column):
        return {"text": WORDING["under_five"].in_(language.code), "value": None, "is_number": True, "is_quoted": False}
    shown = language.of(row, column)
    value = shown if column.kind == "label" else row[column.name]
    return {
        "text": shown if isinstance(shown, str) else language.written(column.kind, shown),
        "value": None if value is None else str(value),
        "is_number": _is_number(column),
        "is_quoted": column.kind == "sentence" and value is not None,
    }


def _is_number(column: Column) -> bool:
    return column.kind in MEASURES


def _says_something(column: Column, rows: Sequence[Row], language: Language) -> bool:
    """Whether a column has a value in any row: one that is empty throughout only takes room."""
    return column.kind != "sentence" or any(language.of(row, column) is not None for row in rows)


def _slug(value: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in value)


def _json(value: Any) -> Markup:
    """JSON that may stand in a page: no text of a source can end the element or begin another one."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))
