"""What `predictions/` reads from the build file, and where its results go.

Belongs here: queries of the inputs, the transaction that writes the tables, the settings. Does not: any figure
(`predictions/`), the declaration of the tables (`dbt_project/models/predictions/`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd
import yaml

from ingestion.config import PROJECT_ROOT, SettingsError

if TYPE_CHECKING:
    from predictions import attribution
    from predictions.settings import Settings

SCHEMA = "predictions"
CUSTOMER_TABLES = (
    "customer_predictions",
    "subscriber_predictions",
    "churn_scores",
    "survival_curves",
    "prediction_backtest",
    "fitted_parameters",
)
ATTRIBUTION_TABLE = "data_driven_attribution"
TABLES = (*CUSTOMER_TABLES, ATTRIBUTION_TABLE)
# Earlier nights are kept: of these tables only the rows of the same instant are replaced, and each row says when it was
# written, as the last refresh need not be that of the latest instant.
KEPT_BY_NIGHT = ("prediction_backtest", "fitted_parameters")
SETTINGS = PROJECT_ROOT / "dbt_project" / "dbt_project.yml"
# Ordered, so that the same rows give the same floating-point sums.
INPUTS = {
    "purchases": "select person_id as customer_id, cast(purchased_on as timestamp) as purchased_on, "
    "cast(amount_reporting as double) as amount from core.fct_purchase_days order by person_id, purchased_on",
    "features": "select * from core.fct_churn_features order by person_id, cutoff_at",
    "lifetimes": "select curve, customer_id, cohort_month, acquisition_channel, duration_days, entered_days, "
    "is_observed from core.fct_customer_lifetimes order by curve, customer_id",
    "spells": "select subscriber_id, person_id, billing_months, anchor_at, observed_from_at, paid_until_at, ended_at, "
    "ending_known_at, cast(mrr_amount_reporting as double) as mrr_amount from core.fct_subscriber_spells "
    "order by subscriber_id, spell_number",
}
# People with the same paths are alike, and are read as one row a path with how many they are. The path is that of the
# level that the setting names.
PATHS = """
    with
        outcomes as (
            select conversion_kind, coalesce(entity_type || ' ' || entity_id, path_id) as entity, {path} as path,
                is_converted, count(*) as path_count, sum(value_amount_reporting) as value_amount
            from core.fct_attribution_paths
            group by all
        ),
        people as (
            select conversion_kind, entity,
                string_agg(path || ' ' || is_converted || ' ' || path_count, ' | ' order by path, is_converted)
                    as pattern
            from outcomes
            group by all
        )
    select conversion_kind, pattern, path, is_converted, path_count, count(*) as person_count,
        cast(sum(value_amount) as double) as value_amount
    from outcomes
    inner join people using (conversion_kind, entity)
    group by all
    order by all
"""
PATH_COLUMNS = {"channel": "channel_path", "campaign": "campaign_path"}


@dataclass(frozen=True)
class Inputs:
    """What a night's predictions are made from; see `predictions.tables.predict`."""

    purchases: pd.DataFrame
    features: pd.DataFrame
    lifetimes: pd.DataFrame
    spells: pd.DataFrame


def prediction_settings(path: Path = SETTINGS) -> Settings:
    """The setting `predictions`, from the one file in which dbt reads it too.

    Raises:
        SettingsError: it is missing or impossible; the message says what.
    """
    from predictions.settings import Settings  # scipy takes a second to import

    with _setting(path, "predictions") as variables:
        return Settings.of(variables["predictions"])


def attribution_settings(path: Path = SETTINGS) -> attribution.Settings:
    """The setting `attribution.data_driven`, from the same file.

    Raises:
        SettingsError: it is missing or impossible; the message says what.
    """
    from predictions.attribution import Settings  # scipy takes a second to import

    with _setting(path, "attribution") as variables:
        return Settings.of(variables["attribution"]["data_driven"])


@contextmanager
def _setting(path: Path, name: str) -> Iterator[dict[str, Any]]:
    """The variables of dbt's file; what is wrong with the setting is said as a mistake in that file."""
    try:
        yield yaml.safe_load(path.read_text())["vars"]
    except KeyError as error:
        raise SettingsError(f"{path.name} has no {error} of {name}: restore the setting.") from error
    except ValueError as error:
        raise SettingsError(f"{path.name}: {error}.") from error


def naive_utc(instant: datetime) -> pd.Timestamp:
    """An instant as the models keep it: in UTC, without time zone."""
    return pd.Timestamp(instant.astimezone(UTC).replace(tzinfo=None))


def read_inputs(warehouse: Path) -> Inputs:
    """Histories, features and lifetimes of the build file, opened read-only."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return Inputs(**{name: connection.execute(query).df() for name, query in INPUTS.items()})


def read_paths(warehouse: Path, level: str) -> pd.DataFrame:
    """Paths to conversions and to none, by channel or campaign, as `predictions.attribution.attribute` takes them."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return connection.execute(PATHS.format(path=PATH_COLUMNS[level])).df()


def write_tables(warehouse: Path, frames: dict[str, pd.DataFrame], as_of: pd.Timestamp) -> dict[str, int]:
    """Replace the tables in one transaction: a reader never sees one without the others.

    Args:
        warehouse: the build file, with the tables that dbt created from their declaration.
        frames: by name of the table; a column that is declared and not given is null.
        as_of: the instant whose rows are replaced where earlier nights are kept.

    Returns:
        Number of rows written to each table.

    Raises:
        ValueError: for a column that the declaration lacks.
    """
    written_at = naive_utc(datetime.now(UTC))
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("begin")
        for name, frame in frames.items():
            declared = [row[0] for row in connection.execute(f"describe {SCHEMA}.{name}").fetchall()]
            unknown = [column for column in frame.columns if column not in declared]
            if unknown:
                raise ValueError(f"{SCHEMA}.{name} has no columns {unknown}: declare them in _predictions__sources.yml")
            if name in KEPT_BY_NIGHT:
                connection.execute(f"delete from {SCHEMA}.{name} where evaluated_as_of = ?", [as_of.to_pydatetime()])
                connection.register("given", frame.assign(written_at=written_at))
            else:
                connection.execute(f"delete from {SCHEMA}.{name}")
                connection.register("given", frame)
            connection.execute(f"insert into {SCHEMA}.{name} by name select * from given")
            connection.unregister("given")
        connection.execute("commit")
    return {name: len(frame) for name, frame in frames.items()}
