"""Reasons are sentences that someone who knows the customer can read aloud and check."""

from __future__ import annotations

import re

import pytest

from predictions.churn import FEATURE_NAMES, Windows
from predictions.reasons import NO_REASON, joined, sentence

WINDOWS = Windows(
    refund_rate=200,
    unanswered_message_count=61,
    first_response_hours=182,
    complaint_count=183,
    recent_engagement=14,
    earlier_engagement=70,
    satisfaction_score=365,
)


@pytest.mark.parametrize(
    ("feature", "value", "average", "expected"),
    [
        ("days_since_last_purchase", 171.2, 61.0, "Last bought 171 days ago (average customer: 61 days ago)."),
        ("days_since_last_purchase", 1.0, 0.5, "Last bought 1 day ago (average customer: 0.5 days ago)."),
        ("purchase_count", 1.0, 2.31, "Has bought on one day only (average customer: 2.3 days)."),
        ("purchase_count", 3.0, 4.0, "Has bought on 3 days so far (average customer: 4 days)."),
        ("customer_age_days", 1448.0, 180.0, "First bought 1,448 days ago (average customer: 180 days ago)."),
        (
            "gap_to_usual_ratio",
            5.7,
            1.0,
            "Usually buys every 30 days and last bought 171 days ago, 5.7 times as long (average customer: 1.0 times).",
        ),
        (
            "gap_trend_ratio",
            3.2,
            1.1,
            "The last two purchases lay 3.2 times as far apart as those before (average customer: 1.1 times).",
        ),
        (
            "purchase_amount_mean",
            23.1,
            1061.2,
            "Spends 23.10 a purchase after refunds, in the reporting currency (average customer: 1,061.20).",
        ),
        (
            "refund_rate",
            1.0,
            0.07,
            "Every order of the last 200 days was refunded, in part or in full (average customer: 7 %).",
        ),
        (
            "refund_rate",
            0.5,
            0.07,
            "50 % of the orders of the last 200 days were refunded, in part or in full (average customer: 7 %).",
        ),
        ("unanswered_message_count", 1.0, 0.3, "1 message of the last 61 days got no answer (average customer: 0.3)."),
        ("unanswered_message_count", 4.0, 0.3, "4 messages of the last 61 days got no answer (average customer: 0.3)."),
        (
            "first_response_hours",
            50.0,
            0.25,
            "Typically waited 2.1 days for a first reply in the last 182 days (average customer: 15 minutes).",
        ),
        ("complaint_count", 1.0, 0.2, "Has complained once in the last 183 days (average customer: 0.2 times)."),
        ("complaint_count", 3.0, 0.02, "Has complained 3 times in the last 183 days (average customer: 0.02 times)."),
        (
            "engagement_trend_ratio",
            0.25,
            0.9,
            "Was 75 % less active in the last 14 days than in the 70 days before (average customer: 10 % less active).",
        ),
        (
            "engagement_trend_ratio",
            0.0,
            1.2,
            "Was not active at all in the last 14 days, after being active in the 70 days before "
            "(average customer: 20 % more active).",
        ),
        (
            "satisfaction_score",
            0.25,
            0.74,
            "The latest survey answer was worth 25 of 100 points (average customer: 74).",
        ),
    ],
)
def test_a_reason_is_a_sentence(feature: str, value: float, average: float, expected: str) -> None:
    assert sentence(feature, value, average, days_since_last_purchase=171.0, windows=WINDOWS) == expected


@pytest.mark.parametrize("feature", FEATURE_NAMES)
@pytest.mark.parametrize("value", [0.0, 0.004, 0.96, 0.999, 1.0, 1.04, 2.0, 9.97, 47.9, 12_345.6])
def test_every_feature_has_words_for_every_value(feature: str, value: float) -> None:
    if feature == "gap_to_usual_ratio" and value == 0:
        pytest.skip("a reason only above the average, which is above 0")
    written = sentence(feature, value, value, days_since_last_purchase=20.0, windows=WINDOWS)

    assert written[0].isupper() or written[0].isdigit()
    assert written.endswith(").")
    assert not re.search(
        r"\b1 (days|hours|minutes|messages|times)\b|\b(0|[2-9]|\d\d+) (day|hour|minute|message)\b", written
    )


def test_reasons_of_one_customer_are_one_text() -> None:
    assert joined(["Last bought 2 days ago.", "Spends 1."]) == "Last bought 2 days ago. Spends 1."
    assert joined([]) == NO_REASON
