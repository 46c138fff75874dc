"""Gate 1 on the counts of loads: what stops the line, what is named, and what a night that went wrong leaves behind."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import comb

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.batch import Batch
from expectations.raw.every_source import load_audit

FIRST = datetime(2026, 10, 1, 6, tzinfo=UTC)
SHARE = "at most 20% of a resource's records are rejected"
SPIKE = "no resource rejects more than it usually does, however few its records"
LEFT = "nothing is left behind of a load that was rejected in large part (make replay)"
MUCH_LEFT = "what is left behind is at most 20% of all that is known of the resource (make replay)"


def judged(
    nights: Sequence[tuple[int, int]],
    *,
    published: int = 0,
    closed: Sequence[tuple[int, int]] = (),
    read_again: Sequence[int] = (),
) -> dict[str, str]:
    """Status by sentence, after nights of (received, rejected) records.

    Args:
        published: how many nights there were at the last publication.
        closed: of a night, how many of its rejections have been loaded since.
        read_again: the nights that were none, but days that were read again.
    """
    instants = [FIRST + timedelta(days=number) for number in range(len(nights))]
    since = instants[published - 1] + timedelta(hours=1) if published else None
    batch = Batch(
        "raw_shop", "load_audit", instants[-1], rows=len(nights) - published, earlier_rows=published, since=since
    )
    with duckdb.connect() as connection:
        connection.execute("create schema raw_shop")
        connection.execute(
            "create table raw_shop.load_audit (load_key text, resource text, received bigint, loaded bigint, "
            "rejected bigint, replayed bigint, read_again_from date, rejected_kinds text, finished_at timestamptz, "
            "_dlt_load_id text)"
        )
        connection.execute(
            "create table raw_shop.rejected_records (rejection_id text, resource text, _dlt_load_id text)"
        )
        connection.execute("create table raw_shop.rejection_states (rejection_id text, state text, number bigint)")
        for number, (received, rejected) in enumerate(nights):
            load_id = str(instants[number].timestamp())
            connection.execute(
                "insert into raw_shop.load_audit values (?, 'orders', ?, ?, ?, null, ?, null, ?, ?)",
                [
                    *(str(number), received, received - rejected, rejected),
                    *(instants[number].date() if number in read_again else None, instants[number], load_id),
                ],
            )
            connection.execute(
                "insert into raw_shop.rejected_records select ? || '-' || range, 'orders', ? from range(?)",
                [str(number), load_id, rejected],
            )
        for number, count in closed:
            connection.execute(
                "insert into raw_shop.rejection_states select ? || '-' || range, 'loaded', 1 from range(?)",
                [str(number), count],
            )
        found = {}
        for expectation in load_audit.expectations(batch):
            rows = f"(select * from {batch.relation} where {batch.is_new_sql})"
            query = expectation.unexpected_rows_query.replace("{batch}", rows)
            is_met = not connection.execute(query).fetchall()
            found[expectation.meta["sentence"]] = (
                "passed" if is_met else {"warning": "warned", "critical": "failed"}[expectation.severity]
            )
    return found


HISTORY = [(60, 0)] * 5
BAD, GOOD, EMPTY = (33, 33), (7, 0), (0, 0)


def test_a_night_that_is_rejected_stops_the_line_and_the_first_healthy_one_goes_on() -> None:
    assert judged([*HISTORY, BAD], published=5)[SHARE] == "failed"
    after = judged([*HISTORY, BAD, GOOD], published=5)
    assert (after[SHARE], after[LEFT], after[MUCH_LEFT]) == ("passed", "warned", "passed")


@pytest.mark.parametrize(
    "nights", [[BAD, EMPTY], [BAD, EMPTY, EMPTY], [BAD, (6, 6)], [BAD, (6, 6), EMPTY], [GOOD, BAD]]
)
def test_neither_an_empty_load_nor_a_small_bad_one_ends_a_red_night(nights: list[tuple[int, int]]) -> None:
    assert judged([*HISTORY, *nights], published=5)[SHARE] == "failed"


def test_good_days_that_are_read_again_neither_end_a_red_night_nor_thin_it_out() -> None:
    assert judged([*HISTORY, BAD, (5000, 0)], published=5)[SHARE] == "passed"
    assert judged([*HISTORY, BAD, (5000, 0)], published=5, read_again=[6])[SHARE] == "failed"


def test_days_that_are_read_again_are_judged_until_a_healthy_night() -> None:
    assert judged([*HISTORY, BAD, EMPTY], published=5, read_again=[5])[SHARE] == "failed"
    assert judged([*HISTORY, BAD, GOOD], published=5, read_again=[5])[SHARE] == "passed"


def test_how_many_records_days_have_that_are_read_again_is_no_measure_of_what_is_usual() -> None:
    silent, many = (
        "no resource went silent that brought records in each of the last 5 loads",
        "no resource brought more than 20 times its usual number of records",
    )
    assert judged([*HISTORY, EMPTY, (60, 0)], published=5, read_again=[6])[silent] == "warned"
    assert judged([*HISTORY, EMPTY, EMPTY], published=6, read_again=[5])[silent] == "warned"
    assert judged([*HISTORY, (5000, 0)], published=5)[many] == "warned"
    assert judged([*HISTORY, (5000, 0)], published=5, read_again=[5])[many] == "passed"


def test_what_is_loaded_since_is_not_held_against_a_batch() -> None:
    for nights in ([BAD, EMPTY], [BAD, GOOD]):
        after = judged([*HISTORY, *nights], published=5, closed=[(5, 33)])
        assert {after[SHARE], after[LEFT], after[MUCH_LEFT], after[SPIKE]} == {"passed"}
    assert judged([*HISTORY, BAD, EMPTY], published=5, closed=[(5, 20)])[SHARE] == "failed"


def test_a_healthy_night_does_not_publish_without_a_large_part_of_all_there_is() -> None:
    after = judged([(30_000, 10_000), (5, 0)])
    assert (after[SHARE], after[MUCH_LEFT]) == ("passed", "failed")
    assert judged([(30_000, 10_000), (5, 0)], closed=[(0, 10_000)])[MUCH_LEFT] == "passed"


@pytest.mark.parametrize("night", [(6, 6), (12, 5), (3, 3), (2, 2), (1, 1)])
def test_a_spike_is_an_alarm_at_any_count(night: tuple[int, int]) -> None:
    assert judged([*HISTORY, night], published=5)[SPIKE] == "warned"
    assert judged([night])[SPIKE] == "warned"  # of a resource that is new


@pytest.mark.parametrize("night", [(60, 0), (60, 1), (12, 1), (0, 0)])
def test_an_odd_record_is_no_spike(night: tuple[int, int]) -> None:
    assert judged([*HISTORY, night], published=5)[SPIKE] == "passed"
    assert judged([*[(60, 12)] * 5, (60, 14)], published=5)[SPIKE] == "passed"  # it always rejects a fifth


@settings(max_examples=60)
@given(data=st.data())
def test_a_spike_is_what_fishers_exact_test_says(data: st.DataObject) -> None:
    usual, received = data.draw(st.integers(1, 400)), data.draw(st.integers(1, 60))
    usual_rejected, rejected = data.draw(st.integers(0, usual // 4)), data.draw(st.integers(0, min(received, 12)))
    everything, all_rejected = usual + received + load_audit.GOOD_BEFORE, usual_rejected + rejected
    ways = sum(
        comb(all_rejected, x) * comb(everything - all_rejected, received - x)
        for x in range(rejected, min(received, all_rejected) + 1)
    )
    is_more = rejected * (usual + load_audit.GOOD_BEFORE) > usual_rejected * received
    is_spike = is_more and ways < load_audit.CHANCE * comb(everything, received)
    found = judged([(usual, usual_rejected), (received, rejected)], published=1)[SPIKE]
    assert found == ("warned" if is_spike else "passed")
