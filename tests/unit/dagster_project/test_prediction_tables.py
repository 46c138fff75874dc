"""Where predictions are read from and written to: one transaction, earlier nights kept, tables as dbt declares them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pandas as pd
import pytest
import yaml

from dagster_project import dbt_runner
from dagster_project.parsed_project import take_over
from dagster_project.prediction_tables import (
    SETTINGS,
    TABLES,
    attribution_settings,
    naive_utc,
    prediction_settings,
    read_inputs,
    read_paths,
    write_tables,
)
from ingestion.config import PROJECT_ROOT, SettingsError

DBT = PROJECT_ROOT / "dbt_project"
NIGHT, NEXT_NIGHT = pd.Timestamp("2026-06-01 06:00"), pd.Timestamp("2026-06-02 06:00")


@pytest.fixture(scope="module")
def declared(tmp_path_factory: pytest.TempPathFactory, parsed_project: Path) -> Path:
    """A warehouse in which dbt has created the tables, one of them older and with a column less."""
    folder = tmp_path_factory.mktemp("declared")
    warehouse = folder / "warehouse.duckdb"
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("create schema predictions")
        connection.execute(
            "create table predictions.churn_scores as select 'old' as person_id, 0.5 as churn_probability"
        )
    target = folder / "target"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIFECYCLE_DATA_DIR", str(folder))
        patch.setenv("LIFECYCLE_WAREHOUSE_PATH", str(warehouse))
        patch.setenv("LIFECYCLE_AS_OF", "2026-10-31T06:00:00Z")
        take_over(parsed_project, target, DBT, "")
        for is_second in (False, True):
            # Any command that runs creates them first; a seed needs nothing else.
            seed = ["--quiet", "seed", "--select", "identity_overrides"]
            done = dbt_runner._invoke(seed, target, dbt_runner._parsed(target))
            assert done.success, done.exception
            if not is_second:
                # The second time nothing but a column is missing.
                with duckdb.connect(str(warehouse)) as connection:
                    connection.execute("alter table predictions.prediction_backtest drop column reason")
    return warehouse


@pytest.fixture
def warehouse(declared: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "warehouse.duckdb"
    copy.write_bytes(declared.read_bytes())
    return copy


def rows(warehouse: Path, sql: str) -> list[tuple]:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def scores(person: str, probability: float | None) -> pd.DataFrame:
    return pd.DataFrame({"person_id": [person], "churn_probability": [probability], "cutoff_at": [NIGHT.normalize()]})


def judged(night: pd.Timestamp, target: str, reason: str | None = None) -> pd.DataFrame:
    return pd.DataFrame(
        {"evaluated_as_of": [night], "target": [target], "is_shown": [reason is None], "reason": [reason]}
    )


def test_dbt_creates_every_table_as_declared_and_adds_what_an_older_one_lacks(warehouse: Path) -> None:
    sources = yaml.safe_load((DBT / "models" / "predictions" / "_predictions__sources.yml").read_text())["sources"]
    declared = {(table["name"], column["name"]) for table in sources[0]["tables"] for column in table["columns"]}
    built = rows(
        warehouse, "select table_name, column_name from information_schema.columns where table_schema = 'predictions'"
    )

    assert {name for name, _ in declared} == set(TABLES)
    assert set(built) == declared
    assert rows(warehouse, "select person_id, hidden_reason from predictions.churn_scores") == [("old", None)]


def test_scores_are_replaced_and_backtests_of_earlier_nights_kept(warehouse: Path) -> None:
    write_tables(warehouse, {"churn_scores": scores("a", 0.2), "prediction_backtest": judged(NIGHT, "churn")}, NIGHT)
    written = write_tables(
        warehouse,
        {"churn_scores": scores("b", None), "prediction_backtest": judged(NEXT_NIGHT, "churn", "too few")},
        NEXT_NIGHT,
    )
    # The same night again, with another finding.
    write_tables(warehouse, {"prediction_backtest": judged(NEXT_NIGHT, "purchases")}, NEXT_NIGHT)

    assert written == {"churn_scores": 1, "prediction_backtest": 1}
    assert rows(warehouse, "select person_id, churn_probability from predictions.churn_scores") == [("b", None)]
    assert rows(
        warehouse, "select evaluated_as_of, target, is_shown from predictions.prediction_backtest order by 1"
    ) == [(NIGHT.to_pydatetime(), "churn", True), (NEXT_NIGHT.to_pydatetime(), "purchases", True)]


def test_rows_that_are_kept_say_when_they_were_written_also_after_going_back_in_time(warehouse: Path) -> None:
    def fitted(night: pd.Timestamp) -> pd.DataFrame:
        return pd.DataFrame({"evaluated_as_of": [night], "model": ["sbg"], "parameter": ["alpha"], "estimate": [0.7]})

    for night in (NEXT_NIGHT, NIGHT):
        frames = {"prediction_backtest": judged(night, "churn"), "fitted_parameters": fitted(night)}
        write_tables(warehouse, frames, night)

    for table in ("prediction_backtest", "fitted_parameters"):
        found = rows(warehouse, f"select evaluated_as_of, written_at from predictions.{table} order by written_at")
        assert [night for night, _ in found] == [NEXT_NIGHT.to_pydatetime(), NIGHT.to_pydatetime()]
        assert found[0][1] < found[1][1] <= datetime.now(UTC).replace(tzinfo=None)


def test_a_column_that_is_not_declared_is_refused_and_nothing_is_written(warehouse: Path) -> None:
    frames = {"churn_scores": scores("a", 0.2), "prediction_backtest": judged(NIGHT, "churn").assign(mood=1)}

    with pytest.raises(ValueError, match="prediction_backtest has no columns \\['mood'\\]"):
        write_tables(warehouse, frames, NIGHT)

    assert rows(warehouse, "select person_id from predictions.churn_scores") == [("old",)]


def test_inputs_are_read_in_an_order_of_their_own(warehouse: Path) -> None:
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(
            """
            create schema core;
            create table core.fct_purchase_days as
                from (values ('b', date '2026-01-02', 3::decimal(18, 4)), ('a', date '2026-01-03', null),
                    ('a', date '2026-01-01', 1)) as days (person_id, purchased_on, amount_reporting);
            create table core.fct_churn_features as select 'a' as person_id, timestamp '2026-01-01' as cutoff_at;
            create table core.fct_customer_lifetimes as
                select 'lapse' as curve, 'a' as customer_id, date '2026-01-01' as cohort_month,
                    'x' as acquisition_channel, 1.0 as duration_days, 0.0 as entered_days, true as is_observed;
            create table core.fct_subscriber_spells as
                select subscriber_id, null as person_id, 1 as billing_months, timestamp '2026-01-01' as anchor_at,
                    timestamp '2026-01-01' as observed_from_at, null::timestamp as paid_until_at,
                    null::timestamp as ended_at, null::timestamp as ending_known_at,
                    2.5::decimal(18, 4) as mrr_amount_reporting, spell_number
                from (values ('b', 1), ('a', 2), ('a', 1)) as spells (subscriber_id, spell_number)
            """
        )
    inputs = read_inputs(warehouse)

    assert inputs.purchases["customer_id"].tolist() == ["a", "a", "b"]
    assert inputs.purchases["purchased_on"].tolist() == [pd.Timestamp(f"2026-01-0{day}") for day in (1, 3, 2)]
    assert inputs.spells["subscriber_id"].tolist() == ["a", "a", "b"]
    assert inputs.spells["mrr_amount"].tolist() == [2.5] * 3 and inputs.spells["ended_at"].isna().all()
    assert inputs.purchases["amount"].dtype == float and inputs.purchases["amount"].isna().tolist() == [
        False,
        True,
        False,
    ]


def test_people_with_the_same_paths_are_read_as_one_row_with_their_number(warehouse: Path) -> None:
    paths = [  # kind, person, converted, channels, campaigns, value
        ("first_order", "a", True, "web > form", "c1 > none", 10),
        ("first_order", "b", True, "web > form", "c1 > none", None),
        ("first_order", "c", False, "web", "c1", None),
        ("first_order", "c", False, "web", "c2", None),
        ("first_order", "d", False, "web", "c1", None),
        ("first_order", None, True, "direct", "none", 5),
        ("first_order", None, True, "direct", "none", 7),
        ("deal_won", "a", False, "web", "c1", None),
    ]
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(
            "create schema core; create table core.fct_attribution_paths (path_id text, conversion_kind text, "
            "entity_type text, entity_id text, is_converted boolean, channel_path text, campaign_path text, "
            "value_amount_reporting decimal(18, 4))"
        )
        connection.executemany(
            "insert into core.fct_attribution_paths values (?, ?, 'person', ?, ?, ?, ?, ?)",
            [(str(number), kind, *rest) for number, (kind, *rest) in enumerate(paths)],
        )

    def found(level: str) -> list[tuple]:
        frame = read_paths(warehouse, level).astype({"value_amount": object})
        frame["value_amount"] = frame["value_amount"].where(frame["value_amount"].notna(), None)
        columns = ["conversion_kind", "path", "is_converted", "path_count", "person_count", "value_amount"]
        return sorted(frame[columns].itertuples(index=False, name=None), key=str)

    assert found("channel") == [
        ("deal_won", "web", False, 1, 1, None),
        ("first_order", "direct", True, 1, 2, 12.0),
        ("first_order", "web > form", True, 1, 2, 10.0),
        ("first_order", "web", False, 1, 1, None),
        ("first_order", "web", False, 2, 1, None),
    ]
    # c went two ways by campaign, and d one of them: two patterns.
    assert found("campaign") == [
        ("deal_won", "c1", False, 1, 1, None),
        ("first_order", "c1 > none", True, 1, 2, 10.0),
        ("first_order", "c1", False, 1, 1, None),
        ("first_order", "c1", False, 1, 1, None),
        ("first_order", "c2", False, 1, 1, None),
        ("first_order", "none", True, 1, 2, 12.0),
    ]
    patterns = read_paths(warehouse, "campaign").groupby("conversion_kind")["pattern"].nunique()
    assert patterns.to_dict() == {"deal_won": 1, "first_order": 4}


def test_settings_come_from_the_file_that_dbt_reads(tmp_path: Path) -> None:
    changed = tmp_path / "dbt_project.yml"
    text = SETTINGS.read_text().replace("value_horizon_days: 365", "value_horizon_days: 30")
    changed.write_text(text.replace("refund_rate: 365", "refund_rate: 400"))

    assert prediction_settings().value_horizon_days == 365
    assert prediction_settings(changed).value_horizon_days == 30
    assert prediction_settings(changed).churn_window_days.refund_rate == 400
    assert attribution_settings().level == "channel"


@pytest.mark.parametrize(
    ("text", "problem"),
    [("vars: {}", "dbt_project.yml has no 'predictions'"), ("vars: {predictions: {}}", "missing \\['purchase_model'")],
)
def test_missing_settings_are_named(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "dbt_project.yml"
    path.write_text(text)

    with pytest.raises(SettingsError, match=problem):
        prediction_settings(path)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("vars: {attribution: {}}", "dbt_project.yml has no 'data_driven' of attribution"),
        ("vars: {attribution: {data_driven: {level: ad}}}", "setting `attribution.data_driven`: missing"),
    ],
)
def test_missing_settings_of_attribution_are_named(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "dbt_project.yml"
    path.write_text(text)

    with pytest.raises(SettingsError, match=problem):
        attribution_settings(path)


def test_an_instant_is_kept_in_utc_without_zone() -> None:
    from zoneinfo import ZoneInfo

    paris = datetime(2026, 7, 1, 8, tzinfo=ZoneInfo("Europe/Paris"))

    assert naive_utc(paris) == naive_utc(datetime(2026, 7, 1, 6, tzinfo=UTC)) == pd.Timestamp("2026-07-01 06:00")
