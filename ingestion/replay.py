"""The replay: rejections of earlier loads are judged again, and what fits by now is loaded.

Belongs here: which open rejections are loaded, and which of them came too late. Does not: judging a record (`intake`),
running a pipeline (`pipelines`).

All of them are tried before each load: that takes seconds for ten thousand, and is right whatever has changed since: a
row model, a source's mapping, a setting, a clock. A record is made and judged anew from what the vendor sent, with all
rows of its unit, so that loading it retires none of them.

What was rejected is never loaded over what arrived later. A unit that arrives again supersedes its rejections
(`intake`); where a rejected record does not say which unit it is of, its row does by now, and the versions in the
table tell whether one of them is newer.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ingestion import warehouse
from ingestion.intake import Intake, Verdict, text_of
from ingestion.tables import RawTable
from ingestion.warehouse import OpenRejection
from ingestion.wire import batches, parsed, unfolded

ARRIVALS_AT_ONCE = 2000

# Of a table, the rows that its source makes of a record.
RowsOf = Mapping[str, Callable[[Any], Iterable[Any]]]


@dataclass(frozen=True)
class Replayed:
    """What becomes of the rejections of one record of a vendor.

    Attributes:
        rejections: those that are open no longer.
        state: what they are from now on, `loaded` or `superseded`.
        rows: what is loaded, with the versions that would be retired otherwise.
    """

    rejections: tuple[OpenRejection, ...]
    state: str
    rows: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class _Arrival:
    """A record of a vendor that is judged again: its rejections, their texts by id, what is found of its rows now."""

    rejections: tuple[OpenRejection, ...]
    texts: Mapping[str, str]
    verdicts: tuple[Verdict, ...]

    @property
    def is_named(self) -> bool:
        """Whether each rejection says of which unit it is."""
        return all(each.unit is not None for each in self.rejections)

    @property
    def opened(self) -> float:
        return max(float(each.opened) for each in self.rejections)

    @property
    def still_rejected(self) -> frozenset[str]:
        return frozenset(text_of(verdict.record) for verdict in self.verdicts if verdict.problem is not None)

    @property
    def fits(self) -> bool:
        """Whether something that was rejected is accepted, and nothing is rejected that was accepted."""
        if not self.verdicts:
            return False
        still = self.still_rejected
        return still < {*self.texts.values()} if self.is_named else not still


def replayed(
    intake: Intake, table: RawTable, rows_of: RowsOf, rejections: Iterable[OpenRejection]
) -> Iterator[Replayed]:
    """What becomes of the open rejections of a table; nothing is said of those that stay open.

    Args:
        intake: judges; it counts nothing.
        rows_of: of the tables whose rows are made of a record.
        rejections: the open ones, the latest first: of several records of a unit the last one counts.
    """
    arrivals: dict[str, list[OpenRejection]] = {}
    for rejection in rejections:
        if rejection.resource == table.name and rejection.arrival is not None:
            arrivals.setdefault(rejection.arrival, []).append(rejection)
    taken: set[str | None] = set()
    for some in batches(arrivals.values(), ARRIVALS_AT_ONCE):
        fitting = [arrival for arrival in _judged_again(intake, table, rows_of, some) if arrival.fits]
        newer = _newer_units(intake, table, fitting)
        for number, arrival in enumerate(fitting):
            yield _outcome(intake, table, arrival, taken | newer.get(number, set()))
            if table.history == "versions":
                taken |= {verdict.unit(table) for verdict in arrival.verdicts}


def _judged_again(
    intake: Intake, table: RawTable, rows_of: RowsOf, arrivals: Sequence[list[OpenRejection]]
) -> Iterator[_Arrival]:
    texts = warehouse.rejected_texts([each.rejection_id for rejections in arrivals for each in rejections])
    records = [parsed(texts[rejections[0].rejection_id][1]) for rejections in arrivals]
    to_rows = rows_of.get(table.name)
    found: dict[int, list[Verdict]] = {}  # by which object a verdict is of: `records` keeps them
    for verdict in intake.judged(table, unfolded(to_rows, records) if to_rows else records):
        found.setdefault(id(verdict.arrived), []).append(verdict)
    for rejections, record in zip(arrivals, records, strict=True):
        judged = {each.rejection_id: texts[each.rejection_id][0] for each in rejections}
        yield _Arrival(tuple(rejections), judged, tuple(found.get(id(record), ())))


def _newer_units(intake: Intake, table: RawTable, arrivals: list[_Arrival]) -> dict[int, set[str | None]]:
    """Units that the table has a newer version of than an arrival that named none, by the place of the arrival."""
    unnamed = {number: arrival for number, arrival in enumerate(arrivals) if not arrival.is_named}
    if table.history != "versions" or not unnamed:
        return {}
    units = {number: {verdict.unit(table) for verdict in arrival.verdicts} for number, arrival in unnamed.items()}
    named = sorted({unit for each in units.values() for unit in each if unit})
    loads = warehouse.latest_loads(table, named, intake.account)
    return {
        number: {unit for unit in units[number] if unit and loads.get(unit, 0) > arrival.opened}
        for number, arrival in unnamed.items()
    }


def _outcome(intake: Intake, table: RawTable, arrival: _Arrival, too_late: Collection[str | None]) -> Replayed:
    still = arrival.still_rejected
    closed = tuple(each for each in arrival.rejections if arrival.texts[each.rejection_id] not in still)
    in_time = [each for each in arrival.verdicts if each.unit(table) not in too_late]
    rows = [each.row for each in in_time if each.problem is None]
    if not rows:
        return Replayed(closed, "superseded")
    kept = intake.kept_for(table, [each.key for each in in_time if each.problem is not None])
    return Replayed(closed, "loaded", (*rows, *kept))
