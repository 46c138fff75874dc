"""The figures of the report: each has its query, reads what it says it reads, and is where the documents say it is."""

from __future__ import annotations

import re
from pathlib import Path

from reports.figures import Choice, Column, Figure, Headline, Page, Text
from reports.needs import NEEDS
from reports.pages import PAGES
from reports.reading import QUERIES

# Which version it is, and the days it covers: what a query may read without being about it.
FRAME = {"publication", "calendar_days"}
# The main stage model of the installation is told by the persons.
MAIN_MODEL = {"today/stages"}


def asked() -> dict[str, Figure | Headline | None]:
    """What each query is for; None: the values of a choice."""
    found: dict[str, Figure | Headline | None] = {}
    for page in PAGES:
        found |= {f"{page.name}/{each.name}": each for each in page.headlines}
        found |= {f"{page.name}/{each.name}": each for each in page.figures if each.marts}
        found |= {part.query: None for part in page.parts if isinstance(part, Choice)}
    return found


def test_every_query_has_its_figure_and_every_figure_its_query() -> None:
    files = {str(path.relative_to(QUERIES).with_suffix("")) for path in QUERIES.rglob("*.sql")}

    assert files == {*asked()}


def test_a_figure_names_the_marts_that_its_query_reads() -> None:
    for name, figure in asked().items():
        read = set(re.findall(r"\bmarts\.(\w+)", (QUERIES / f"{name}.sql").read_text())) - FRAME
        if figure is not None and "publication" not in name:
            read -= {"customer_360"} if name in MAIN_MODEL else set()
            assert read == {*figure.marts}, name
        assert re.findall(r"\b(?:core|ops|intermediate|staging|raw_\w+)\.", (QUERIES / f"{name}.sql").read_text()) == []


def test_each_page_asks_each_question_once_in_both_languages() -> None:
    for page in PAGES:
        titles = [each.title for each in (*page.figures, *page.headlines)]

        assert len({title.en for title in titles}) == len({title.fr for title in titles}) == len(titles), page.name
        assert all(figure.title.en.endswith("?") and figure.title.fr.endswith("?") for figure in page.figures), (
            page.name
        )
        assert {each.needs for each in (*page.figures, *page.headlines)} <= {*NEEDS}


def test_every_text_is_in_both_languages() -> None:
    texts = [text for page in PAGES for text in texts_of(page)]

    assert len(texts) > 300
    assert [text for text in texts if not text.en or not text.fr] == []
    # A definition or a title is nowhere the same in both, as it would be if one had been forgotten.
    assert [text for text in texts if text.en == text.fr and len(text.en.split()) > 2] == []


def texts_of(page: Page) -> list[Text]:
    columns: list[Column] = [column for figure in page.figures for column in figure.columns]
    return [
        page.title,
        page.summary,
        *(text for each in (*page.figures, *page.headlines) for text in (each.title, each.definition)),
        *(column.heading for column in columns),
        *NEEDS.values(),
    ]


def test_where_to_look_names_figures_that_exist(root: Path) -> None:
    text = (root / "docs" / "reading.md").read_text()
    titles = {page.title.en: {each.title.en for each in (*page.figures, *page.headlines)} for page in PAGES}
    readers = re.split(r"^## ", text, flags=re.MULTILINE)[1:4]

    assert len(readers) == 3
    for reader in readers:
        rows = re.findall(r"^\| (.+) \| (.+) \| (.+) \|$", reader, re.MULTILINE)[1:]
        assert len(rows) == 5, reader.splitlines()[0]
        for question, page, figure in rows:
            assert figure in titles[page], question
