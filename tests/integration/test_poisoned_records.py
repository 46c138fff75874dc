"""No value of a record stops a source: it is loaded or rejected, and the records beside it are loaded.

Every documented record of `tests/wire` goes to the warehouse whole and, beside that, once for each of its values with a
poison in its place, as a text, through the spool, the vendor's mapping, the door and dlt. Belongs here: what a vendor
could send. Does not: what reading a vendor's pages takes.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from importlib import import_module
from itertools import count, cycle
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest

from ingestion import config, pipelines
from ingestion.intake import Intake
from ingestion.limits import DEPTH
from ingestion.sources import hubspot
from ingestion.unknown_fields import UnknownFields
from ingestion.wire import AbsentRows, Spool, at, batches, parsed, unfolded
from tests.contract.test_absent_fields import EXAMPLES, VENDORS, Example, paths

DEEP = 3000
EVERY = 19  # of the poisons, at each path: another one at the next path
# As texts of JSON, which can say what Python's own writer cannot.
POISONS = (
    *(
        "33.333333333333336",
        "0.1234567890123456789012345678901234567890",
        "1e400",
        "-1e400",
        "1e-400",
        "NaN",
        "-Infinity",
    ),
    *("123456789012345678901234567890", "9223372036854775808", "-9223372036854775809", "9" * 5000, "1e18", "-1"),
    *('"44.444444444444446"', '"1e400"', '"NaN"', '"Infinity"', '"123456789012345678901234567891"', '"1e-400"'),
    *(
        '"\\ud83d"',
        '"a\\ud83db"',
        '"\\u0000"',
        '"a\\u0000b"',
        '""',
        '" "',
        '"\\ufeff"',
        '"\\u202e"',
        '"' + "x" * 70000 + '"',
    ),
    *(
        '"9999-12-31T23:59:59-14:00"',
        '"0001-01-01T00:00:00+14:00"',
        '"0000-00-00"',
        '"2026-02-30"',
        '"2026-03-01T10:00:00Z"',
    ),
    *("253402300800", "-62135596801", "1e15", "true", "null", "7", '"many"', "[]", "{}", '{"a": 1}', '[{"a": NaN}]'),
    *(
        '["\\ud83d"]',
        '{"\\ud83d": 1}',
        '["\\u0000"]',
        '{"": 1}',
        '{"a": 18446744073709551616}',
        "[[1]]",
        '["x", 7, null]',
    ),
    *("[" * (DEPTH + 5) + "]" * (DEPTH + 5), "[" * DEEP + "]" * DEEP, '{"a":' * DEEP + "1" + "}" * DEEP),
)
NAMES = (
    *("", " ", "!", "\\u0000", "\\ud83d", "x" * 300, "_dlt_id", "_dlt_load_id", "_dlt_valid_from", "_dlt_valid_to"),
    *(
        "other_fields",
        "OTHER_FIELDS",
        "novelty",
        "NOVELTY",
        "Novelty",
        "no-velty",
        "no velty",
        "novelty__v_text",
        "1st",
    ),
    *("ID", "Id", "EMAIL", "Amount", "CREATED", "имя", "select", 'quo\\"te', "a.b", "source_account", "Source Account"),
)
MARK = '"the poison"'


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIFECYCLE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("LIFECYCLE_AS_OF", "2026-10-31T06:00:00Z")


def replaced(record: Any, path: tuple[Any, ...]) -> Any:
    copy = deepcopy(record)
    holder = copy
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = json.loads(MARK)
    return copy


def identified(example: Example, record: Any, number: int) -> Any:
    """The record with an id of its own, in every place in which one of its rows is known by it."""
    copy = deepcopy(record)
    key = {"message": "messageId", "insights": "ad_id", "account": "account_id"}.get(
        example.name.removesuffix(", filled").split()[-1], "id"
    )
    if "told" in copy:  # of WhatsApp: a message or receipt has an id, a preference is its contact's
        name = "id" if "id" in copy["told"] else "wa_id"
        copy["told"][name] = f"{number}"
        if name == "wa_id" and copy["contact"]:
            copy["contact"][name] = f"{number}"
    elif "value" in copy:
        copy["business_account_id"] = f"{number}"
    elif "from" in copy:
        copy["from"]["id"] = f"{number}"
    else:
        copy[key] = f"{number}"
    return copy


def rows_of(example: Example) -> Any:
    """The connector's mapping; of associations the deal is that of the record."""
    if example.name not in ("hubspot deal_contacts", "hubspot deal_companies"):
        return example.to_rows
    column = "contact_id" if example.name == "hubspot deal_contacts" else "company_id"
    return lambda record: hubspot.association_rows(at(record, "from", "id"), hubspot.associated(record), column)


def texts(example: Example, every: int, numbers: Iterator[int]) -> Iterator[str]:
    """JSON texts: the record itself and, for each of its values, with every so many of the poisons."""
    turn = cycle(range(every))
    yield json.dumps(identified(example, example.record, next(numbers)))
    for path in paths(example.record):
        first = next(turn)
        for poison in POISONS[first::every]:
            record = identified(example, example.record, next(numbers))
            yield json.dumps(replaced(record, path)).replace(MARK, poison)
    for name, poison in zip(NAMES, cycle(POISONS), strict=False):
        record = json.dumps(identified(example, example.record, next(numbers)))
        yield f'{record[:-1]}, "{name}": {poison}, "novelty": {poison}}}'


def load(
    vendor: str, pages: list[tuple[Example, list[str]]], monkeypatch: pytest.MonkeyPatch
) -> tuple[Intake, Counter]:
    """Load pages of records as the sources do; how many rows or unreadable records there were, by table."""
    module, sent = import_module(f"ingestion.sources.{vendor}"), Counter[str]()

    def resource(table: Any, of_table: list[tuple[Example, list[str]]]) -> Any:
        def rows() -> Iterator[Any]:
            for example, records in of_table:
                spool = Spool()
                for record in parsed(f'{{"data": [{", ".join(records)}]}}')["data"]:
                    spool.add(None, record)
                found = [*unfolded(rows_of(example), spool)]
                sent[table.name] += sum(not isinstance(row, AbsentRows) for row in found)
                for batch in batches(found):
                    yield list(intakes[0].accept(table, batch))

        return dlt.resource(rows, **table.hints())

    def resources(intake: Intake) -> Iterator[Any]:
        intakes.append(intake)
        for table in module.TABLES:
            of_table = [page for page in pages if page[0].table is table]
            if of_table:
                yield resource(table, of_table)

    intakes: list[Intake] = []
    monkeypatch.setattr(module, "resources", resources)
    return pipelines.run(vendor), sent


def in_warehouse(sql: str) -> Any:
    with duckdb.connect(str(config.warehouse_path()), read_only=True) as connection:
        return connection.execute(sql).fetchall()


@pytest.mark.parametrize("vendor", VENDORS)
def test_every_value_of_a_documented_record_may_be_poison(vendor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = count(10_000)
    pages = [(example, [*texts(example, EVERY, numbers)]) for example in EXAMPLES[vendor]]
    intake, sent = load(vendor, pages, monkeypatch)
    assert sum(sent.values()) > 300
    for table in {example.table.name: example.table for example, _ in pages}.values():
        ((loaded,),) = in_warehouse(f"select count(*) from raw_{vendor}.{table.name}")
        kept = in_warehouse(f"select reason from raw_{vendor}.rejected_records where resource = '{table.name}'")
        rejected = intake.rejected[table.name]
        assert intake.loaded[table.name] + rejected == sent[table.name] == intake.received[table.name], table.name
        # of two facts of one key the first one is there
        assert loaded == intake.loaded[table.name] or (table.history == "events" and loaded < intake.loaded[table.name])
        assert loaded > 0 and 0 < len(kept) <= rejected and all(reason for (reason,) in kept)
    for example, records in pages:
        whole = [*unfolded(rows_of(example), [json.loads(records[0])])]
        keys = ["ad_id"] if example.table.key[0] == "account_id" else [*example.table.key[:1]]
        if example.table.history == "events":
            keys = [key for key in example.table.key if key != example.table.happened_at]
        is_its = " and ".join(f"{key} = '{whole[0][key]}'" for key in keys)
        found = in_warehouse(f"select count(*) from raw_{vendor}.{example.table.name} where {is_its}")
        assert found == [(len(whole),)], example.name


def test_a_column_that_an_unknown_field_got_when_it_had_a_type_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loads of before gave them the types of their first values."""
    (example,) = (each for each in EXAMPLES["hubspot"] if each.name == "hubspot owners")
    typed = {"number": 1, "instant": "2026-01-01T00:00:00Z", "flag": True, "object": {"a": 1}}
    with monkeypatch.context() as before:
        before.setattr(UnknownFields, "columns", lambda self, fields: dict(fields or {}))
        before.setattr(pipelines, "_without_guesses", lambda source: source)
        load("hubspot", [(example, [json.dumps({**example.record, **typed})])], monkeypatch)
    kinds = in_warehouse(
        "select column_name, data_type from information_schema.columns where table_name = 'owners' "
        f"and column_name in {tuple(typed)} and table_schema = 'raw_hubspot'"
    )
    assert len(kinds) == len(typed) and all(kind != "VARCHAR" for _, kind in kinds if kind != "JSON")
    poisoned = [
        json.dumps(identified(example, example.record, number) | dict.fromkeys(typed, json.loads(MARK))).replace(
            MARK, poison
        )
        for number, poison in enumerate(POISONS, start=10)
    ]
    intake, sent = load("hubspot", [(example, poisoned)], monkeypatch)
    loaded = in_warehouse("select count(*) from raw_hubspot.owners where _dlt_valid_to is null and id <> '1'")[0][0]
    assert sent["owners"] == len(POISONS) <= loaded + intake.rejected["owners"]
    assert in_warehouse("select count(*) from raw_hubspot.owners where other_fields is not null")[0][0] > 40


def test_an_unknown_field_is_a_text_also_where_the_first_one_is_an_instant(monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = (each for each in EXAMPLES["hubspot"] if each.name == "hubspot owners")
    for number, value in enumerate(["2026-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "soon"]):
        record = {**identified(example, example.record, number), "novelty": value}
        load("hubspot", [(example, [json.dumps(record)])], monkeypatch)
    assert in_warehouse("select novelty from raw_hubspot.owners order by id") == [
        ("2026-01-01T00:00:00Z",),
        ("9999-12-31T23:59:59-14:00",),
        ("soon",),
    ]
