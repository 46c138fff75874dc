"""Survival: the compiled estimate gives published figures, and equals the definition applied event by event."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.dbt_project.compiling import compiled, dbt_environment
from tests.unit.dbt_project.databases import empty_database

Duration = tuple[str, int, bool]  # key, duration, is_observed

SHARES = {"first_quartile": 0.25, "median": 0.5, "third_quartile": 0.75, "ninth_decile": 0.9}
# Remission in weeks under 6-MP (Freireich et al., Blood 21, 1963); True: the remission ended.
REMISSIONS = [
    *[(6, True)] * 3,
    *[(weeks, True) for weeks in (7, 10, 13, 16, 22, 23)],
    *[(weeks, False) for weeks in (6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35)],
]


@pytest.fixture(scope="module")
def survival_sql(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    arguments = "'durations_given', ['key'], 'lasted', 'is_observed'"
    with dbt_environment(tmp_path_factory.mktemp("survival")):
        return {
            "curve": compiled("{{ kaplan_meier(" + arguments + ") }}"),
            "quantiles": compiled("{{ kaplan_meier_quantiles(" + arguments + ", " + str(SHARES) + ") }}"),
        }


def rows(sql: str, durations: list[Duration]) -> list[dict[str, object]]:
    with empty_database() as connection:
        connection.execute("create table durations_given (key text, lasted int, is_observed boolean)")
        connection.executemany("insert into durations_given values (?, ?, ?)", durations)
        cursor = connection.execute(f"select * from ({sql}) order by all")
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def survival(durations: list[tuple[int, bool]]) -> dict[int, Fraction]:
    """S(t) at each distinct duration, exactly, by the definition of Kaplan and Meier (1958)."""
    share = Fraction(1)
    found = {}
    for instant in sorted({lasted for lasted, _ in durations}):
        at_risk = sum(lasted >= instant for lasted, _ in durations)
        ended = sum(lasted == instant and is_observed for lasted, is_observed in durations)
        share *= 1 - Fraction(ended, at_risk)
        found[instant] = share
    return found


def test_the_remissions_of_freireich_are_reproduced(survival_sql: dict[str, str]) -> None:
    durations = [("6-MP", weeks, is_observed) for weeks, is_observed in REMISSIONS]
    curve = {row["duration"]: row for row in rows(survival_sql["curve"], durations)}

    published = {6: 0.8571, 7: 0.8067, 10: 0.7529, 13: 0.6902, 16: 0.6275, 22: 0.5378, 23: 0.4482}
    assert {weeks: round(row["survival_rate"], 4) for weeks, row in curve.items() if row["event_count"]} == published
    assert {weeks: row["at_risk_count"] for weeks, row in curve.items() if row["event_count"]} == {
        6: 21, 7: 17, 10: 15, 13: 12, 16: 11, 22: 7, 23: 6
    }  # fmt: skip
    (quantiles,) = rows(survival_sql["quantiles"], durations)
    assert quantiles == {
        "key": "6-MP",
        "subject_count": 21,
        "observed_count": 9,
        "open_count": 12,
        "first_quartile": 13,
        "median": 23,
        "third_quartile": None,
        "ninth_decile": None,
    }


def test_survival_follows_the_definition_of_each_group(survival_sql: dict[str, str]) -> None:
    @settings(max_examples=150, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 12), st.booleans()), min_size=1, max_size=40))
    def check(durations: list[Duration]) -> None:
        groups = {key: [(lasted, ended) for group, lasted, ended in durations if group == key] for key in "ab"}
        expected = {key: survival(group) for key, group in groups.items() if group}

        found = rows(survival_sql["curve"], durations)
        assert {(row["key"], row["duration"]): row["survival_rate"] for row in found} == pytest.approx(
            {(key, lasted): float(share) for key, curve in expected.items() for lasted, share in curve.items()},
            abs=1e-8,
        )
        for row in rows(survival_sql["quantiles"], durations):
            group, curve = groups[row["key"]], expected[row["key"]]
            assert (row["subject_count"], row["observed_count"], row["open_count"]) == (
                len(group),
                sum(ended for _, ended in group),
                sum(not ended for _, ended in group),
            )
            for name, share in SHARES.items():
                reached = [lasted for lasted, left in curve.items() if left <= 1 - Fraction(str(share))]
                assert row[name] == min(reached, default=None)

    check()


def test_an_exact_half_is_a_median(survival_sql: dict[str, str]) -> None:
    """Products of shares that come to one half, which logarithms alone would miss by their last bit."""
    for count in range(2, 60, 2):
        durations = [("k", lasted, True) for lasted in range(1, count + 1)]
        (quantiles,) = rows(survival_sql["quantiles"], durations)
        assert quantiles["median"] == count // 2
