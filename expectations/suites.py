"""Which suites there are, without importing Great Expectations: its import alone takes seconds.

A suite is a module with one function, `expectations(batch)`; it is skipped for a table that nothing ever fed, unless it
says `JUDGES_EMPTY = True`. Of a raw table that keeps versions it judges those that hold, unless it says
`READS_EVERY_VERSION = True`, because models read the others too. Its place in the folders says what it judges:
`raw/<source>/<table>.py` (`every_source`: the same table of each source) and `marts/<mart>.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
EVERY_SOURCE = "every_source"


@dataclass(frozen=True)
class Suite:
    """One suite on one table.

    Attributes:
        schema: schema of the table in the warehouse.
        table: name of the table.
        module: import path of the suite.
        source: the source system; None for a mart.
    """

    schema: str
    table: str
    module: str
    source: str | None = None

    @property
    def name(self) -> str:
        return f"{self.schema}.{self.table}"


def raw_suites(sources: Iterable[str]) -> list[Suite]:
    """The suites of gate 1 for `sources`, in their order."""
    return [
        Suite(f"raw_{source}", table, f"expectations.raw.{package}.{table}", source)
        for source in sources
        for package in (EVERY_SOURCE, source)
        for table in _modules(FOLDER / "raw" / package)
    ]


def mart_suites() -> list[Suite]:
    """The suites of gate 2."""
    return [Suite("marts", mart, f"expectations.marts.{mart}") for mart in _modules(FOLDER / "marts")]


def _modules(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.py") if path.stem != "__init__")
