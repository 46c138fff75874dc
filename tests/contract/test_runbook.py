"""Each message that the runbook explains is one that the project prints."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOMS = (
    "ingestion",
    "expectations",
    "predictions",
    "serving",
    "activation",
    "cluster",
    "dagster_project",
    "dbt_project",
)
GAP = "…"


def printed(root: Path) -> Iterator[str]:
    """The texts of the code, with a gap where a value stands."""
    for path in (path for room in ROOMS for path in (root / room).rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else GAP for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
    for path in (root / "dbt_project" / "macros").rglob("*.sql"):
        yield path.read_text(encoding="utf-8")


def explained(root: Path) -> Iterator[str]:
    """The messages in the first columns of the runbook's tables."""
    text = (root / "docs" / "runbook.md").read_text(encoding="utf-8")
    for row in re.findall(r"^\| (.*?) \|", text, re.MULTILINE):
        yield from (message for message in re.findall(r"`([^`]+)`", row) if " " in message)


def test_each_message_of_the_runbook_is_printed_somewhere(root: Path) -> None:
    texts = list(printed(root))
    messages = list(explained(root))
    unknown = [
        part
        for message in messages
        for part in (part.strip() for part in message.split(GAP))
        if len(part) > 3 and not any(part.lower() in text.lower() for text in texts)
    ]

    assert len(messages) > 40
    assert unknown == []
