"""What is each channel worth, judged by the paths that led to conversions and by those that did not?

Belongs here: the Markov chain's removal effect, the Shapley value, their bootstrap over people. Does not: rules that
share a conversion out by the place of a touch (`dbt_project/models/marts/acquisition/`), which paths there are
(`fct_attribution_paths`).

Markov: Anderl, Becker, von Wangenheim, Schumann: Mapping the customer journey, International Journal of Research in
Marketing 33 (2016) 457-474. Absorbing chains: Kemeny and Snell, Finite Markov Chains (1960), chapter 3.
Shapley: Zhao, Mahboobi, Bagheri: Shapley value methods for attribution modeling in online advertising (2018,
arXiv:1804.05327). Intervals: Efron and Tibshirani, An introduction to the bootstrap (1993), percentile method.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

SEED = 20260101
SEPARATOR = " > "
LEVELS = ("channel", "campaign")
MODELS = ("markov", "shapley")
# A chain is inverted once a resample: more states than this would cost minutes, and each would have seen few people.
STATES_MAXIMUM = 200
# Numbers of a block of resamples that are in memory at once.
BLOCK = 20_000_000
DECIMALS = 6

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Settings:
    """How credit is learnt from paths; the names are those of the setting `attribution.data_driven`.

    Attributes:
        level: what a step of a path is: a channel, or a campaign.
        markov_order: how many steps back the next one depends on, 1 or 2.
        resample_count: resamples of people behind an interval.
        confidence: of the intervals.
        minimum_conversions: fewer conversions of a kind than this are not attributed.
    """

    level: str
    markov_order: int
    resample_count: int
    confidence: float
    minimum_conversions: int

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Settings:
        """Check and hold the settings.

        Raises:
            ValueError: naming what is missing, unknown or impossible.
        """
        names = [field.name for field in fields(cls)]
        missing, unknown = [n for n in names if n not in given], [n for n in given if n not in names]
        where = "setting `attribution.data_driven`"
        if missing or unknown:
            raise ValueError(f"{where}: missing {missing}, unknown {unknown}")
        settings = cls(**given)
        if settings.level not in LEVELS:
            raise ValueError(f"{where}: level is one of {', '.join(LEVELS)}")
        if settings.markov_order not in (1, 2):
            raise ValueError(f"{where}: markov_order is 1 or 2")
        if not 0 < settings.confidence < 1:
            raise ValueError(f"{where}: confidence lies between 0 and 1")
        for name in ("resample_count", "minimum_conversions"):
            if getattr(settings, name) < 1:
                raise ValueError(f"{where}: {name} is at least 1")
        return settings


@dataclass(frozen=True)
class Journeys:
    """Paths of people, ready to be counted again and again under other weights.

    Attributes:
        steps: names of the channels (or campaigns), in order.
        weights: of each pattern, how many people have it. A pattern is all paths of one person.
        conversions: of each pattern, the conversions of one person.
        shares: patterns x steps: what one person's conversions give each step by the Shapley value.
        transitions: patterns x transitions: how often one person makes each.
        origins, targets: of each transition, the state that it leaves and the one that it reaches. States are numbered
            from 0; `start`, `conversion` and `loss` follow them.
        last_steps: of each state, the step that it stands on.
    """

    steps: list[str]
    weights: Integers
    conversions: Floats
    shares: csr_array
    transitions: csr_array
    origins: Integers
    targets: Integers
    last_steps: Integers

    @property
    def start(self) -> int:
        return len(self.last_steps)

    @property
    def conversion(self) -> int:
        return self.start + 1

    @classmethod
    def of(cls, paths: pd.DataFrame, order: int = 1) -> Journeys:
        """Count the transitions of paths.

        Args:
            paths: pattern (any key), person_count (people who have the pattern), path (steps joined by `SEPARATOR`),
                is_converted, path_count (how often each of these people has that path with that outcome).
            order: how many steps back a state reaches.
        """
        patterns, pattern_of_row = np.unique(paths["pattern"].to_numpy(), return_inverse=True)
        weights = np.zeros(len(patterns), np.int64)
        weights[pattern_of_row] = paths["person_count"].to_numpy()
        counts = paths["path_count"].to_numpy(float)
        is_converted = paths["is_converted"].to_numpy(bool)
        conversions = np.bincount(pattern_of_row, counts * is_converted, len(patterns)).astype(np.float64)

        # Every step of every row, one behind the other.
        parts = paths["path"].str.split(SEPARATOR, regex=False)
        lengths = parts.str.len().to_numpy(np.int64)
        ends = np.cumsum(lengths)
        steps, step = np.unique(np.concatenate(parts.to_list()).astype(str), return_inverse=True)
        row = np.repeat(np.arange(len(paths)), lengths)
        place = np.arange(len(step)) - (ends - lengths)[row]

        visited = np.unique(row[is_converted[row]] * len(steps) + step[is_converted[row]])
        visited_row, visited_step = np.divmod(visited, len(steps))
        distinct = np.bincount(visited_row, minlength=len(paths))
        shares = csr_array(
            (counts[visited_row] / distinct[visited_row], (pattern_of_row[visited_row], visited_step)),
            shape=(len(patterns), len(steps)),
        )

        # A state is the step with the `order - 1` before it; 0 stands for none.
        code = step + 1
        for back in range(1, order):
            before = np.concatenate([np.zeros(back, np.int64), step[:-back] + 1])[: len(step)]
            code = code + np.where(place >= back, before, 0) * (len(steps) + 1) ** back
        states, state = np.unique(code, return_inverse=True)
        start, conversion, loss = len(states), len(states) + 1, len(states) + 2
        previous = np.where(place == 0, start, np.concatenate([[start], state[:-1]]))
        origin = np.concatenate([previous, state[ends - 1]])
        target = np.concatenate([state, np.where(is_converted, conversion, loss)])
        maker = np.concatenate([row, np.arange(len(paths))])
        moves, move = np.unique(origin * (len(states) + 3) + target, return_inverse=True)
        transitions = csr_array(
            (counts[maker], (pattern_of_row[maker], move)),
            shape=(len(patterns), len(moves)),
        )
        return cls(
            steps=steps.tolist(),
            weights=weights,
            conversions=conversions,
            shares=shares,
            transitions=transitions,
            origins=moves // (len(states) + 3),
            targets=moves % (len(states) + 3),
            last_steps=states % (len(steps) + 1) - 1,
        )

    def resampled(self, count: int, seed: int = SEED) -> Integers:
        """Weights of the patterns, one row a resample: as many people as there are, drawn with replacement.

        People of one pattern are alike, so that drawing people is drawing how many of each pattern (multinomial).
        """
        people = int(self.weights.sum())
        return np.random.default_rng(seed).multinomial(people, self.weights / people, size=count)


def removal_effects(journeys: Journeys, weights: NDArray[Any]) -> tuple[Floats, Floats]:
    """How many of the conversions the Markov chain loses without each step.

    Without a step, whoever would reach it is lost. With the fundamental matrix N = (I - Q)^-1, the absorption
    probabilities b = N r, and the start s: the states of a step are first reached with h = (s N)_C (N_CC)^-1, so that
    the conversions that pass through it are h b_C, and its removal effect is their share (Kemeny and Snell, 3.5).

    Args:
        weights: of the patterns, one row each time that everything is counted.

    Returns:
        Probability of conversion, one a row of `weights`; removal effects, rows x steps, in 0..1. Without any
        conversion the effects are 0.
    """
    states = journeys.start
    block = max(1, BLOCK // max(states * states, 1))
    found = [_removal_effects(journeys, weights[at : at + block]) for at in range(0, len(weights), block)]
    return np.concatenate([each[0] for each in found]), np.concatenate([each[1] for each in found])


def _removal_effects(journeys: Journeys, weights: NDArray[Any]) -> tuple[Floats, Floats]:
    states, resamples = journeys.start, len(weights)
    counts = (journeys.transitions.T @ weights.T).T
    leaving = np.zeros((resamples, states + 1))
    for origin in range(states + 1):
        leaving[:, origin] = counts[:, journeys.origins == origin].sum(axis=1)
    # A state that nobody of a resample reaches is left by nobody: its row stays empty.
    probabilities = counts / np.maximum(leaving[:, journeys.origins], 1)

    inner = (journeys.origins < states) & (journeys.targets < states)
    chain = np.zeros((resamples, states, states))
    chain[:, journeys.origins[inner], journeys.targets[inner]] = probabilities[:, inner]
    first = np.zeros((resamples, states))
    begins = journeys.origins == journeys.start
    first[:, journeys.targets[begins]] = probabilities[:, begins]
    wins = np.zeros((resamples, states))
    wins_from = journeys.targets == journeys.conversion
    wins[:, journeys.origins[wins_from]] = probabilities[:, wins_from]

    fundamental = np.linalg.inv(np.eye(states) - chain)
    winning = np.einsum("rij,rj->ri", fundamental, wins)
    visits = np.einsum("ri,rij->rj", first, fundamental)
    converting = np.einsum("ri,ri->r", first, winning)
    effects = np.zeros((resamples, len(journeys.steps)))
    for step in range(len(journeys.steps)):
        members = np.flatnonzero(journeys.last_steps == step)
        among = fundamental[:, members[:, None], members].transpose(0, 2, 1)
        reached = np.linalg.solve(among, visits[:, members, None])[:, :, 0]
        lost = (reached * winning[:, members]).sum(axis=1)
        np.divide(lost, converting, out=effects[:, step], where=converting > 0)
    return converting, effects


def markov_credits(journeys: Journeys, weights: NDArray[Any], effects: Floats) -> Floats:
    """Conversions shared out in proportion to the removal effects; rows as in `weights`, a column a step."""
    total = effects.sum(axis=1, keepdims=True)
    parts = np.divide(effects, total, out=np.zeros_like(effects), where=total > 0)
    return parts * (weights @ journeys.conversions)[:, None]


def shapley_credits(journeys: Journeys, weights: NDArray[Any]) -> Floats:
    """Conversions shared out by the Shapley value; rows as in `weights`, a column a step.

    The worth of a set of steps is the number of conversions whose paths consist of steps in the set. It is the sum of
    one unanimity game for each conversion, whose Shapley value is 1 / n for each of the n steps of its path; the value
    is additive, so each conversion is shared equally among the distinct steps of its path (Zhao et al., theorem 1 and
    its simplified formula). This is exact for any number of steps, and knows nothing of paths that were lost.
    """
    return np.asarray((journeys.shares.T @ weights.T).T)


_COLUMNS = [
    *("attributed_as_of", "conversion_kind", "attribution_model", "breakdown", "breakdown_value"),
    *("credited_conversion_count", "credited_conversion_count_lower", "credited_conversion_count_upper"),
    *("value_amount", "removal_effect_rate", "removal_effect_rate_lower", "removal_effect_rate_upper"),
    *("conversion_count", "lost_path_count", "person_count", "hidden_reason"),
]


def attribute(paths: pd.DataFrame, as_of: pd.Timestamp, settings: Settings) -> pd.DataFrame:
    """Credit of every step for every kind of conversion, by both models. The same arguments give the same rows.

    Args:
        paths: as in `Journeys.of`, with conversion_kind, and value_amount: what the conversions of all people of the
            row brought in, as far as it is known.
        as_of: now, without time zone, in UTC.
        settings: see `Settings`.

    Returns:
        One row per kind of conversion, model and step. Credits add up to the conversions of the kind, and amounts to
        their known value: of shapley each path's own, of markov in the proportion of the credits. Null with its reason
        where too little is known.
    """
    found = [_of_kind(str(kind), rows, settings) for kind, rows in paths.groupby("conversion_kind", sort=True)]
    frame = pd.DataFrame([row for rows in found for row in rows], columns=_COLUMNS)
    return frame.assign(attributed_as_of=as_of, breakdown=settings.level).round(DECIMALS)


def _of_kind(kind: str, paths: pd.DataFrame, settings: Settings) -> list[dict[str, Any]]:
    journeys = Journeys.of(paths, settings.markov_order)
    every_path = (paths["path_count"] * paths["person_count"]).to_numpy()
    is_converted = paths["is_converted"].to_numpy(bool)
    conversions = int(every_path[is_converted].sum())
    head = {
        "conversion_kind": kind,
        "conversion_count": conversions,
        "lost_path_count": int(every_path[~is_converted].sum()),
        "person_count": int(journeys.weights.sum()),
    }
    hidden: dict[str, str | None] = dict.fromkeys(MODELS)
    if conversions < settings.minimum_conversions:
        few = f"{conversions} conversions, at least {settings.minimum_conversions} are needed"
        hidden = dict.fromkeys(MODELS, few)
    elif journeys.start > STATES_MAXIMUM:
        hidden["markov"] = (
            f"the chain has {journeys.start} states, at most {STATES_MAXIMUM} are solved: set markov_order to 1 or "
            "level to channel"
        )

    weights = np.vstack([journeys.weights, journeys.resampled(settings.resample_count)])
    columns: dict[str, dict[str, Floats]] = {model: {} for model in MODELS}
    if hidden["markov"] is None:
        effects = removal_effects(journeys, weights)[1]
        credits = markov_credits(journeys, weights, effects)
        columns["markov"] = {
            **_with_interval("credited_conversion_count", credits, settings.confidence),
            **_with_interval("removal_effect_rate", effects, settings.confidence),
            "value_amount": credits[0] / credits[0].sum() * paths["value_amount"].sum(min_count=1),
        }
    if hidden["shapley"] is None:
        columns["shapley"] = {
            **_with_interval("credited_conversion_count", shapley_credits(journeys, weights), settings.confidence),
            "value_amount": _shapley_value(journeys.steps, paths[is_converted]),
        }
    return [
        {
            **head,
            "attribution_model": model,
            "breakdown_value": step,
            "hidden_reason": hidden[model],
            **{name: values[place] for name, values in columns[model].items()},
        }
        for model in MODELS
        for place, step in enumerate(journeys.steps)
    ]


def _with_interval(name: str, values: Floats, confidence: float) -> dict[str, Floats]:
    """What was found, in the first row, with the percentiles of the resamples, which are the rows after it."""
    lower, upper = np.quantile(values[1:], [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    return {name: values[0], f"{name}_lower": lower, f"{name}_upper": upper}


def _shapley_value(steps: list[str], converted: pd.DataFrame) -> Floats:
    """The same equal shares of what each conversion brought in, as far as it is known; null where nothing is."""
    if converted["value_amount"].isna().all():
        return np.full(len(steps), np.nan)
    parts = converted["path"].str.split(SEPARATOR, regex=False).map(set)
    each = (converted["value_amount"].fillna(0) / parts.str.len()).to_numpy(float)
    lengths = parts.str.len().to_numpy(np.int64)
    visited = np.searchsorted(steps, [step for path in parts for step in sorted(path)])
    return np.bincount(visited, np.repeat(each, lengths), len(steps)).astype(np.float64)
