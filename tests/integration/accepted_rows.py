"""Rows of every raw table as hypothesis draws them, as far as the door lets them in, and their way into a warehouse.

Belongs here: what drawn rows look like. Does not: what has to hold for them (`test_accepted_rows.py`).

Values are drawn by the type and name of a field. Ids come from a small pool, so that rows name each other, themselves
and nobody; texts from the words that the models look for, and from what people type where there is nothing to say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, get_args

import duckdb
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic.fields import FieldInfo

from ingestion import limits, pipelines
from ingestion.intake import Intake
from ingestion.limits import AMOUNT_BELOW, FIRST_DAY, LAST_DAY
from ingestion.sources import SOURCE_NAMES
from ingestion.sources.files.canonical import columns, entity_row
from ingestion.sources.files.evaluation import Evaluation
from ingestion.sources.files.mapping import read_mapping
from ingestion.sources.files.models import Rule
from ingestion.tables import OF_EVERY_SOURCE, RawTable

ROOT = Path(__file__).resolve().parents[2]
AS_OF = datetime(2026, 3, 1, 6, tzinfo=UTC)
EARLIEST = datetime.combine(FIRST_DAY, time.min, UTC)
LATEST = datetime.combine(LAST_DAY, time.max, UTC)
IDS = ("1", "2", "3", "4", "5", "6", "7", "8", "0", "n/a", "x y", "é")
CURRENCIES = ("EUR", "EUR", "EUR", "USD", "JPY", "KWD", "XXX")
COUNTRIES = ("FR", "DE", "US", "BR", "fr", "France", "", "??")
EMAILS = (
    "a@firm.fr",
    "A@firm.fr",
    "b@firm.fr",
    "c@gmail.com",
    "c.+x@googlemail.com",
    "info@firm.fr",
    "no",
    "a@firm.fr; d@x.y",
)
PHONES = ("+33612345678", "0612345678", "3.36E+10", "+5511999990002", "+551199990002", "-", "call me")
TEXTS = ("", " ", "-", "n/a", "ü\u200b", "'; drop table x; --", "a" * 300, "{}", "%", "\\", '"', "none", "Zoë")
INSTANTS = (
    [EARLIEST, LATEST, AS_OF, AS_OF - timedelta(microseconds=1), AS_OF + timedelta(microseconds=1)]
    + [datetime(2026, 1, day, 0, 0, tzinfo=UTC) for day in range(1, 15)]
    + [datetime(2025, 3, 30, 1, 30, 0, 129, tzinfo=UTC), datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=UTC)]
)
NUMBERS = [Decimal(text) for text in ("0", "1", "-1", "10", "19.99", "0.000000001", "33.333333333", "100", "-30", "4")]
RATES = [limits.RATE_FROM, Decimal("0.5"), Decimal(2), Decimal(limits.RATE_TO)]
EXTREMES = [Decimal(AMOUNT_BELOW - 1), Decimal(1 - AMOUNT_BELOW)]


def words(source: str) -> list[str]:
    """The texts that the models compare with what this source sends."""
    folders = [ROOT / f"dbt_project/models/staging/{source}", ROOT / "dbt_project/models/intermediate"]
    found = {
        word
        for folder in folders
        for file in folder.rglob("*.sql")
        for word in re.findall(r"'([A-Za-z][A-Za-z_. ]{1,30})'", file.read_text())
    }
    vocabulary = (ROOT / "dbt_project/seeds/vendor_vocabulary.csv").read_text().splitlines()[1:]
    found |= {line.split(",")[2] for line in vocabulary if line.startswith(f"{source},")}
    return sorted(found)


def _types(annotation: Any) -> set[Any]:
    inner = [*get_args(annotation), *getattr(annotation, "__metadata__", ())]
    parts = {part for one in inner for part in _types(one)}
    return parts | {annotation}


def values(name: str, field: FieldInfo, texts: list[str], is_key: bool) -> st.SearchStrategy[Any]:
    """What a field may hold, as a vendor would send it; sometimes null where it may be."""
    types = _types(field.annotation) | {*field.metadata}
    choices = [word for part in types if isinstance(part, Rule) for word in re.findall("'([^'[]+)'", part.sql)]
    drawn: st.SearchStrategy[Any]
    if choices:
        drawn = st.sampled_from(choices)
    elif datetime in types:
        drawn = st.sampled_from(INSTANTS) | st.datetimes(
            datetime(2025, 10, 1), datetime(2026, 3, 10), timezones=st.just(UTC)
        )
    elif date in types:
        drawn = st.sampled_from([instant.date() for instant in INSTANTS])
    elif bool in types:
        drawn = st.booleans()
    elif Decimal in types:
        drawn = st.sampled_from([*NUMBERS, *NUMBERS, *EXTREMES] if name != "rate" else RATES)
    elif int in types:
        drawn = st.sampled_from([0, 1, 2, 3, 12, 100, 1999])
    elif list[Any] in types:
        drawn = st.just([])
    elif dict[str, Any] in types:
        drawn = st.just({})
    elif "email" in name:
        drawn = st.sampled_from(EMAILS)
    elif "phone" in name:
        drawn = st.sampled_from(PHONES)
    elif "currency" in name:
        drawn = st.sampled_from(CURRENCIES)
    elif "country" in name:
        drawn = st.sampled_from(COUNTRIES)
    elif is_key or name == "id" or name.endswith(("_id", "_key")):
        drawn = st.sampled_from(IDS)
    else:
        drawn = st.sampled_from([*texts, *texts, *TEXTS, *IDS])
    return drawn if field.is_required() else st.none() | drawn


def drawn_rows(strategy: st.SearchStrategy[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """`count` rows; the same in every run."""
    rows: list[dict[str, Any]] = []

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(row: dict[str, Any]) -> None:
        rows.append(row)

    collect()
    return rows


def candidates(source: str, table: RawTable, count: int) -> list[dict[str, Any]]:
    """Rows that may or may not fit the table."""
    return deepcopy(_drawn_for(source, table.name, count))


@cache
def _drawn_for(source: str, name: str, count: int) -> list[dict[str, Any]]:
    """Drawn once a process: the same for every test, and slow."""
    texts = words(source)
    (table,) = (each for each in record_tables(source) if each.name == name)
    fields = {name: field for name, field in table.row.model_fields.items() if name not in ("mapping", "company")}
    keys = {*table.key, *getattr(table.row, "unique_by", ())}
    references = {"customer", "subscription", "invoice", "charge", "payment_intent", "product", "price", "event"}
    return drawn_rows(
        st.fixed_dictionaries(
            {name: values(name, field, texts, name in keys | references) for name, field in fields.items()}
        ),
        count,
    )


def record_tables(source: str) -> list[RawTable]:
    """The raw tables of a source that hold what it sent."""
    return [table for table in pipelines.tables(source) if table not in OF_EVERY_SOURCE]


def accepted(source: str, count: int, folder: Path) -> Iterator[tuple[RawTable, list[dict[str, Any]]]]:
    """Rows of each table of a source that its door lets in."""
    tables = record_tables(source)
    if source == "files":
        yield from _through_mappings(tables, count, folder)
        return
    for table in tables:
        rows = Intake(source, [table]).accept(table, candidates(source, table, count))
        # one version of a record, as one load brings it
        key = table.key if table.history == "events" else tuple(c for c in ("id",) if c in table.row.model_fields)
        yield (
            table,
            list({tuple(row[column] for column in key) or number: row for number, row in enumerate(rows)}.values()),
        )


def _through_mappings(
    tables: list[RawTable], count: int, folder: Path
) -> Iterator[tuple[RawTable, list[dict[str, Any]]]]:
    """Files of drawn rows, read by two mappings of one company."""
    names = {"first": None, "second": "first"}
    evaluations = []
    for number, (name, company) in enumerate(names.items()):
        lines = [f"name: {name}", "inputs:"]
        entities = ["entities:"]
        for table in tables:
            fields = [column.name for column in columns(entity_row(table))]
            rows = candidates("files", table, count)[number::2]
            file = folder / f"{name}_{table.name}.jsonl"
            file.write_text("".join(json.dumps({key: _text(row[key]) for key in fields}) + "\n" for row in rows))
            lines.append(f"  {table.name}: {{path: {file.name}}}")
            entities += [f"  {table.name}:", f"    from: {table.name}", "    columns:"]
            entities += [f"      {field}: {field}" for field in fields]
        mapping = folder / f"{name}.yml"
        mapping.write_text("\n".join([*lines, *entities]) + "\n")
        evaluations.append((name, company, Evaluation(read_mapping(mapping), folder, AS_OF)))
    for table in tables:
        rows = []
        for _, company, evaluation in evaluations:
            rows += [{**row, "company": company} for row in evaluation.entity(table.name).rows.to_pylist()]
        yield table, [{key: value for key, value in row.items() if key != "_dlt_id"} for row in rows]
    for _, _, evaluation in evaluations:
        evaluation.close()


def _text(value: Any) -> str | None:
    return None if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def prepare(warehouse: Path) -> None:
    """The raw tables of all sources, empty, in the warehouse that `LIFECYCLE_DATA_DIR` names."""
    for source in SOURCE_NAMES:
        pipelines.prepare(source, pipelines.build_pipeline(source))
    assert warehouse.exists()


def insert(connection: duckdb.DuckDBPyConnection, source: str, table: RawTable, rows: list[dict[str, Any]]) -> None:
    """Put rows into a raw table, as a load would."""
    relation = f"raw_{source}.{table.name}"
    connection.execute(f"delete from {relation}")
    for number, row in enumerate(rows):
        full = {**row, "_dlt_load_id": "1767225600.5", "_dlt_id": f"{table.name}{number}"}
        if table.history == "versions":
            full |= {"_dlt_valid_from": EARLIEST, "_dlt_valid_to": None}
        names = ", ".join(f'"{name}"' for name in full)
        values_given = [json.dumps(value) if isinstance(value, list | dict) else value for value in full.values()]
        connection.execute(f"insert into {relation} ({names}) values ({', '.join('?' * len(full))})", values_given)
