"""What dbt does in each of its commands and need not: for a process that gives it many.

Belongs here: ways in dbt's own code that lead to the same result sooner. Does not: what a command is to do
(`dbt_runner`, `dbt_command`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dbt.compilation import Linker


@cache
def take_shortcuts() -> None:
    """Have dbt of this process go these ways from now on."""
    from dbt.compilation import Linker
    from dbt_common.behavior_flags import BehaviorFlagRendered

    Linker.find_cycles = _sorted_before(Linker.find_cycles)  # type: ignore[method-assign]
    BehaviorFlagRendered._default_source = staticmethod(_adapters)  # type: ignore[method-assign]


def _sorted_before(find_cycles: Callable[[Linker], str | None]) -> Callable[[Linker], str | None]:
    """Look for a cycle only in a graph that cannot be sorted: no other has one.

    dbt follows every edge between models and tests to find none, for longer than it takes to select.
    """

    def found(linker: Linker) -> str | None:
        try:
            TopologicalSorter(linker.graph.pred).prepare()
        except CycleError:
            return find_cycles(linker)  # which says in dbt's words where it is
        return None

    return found


def _adapters() -> str:
    """Who declares the flags that say nothing of it. dbt reads the source of every caller to find that out."""
    return "dbt.adapters"
