"""What a summary says of sources that could not be loaded."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from dagster_project.summary import text
from serving.publish import Publication, Source

AT = datetime(2026, 10, 30, 2, tzinfo=UTC)


def printed(write) -> list[str]:
    console = Console(file=io.StringIO(), width=160, color_system=None)
    write(console)
    return console.file.getvalue().splitlines()


def test_an_account_that_failed_stands_beside_its_siblings_and_is_not_taken_for_a_disabled_one() -> None:
    counts = {"shopify": {"orders": {"received": 3, "loaded": 2, "rejected": 1}}, "stripe": None}
    lines = printed(lambda console: text.print_sources(console, counts, {"shopify.outlet"}))

    assert [line.split() for line in lines if line.startswith(("shopify", "stripe"))] == [
        ["shopify", "3", "2", "1"],
        ["shopify.outlet", "failed"],
        ["stripe", "disabled"],
    ]


def test_the_line_of_the_publication_says_of_what_there_is_no_news() -> None:
    def line(*states: Source) -> str:
        publication = Publication("v1", Path("v1.duckdb"), AT, AT, ("shopify", "files"), {}, states)
        return printed(lambda console: text.print_published(console, Path("lifecycle.duckdb"), publication))[0]

    assert line(Source("files", AT, AT)) == "Published v1 as lifecycle.duckdb. Query it:"
    assert line(Source("files", AT, AT), Source("shopify", AT, AT, "no answer, ConnectTimeout")) == (
        "Published v1 as lifecycle.duckdb, without news of shopify since 2026-10-30 02:00 UTC "
        "(no answer, ConnectTimeout). Query it:"
    )
