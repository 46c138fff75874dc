"""Is every record accounted for? Compares what the intake counted with what dlt counted.

Belongs here: sentences on counts that do not add up. Does not: counting (`intake`), what follows from that
(`pipelines`, Dagster).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import dlt

from ingestion.intake import Intake
from ingestion.tables import REJECTED_RECORDS, RawTable


class UnaccountedError(RuntimeError):
    """Records arrived that were neither loaded nor rejected; the message says of which resource, and how many."""


def handed_on(pipeline: dlt.Pipeline) -> Mapping[str, int]:
    """Rows that dlt normalised in the run that just ended, by table."""
    trace = pipeline.last_trace
    if trace is None or trace.last_normalize_info is None:
        raise RuntimeError(f"dlt kept no trace of the run of {pipeline.pipeline_name}: its rows cannot be counted")
    return dict(trace.last_normalize_info.row_counts)


def unaccounted(intake: Intake, tables: Iterable[RawTable], rows_of: Mapping[str, int]) -> Iterator[str]:
    """Sentences on resources whose counts do not add up.

    Args:
        intake: counts made at the door, record by record.
        tables: the raw tables of the source.
        rows_of: rows that dlt normalised, by table: counted by dlt, independently.
    """
    history = {table.name: table.history for table in tables}
    for name in intake.resources:
        received, loaded, rejected = intake.received[name], intake.loaded[name], intake.rejected[name]
        if received != loaded + rejected:
            yield f"{name}: {received} received, but {loaded} loaded and {rejected} rejected"
        if name not in history:
            continue
        rows, loaded = rows_of.get(name, 0), loaded + intake.replayed_rows[name]
        # An event that arrived twice in a run is one row; a version whose successor was rejected comes once more; of a
        # set, rows that the table has already do not come.
        is_lost = (
            rows != loaded + intake.kept[name] - intake.unchanged[name]
            if history[name] == "versions"
            else rows > loaded or (loaded > 0 and rows == 0)
        )
        if is_lost:
            yield f"{name}: {loaded} loaded, but dlt handed on {rows} rows"
    rejections, rows = sum(intake.rejected.values()), rows_of.get(REJECTED_RECORDS.name, 0)
    if rows > rejections or (rejections > 0 and rows == 0):
        yield f"{REJECTED_RECORDS.name}: {rejections} rejected, but dlt handed on {rows} rows"
