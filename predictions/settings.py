"""What is forecast, how far, and from which data.

Belongs here: the settings and their check. Does not: where they are read from (`dagster_project/`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from predictions.churn import Windows
from predictions.gates import Minimums
from predictions.purchases import MODELS


@dataclass(frozen=True)
class Settings:
    """What is forecast, how far, and from which data; the names are those of the setting `predictions`.

    Attributes:
        purchase_model: key of `purchases.MODELS`.
        value_horizon_days: days over which value is expected, once windows that long have been judged.
        yearly_discount_rate: discount rate of that value.
        inactive_days: churn means no purchase, or the end of a subscription, within these days; they are also the
            length of the backtests' windows and the short-term horizon of value.
        confidence: of every interval.
        cutoff_count, cutoff_step_days: cut-offs before today, and the days between them.
        warm_up_days: of purchases before the first cut-off of a backtest.
        churn_window_days: see `churn.Windows`.
        bias_rate_maximum: how far a total may have been off, as a share of what came, for the prediction to be shown.
        bias_window_count: in how many of the windows that closed last this must hold.
        minimum_buyers, minimum_history_days, minimum_recent_days, minimum_frequent_buyers, minimum_subscribers,
            minimum_losses: see `gates.Minimums`.
    """

    purchase_model: str
    value_horizon_days: int
    yearly_discount_rate: float
    inactive_days: int
    confidence: float
    cutoff_count: int
    cutoff_step_days: int
    warm_up_days: int
    churn_window_days: Windows
    bias_rate_maximum: float
    bias_window_count: int
    minimum_buyers: int
    minimum_history_days: int
    minimum_recent_days: int
    minimum_frequent_buyers: int
    minimum_subscribers: int
    minimum_losses: int

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Settings:
        """Check and hold the settings.

        Raises:
            ValueError: naming what is missing, unknown or impossible.
        """
        _check_names(cls, "predictions", given)
        _check_names(Windows, "predictions.churn_window_days", given["churn_window_days"])
        settings = cls(**{**given, "churn_window_days": Windows(**given["churn_window_days"])})
        if settings.purchase_model not in MODELS:
            raise ValueError(f"setting `predictions`: purchase_model is one of {', '.join(MODELS)}")
        if not 0 < settings.confidence < 1:
            raise ValueError("setting `predictions`: confidence lies between 0 and 1")
        if not settings.bias_rate_maximum > 0:
            raise ValueError("setting `predictions`: bias_rate_maximum is above 0")
        for name in ("value_horizon_days", "inactive_days", "cutoff_step_days", "bias_window_count"):
            if getattr(settings, name) < 1:
                raise ValueError(f"setting `predictions`: {name} is at least 1")
        for name, days in asdict(settings.churn_window_days).items():
            if days < 1:
                raise ValueError(f"setting `predictions.churn_window_days`: {name} is at least 1")
        return settings

    @property
    def short_term_days(self) -> int:
        """The second horizon over which value is expected: it can be checked long before a year has passed."""
        return min(self.inactive_days, self.value_horizon_days)

    @property
    def horizons(self) -> tuple[int, ...]:
        """Every length of the windows that purchases and renewals are judged over, each once."""
        return tuple(sorted({self.inactive_days, self.value_horizon_days}))

    @property
    def minimums(self) -> Minimums:
        return Minimums(
            buyers=self.minimum_buyers,
            history_days=self.minimum_history_days,
            recent_days=self.minimum_recent_days,
            frequent_buyers=self.minimum_frequent_buyers,
            subscribers=self.minimum_subscribers,
            losses=self.minimum_losses,
        )


def _check_names(cls: type[Settings | Windows], setting: str, given: Mapping[str, Any]) -> None:
    names = [field.name for field in fields(cls)]
    missing, unknown = [n for n in names if n not in given], [n for n in given if n not in names]
    if missing or unknown:
        raise ValueError(f"setting `{setting}`: missing {missing}, unknown {unknown}")
