"""The interval of a share: published figures, and no surprise where few or none were counted."""

from __future__ import annotations

import duckdb
import pytest

from tests.unit.dbt_project.compiling import compiled, dbt_environment


@pytest.fixture(scope="module")
def interval_sql(tmp_path_factory: pytest.TempPathFactory) -> str:
    with dbt_environment(tmp_path_factory.mktemp("wilson")):
        return compiled("{{ wilson_interval('counted', 'people', 'rate') }}")


def interval(sql: str, counted: int, people: int) -> tuple[float | None, float | None]:
    row = duckdb.sql(f"select {sql} from (select {counted}::bigint as counted, {people}::bigint as people)").fetchone()
    assert row is not None
    return row[0], row[1]


# Newcombe, Statistics in Medicine 17 (1998), table I, method 3 (score, without continuity correction).
@pytest.mark.parametrize(
    ("counted", "people", "lower", "upper"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_published_intervals_are_reproduced(
    interval_sql: str, counted: int, people: int, lower: float, upper: float
) -> None:
    assert interval(interval_sql, counted, people) == pytest.approx((lower, upper), abs=5e-5)


@pytest.mark.parametrize("people", [1, 3, 1000, 10**9])
def test_the_interval_holds_the_share_and_stays_within_0_and_1(interval_sql: str, people: int) -> None:
    for counted in {0, people // 3, people}:
        lower, upper = interval(interval_sql, counted, people)
        assert lower is not None and upper is not None
        assert 0 <= lower <= counted / people + 1e-6 and counted / people - 1e-6 <= upper <= 1
    assert str(interval(interval_sql, 0, people)[0]) == "0.0" and interval(interval_sql, people, people)[1] == 1


def test_of_nobody_nothing_is_known(interval_sql: str) -> None:
    assert interval(interval_sql, 0, 0) == (None, None)
