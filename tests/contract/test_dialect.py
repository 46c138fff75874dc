"""Every macro that differs by engine has both sides, and a case that is tried on both."""

from __future__ import annotations

import re
from pathlib import Path

from tests import dialect_cases

ROOT = Path(__file__).resolve().parents[2]
MACROS = "\n".join(path.read_text() for path in (ROOT / "dbt_project/macros").rglob("*.sql"))
SIDES = set(re.findall(r"macro (default|duckdb|spark)__(\w+)\(", MACROS))
DISPATCHED = set(re.findall(r'adapter\.dispatch\(\s*"(\w+)"', MACROS))
# dbt's own, of which Spark needs another side.
OF_DBT = {name for side, name in SIDES if side == "spark"} - DISPATCHED


def test_each_dispatched_macro_has_a_side_for_each_engine() -> None:
    assert DISPATCHED
    for name in sorted(DISPATCHED):
        sides = {side for side, macro in SIDES if macro == name}
        assert "default" in sides and len(sides) > 1, f"{name} has no side of its own for another engine"


def test_each_macro_is_tried_on_both_engines() -> None:
    tried = {name.split()[0] for name in dialect_cases.EXPRESSIONS} | dialect_cases.SEEN_ELSEWHERE.keys()
    assert tried == DISPATCHED | OF_DBT


def test_the_tests_that_are_named_exist() -> None:
    for place in dialect_cases.SEEN_ELSEWHERE.values():
        file, _, test = place.partition("::")
        assert f"def {test}(" in (ROOT / "tests/spark" / file).read_text()
