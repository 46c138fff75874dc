"""Experiments: intervals against SciPy's and published ones, and over simulated experiments whose effect is known."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import duckdb
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tests.unit.dbt_project.compiling import compiled, compiled_models, dbt_environment

AS_OF = datetime(2026, 6, 1, 6, tzinfo=UTC)
DRAWN, BOUGHT = datetime(2026, 1, 1), datetime(2026, 1, 20)
INPUTS = """
    create schema core;
    create table core.bridge_person_records (record_key text, person_id text);
    create table core.fct_conversions (
        conversion_kind text, entity_type text, entity_id text, converted_at timestamp
    );
    create table core.fct_revenue_entries (person_id text, order_view_at timestamp, amount_reporting decimal(18, 4));
    create schema intermediate;
    create table intermediate.int_experiment_assignments__unioned (
        experiment text, arm text, is_control boolean, planned_share double, record_key text, assigned_at timestamp,
        loaded_at timestamp
    );
"""


@pytest.fixture(scope="module")
def queries(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    variables = {"LIFECYCLE_AS_OF": AS_OF.isoformat(), "LIFECYCLE_REPORTING_CURRENCY": "EUR"}
    with dbt_environment(tmp_path_factory.mktemp("experiments"), variables):
        found = compiled_models("fct_experiment_assignments", "experiment_results")
        found["chi_square_tail"] = compiled("{{ chi_square_tail('statistic', 'degrees') }}")
        found["student_quantile"] = compiled("{{ student_quantile('degrees::double') }}")
    return found


@pytest.fixture
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("attach ':memory:' as warehouse; use warehouse")
        connection.execute(INPUTS)
        yield connection


def results(
    database: duckdb.DuckDBPyConnection, queries: dict[str, str], people: pd.DataFrame
) -> dict[tuple[str, str, str], pd.Series]:
    """Rows of the mart by experiment, arm and metric.

    Args:
        people: experiment, arm, person, has_converted, revenue (null: nothing), and planned_share where it is stated.
    """
    given = people.assign(planned_share=people.get("planned_share", np.nan))  # noqa: F841
    database.execute(
        "insert into intermediate.int_experiment_assignments__unioned "
        "select experiment, arm, arm = 'control', if(isnan(planned_share), null, planned_share), person, ?, ? "
        "from given",
        [DRAWN, DRAWN],
    )
    database.execute("insert into core.bridge_person_records select distinct person, person from given")
    database.execute(
        "insert into core.fct_conversions select 'repeat_order', 'person', person, ? from given where has_converted",
        [BOUGHT],
    )
    database.execute(
        "insert into core.fct_revenue_entries select person, ?, revenue from given where revenue is not null", [BOUGHT]
    )
    database.execute(f"create table core.fct_experiment_assignments as {queries['fct_experiment_assignments']}")
    frame = database.execute(queries["experiment_results"]).df()
    return {(row.experiment, row.arm, row.metric): row for _, row in frame.iterrows()}


def population(experiment: str, arm: str, revenues: np.ndarray, has_converted: np.ndarray) -> pd.DataFrame:
    names = [f"{experiment} {arm} {number}" for number in range(len(revenues))]
    return pd.DataFrame(
        {"experiment": experiment, "arm": arm, "person": names, "has_converted": has_converted, "revenue": revenues}
    )


def shares(experiment: str, arm: str, converted: int, people: int) -> pd.DataFrame:
    return population(experiment, arm, np.full(people, np.nan), np.arange(people) < converted)


# Newcombe, Statistics in Medicine 17 (1998) 873-890, table II, method 10.
@pytest.mark.parametrize(
    ("treated", "control", "lower", "upper"),
    [((56, 70), (48, 80), 0.0524, 0.3339), ((9, 10), (3, 10), 0.1705, 0.8090), ((10, 10), (0, 20), 0.6791, 1.0)],
)
def test_published_intervals_of_a_difference_are_reproduced(
    database: duckdb.DuckDBPyConnection,
    queries: dict[str, str],
    treated: tuple[int, int],
    control: tuple[int, int],
    lower: float,
    upper: float,
) -> None:
    people = pd.concat([shares("x", "new", *treated), shares("x", "control", *control)])
    unhidden = {**queries, "experiment_results": queries["experiment_results"].replace("< 30", "< 0")}
    row = results(database, unhidden, people)["x", "new", "conversion"]

    assert (row["person_count"], row["control_person_count"]) == (treated[1], control[1])
    assert (row["difference_lower"], row["difference_upper"]) == pytest.approx((lower, upper), abs=6e-5)


def test_revenue_is_compared_as_scipy_does(database: duckdb.DuckDBPyConnection, queries: dict[str, str]) -> None:
    rng = np.random.default_rng(1)
    new, old = rng.gamma(2, 40, 80).round(4), rng.gamma(1, 50, 35).round(4)
    people = pd.concat(
        [population("x", "new", new, np.zeros(80, bool)), population("x", "control", old, np.zeros(35, bool))]
    )
    found = results(database, queries, people)
    row = found["x", "new", "revenue"]

    expected = stats.ttest_ind(new, old, equal_var=False).confidence_interval(0.95)
    assert row["difference"] == pytest.approx(new.mean() - old.mean(), abs=1e-6)
    assert (row["difference_lower"], row["difference_upper"]) == pytest.approx((expected.low, expected.high), rel=1e-4)
    assert row["relative_difference_ratio"] == pytest.approx(new.mean() / old.mean() - 1, abs=1e-6)
    assert np.isnan(found["x", "new", "conversion"]["relative_difference_ratio"])


@pytest.mark.parametrize(("people", "rates"), [(60, (0.5, 0.5)), (400, (0.12, 0.08)), (400, (0.03, 0.02))])
def test_intervals_hold_the_true_difference_about_as_often_as_they_say(
    database: duckdb.DuckDBPyConnection, queries: dict[str, str], people: int, rates: tuple[float, float]
) -> None:
    """Many experiments at once; a buyer spends 60 on average with the message, 50 without."""
    experiments, spends = 300, (60.0, 50.0)
    rng = np.random.default_rng(people)
    frames = []
    for arm, rate, spend in zip(("new", "control"), rates, spends, strict=True):
        has_converted = rng.random(experiments * people) < rate
        amounts = np.where(has_converted, rng.gamma(4, spend / 4, experiments * people), np.nan)
        names = np.char.add(f"{arm} ", np.arange(experiments * people).astype(str))
        numbers = np.repeat(np.arange(experiments).astype(str), people)
        frames.append(
            pd.DataFrame(
                {
                    "experiment": numbers,
                    "arm": arm,
                    "person": names,
                    "has_converted": has_converted,
                    "revenue": amounts.round(4),
                }
            )
        )
    found = pd.DataFrame(results(database, queries, pd.concat(frames)).values())

    truths = {
        "conversion": (rates[0] - rates[1], rates[0] / rates[1] - 1),
        "revenue": (rates[0] * spends[0] - rates[1] * spends[1], rates[0] * spends[0] / (rates[1] * spends[1]) - 1),
    }
    assert len(found) == 2 * experiments
    for metric, (difference, relative) in truths.items():
        rows = found[found["metric"] == metric]
        for name, truth in (("difference", difference), ("relative_difference_ratio", relative)):
            held = (rows[f"{name}_lower"] <= truth) & (truth <= rows[f"{name}_upper"])
            # A few experiments in which nobody bought have no ratio. 3.5 standard errors of 300 trials are 0.044.
            assert 0.90 <= held[rows[name].notna()].mean() <= 0.995, (metric, name, held.mean())
    significant = found[found["metric"] == "conversion"]["is_significant"].astype(bool).mean()
    assert significant <= 0.09 or rates[0] != rates[1]


def test_arms_of_other_sizes_than_planned_are_noticed(
    database: duckdb.DuckDBPyConnection, queries: dict[str, str]
) -> None:
    people = pd.concat(
        [
            *(shares("alike", arm, 5, size) for arm, size in (("new", 1020), ("control", 980))),
            *(shares("skewed", arm, 5, size) for arm, size in (("new", 1080), ("control", 920))),
            shares("planned", "new", 5, 200).assign(planned_share=0.1),
            shares("planned", "other", 5, 800).assign(planned_share=0.4),
            shares("planned", "control", 5, 1010).assign(planned_share=0.5),
        ]
    )
    found = results(database, queries, people)

    for experiment, observed, plan in (
        ("alike", [1020, 980], [1, 1]),
        ("skewed", [1080, 920], [1, 1]),
        ("planned", [200, 800, 1010], [0.1, 0.4, 0.5]),
    ):
        expected = np.array(plan) / sum(plan) * sum(observed)
        p_value = stats.chisquare(observed, expected).pvalue
        row = found[experiment, "new", "conversion"]
        assert row["sample_ratio_p_value"] == pytest.approx(p_value, abs=2e-6)
        assert row["has_sample_ratio_mismatch"] == (p_value < 0.001) == (experiment == "skewed")


def test_revenue_that_does_not_vary_is_not_compared(
    database: duckdb.DuckDBPyConnection, queries: dict[str, str]
) -> None:
    row = results(database, queries, pd.concat([shares("x", "new", 3, 40), shares("x", "control", 2, 40)]))

    assert row["x", "new", "revenue"]["hidden_reason"] == "revenue does not vary"
    assert np.isnan(row["x", "new", "revenue"]["difference"])
    assert row["x", "new", "conversion"]["hidden_reason"] is None


def test_two_records_of_one_person_are_one_and_two_arms_are_none(
    database: duckdb.DuckDBPyConnection, queries: dict[str, str]
) -> None:
    people = pd.concat([shares("x", "new", 10, 40), shares("x", "control", 10, 40)])
    database.execute("insert into core.bridge_person_records values ('other address', 'x new 0')")
    database.execute("insert into core.bridge_person_records values ('wrong arm', 'x control 0')")
    database.execute(
        "insert into intermediate.int_experiment_assignments__unioned values "
        "('x', 'new', false, null, 'other address', ?, ?), ('x', 'new', false, null, 'wrong arm', ?, ?)",
        [DRAWN] * 4,
    )
    row = results(database, queries, people)["x", "new", "conversion"]

    assert (row["assigned_count"], row["control_assigned_count"], row["several_arms_count"]) == (40, 39, 1)
    assert (row["mean_outcome"], row["control_mean_outcome"]) == pytest.approx((10 / 40, 9 / 39), abs=1e-6)


def test_tails_and_quantiles_are_scipys(queries: dict[str, str]) -> None:
    for degrees in range(1, 10):
        for statistic in (0, 0.1, 1.0, 5.5, 10.828, 30.0, 2000.0):
            given_row = f"(select {statistic}::double as statistic, {degrees} as degrees)"
            sql = f"select {queries['chi_square_tail']} from {given_row}"
            assert duckdb.sql(sql).fetchall()[0][0] == pytest.approx(stats.chi2.sf(statistic, degrees), abs=2e-7)
    sql = f"select {queries['chi_square_tail']} from (select 1.0::double as statistic, 10 as degrees)"
    assert duckdb.sql(sql).fetchall() == [(None,)]
    for count in (20, 58, 1000):
        sql = f"select {queries['student_quantile']} from (select {count} as degrees)"
        assert duckdb.sql(sql).fetchall()[0][0] == pytest.approx(stats.t.ppf(0.975, count), abs=1e-4)


def test_the_limit_that_a_test_lifts_is_in_the_model(queries: dict[str, str]) -> None:
    assert len(re.findall("< 30", queries["experiment_results"])) == 1
