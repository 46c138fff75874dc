"""The reasons for a churn score as sentences that someone who knows the customer can check.

Belongs here: the wording. Does not: which reasons matter (`churn`).
"""

from __future__ import annotations

from collections.abc import Callable

from predictions.churn import Windows

NO_REASON = "Nothing that is known of this customer raises the risk above the average customer's."


def sentence(feature: str, value: float, average: float, days_since_last_purchase: float, windows: Windows) -> str:
    """What is known about this customer, beside the average customer.

    Args:
        feature: a name of `churn.FEATURES`.
        value: of this customer, known.
        average: of the average customer.
        days_since_last_purchase: of this customer, for the sentence about the usual gap.
        windows: over which the features look back.
    """
    if feature == "gap_to_usual_ratio":
        return (
            f"Usually buys every {_days(days_since_last_purchase / value)} and last bought "
            f"{_days(days_since_last_purchase)} ago, {_times(value)} as long (average customer: {_times(average)})."
        )
    told, compared = _WORDS[feature]
    return f"{told(value, windows)} (average customer: {compared(average)})."


def _number(value: float) -> str:
    """Whole from 10 on, one decimal below it."""
    return f"{value:,.0f}" if abs(value) >= 9.95 else f"{value:.1f}".removesuffix(".0")


def _counted(value: float, singular: str, plural: str) -> str:
    number = _number(value)
    return f"{number} {singular if number == '1' else plural}"


def _days(value: float) -> str:
    return _counted(value, "day", "days")


def _times(value: float) -> str:
    """A multiple, or a mean count; very small and very large ones by their order of magnitude."""
    if value > 100:
        return "more than 100 times"
    if 0 < value < 0.1:
        return f"{value:.2f} times"
    return f"{value:.0f} times" if value >= 9.95 else f"{value:.1f} times"


def _hours(value: float) -> str:
    if value < 1:
        return _counted(round(value * 60), "minute", "minutes")
    return _counted(value, "hour", "hours") if value < 48 else _days(value / 24)


def _percent(value: float) -> str:
    return f"{value * 100:.0f} %"


def _activity(value: float) -> str:
    change = round((value - 1) * 100)
    if change == 0:
        return "as active"
    return f"{abs(change):,} % {'more' if change > 0 else 'less'} active"


def _purchase_days(value: float, _: Windows) -> str:
    return "Has bought on one day only" if value == 1 else f"Has bought on {_days(value)} so far"


def _refunds(value: float, windows: Windows) -> str:
    which = "Every order" if value == 1 else f"{_percent(value)} of the orders"
    when = f"of the last {_days(windows.refund_rate)}"
    return f"{which} {when} {'was' if value == 1 else 'were'} refunded, in part or in full"


def _unanswered(value: float, windows: Windows) -> str:
    when = f"of the last {_days(windows.unanswered_message_count)}"
    if value == 0:
        return f"Every message {when} was answered"
    return f"{_counted(value, 'message', 'messages')} {when} got no answer"


def _complaints(value: float, windows: Windows) -> str:
    when = f"in the last {_days(windows.complaint_count)}"
    if value == 0:
        return f"Has not complained {when}"
    return f"Has complained {'once' if _number(value) == '1' else f'{_number(value)} times'} {when}"


def _engagement(value: float, windows: Windows) -> str:
    recent = f"in the last {_days(windows.recent_engagement)}"
    earlier = f"in the {_days(windows.earlier_engagement)} before"
    if value == 0:
        return f"Was not active at all {recent}, after being active {earlier}"
    return f"Was {_activity(value)} {recent} {'as' if round(value, 2) == 1 else 'than'} {earlier}"


# Of each feature: about this customer, and about the average one.
_WORDS: dict[str, tuple[Callable[[float, Windows], str], Callable[[float], str]]] = {
    "days_since_last_purchase": (
        lambda value, _: f"Last bought {_days(value)} ago",
        lambda value: f"{_days(value)} ago",
    ),
    "purchase_count": (_purchase_days, _days),
    "customer_age_days": (lambda value, _: f"First bought {_days(value)} ago", lambda value: f"{_days(value)} ago"),
    "gap_trend_ratio": (
        lambda value, _: f"The last two purchases lay {_times(value)} as far apart as those before",
        _times,
    ),
    "purchase_amount_mean": (
        lambda value, _: f"Spends {value:,.2f} a purchase after refunds, in the reporting currency",
        lambda value: f"{value:,.2f}",
    ),
    "refund_rate": (_refunds, _percent),
    "unanswered_message_count": (_unanswered, _number),
    "first_response_hours": (
        lambda value, windows: (
            f"Typically waited {_hours(value)} for a first reply in the last {_days(windows.first_response_hours)}"
        ),
        _hours,
    ),
    "complaint_count": (_complaints, _times),
    "engagement_trend_ratio": (_engagement, _activity),
    "satisfaction_score": (
        lambda value, _: f"The latest survey answer was worth {_number(value * 100)} of 100 points",
        lambda value: _number(value * 100),
    ),
}


def joined(sentences: list[str]) -> str:
    """The reasons of one customer as one text."""
    return " ".join(sentences) if sentences else NO_REASON
