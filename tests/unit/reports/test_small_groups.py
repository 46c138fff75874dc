"""No row of a figure is about fewer than five people, and nothing is lost by it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reports.charts import Bars, Columns
from reports.figures import Column, Figure, Row, Text
from reports.small_groups import AT_LEAST, MERGED, SMALLER_GROUPS, WITHHELD, without_small_groups

WORD = Text("", "")
GROUP = Column("channel", WORD, "word")
PEOPLE = Column("people", WORD, "count")
AMOUNT = Column("amount", WORD, "money")
MEAN = Column("mean", WORD, "money", share=("amount", "people"))
MEDIAN = Column("median", WORD, "days")
SPEND = Column("spend", WORD, "money", of_people=False)


def figure(**more: object) -> Figure:
    columns = (Column("month", WORD, "month"), GROUP, PEOPLE, AMOUNT, MEAN, MEDIAN, SPEND)
    return Figure("f", WORD, WORD, ("m",), columns, "people", **({"people": "people"} | more))  # type: ignore[arg-type]


def rows_of(counts: list[tuple[str, int]]) -> list[Row]:
    return [
        {
            "month": month,
            "channel": f"channel_{place}",
            "people": people,
            "amount": people * 10,
            "mean": 10.0 if people else None,
            "median": 3.5,
            "spend": 7,
        }
        for place, (month, people) in enumerate(counts)
    ]


counts = st.lists(st.tuples(st.sampled_from(["2026-01", "2026-02"]), st.integers(0, 12)), max_size=12)


@given(counts)
def test_no_row_is_about_one_to_four_people(counts: list[tuple[str, int]]) -> None:
    for merged, chart in (("", None), ("channel", Bars("people", "channel")), ("channel", Columns("month", "people"))):
        shown = without_small_groups(figure(merged=merged, chart=chart), rows_of(counts))

        assert [row for row in shown if row["people"] and 0 < row["people"] < AT_LEAST] == []
        for row in shown:
            if row.get(WITHHELD):
                assert (row["people"], row["amount"], row["mean"], row["median"]) == (None,) * 4
                assert row["spend"] % 7 == 0 and row["spend"] > 0  # money of ours is nobody's


@given(counts)
def test_groups_that_are_put_together_add_up_to_what_they_were(counts: list[tuple[str, int]]) -> None:
    rows = rows_of(counts)
    shown = without_small_groups(figure(merged="channel", chart=Columns("month", "people")), rows)

    for month in ("2026-01", "2026-02"):
        of_month = [row for row in shown if row["month"] == month]
        total = sum(row["people"] for row in rows if row["month"] == month)
        if any(row.get(WITHHELD) for row in of_month):
            assert total < AT_LEAST  # nobody was left to put them together with
        else:
            assert sum(row["people"] for row in of_month) == total
            assert sum(row["amount"] for row in of_month) == total * 10


def test_smaller_groups_have_sums_and_shares_and_nothing_else() -> None:
    rows = rows_of([("2026-01", 3), ("2026-01", 1), ("2026-01", 6), ("2026-01", 40)])
    rows[0]["amount"] = 130

    shown = without_small_groups(figure(merged="channel", chart=Bars("people", "channel")), rows)

    # Four are too few, so the next larger group joins them.
    assert [(row["channel"], row["people"]) for row in shown] == [("channel_3", 40), (SMALLER_GROUPS, 10)]
    together = shown[1]
    assert (together["amount"], together["mean"], together["median"]) == (200, 20.0, None)
    assert together[MERGED] == "channel"


def test_what_a_figure_is_repeated_by_stays_apart() -> None:
    rows = [{**row, "model": model} for model in ("a", "b") for row in rows_of([("2026-01", 3), ("2026-01", 9)])]

    shown = without_small_groups(figure(merged="channel", chart=Bars("people", "channel")), rows, key="model")

    assert [(row["model"], row["channel"], row["people"]) for row in shown] == [
        ("a", SMALLER_GROUPS, 12),
        ("b", SMALLER_GROUPS, 12),
    ]
