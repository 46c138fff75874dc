"""What the tests of the files source share: a mapping applied to a folder, and what came of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ingestion.sources.files.evaluation import EntityRows, Evaluation, InputRows
from ingestion.sources.files.mapping import read_mapping

AFTER_ALL = datetime(2200, 1, 1, tzinfo=UTC)  # no row of a test lies ahead of it


def evaluate(
    folder: Path, text: str, as_of: datetime = AFTER_ALL
) -> tuple[dict[str, EntityRows], dict[str, InputRows]]:
    file = folder / "mapping.yml"
    file.write_text(text)
    evaluation = Evaluation(read_mapping(file), folder, as_of)
    try:
        entities = {name: evaluation.entity(name) for name in evaluation.mapping.entities}
        return entities, {rows.name: rows for rows in evaluation.inputs}
    finally:
        evaluation.close()


def values(rows: EntityRows, column: str) -> list[Any]:
    return sorted(rows.rows.column(column).to_pylist())


def reasons(rows: EntityRows | InputRows) -> list[str]:
    return [rejection["reason"] for rejection in rows.rejections]
