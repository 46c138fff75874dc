"""The WhatsApp source against what Meta publishes: every field of its schemas, and every example, becomes rows.

`tests/wire/whatsapp/webhooks.json` holds fields and examples of Meta's OpenAPI description, the other files records in
the shape of its webhook reference. Belongs here: shapes and values. Does not: disorder and poison (unit tests).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ingestion.intake import Intake
from ingestion.sources import whatsapp
from ingestion.sources.whatsapp import models
from ingestion.wire import unfolded

WIRE = Path(__file__).resolve().parents[1] / "wire" / "whatsapp"
PUBLISHED = json.loads((WIRE / "webhooks.json").read_text())
FIELDS = PUBLISHED["fields"]
RECORDS = sorted(path for path in WIRE.glob("*.json") if path.name != "webhooks.json")
TABLES = {table.name: table for table in whatsapp.TABLES}
# Published fields that no column holds, and why.
LEFT_OUT = {
    "metadata.display_phone_number": "the id of the number is kept",
    "statuses[].conversation.expiration_timestamp": "nothing is billed by it any more",
}
# What is read although no published schema has it. The source's README says so too.
UNCONFIRMED = ("user_id", "from_user_id", "to_user_id", "recipient_user_id", "new_wa_id", "time")


def load(payload: Any, received_at: str | None = None) -> tuple[Intake, dict[str, list[dict[str, Any]]]]:
    """The intake and its rows by table."""
    intake = Intake("whatsapp")
    rows: dict[str, list[dict[str, Any]]] = {}
    for part in whatsapp.parts(payload, received_at):
        assert part.problem is None, part
        made = unfolded(whatsapp.ROWS_OF[part.table], [part.record])
        rows.setdefault(part.table, []).extend(intake.accept(TABLES[part.table], made))
    return intake, rows


def plain(value: Any) -> Any:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value


def filled(schema: str, path: str, told: dict[str, str]) -> dict[str, Any]:
    """A record that states every field of a published schema, each by a value of its own, noted in `told`."""
    return {name: _value(kind, f"{path}.{name}", told) for name, kind in FIELDS[schema].items()}


def _value(kind: Any, path: str, told: dict[str, str]) -> Any:
    if isinstance(kind, dict):
        return {name: _value(inner, f"{path}.{name}", told) for name, inner in kind.items()}
    if isinstance(kind, list):
        if kind[0] in FIELDS:
            return [filled(kind[0], f"{path}[]", told)]
        value: Any = kind[0]
    elif kind in FIELDS:
        return filled(kind, path, told)
    elif kind == "boolean":
        return True
    elif path.endswith(("timestamp", "wa_id", "from", "recipient_id")) or kind == "integer":
        value = str(1767225600 + len(told))
    else:
        value = f"value {len(told)}"
    told[path] = value
    return int(value) if kind == "integer" else value


def held(row: dict[str, Any]) -> str:
    return json.dumps({name: int(v.timestamp()) if isinstance(v, datetime) else v for name, v in row.items()})


def test_every_published_field_of_a_message_and_of_a_receipt_is_held_by_a_row() -> None:
    told: dict[str, str] = {}
    metadata = filled("Metadata", "metadata", told)
    contact = filled("ContactProfile", "contacts[]", told)
    message = filled("BaseMessageProperties_1", "messages[]", told) | {
        "type": "text",
        "text": {"body": "Hello"},
        "referral": filled("ReferralObject", "messages[].referral", told),
    }
    message["from"] = contact["wa_id"]
    told["messages[].from"] = told["contacts[].wa_id"]
    status = filled("Statuses", "statuses[]", told)
    value = {"metadata": metadata, "contacts": [contact], "messages": [message], "statuses": [status]}

    _, rows = load(
        {
            "object": "whatsapp_business_account",
            "entry": [{"id": "1", "changes": [{"field": "messages", "value": value}]}],
        }
    )

    text = " ".join(held(row) for some in rows.values() for row in some)
    lost = {path for path, value in told.items() if json.dumps(value)[1:-1] not in text}
    assert len(told) > 25
    assert lost == {*LEFT_OUT}


def counted(payload: Any) -> Counter[str]:
    """What a delivery holds, by table, counted on the payload itself."""
    found: Counter[str] = Counter()
    for change in (change for entry in payload["entry"] for change in entry["changes"]):
        messages = len(change["value"].get("messages", []))
        found["messages"] += messages
        found["contacts"] += messages
        found["other_events"] += not messages
    return +found


@pytest.mark.parametrize("name", PUBLISHED["examples"])
def test_every_published_example_becomes_its_rows(name: str) -> None:
    payload = PUBLISHED["examples"][name]
    intake, rows = load(payload)

    assert intake.loaded == intake.received == counted(payload)
    for message in (
        each
        for entry in payload["entry"]
        for change in entry["changes"]
        for each in change["value"].get("messages", [])
    ):
        (row,) = rows["messages"]
        assert (row["message_id"], row["message_type"]) == (message["id"], message["type"])
        assert int(row["sent_at"].timestamp()) == int(message["timestamp"])
        assert {**row["content"], **message} == message if row["content"] else message["type"] == "unsupported"


def test_the_published_examples_have_every_kind_of_change() -> None:
    fields = {
        change["field"]
        for payload in PUBLISHED["examples"].values()
        for entry in payload["entry"]
        for change in entry["changes"]
    }
    assert len(fields) == len(PUBLISHED["change_fields"])  # one is spelled in two ways


def test_a_click_on_an_ad_names_the_ad_and_the_click() -> None:
    payload = PUBLISHED["examples"]["Text Message from Click to WhatsApp Ad"]
    referral = payload["entry"][0]["changes"][0]["value"]["messages"][0]["referral"]
    _, rows = load(payload)

    (row,) = rows["messages"]
    assert (row["referral_source_type"], row["referral_source_id"]) == ("ad", referral["source_id"])
    assert (row["ctwa_clid"], row["referral"]) == (referral["ctwa_clid"], referral)


def test_a_changed_number_names_the_new_one() -> None:
    _, rows = load(PUBLISHED["examples"]["System Message"])
    (row,) = rows["messages"]
    assert (row["wa_id"], row["new_wa_id"]) == ("16505551234", "12195555358")


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_every_documented_record_becomes_its_rows(path: Path) -> None:
    told = json.loads(path.read_text())
    assert told["_source"]
    intake, rows = load(told["payload"], "2026-01-02T00:00:00Z")

    assert not intake.rejected
    assert {table: len(some) for table, some in rows.items()} == {t: len(some) for t, some in told["rows"].items()}
    for table, expected in told["rows"].items():
        for row, columns in zip(rows[table], expected, strict=True):
            assert {name: plain(row[name]) for name in columns} == columns


def values(folder: Path, *names: str) -> Iterator[str]:
    for name in names:
        yield (folder / "dbt_project/models" / name).read_text()


def test_the_models_know_every_published_status(root: Path) -> None:
    (text,) = values(root, "canonical/whatsapp/whatsapp__messages.sql")
    unknown = {status for status in FIELDS["Statuses"]["status"] if f"'{status}'" not in text}
    assert unknown == {"sent"}  # says no more than that there is a receipt


def test_the_readme_names_what_is_unconfirmed() -> None:
    readme = Path(models.__file__).with_name("README.md").read_text()
    said = readme[readme.index("Unconfirmed") :]
    assert [name for name in UNCONFIRMED if f"`{name}`" not in said] == []
