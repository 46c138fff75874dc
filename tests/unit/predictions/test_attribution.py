"""Credit that is learnt from paths: the published figures, and the same by other routes.

The chain is walked step by step instead of solved, transitions are counted in dictionaries, and the Shapley value is
the mean over every order in which channels may join.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from itertools import permutations
from math import factorial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictions.attribution import (
    SEPARATOR,
    STATES_MAXIMUM,
    Journeys,
    Settings,
    attribute,
    markov_credits,
    removal_effects,
    shapley_credits,
)

AS_OF = pd.Timestamp("2026-06-01 06:00")
SETTINGS = Settings(level="channel", markov_order=1, resample_count=50, confidence=0.95, minimum_conversions=1)
# A person: their paths, and whether each of them led to a conversion.
Person = list[tuple[tuple[str, ...], bool]]
PUBLISHED: list[Person] = [
    [(("G",), True)],
    [(("G",), True)],
    [(("M",), True)],
    [(("G", "M"), True)],
    [(("G",), False)],
]

STEPS = st.lists(st.sampled_from("abcd"), min_size=1, max_size=5).map(tuple)
PEOPLE = st.lists(st.lists(st.tuples(STEPS, st.booleans()), min_size=1, max_size=3), min_size=1, max_size=8)


def frame(people: list[Person], value: float = 10) -> pd.DataFrame:
    """People as the warehouse gives them: those with the same paths as one."""
    patterns = Counter(tuple(sorted(Counter(person).items())) for person in people)
    return pd.DataFrame(
        [
            {
                "conversion_kind": "first_order",
                "pattern": str(pattern),
                "path": SEPARATOR.join(path),
                "is_converted": is_converted,
                "path_count": count,
                "person_count": person_count,
                "value_amount": value * count * person_count if is_converted else np.nan,
            }
            for pattern, person_count in patterns.items()
            for (path, is_converted), count in pattern
        ]
    )


def credits(people: list[Person], order: int = 1) -> tuple[float, dict[str, float], dict[str, float], dict[str, float]]:
    """Probability of conversion, and of each step its removal effect and its credit by either model."""
    journeys = Journeys.of(frame(people), order)
    weights = journeys.weights[None]
    probability, effects = removal_effects(journeys, weights)
    markov, shapley = markov_credits(journeys, weights, effects), shapley_credits(journeys, weights)
    of = [dict(zip(journeys.steps, values[0].tolist(), strict=True)) for values in (effects, markov, shapley)]
    return float(probability[0]), of[0], of[1], of[2]


def walked(people: list[Person], order: int, without: str | None = None) -> float:
    """Probability of conversion: everybody starts, and each step is taken as often as it was, until nobody is left."""
    moves: dict[tuple[str, ...], Counter[tuple[str, ...] | bool]] = defaultdict(Counter)
    for person in people:
        for path, is_converted in person:
            states = [path[max(0, place - order) : place] for place in range(len(path) + 1)]
            for state, following in zip(states, [*states[1:], is_converted], strict=True):
                moves[state][following] += 1
    here, converted = {(): 1.0}, 0.0
    while sum(here.values()) > 1e-14:
        then: dict[tuple[str, ...], float] = defaultdict(float)
        for state, share in here.items():
            for following, count in moves[state].items():
                part = share * count / moves[state].total()
                if following is True:
                    converted += part
                elif following is not False and following[-1] != without:
                    then[following] += part
        here = then
    return converted


def test_the_published_figures() -> None:
    """definitions.md §4: paths G twice, M once, G>M once convert, G once does not."""
    probability, effects, markov, shapley = credits(PUBLISHED)

    assert probability == pytest.approx(0.8)
    assert effects == pytest.approx({"G": 0.75, "M": 0.5})
    assert markov == pytest.approx({"G": 2.4, "M": 1.6})
    assert shapley == pytest.approx({"G": 2.5, "M": 1.5})


@settings(max_examples=200)
@given(people=PEOPLE, order=st.sampled_from([1, 2]))
def test_the_chain_that_is_solved_ends_as_the_one_that_is_walked(people: list[Person], order: int) -> None:
    probability, effects, markov, _ = credits(people, order)
    whole = walked(people, order)

    assert probability == pytest.approx(whole, abs=1e-9)
    conversions = sum(is_converted for person in people for _, is_converted in person)
    assert sum(markov.values()) == pytest.approx(conversions)
    for step, effect in effects.items():
        expected = 1 - walked(people, order, step) / whole if whole else 0
        assert effect == pytest.approx(expected, abs=1e-9)
        total = sum(effects.values())
        assert markov[step] == pytest.approx(conversions * effect / total if total else 0)


@settings(max_examples=100)
@given(people=PEOPLE)
def test_shares_are_the_mean_over_every_order_in_which_steps_may_join(people: list[Person]) -> None:
    *_, shapley = credits(people)
    sets = [set(path) for person in people for path, is_converted in person if is_converted]

    def worth(coalition: set[str]) -> int:
        return sum(path <= coalition for path in sets)

    expected = dict.fromkeys(shapley, 0.0)
    for order in permutations(shapley):
        for place, step in enumerate(order):
            added = worth({*order[: place + 1]}) - worth({*order[:place]})
            expected[step] += added / factorial(len(shapley))
    assert shapley == pytest.approx(expected)
    assert sum(shapley.values()) == pytest.approx(len(sets))


@settings(max_examples=100)
@given(people=PEOPLE)
def test_a_step_that_is_repeated_at_once_changes_nothing(people: list[Person]) -> None:
    """Why the warehouse keeps touches of one channel in a row as one step."""
    stuttering = [[(tuple(step for step in path for _ in range(2)), is_won) for path, is_won in p] for p in people]

    for once, twice in zip(credits(people), credits(stuttering), strict=True):
        assert twice == pytest.approx(once, abs=1e-9)


@settings(max_examples=50)
@given(people=PEOPLE, seed=st.integers(0, 5))
def test_a_resample_counts_as_the_people_who_were_drawn_would(people: list[Person], seed: int) -> None:
    given_rows = frame(people)
    journeys = Journeys.of(given_rows)
    drawn = journeys.resampled(4, seed)
    assert (drawn.sum(axis=1) == len(people)).all()

    _, effects = removal_effects(journeys, drawn)
    shapley = shapley_credits(journeys, drawn)
    patterns = np.unique(given_rows["pattern"])
    members = {str(tuple(sorted(Counter(person).items()))): person for person in people}
    for row, counts in enumerate(drawn):
        others = [members[name] for name, count in zip(patterns, counts, strict=True) for _ in range(count)]
        _, alone_effects, _, alone_shapley = credits(others)
        for place, step in enumerate(journeys.steps):
            assert effects[row, place] == pytest.approx(alone_effects.get(step, 0), abs=1e-9)
            assert shapley[row, place] == pytest.approx(alone_shapley.get(step, 0))


def simulated(people: int, rng: np.random.Generator) -> list[Person]:
    """One path each: a first channel, sometimes a second, and a conversion that depends on the last."""
    first, second = rng.integers(0, 3, people), rng.integers(0, 3, people)
    is_longer = rng.random(people) < 0.4
    last = np.where(is_longer, second, first)
    is_won = rng.random(people) < np.array([0.1, 0.2, 0.3])[last]
    return [
        [(("abc"[one], "abc"[two]) if longer else ("abc"[one],), bool(won))]
        for one, two, longer, won in zip(first, second, is_longer, is_won, strict=True)
    ]


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(3)
    _, _, markov, shapley = credits(simulated(200_000, rng))
    of_one_person = {"markov": markov, "shapley": shapley}
    people, trials = 400, 200
    held: Counter[str] = Counter()
    for _ in range(trials):
        rows = attribute(frame(simulated(people, rng)), AS_OF, replace(SETTINGS, resample_count=200))
        for row in rows.itertuples():
            truth = of_one_person[row.attribution_model][row.breakdown_value] * people / 200_000
            is_held = row.credited_conversion_count_lower <= truth <= row.credited_conversion_count_upper
            held[row.attribution_model] += is_held
    for model in of_one_person:
        assert 0.91 <= held[model] / (3 * trials) <= 0.98, held


def test_credits_and_amounts_add_up_and_the_same_rows_give_the_same_credits() -> None:
    given_rows = pd.concat([frame(PUBLISHED), frame(PUBLISHED * 3).assign(conversion_kind="deal_won")])
    rows = attribute(given_rows, AS_OF, SETTINGS)

    sums = rows.groupby(["conversion_kind", "attribution_model"])[["credited_conversion_count", "value_amount"]].sum()
    assert sums.loc["first_order"].to_numpy().tolist() == [[4, 40]] * 2
    assert sums.loc["deal_won"].to_numpy().tolist() == [[12, 120]] * 2
    shuffled = given_rows.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(attribute(shuffled, AS_OF, SETTINGS), rows)


def test_what_is_unknown_of_a_value_is_left_out_of_it() -> None:
    given_rows = frame(PUBLISHED)
    given_rows.loc[given_rows["path"] == "M", "value_amount"] = np.nan
    rows = attribute(given_rows, AS_OF, SETTINGS).set_index(["attribution_model", "breakdown_value"])["value_amount"]

    assert rows.to_dict() == {
        ("markov", "G"): 18,
        ("markov", "M"): 12,
        ("shapley", "G"): 25,
        ("shapley", "M"): 5,
    }
    of_stages = attribute(frame(PUBLISHED, value=np.nan), AS_OF, SETTINGS)
    assert of_stages["value_amount"].isna().all() and of_stages["credited_conversion_count"].notna().all()


def test_too_few_conversions_are_not_attributed_and_say_so() -> None:
    rows = attribute(frame(PUBLISHED), AS_OF, replace(SETTINGS, minimum_conversions=5))

    assert len(rows) == 4
    assert set(rows["hidden_reason"]) == {"4 conversions, at least 5 are needed"}
    assert rows[["credited_conversion_count", "value_amount", "removal_effect_rate"]].isna().all(axis=None)


def test_a_chain_that_is_too_large_hides_the_model_that_needs_it() -> None:
    people: list[Person] = [[((f"{number:04}",), True)] for number in range(STATES_MAXIMUM + 1)]
    rows = attribute(frame(people), AS_OF, replace(SETTINGS, resample_count=1)).groupby("attribution_model")

    assert "the chain has 201 states" in rows.get_group("markov")["hidden_reason"].iloc[0]
    assert rows.get_group("shapley")["credited_conversion_count"].eq(1).all()


def test_without_any_path_there_is_no_row() -> None:
    assert attribute(frame(PUBLISHED).iloc[:0], AS_OF, SETTINGS).empty


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"level": "ad"}, "level is one of channel, campaign"),
        ({"markov_order": 3}, "markov_order is 1 or 2"),
        ({"confidence": 1}, "confidence lies between 0 and 1"),
        ({"resample_count": 0}, "resample_count is at least 1"),
        ({"minimum_conversions": 0}, "minimum_conversions is at least 1"),
        ({"levle": "channel"}, "unknown \\['levle'\\]"),
    ],
)
def test_settings_that_cannot_be_are_refused(changed: dict[str, object], problem: str) -> None:
    known = {
        "level": "channel",
        "markov_order": 1,
        "resample_count": 200,
        "confidence": 0.95,
        "minimum_conversions": 100,
    }
    assert Settings.of(known).level == "channel"

    with pytest.raises(ValueError, match=problem):
        Settings.of(known | changed)
