"""Renewals are counted as billing systems bill, and only from what was known."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictions.renewals import after_periods, periods_passed, summarize_renewals

NOW = pd.Timestamp("2026-06-30")


def instants(*values: object) -> np.ndarray:
    return pd.to_datetime(list(values)).to_numpy(dtype="datetime64[us]")


@pytest.mark.parametrize(
    ("anchor", "periods", "months", "expected"),
    [
        ("2026-01-31 10:00:03", 1, 1, "2026-02-28 10:00:03"),
        ("2026-01-31 10:00:03", 2, 1, "2026-03-31 10:00:03"),  # from the anchor, not from the last renewal
        ("2024-02-29", 1, 12, "2025-02-28"),
        ("2025-11-15 23:59:59", 3, 3, "2026-08-15 23:59:59"),
    ],
)
def test_a_renewal_falls_on_the_day_of_the_anchor_or_the_last_of_the_month(
    anchor: str, periods: int, months: int, expected: str
) -> None:
    assert after_periods(instants(anchor), np.array([periods]), np.array([months])) == instants(expected)


@given(
    anchor=st.datetimes(datetime(2020, 1, 1), datetime(2026, 12, 31)),
    elapsed=st.timedeltas(timedelta(days=-40), timedelta(days=1500)),
    months=st.sampled_from([1, 3, 12]),
)
def test_periods_passed_equal_counting_them_one_by_one(anchor: datetime, elapsed: timedelta, months: int) -> None:
    start, end = pd.Timestamp(anchor), pd.Timestamp(anchor + elapsed)
    counted = 0
    while start + pd.DateOffset(months=months * (counted + 1)) <= end:
        counted += 1

    assert periods_passed(instants(start), instants(end), np.array([months]))[0] == counted


def spells(*rows: dict[str, object]) -> pd.DataFrame:
    frame = pd.DataFrame(rows)
    given_columns = ("observed_from_at", "paid_until_at", "ended_at", "ending_known_at")
    for name in ("anchor_at", *given_columns):
        frame[name] = pd.to_datetime(frame.get(name, pd.Series(pd.NaT, index=frame.index)), format="ISO8601")
    frame["observed_from_at"] = frame["observed_from_at"].fillna(frame["anchor_at"])
    frame["paid_until_at"] = frame["paid_until_at"].fillna(frame["ended_at"])
    for name, value in (("billing_months", 1), ("mrr_amount", 10.0)):
        frame[name] = frame[name].fillna(value) if name in frame else value
    return frame


@pytest.mark.parametrize(
    ("paid_until", "made"),
    [
        ("2026-03-10 00:00:00", 1),  # cancelled: it ran to the end of what was paid, and the second was not made
        ("2026-03-10 01:00:00", 1),  # the second was billed an hour later, and not paid
        ("2026-03-25 00:00:00", 2),  # cancelled at once, in the middle of a paid month
        ("2026-01-12 00:00:00", 0),  # before any renewal fell due
    ],
)
def test_an_end_is_that_of_the_renewal_that_was_not_made(paid_until: str, made: int) -> None:
    row = summarize_renewals(
        spells(
            {"subscriber_id": "s", "anchor_at": "2026-01-10", "paid_until_at": paid_until, "ended_at": "2026-04-01"}
        ),
        NOW,
    ).iloc[0]

    assert (row["renewals_made"], row["losses"], row["is_current"]) == (made, 1, False)


def test_lives_add_up_and_what_comes_later_is_not_known() -> None:
    back = spells(
        {"subscriber_id": "s", "anchor_at": "2025-01-10", "ended_at": "2025-04-10", "ending_known_at": "2025-04-01"},
        {"subscriber_id": "s", "anchor_at": "2026-01-10", "ended_at": "2026-07-10", "ending_known_at": "2026-06-20"},
    )
    columns = ["renewals_made", "losses", "is_current", "is_ending"]

    assert summarize_renewals(back, NOW)[columns].values.tolist() == [[2 + 5, 1, True, True]]
    assert summarize_renewals(back, pd.Timestamp("2026-06-20"))[columns].values.tolist() == [[2 + 5, 1, True, False]]
    assert summarize_renewals(back, pd.Timestamp("2025-04-10"))[columns].values.tolist() == [[3, 0, True, True]]
    assert summarize_renewals(back, pd.Timestamp("2025-01-10")).empty
    assert summarize_renewals(back, NOW)["next_due_at"].tolist() == [pd.Timestamp("2026-07-10")]
    # The future in the rows changes nothing.
    pd.testing.assert_frame_equal(
        summarize_renewals(back, pd.Timestamp("2025-08-01")),
        summarize_renewals(back.head(1), pd.Timestamp("2025-08-01")),
    )


def test_who_is_taken_over_enters_with_the_renewals_behind_them() -> None:
    entry, same_day = "2026-01-05", "2026-01-05 12:00:00"
    taken_over = spells(
        {"subscriber_id": "s", "anchor_at": "2025-06-05", "observed_from_at": "2026-01-05 00:00:03"},
        {"subscriber_id": "t", "anchor_at": "2025-06-05", "observed_from_at": entry, "ended_at": same_day},
    )

    found = summarize_renewals(taken_over, NOW).set_index("subscriber_id")
    assert found.loc["s", ["renewals_made", "losses", "entered"]].tolist() == [12, 0, 7]
    assert found.loc["t", ["renewals_made", "losses", "entered"]].tolist() == [7, 1, 7]
    assert summarize_renewals(taken_over, pd.Timestamp("2026-01-05")).empty


def test_periods_of_different_length_are_apart() -> None:
    both = spells(
        {"subscriber_id": "s", "anchor_at": "2024-01-10", "ended_at": "2024-03-10"},
        {"subscriber_id": "s", "anchor_at": "2024-05-10", "billing_months": 12},
    )

    found = summarize_renewals(both, NOW)
    assert found[["billing_months", "renewals_made", "losses"]].values.tolist() == [[1, 1, 1], [12, 2, 0]]
