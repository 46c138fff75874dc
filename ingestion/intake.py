"""The door: each record that arrives becomes a typed row or a rejection with its reason, and is counted.

Belongs here: validation, counting, rejections. Does not: how records are fetched.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from pydantic import ValidationError

from ingestion.tables import RawTable


def _readable(error: ValidationError) -> str:
    """One line a rejection shows: which field, what was wrong, what was there."""
    return "; ".join(
        f"{'.'.join(str(part) for part in problem['loc']) or 'record'}: {problem['msg']} (got {problem['input']!r:.80})"
        for problem in error.errors(include_url=False)
    )


class Intake:
    """Counts and judges the records of one run of one source."""

    def __init__(self, source: str, tables: Iterable[RawTable] = ()) -> None:
        self.source = source
        self.received: Counter[str] = Counter()
        self.loaded: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        self._rejections: list[dict[str, Any]] = []
        self._resources = [table.name for table in tables]

    def accept(self, table: RawTable, records: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        """Yield the rows of `records` that fit the table's row model; the others become rejections."""
        for record in records:
            self.received[table.name] += 1
            try:
                row = table.row.model_validate(record)
            except ValidationError as error:
                self._keep(table.name, record, _readable(error))
            else:
                self.loaded[table.name] += 1
                yield row.model_dump()

    def reject(self, resource: str, record: Any, reason: str) -> None:
        """Count a record as received and reject it: for what never takes the shape of a record (bad JSON)."""
        self.received[resource] += 1
        self._keep(resource, record, reason)

    def count_set(self, resource: str, *, loaded: int, rejections: Iterable[Mapping[str, Any]] = ()) -> None:
        """Count rows that were judged as a set outside (Arrow, SQL). `rejections`: mappings of record and reason."""
        self.received[resource] += loaded
        self.loaded[resource] += loaded
        for rejection in rejections:
            self.reject(resource, rejection["record"], str(rejection["reason"]))

    def _keep(self, resource: str, record: Any, reason: str) -> None:
        self.rejected[resource] += 1
        text = record if isinstance(record, str) else json.dumps(record, default=str, sort_keys=True)
        identity = "\x1f".join((self.source, resource, text, reason))
        self._rejections.append(
            {
                "rejection_id": hashlib.sha256(identity.encode()).hexdigest()[:32],
                "source": self.source,
                "resource": resource,
                "record": text,
                "reason": reason,
            }
        )

    def rejections(self) -> Iterator[dict[str, Any]]:
        """Rows of `rejected_records`; a record rejected before for the same reason has the same id."""
        yield from self._rejections

    def audit(self) -> Iterator[dict[str, Any]]:
        """Rows of `load_audit`, one a resource, also where nothing arrived."""
        run, finished_at = uuid4().hex, datetime.now(UTC)
        for resource in sorted({*self._resources, *self.received}):
            yield {
                "load_key": f"{run}:{resource}",
                "source": self.source,
                "resource": resource,
                "received": self.received[resource],
                "loaded": self.loaded[resource],
                "rejected": self.rejected[resource],
                "finished_at": finished_at,
            }
