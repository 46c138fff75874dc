"""Forecast against actual on Online Retail: the last 90 days foretold from what came before, written to docs/.

Belongs here: the comparison of one real order book with what the models would have said, its figures and pictures. Does
not: the models (`predictions/`), the nightly backtest of every warehouse (`predictions/backtest.py`).

`make evidence DATA=/path/to/online_retail.parquet` runs the refresh on the file first.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import duckdb
import matplotlib
import numpy as np
import pandas as pd

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from predictions.backtest import AmountScores, ProbabilityScores, reliability, score_amounts, score_probabilities
from predictions.histories import Histories, summarize
from predictions.purchases import MODELS, PurchaseModel
from predictions.spend import GammaGamma, dependence
from predictions.value import total_revenue

HOLDOUT_DAYS = 90
STEP_DAYS = 5
CONFIDENCE = 0.95
SHOWN = "mbg_nbd"
COHORTS_DRAWN = 6
LABELS = {"bg_nbd": "BG/NBD", "mbg_nbd": "MBG/NBD", "pareto_nbd": "Pareto/NBD"}


@dataclass(frozen=True)
class Holdout:
    """One order book, cut 90 days before its end.

    Attributes:
        customers: histories up to the cut-off, see `histories.summarize`.
        purchases: columns customer_id, purchased_on, amount.
        actual: purchase days of each customer in the holdout.
        before: repeat purchase days in the 90 days before the cut-off: what the naive rule says of the holdout.
        was_active: whether each bought in those days at all.
        revenue: what those customers spent in the holdout.
        revenue_before: what the repeat purchases of the days before brought.
    """

    cutoff: pd.Timestamp
    end: pd.Timestamp
    purchases: pd.DataFrame
    customers: pd.DataFrame
    actual: pd.Series
    before: pd.Series
    was_active: pd.Series
    revenue: float
    revenue_before: float

    @property
    def histories(self) -> Histories:
        return Histories.of(self.customers["frequency"], self.customers["recency_days"], self.customers["age_days"])


@dataclass(frozen=True)
class Judgement:
    """What one model said of the holdout, and how right it was."""

    model: PurchaseModel
    counts: AmountScores
    stays_away: ProbabilityScores
    low: float
    high: float


def read(warehouse: Path) -> tuple[Holdout, pd.DataFrame, pd.DataFrame]:
    """The holdout, the cohort curves and the decisions of the backtest, of a warehouse that a refresh has built."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        purchases = connection.execute(
            "select person_id as customer_id, cast(purchased_on as timestamp) as purchased_on, "
            "cast(amount_reporting as double) as amount from core.fct_purchase_days order by person_id, purchased_on"
        ).df()
        cohorts = connection.execute(
            "select cohort_month, age_months, sum(cohort_size) as cohort_size, "
            "cast(sum(order_view_revenue_amount_reporting) as double) / sum(cohort_size) as revenue_per_customer "
            "from marts.ltv_cohorts group by cohort_month, age_months order by cohort_month, age_months"
        ).df()
        decisions = connection.execute(
            "select target, horizon_days, row_count, skill, is_shown, reason from marts.prediction_backtest "
            "where is_latest and is_shown is not null order by target, horizon_days"
        ).df()
    end = purchases["purchased_on"].max() + pd.Timedelta(days=1)
    cutoff = end - pd.Timedelta(days=HOLDOUT_DAYS)
    customers = summarize(purchases, cutoff)
    known = purchases[purchases["customer_id"].isin(customers.index)]

    def window(start: pd.Timestamp, stop: pd.Timestamp) -> pd.DataFrame:
        return known[(known["purchased_on"] >= start) & (known["purchased_on"] < stop)]

    def counts(part: pd.DataFrame) -> pd.Series:
        return part.groupby("customer_id").size().reindex(customers.index, fill_value=0)

    last = window(cutoff - pd.Timedelta(days=HOLDOUT_DAYS), cutoff)
    # Nobody comes for the first time twice.
    repeats = last[last["purchased_on"] > last["customer_id"].map(known.groupby("customer_id")["purchased_on"].min())]
    held_out = window(cutoff, end)
    return (
        Holdout(
            cutoff,
            end,
            purchases,
            customers,
            counts(held_out),
            counts(repeats),
            counts(last) > 0,
            float(held_out["amount"].sum()),
            float(repeats["amount"].sum()),
        ),
        cohorts,
        decisions,
    )


def judge(name: str, holdout: Holdout) -> Judgement:
    """Fit a model on what came before the cut-off and judge it on the holdout."""
    histories, people = holdout.histories, holdout.customers.index.to_numpy()
    model = MODELS[name].fit(histories)
    low, high = model.purchase_quantiles(histories, HOLDOUT_DAYS, [0.05, 0.95])
    total = model.total_purchases_interval(histories, HOLDOUT_DAYS, CONFIDENCE)
    stayed_before = ~holdout.was_active.to_numpy()
    # The naive rule for a probability is fitted like the models, on what came before: the window before the last.
    earlier = summarize(holdout.purchases, holdout.cutoff - pd.Timedelta(days=HOLDOUT_DAYS))
    inactive = earlier["age_days"] - earlier["recency_days"] >= HOLDOUT_DAYS
    stayed = ~holdout.was_active.reindex(earlier.index)
    rates = stayed.groupby(inactive).mean()
    silence = (holdout.customers["age_days"] - holdout.customers["recency_days"]).to_numpy() >= HOLDOUT_DAYS
    naive = np.where(silence, rates.get(True, stayed_before.mean()), rates.get(False, stayed_before.mean()))
    return Judgement(
        model=model,
        counts=score_amounts(
            model.expected_purchases(histories, HOLDOUT_DAYS), holdout.actual, holdout.before, people, low, high
        ),
        stays_away=score_probabilities(
            model.no_purchase_probability(histories, HOLDOUT_DAYS), holdout.actual == 0, naive, people
        ),
        low=float(total.lower),
        high=float(total.upper),
    )


def draw_tracking(holdout: Holdout, judgements: dict[str, Judgement], path: Path) -> None:
    """Purchases of the customers known at the cut-off, cumulated over the holdout."""
    steps = np.arange(STEP_DAYS, HOLDOUT_DAYS + 1, STEP_DAYS)
    known = holdout.purchases[holdout.purchases["customer_id"].isin(holdout.customers.index)]
    day = (known["purchased_on"] - holdout.cutoff).dt.days
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    axes.plot(steps, [int(((day >= 0) & (day < step)).sum()) for step in steps], "k-", lw=2, label="actual")
    for name, judgement in judgements.items():
        expected = [judgement.model.expected_purchases(holdout.histories, float(step)).sum() for step in steps]
        axes.plot(steps, expected, "--", label=f"forecast {LABELS[name]}")
    axes.plot([0, HOLDOUT_DAYS], [0, holdout.before.sum()], ":", color="grey", label="naive: as the 90 days before")
    axes.set(xlabel=f"days after {holdout.cutoff:%Y-%m-%d}", ylabel="purchase days, cumulated", xlim=(0, HOLDOUT_DAYS))
    axes.legend(frameon=False)
    figure.savefig(path, dpi=120, metadata={"Software": None})
    plt.close(figure)


def draw_by_frequency(holdout: Holdout, judgements: dict[str, Judgement], path: Path) -> None:
    """Mean purchases in the holdout by what customers had done before."""
    group = holdout.customers["frequency"].clip(upper=7).astype(int)
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    axes.plot(holdout.actual.groupby(group).mean(), "k-o", label="actual")
    for name, judgement in judgements.items():
        forecast = pd.Series(
            judgement.model.expected_purchases(holdout.histories, HOLDOUT_DAYS), index=holdout.customers.index
        )
        axes.plot(forecast.groupby(group).mean(), "--s", ms=4, label=f"forecast {LABELS[name]}")
    axes.set(xlabel="repeat purchase days before the cut-off (7: 7 and more)", ylabel="mean purchase days in 90 days")
    axes.legend(frameon=False)
    figure.savefig(path, dpi=120, metadata={"Software": None})
    plt.close(figure)


def draw_reliability(holdout: Holdout, judgement: Judgement, path: Path) -> None:
    """Probabilities of no purchase against how often there was none."""
    probability = judgement.model.no_purchase_probability(holdout.histories, HOLDOUT_DAYS)
    curve = reliability(probability, holdout.actual == 0)
    figure, axes = plt.subplots(figsize=(5.5, 5), layout="constrained")
    axes.plot([0, 1], [0, 1], color="grey", lw=1)
    axes.plot(curve["mean_probability"], curve["event_rate"], "o-")
    axes.set(xlabel="forecast P(no purchase in 90 days)", ylabel="share without a purchase", xlim=(0, 1), ylim=(0, 1))
    figure.savefig(path, dpi=120, metadata={"Software": None})
    plt.close(figure)


def draw_cohorts(cohorts: pd.DataFrame, path: Path) -> None:
    """Cumulative revenue per customer at equal age, of the oldest cohorts."""
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    for month, cohort in list(cohorts.groupby("cohort_month"))[:COHORTS_DRAWN]:
        label = f"{pd.Timestamp(month):%Y-%m} ({int(cohort['cohort_size'].iloc[0]):,} customers)"
        axes.plot(cohort["age_months"], cohort["revenue_per_customer"], "o-", ms=3, label=label)
    axes.set(xlabel="months since the first purchase", ylabel="revenue per customer, net of refunds (GBP)")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, title="first purchase in")
    figure.savefig(path, dpi=120, metadata={"Software": None})
    plt.close(figure)


def report(holdout: Holdout, cohorts: pd.DataFrame, decisions: pd.DataFrame, judgements: dict[str, Judgement]) -> str:
    """The page, every figure of it computed here."""
    actual, before = int(holdout.actual.sum()), int(holdout.before.sum())
    shown = judgements[SHOWN]
    amounts = holdout.customers["repeat_amount"].to_numpy(dtype=float)
    spend = GammaGamma.fit(holdout.histories.frequency, amounts)
    revenue = total_revenue(shown.model, spend, holdout.customers, HOLDOUT_DAYS, CONFIDENCE)
    tied = dependence(holdout.histories.frequency, amounts)
    lines = [
        "# Forecast against actual: Online Retail",
        "",
        "Made by `make evidence DATA=/path/to/online_retail.parquet`; every figure is as that command printed it.",
        "",
        f"The order book (see `examples/online_retail/README.md`) is cut on {holdout.cutoff:%Y-%m-%d}: models are",
        f"fitted on the {len(holdout.customers):,} customers who had bought before, and judged on their purchases in",
        f"the {HOLDOUT_DAYS} days up to {holdout.end - pd.Timedelta(days=1):%Y-%m-%d}. A purchase is a day with a",
        "paid order. The naive rule says that the window will be as the 90 days before it, first purchases left out:",
        "they cannot repeat.",
        "",
        "## What the fit found",
        "",
        *(f"- {LABELS[name]}: {_parameters(judgement.model)}" for name, judgement in judgements.items()),
        "",
        "A parameter in brackets is not determined by the data: any small share of customers who leave explains them",
        "as well as none, so that the models agree.",
        "",
        "## How many purchases",
        "",
        "| | forecast | 95 % interval | off by | error a customer (RMSE) | rank correlation | in their 90 % interval |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, judgement in judgements.items():
        counts = judgement.counts
        lines.append(
            f"| {LABELS[name]} | {counts.forecast_total:,.0f} | {judgement.low:,.0f} to {judgement.high:,.0f} | "
            f"{counts.bias_rate:+.1%} | {counts.root_mean_squared_error:.3f} | {counts.rank_correlation:.3f} | "
            f"{counts.interval_coverage:.1%} |"
        )
    naive_error = float(np.sqrt(((holdout.before - holdout.actual) ** 2).mean()))
    naive_rank = holdout.before.corr(holdout.actual, method="spearman")
    lines += [
        f"| naive rule | {before:,} | | {before / actual - 1:+.1%} | {naive_error:.3f} | {naive_rank:.3f} | |",
        f"| **actual** | **{actual:,}** | | | | | |",
        "",
        f"Customers came back {actual / before:.2f} times as often as in the 90 days before: it is a shop for gifts,",
        "and the holdout is the season before Christmas. Every model here, its interval included, takes a customer's",
        "rate to be constant; a year of data shows one season only. Totals of a seasonal shop are off by its season,",
        "for the naive rule too; who buys more than whom is foretold all the same (rank correlation).",
        "",
        "![Purchases after the cut-off, forecast and actual](evidence/purchases.png)",
        "",
        "![Purchases by earlier purchases, forecast and actual](evidence/purchases_by_frequency.png)",
        "",
        "## Who stays away",
        "",
        "P(no purchase in 90 days). Skill is the share of the naive rule's squared error that the model saves; the",
        "naive rule gives those who were silent for 90 days, and those who were not, the rate of one window earlier.",
        "",
        "| | mean forecast | stayed away | Brier score | skill | AUC | calibration slope |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, judgement in judgements.items():
        away = judgement.stays_away
        lines.append(
            f"| {LABELS[name]} | {away.mean_probability:.1%} | {away.event_rate:.1%} | {away.brier:.4f} | "
            f"{away.skill:.1%} | {away.auc:.3f} | {away.calibration_slope:.2f} |"
        )
    ratio = float(revenue.estimate) / holdout.revenue - 1
    oldest = cohorts[cohorts["cohort_month"] == cohorts["cohort_month"].min()]
    inside = float(revenue.lower) <= holdout.revenue <= float(revenue.upper)
    lines += [
        "",
        f"![Calibration of the {LABELS[SHOWN]}](evidence/reliability.png)",
        "",
        "## How much money",
        "",
        f"{LABELS[SHOWN]} with Gamma-Gamma foretold {float(revenue.estimate):,.0f} GBP of revenue from these",
        f"customers (95 % interval {float(revenue.lower):,.0f} to {float(revenue.upper):,.0f}); they spent",
        f"{holdout.revenue:,.0f} (forecast {ratio:+.1%}, actual {'inside' if inside else 'outside'} the interval).",
        f"The naive rule: {holdout.revenue_before:,.0f} ({holdout.revenue_before / holdout.revenue - 1:+.1%}). The",
        f"model takes spend and frequency to be independent; their rank correlation here is {tied:+.2f}.",
        "",
        "## What cohorts are worth at equal age",
        "",
        f"The customers of {pd.Timestamp(oldest['cohort_month'].iloc[0]):%B %Y}, among them those who were customers",
        f"before the file begins, had brought {oldest['revenue_per_customer'].iloc[-1]:,.2f} GBP each after",
        f"{int(oldest['age_months'].iloc[-1])} months.",
        "",
        "![Revenue per customer by cohort and age](evidence/ltv_cohorts.png)",
        "",
        "## What the refresh shows of all this",
        "",
        "Its backtest stands at several cut-offs. A forecast has to be better than the naive rule over all of them,",
        "over the days that it is shown for, and a total has to have been right in the last closed windows.",
        "",
        "| target | days | judged | skill | shown |",
        "|---|---:|---:|---:|---|",
        *(
            f"| {row.target} | {row.horizon_days} | {row.row_count:,} | "
            f"{'' if pd.isna(row.skill) else f'{row.skill:.1%}'} | "
            f"{'yes' if row.is_shown else f'no: {row.reason}'} |"
            for row in decisions.itertuples()
        ),
        "",
    ]
    return "\n".join(lines)


def _parameters(model: PurchaseModel) -> str:
    assert model.estimate is not None
    return ", ".join(
        f"({name})" if name in model.estimate.held else f"{name} {found:.4g}"
        for name, found in model.estimate.as_dict().items()
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m examples.online_retail.evidence", description=__doc__)
    parser.add_argument("warehouse", type=Path, help="build file of a refresh on Online Retail")
    parser.add_argument("--docs", type=Path, default=Path("docs"), help="folder to write evidence.md and evidence/ to")
    arguments = parser.parse_args()
    holdout, cohorts, decisions = read(arguments.warehouse)
    judgements = {name: judge(name, holdout) for name in MODELS}
    pictures = arguments.docs / "evidence"
    pictures.mkdir(parents=True, exist_ok=True)
    draw_tracking(holdout, judgements, pictures / "purchases.png")
    draw_by_frequency(holdout, judgements, pictures / "purchases_by_frequency.png")
    draw_reliability(holdout, judgements[SHOWN], pictures / "reliability.png")
    draw_cohorts(cohorts, pictures / "ltv_cohorts.png")
    text = report(holdout, cohorts, decisions, judgements)
    (arguments.docs / "evidence.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
