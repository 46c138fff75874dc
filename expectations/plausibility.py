"""Builders of the expectations that suites share: each says in one sentence what it checks.

Severity: `fail` stops the line, `warn` is reported and lets the refresh go on. What stops the line is a batch, never
one record: an impossible record is rejected where it arrives (`ingestion`). So a share (`filled`, `between`, `known`,
…) stops the line only in a batch of at least `MIN_ROWS` rows, and leaves room for a few odd ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import great_expectations.expectations as gxe
from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch

Severity = Literal["warn", "fail"]
GX_SEVERITY = {"warn": "warning", "fail": "critical"}
MIN_ROWS = 20  # below it, one row is a large share of a raw batch


def _common(sentence: str, severity: Severity, *, is_share: bool = False) -> dict[str, Any]:
    return {"meta": {"sentence": sentence, "is_share": is_share}, "severity": GX_SEVERITY[severity]}


def no_rows(sentence: str, sql: str, severity: Severity = "fail", *, is_share: bool = False) -> Expectation:
    """No row may be returned by `sql`; `{batch}` stands for the rows under judgement."""
    # Great Expectations puts an alias behind the batch in some queries and none in others.
    query = sql.replace("{batch}", "(select * from {batch})")
    return gxe.UnexpectedRowsExpectation(unexpected_rows_query=query, **_common(sentence, severity, is_share=is_share))


def filled(column: str, at_least: float, severity: Severity = "fail") -> Expectation:
    """`column` is not null in a share of rows of `at_least`."""
    sentence = f"{column} is filled in at least {at_least:.0%} of rows"
    return gxe.ExpectColumnValuesToNotBeNull(
        column=column, mostly=at_least, **_common(sentence, severity, is_share=True)
    )


def any_filled(columns: Iterable[str], at_least: float, severity: Severity = "fail") -> Expectation:
    """At least one of `columns` is not null in a share of rows of `at_least`."""
    names = list(columns)
    any_of_them = f"coalesce({', '.join(f'{name}::varchar' for name in names)})"
    return no_rows(
        f"{' or '.join(names)} is filled in at least {at_least:.0%} of rows",
        f"select count(*) as row_count, count({any_of_them}) as filled_count from {{batch}} "
        f"having count({any_of_them}) < {at_least} * count(*)",
        severity,
        is_share=True,
    )


def between(
    column: str,
    lowest: float | None = None,
    highest: float | None = None,
    *,
    mostly: float = 1.0,
    severity: Severity = "fail",
) -> Expectation:
    """Values of `column` lie between the bounds, in a share of rows of `mostly`."""
    bounds = " and ".join(
        words
        for words in (
            f"at least {lowest:g}" if lowest is not None else "",
            f"at most {highest:g}" if highest is not None else "",
        )
        if words
    )
    share = "" if mostly == 1 else f" in {mostly:.1%} of rows"
    return gxe.ExpectColumnValuesToBeBetween(
        column=column,
        min_value=lowest,
        max_value=highest,
        mostly=mostly,
        **_common(f"{column} is {bounds}{share}", severity, is_share=True),
    )


def within(column: str, limit: float) -> list[Expectation]:
    """Hardly any value of `column` is larger than `limit`, with either sign; each one that is larger is shown.

    A limit is not a rule: currencies with small units have large amounts. If 5% of the rows are beyond it, the unit or
    the column is wrong.
    """
    return [
        between(column, -limit, limit, severity="warn"),
        between(column, -limit, limit, mostly=0.95),
    ]


def known(column: str, values: Iterable[str], *, mostly: float = 1.0, severity: Severity = "warn") -> Expectation:
    """`column` holds only values that the models know: another one is not wrong, but nothing is derived from it."""
    listed = sorted(values)
    return gxe.ExpectColumnValuesToBeInSet(
        column=column,
        value_set=listed,
        mostly=mostly,
        **_common(f"{column} is one of {', '.join(listed)}", severity, is_share=True),
    )


def not_ahead(batch: Batch, column: str) -> Expectation:
    """No record says that it was made more than a day after "now": an account's clock or time zone is wrong."""
    return no_rows(
        f"no {column} is more than a day ahead of the refresh",
        f"select * from {{batch}} where {column}::timestamptz > {batch.as_of_sql} + interval 1 day",
        "warn",
    )


def fresh(batch: Batch, column: str, days: int, severity: Severity = "warn") -> Expectation:
    """The newest row of the table, whenever it was loaded, is at most `days` old; one from the future is not news."""
    return no_rows(
        f"the newest {column} is at most {days} days old",
        f"select max({column}) as newest from {batch.relation} "
        f"where {column}::timestamptz <= {batch.as_of_sql} + interval 1 day "
        f"having max({column}::timestamptz) < {batch.as_of_sql} - interval {days} day",
        severity,
    )


def answered_every_month(batch: Batch) -> Expectation:
    """Somebody was answered in each month with many waits: else the messages of the company's side are missing.

    A month that has just begun is not judged: where its first days are holidays, nobody has been answered yet.
    """
    return no_rows(
        "no month that began two weeks ago or earlier, with 50 waits or more, has no answer at all",
        "select * from {batch} where breakdown = 'all' and wait_count >= 50 and answered_count = 0 "
        f"and month::timestamptz <= {batch.as_of_sql} - interval 14 day",
    )


def steady_mean(batch: Batch, column: str, *, by: str | None = None, times: float = 5.0) -> Expectation:
    """The mean of `column` has not moved away from that of the rows loaded earlier.

    A mean is moved when it lies more than `times` standard errors *and* more than half of the earlier mean away; at
    least 30 rows on both sides, of each value of `by` where given.
    """
    group, select = (f"group by {by}", f"{by} as {by}, ") if by else ("", "")
    statistics = (
        f"{select}count({column}) as n, avg({column}::double) as mean, stddev_samp({column}::double) as deviation"
    )
    join = f"using ({by})" if by else "on true"
    named = f"{by}, " if by else ""
    return no_rows(
        f"the mean of {column}{f' by {by}' if by else ''} is near that of earlier loads",
        f"select {named}earlier.mean as earlier_mean, later.mean as mean, later.n as row_count "
        f"from (select {statistics} from {{batch}} as new_rows {group}) as later "
        f"join (select {statistics} from {batch.relation} where not ({batch.is_new_sql}) {group}) as earlier {join} "
        f"where later.n >= 30 and earlier.n >= 30 "
        f"and abs(later.mean - earlier.mean) > {times} * earlier.deviation / sqrt(later.n) "
        f"and abs(later.mean - earlier.mean) > 0.5 * abs(earlier.mean)",
        "warn",
    )


def mostly_below_price(cost: str, price: str, *, where: str = "true") -> Expectation:
    """At most a fifth of the lines with a known `cost` cost more than their `price`."""
    return no_rows(
        "at most 20% of lines with a known cost cost more than they were sold for",
        f"select count(*) as line_count, sum(case when {cost} > {price} then 1 else 0 end) as dear_count "
        f"from {{batch}} as lines where {cost} is not null and {where} "
        f"having sum(case when {cost} > {price} then 1 else 0 end) > 0.2 * count(*)",
        "warn",
    )


def rows_kept(batch: Batch, share: float = 0.8) -> list[Expectation]:
    """The mart has at least `share` of the rows of the previous publication."""
    if batch.published is None:
        return []
    return [
        gxe.ExpectTableRowCountToBeBetween(
            min_value=int(batch.earlier_rows * share),
            **_common(f"at least {share:.0%} of the {batch.earlier_rows} rows published before are there", "fail"),
        )
    ]


def equal_sums(sentence: str, ours: str, theirs: str) -> Expectation:
    """Two SQL expressions of one number each are equal: counts or decimals, whose sums are exact at any size."""
    return no_rows(
        sentence,
        f"select ours, theirs from (select coalesce(({ours}), 0) as ours, coalesce(({theirs}), 0) as theirs) "
        f"where ours <> theirs",
    )


def near_published(
    sentence: str, ours: str, published: str, *, down: float, up: float, severity: Severity = "fail"
) -> Expectation:
    """A number has fallen by at most the share `down` and risen by at most `up` since the previous publication."""
    return no_rows(
        sentence,
        f"select now_published, was_published from "
        f"(select coalesce(({ours}), 0)::double as now_published, coalesce(({published}), 0)::double as was_published) "
        f"where now_published < was_published - {down} * abs(was_published) "
        f"or now_published > was_published + {up} * abs(was_published)",
        severity,
    )
