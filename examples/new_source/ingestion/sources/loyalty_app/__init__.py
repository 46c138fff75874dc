"""Loyalty app: members and what happens to their points.

Belongs here: the API's lists and paging. Does not: what a kind of event means to the company.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any

import dlt
from dlt.extract import DltResource

from ingestion.http import Client, expect_list, pages
from ingestion.intake import Intake
from ingestion.sources.loyalty_app.models import MEMBERS, POINTS_EVENTS, TABLES
from ingestion.sources.loyalty_app.settings import SOURCE, Settings
from ingestion.tables import RawTable
from ingestion.watermark import Watermark
from ingestion.wire import Spool, at, batches, one, unfolded

__all__ = ["ROWS_OF", "TABLES", "resources"]

ROWS_OF = {table.name: one(table.row.from_wire) for table in TABLES}
LISTS = ((MEMBERS, "/members", "updated_at"), (POINTS_EVENTS, "/points", "happened_at"))


def listed(client: Client, path: str, since: str | None) -> Spool:
    """Every record of a list that changed since then, each once."""

    def fetch(cursor: str | None) -> tuple[list[Any], str | None]:
        answer = client.get(path, {"since": since or "", "cursor": cursor or ""})
        return expect_list(SOURCE, path, answer, at(answer, "data")), at(answer, "next_cursor")

    found = Spool()
    for page in pages(f"{SOURCE}: {path}", fetch):
        for record in page:
            found.add(at(record, "id"), record)
    return found


def resources(intake: Intake) -> Iterable[DltResource]:
    """The source's resources in run order. Settings and secrets are resolved when the first one runs."""

    @cache
    def client() -> Client:
        settings = Settings.of(intake.account)
        return Client(
            SOURCE,
            settings.base_url,
            {"Authorization": f"Bearer {settings.access_token.get_secret_value()}"},
            clock=intake.clock,
            time_limit_minutes=settings.time_limit_minutes,
        )

    def reader(table: RawTable, path: str, changed_at: str) -> Callable[[], Iterator[Any]]:
        def read() -> Iterator[Any]:
            state = dlt.current.resource_state()
            watermark = Watermark(state.get("read_until"), intake.clock)
            for batch in batches(listed(client(), path, watermark.stored)):
                yield list(intake.accept(table, unfolded(ROWS_OF[table.name], batch)))
                for record in batch:
                    watermark.see(at(record, changed_at))
            state["read_until"] = watermark.stored

        return read

    for table, path, changed_at in LISTS:
        yield dlt.resource(reader(table, path, changed_at), **table.hints())
