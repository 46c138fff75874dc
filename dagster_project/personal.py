"""Personal data: what of it is published, and how rows and texts are shown without it.

Belongs here: which columns hold it, by their names; the marts that do, by their tags; masks. Does not: secrets
(`ingestion/secrecy.py`).

A mask leaves enough to recognise a value that one knows, and no more. Ids stay: by them the row is found.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# What the last part of a column's name has to be, in any system: what people, also members of staff, are called and
# where they can be reached. A deal is called after the people it is made with. Companies are no people.
PERSONAL = re.compile(
    r"""
    (.*_)?
    (
        e_?mails? | mail | phones? | mobiles? | mobile_?phone | (phone|mobile)_?number
        | (first|last|middle|full|given|family|display|profile|sur)_?names?
        | (person|user|owner|agent|assignee|sender|recipient|employee|customer|contact|deal)_?names?
        | wa_id | owner | agent | assignee | agent_key | identifier
        | (street_?)? address (_?line)? (_?[0-9])? | street | birth_?(day|date)
    )
    | name | text | note | body | comment | from | to | recipient_id
    """,
    re.VERBOSE,
)
ADDRESS = re.compile(r"([^\s@'\"<>(),;:=|]+)@([^\s@'\"<>(),;:=|.]+)(?:\.[^\s@'\"<>(),;:=|.]+)*\.([^\W\d_]{2,})")
NUMBER = re.compile(r"(?<![\w+])(?:\+|00)[1-9](?:[ ()./-]{0,2}\d){6,14}(?!\w)")
# A field with its value, in JSON, in Python, also where the end is cut off.
FIELD = re.compile(
    r"""(?P<before>(?P<quote>["'])(?P<name>[^"'\\]{1,60})(?P=quote)\s*:\s*)"""
    r"""(?P<value>"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[^\s,"'\[\]{}]+)"""
)
# The same in the reason of a rejection: `email: not valid (got 'x')`.
REFUSED = re.compile(
    r"(?P<before>(?:^|(?<=; ))(?P<name>[\w.]+): [^;]*?\(got )(?P<value>.*?)(?P<after>\)(?=; |$))", re.DOTALL
)


def is_personal(column: str) -> bool:
    """Whether a column, or a field of a vendor, is of the kind that holds personal data."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[\s.-]+", "_", column.strip()).lower()
    return PERSONAL.fullmatch(words) is not None


def tagged(node: Mapping[str, Any]) -> list[str]:
    """The columns of a node of dbt's manifest that are tagged as personal."""
    return [
        name for name, column in node["columns"].items() if column.get("config", {}).get("meta", {}).get("personal")
    ]


def shown_row(row: Mapping[Any, Any]) -> str:
    """A row on one line, its personal columns masked."""
    return ", ".join(f"{column}={_shown(str(column), value)}" for column, value in row.items())


def _shown(column: str, value: Any) -> str:
    if value is not None and is_personal(column):
        return masked(value)
    return f"{masked_text(str(value)):.80}"


def masked_text(text: str) -> str:
    """A text without the addresses, numbers and fields that are personal in it."""
    text = FIELD.sub(_masked_field, text)
    text = REFUSED.sub(_masked_field, text)
    text = ADDRESS.sub(_masked_address, text)
    return NUMBER.sub(lambda found: _masked_number(found[0]), text)


def masked(value: Any) -> str:
    """A value that is personal: `j***@e***.com`, `***68`, `J***`."""
    text = str(value)
    address = ADDRESS.search(text)
    if address:
        return _masked_address(address) if address[0] == text else f"{address[0][:1]}***"
    digits = re.sub(r"\D", "", text)
    return f"***{digits[-2:]}" if len(digits) >= 6 else f"{text[:1]}***"


def _masked_field(found: re.Match[str]) -> str:
    name, value = found["name"].rpartition(".")[2], found["value"]
    if not is_personal(name) or value in ("None", "null", "True", "False", "true", "false"):
        return found[0]
    quote = value[0] if value[0] in "\"'" else ""
    after = found.groupdict().get("after") or ""
    return f"{found['before']}{quote}{masked(value.strip(quote) if quote else value)}{quote}{after}"


def _masked_address(found: re.Match[str]) -> str:
    return f"{found[1][0]}***@{found[2][0]}***.{found[3]}"


def _masked_number(number: str) -> str:
    return f"***{re.sub(r'[^0-9]', '', number)[-2:]}"
