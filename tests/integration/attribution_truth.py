"""How far attribution is from what the simulated company knows: which campaign made each person arrive, and what the
message of its experiment does.

Belongs here: the comparison, and the figures of it in docs/attribution.md. Does not: the models, how the warehouse came
to be.

After `make refresh`: `.venv/bin/python -m dagster_project.environment -- .venv/bin/python -m
tests.integration.attribution_truth`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from dagster_project.prediction_tables import read_paths
from ingestion import config
from predictions.attribution import Settings, attribute
from sandbox.company import Company
from sandbox.experiments import WINDOW_DAYS
from sandbox.settings import load_state
from sandbox.truth import Truth

NO_CAMPAIGN = "none"
EQUAL = "equal shares"
# By campaign, whatever the level of the night; nothing is hidden, and no interval is shown.
SETTINGS = Settings(level="campaign", markov_order=1, resample_count=1, confidence=0.95, minimum_conversions=1)
# A first order belongs to the person who placed it, however they can be recognised.
CAUSES = f"""
    select coalesce(people.campaign_id, '{NO_CAMPAIGN}') as campaign_id, count(*) as order_count
    from warehouse.core.fct_conversions as conversions
    inner join truth_orders on conversions.source_id = 'shopify:' || truth_orders.order_id
    inner join truth_people as people on people.person_key = truth_orders.person_key
    where conversions.conversion_kind = 'first_order'
    group by 1
"""
CREDITS = """
    select attribution_model, campaign_id, sum(credit)::double as credited_count
    from warehouse.marts.attribution_credits
    where conversion_kind = 'first_order'
    group by all
"""
# Who of the experiment converted within the window, by the warehouse; the arm plays no part.
OUTCOMES = """
    select truth.message_probability, count(conversions.conversion_id) > 0 as has_converted
    from truth_assignments as truth
    inner join warehouse.core.bridge_person_records as records
        on records.record_key = 'files:guest_assignment:experiments:' || truth.assignment_id
    left join warehouse.core.fct_conversions as conversions
        on conversions.entity_id = records.person_id
        and conversions.conversion_kind in ('first_order', 'repeat_order', 'subscription_started', 'deal_won')
        and conversions.converted_at > truth.assigned_at at time zone 'UTC'
        and conversions.converted_at <= truth.assigned_at at time zone 'UTC' + to_days($days)
    where truth.assigned_at + to_days($days) <= $clock
    group by truth.assignment_id, truth.message_probability
"""


def shares(warehouse: Path, truth: Truth) -> pd.DataFrame:
    """First orders by campaign: as they were caused (`truth`), as each model credits them, and in equal parts."""
    with duckdb.connect() as connection:
        connection.execute(f"attach '{warehouse}' as warehouse (read_only)")  # takes no parameter
        connection.register("truth_orders", truth.orders())
        connection.register("truth_people", truth.people())
        caused = connection.execute(CAUSES).df().set_index("campaign_id")["order_count"]
        by_rule = connection.execute(CREDITS).df()
    paths = read_paths(warehouse, SETTINGS.level)
    learnt = attribute(paths[paths["conversion_kind"] == "first_order"], pd.Timestamp(0), SETTINGS).rename(
        columns={"breakdown_value": "campaign_id", "credited_conversion_count": "credited_count"}
    )
    credited = pd.concat([by_rule, learnt[by_rule.columns]]).pivot(
        index="campaign_id", columns="attribution_model", values="credited_count"
    )
    table = credited.join(caused.rename("truth"), how="outer").fillna(0.0)
    return table.assign(**{EQUAL: table["truth"].sum() / len(table)})


def distances(table: pd.DataFrame) -> pd.DataFrame:
    """Total variation distance from the truth, of each model: the share of orders that stand at the wrong campaign.

    Args:
        table: as from `shares`.

    Returns:
        By model, the nearest first: of all orders, where no campaign is a place of its own; and of the orders that
        campaigns caused or are credited with, each in parts of 1.
    """
    campaigns = table.drop(index=NO_CAMPAIGN)
    found = {
        name: [
            (part[name] / part[name].sum() - part["truth"] / part["truth"].sum()).abs().sum() / 2
            for part in (table, campaigns)
        ]
        for name in table.columns
        if name != "truth"
    }
    return pd.DataFrame.from_dict(found, orient="index", columns=["of all", "among campaigns"]).sort_values("of all")


def expected_difference(warehouse: Path, truth: Truth, clock: int) -> float:
    """Share of the arm of the message that is expected to convert, less that of the control: each the mean over
    everybody in the experiment, weighted with the probability of the arm."""
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute(f"attach '{warehouse}' as warehouse (read_only)")
        connection.register("truth_assignments", truth.experiment_assignments())
        given = {"days": WINDOW_DAYS, "clock": datetime.fromtimestamp(clock, UTC)}
        people = connection.execute(OUTCOMES, given).df()
    weights, outcomes = people["message_probability"], people["has_converted"]
    return float(np.average(outcomes, weights=weights) - np.average(outcomes, weights=1 - weights))


def main() -> None:
    state = load_state(config.data_dir() / "sandbox")
    truth = Truth(Company(state.company), state.clock)
    table = shares(config.warehouse_path(), truth)
    print(f"{table['truth'].sum():,.0f} first orders, {len(table) - 1} campaigns, ", end="")
    print(f"{table.loc[NO_CAMPAIGN, 'truth']:,.0f} orders of people whom no campaign brought")
    print("| model | of all orders | among campaigns |\n|---|--:|--:|")
    for name, row in distances(table).iterrows():
        print(f"| {name} | {row['of all']:.3f} | {row['among campaigns']:.3f} |")
    expected = expected_difference(config.warehouse_path(), truth, state.clock)
    print(f"With the message, {100 * expected:.1f} more of 100 people are expected to convert.")


if __name__ == "__main__":
    main()
