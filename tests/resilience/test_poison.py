"""Whatever a value is, its record is loaded or rejected, and none is lost: received is counted by who sent it.

The vendors' records are poisoned in the sandbox's servers and read by the connectors over HTTP; the files' records are
poisoned in the files. Each record keeps its id, so that it can be counted. What every single value of a documented
record may be is `tests/integration/test_poisoned_records.py`, whose poisons are drawn here beside others.
"""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest

from ingestion import config, pipelines
from ingestion.wire import at, entries
from sandbox.files import SURVEY_COLUMNS, SURVEYS_MAPPING
from sandbox.running import Sandbox, running_sandbox
from sandbox.servers import VENDORS
from sandbox.servers.base import Call, Reply, VendorServer
from tests.contract.test_absent_fields import paths
from tests.integration.reading import Reader
from tests.integration.test_poisoned_records import POISONS
from tests.resilience import times

SOURCES = times(("respond_io", "shopify"), VENDORS)
POISONED = times(300, 10_000)
ROWS_OF_FILES = times(1_000, 10_000)
MARK = "poison"
# Where each vendor's lists stand, the table of their records, and what tells these apart.
TABLES = {
    "hubspot": {
        "/objects/contacts": "contacts",
        "/objects/companies": "companies",
        "/objects/deals": "deals",
        "/contacts/batch/read": "contacts",
        "/companies/batch/read": "companies",
        "/deals/batch/read": "deals",
    },
    "meta_ads": {"/campaigns": "campaigns", "/adsets": "ad_sets", "/ads": "ads", "/insights": "ad_insights"},
    "respond_io": {"/contact/list": "contacts", "/message/list": "messages", "/user": "users", "/channel": "channels"},
    "shopify": {"customers": "customers", "orders": "orders", "abandonedCheckouts": "abandoned_checkouts"},
    "stripe": {f"/{name}": name for name in ("customers", "products", "prices", "invoices", "charges", "refunds")},
}
KEYS = {"messages": ("messageId",), "ad_insights": ("ad_id", "date_start")}
# Their values say where the rest of an answer is, not what the record says.
NOT_OF_A_RECORD = {"has_more", "pageInfo", "object", "id", "messageId", "ad_id", "date_start", "hs_merged_object_ids"}


def drawn(draw: Random) -> str:
    """A JSON text of any value: one of those that are known to hurt, or one that nobody thought of."""
    if draw.random() < 0.5:
        return draw.choice(POISONS)
    number = draw.choice([draw.uniform(-1, 1) * 10.0 ** draw.randint(-30, 30), draw.randint(-(10**40), 10**40)])
    text = "".join(
        chr(draw.choice([draw.randrange(1, 0x250), draw.randrange(0x10FFFF)])) for _ in range(draw.randrange(9))
    )
    day = f"{draw.randrange(10**4):04}-{draw.randrange(14):02}-{draw.randrange(33):02}T{draw.randrange(25):02}:00:00Z"
    return json.dumps(draw.choice([number, str(number), text, day, [text], {text: number}, [[number], None], -number]))


class Poisoner:
    """Takes the place of a server's answers, and counts the records that it sent: each once, however often it came."""

    def __init__(self, server: VendorServer, patch: pytest.MonkeyPatch, seed: int) -> None:
        self.sent: dict[str, set[str]] = defaultdict(set)
        self.poisons = 0
        self._seed, self._vendor, self._answer = seed, server.vendor, server.answer
        patch.setattr(server, "answer", self.answer)

    def answer(self, call: Call, handler: Any) -> Reply:
        reply = self._answer(call, handler)
        if reply.status != 200 or reply.text is not None:
            return reply
        body, poisons = deepcopy(reply.body), list[str]()
        for table, record in self._records(call, body):
            key = [str(at(record, name)) for name in KEYS.get(table, ("id",))]
            is_nameless = any(at(record, name) is None for name in KEYS.get(table, ("id",)))
            self.sent[table].add(json.dumps(record) if is_nameless else "\x1f".join(key))
            self._poison(Random(f"{self._seed} {table} {key}"), record, poisons)
        text = json.dumps(body)
        for number, poison in enumerate(poisons):
            text = text.replace(f'"{MARK} {number}."', poison)
        return Reply(None, reply.status, reply.headers, text)

    def _records(self, call: Call, body: Any) -> Iterator[tuple[str, Any]]:
        for place, table in TABLES[self._vendor].items():
            if self._vendor == "shopify":
                found = entries(body, "data", place, "nodes")
            elif call.path.endswith(place):
                found = next((entries(body, name) for name in ("data", "results", "items") if at(body, name)), [])
            else:
                continue
            yield from ((table, record) for record in found)

    def _poison(self, draw: Random, record: Any, poisons: list[str]) -> None:
        """Most records get one poison or two; some stay as they are."""
        places = [path for path in paths(record) if not NOT_OF_A_RECORD & {*path}]
        for path in draw.sample(places, min(len(places), draw.randrange(3))):
            holder = record
            for step in path[:-1]:
                holder = holder[step] if isinstance(holder, dict | list) else None
            if isinstance(holder, dict | list):
                holder[path[-1]] = f"{MARK} {len(poisons)}."
                poisons.append(drawn(draw))
        self.poisons += len(poisons)


def in_warehouse(sql: str) -> list[Any]:
    with duckdb.connect(str(config.warehouse_path()), read_only=True) as connection:
        return connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    people, days = times((40, 40), (150, 120))
    with running_sandbox(people=people, days=days, folder=tmp_path_factory.mktemp("sandbox")) as found:
        yield found


@pytest.mark.parametrize("source", SOURCES)
def test_what_a_vendor_sends_is_loaded_or_rejected(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    reader = Reader(tmp_path, monkeypatch)
    poisons, seed = 0, 0
    while poisons < POISONED / len(SOURCES):
        with monkeypatch.context() as patch:
            poisoner = Poisoner(sandbox.servers[source], patch, seed)
            reader.look_at(sandbox, f"{source} {seed}")
            monkeypatch.delenv("SOURCES__RESPOND_IO__INBOX_PATH")  # whose events bring messages too
            intake = pipelines.run(source)
        poisons, seed = poisons + poisoner.poisons, seed + 1
        assert poisoner.sent.keys() & {*TABLES[source].values()}
        for table, sent in poisoner.sent.items():
            current = "where _dlt_valid_to is null" if history(source, table) == "versions" else ""
            ((loaded,),) = in_warehouse(f"select count(*) from raw_{source}.{table} {current}")
            ((rejected,),) = in_warehouse(
                f"select count(*) from raw_{source}.rejected_records where resource = '{table}'"
            )
            assert len(sent) == loaded + rejected, table
        assert sum(intake.received.values()) == sum(intake.loaded.values()) + sum(intake.rejected.values())
        ((loaded, rejected),) = in_warehouse(f"select sum(loaded), sum(rejected) from raw_{source}.load_audit")
        assert loaded > 0 and rejected > 0


def history(source: str, table: str) -> str:
    (found,) = (each.history for each in pipelines.tables(source) if each.name == table)
    return found


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_what_stands_in_a_file_is_loaded_or_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    draw = Random(suffix)
    good = dict.fromkeys(SURVEY_COLUMNS, "") | {
        "email": "a@example.com",
        "survey_type": "nps",
        "score": "9",
        "comment": "fine",
        "responded_at": "2026-03-01T10:00:00Z",
    }
    rows = []
    for number in range(ROWS_OF_FILES):
        row = {name: json.dumps(value) for name, value in (good | {"response_id": f"r{number}"}).items()}
        for column in draw.sample(SURVEY_COLUMNS[1:], draw.randrange(3)):
            row[column] = drawn(draw)
        rows.append(row)
    path = tmp_path / f"surveys.{suffix}"
    if suffix == "jsonl":
        fields = [", ".join(f'"{name}": {value}' for name, value in row.items()) for row in rows]
        path.write_text("".join(f"{{{each}}}\n" for each in fields))
    else:
        with path.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
            csv.writer(file).writerows(
                [SURVEY_COLUMNS, *([cell(row[name]) for name in SURVEY_COLUMNS] for row in rows)]
            )
    (tmp_path / "surveys.yml").write_text(SURVEYS_MAPPING.replace("surveys.csv", path.name))
    monkeypatch.setenv("LIFECYCLE_AS_OF", "2026-10-31T06:00:00Z")
    monkeypatch.setenv("LIFECYCLE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("SOURCES__FILES__DATA_PATH", str(tmp_path))
    monkeypatch.setenv("SOURCES__FILES__MAPPINGS_PATH", str(tmp_path / "surveys.yml"))
    pipelines.run("files")

    ((loaded, named),) = in_warehouse("select count(*), count(distinct response_id) from raw_files.surveys")
    ((rejected,),) = in_warehouse("select count(*) from raw_files.rejected_records")
    assert loaded == named
    assert loaded + rejected == ROWS_OF_FILES
    assert loaded > ROWS_OF_FILES / 4 and rejected > ROWS_OF_FILES / 10


def cell(text: str) -> str:
    """What a CSV file shows of a JSON value: the text itself, or what a program that knows no better would write."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value.replace("\0", "") if isinstance(value, str) else text
