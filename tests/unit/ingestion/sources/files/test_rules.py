"""What the tables behind the files can hold is asked at the door: sizes, signs, scales, the order of dates."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from ingestion import limits
from ingestion.sources.files.canonical import ENTITIES, HAPPENED_AT, columns
from tests.unit.ingestion.sources.files.evaluating import AFTER_ALL, evaluate, reasons

ORDER = {"order_id": "1", "ordered_at": "2026-03-01 10:00", "currency": "EUR"}
LINE = {"order_line_id": "1", "order_id": "1", "quantity": "2", "unit_price": "19.99"}
SUBSCRIPTION = {"subscription_id": "1", "currency": "EUR", "mrr_amount": "10"}
CONVERSATION = {"conversation_id": "1", "opened_at": "2026-03-01 10:00"}
SPEND = {
    "platform": "x",
    "account_id": "1",
    "campaign_id": "1",
    "spent_on": "2026-03-01",
    "currency": "EUR",
    "spend_amount": "1",
}
SURVEY = {"response_id": "1", "survey_type": "csat", "score": "4", "responded_at": "2026-03-01"}
RATE = {"rate_date": "2026-03-01", "base_currency": "EUR", "quote_currency": "USD", "rate": "1.1"}
CONSENT = {
    "consent_id": "1",
    "email": "ana@mail.invalid",
    "purpose": "marketing",
    "is_granted": "yes",
    "stated_at": "2026-03-01",
}
GOOD: dict[str, dict[str, str]] = {
    "orders": ORDER,
    "order_lines": LINE,
    "subscriptions": SUBSCRIPTION,
    "conversations": CONVERSATION,
    "ad_spend": SPEND,
    "surveys": SURVEY,
    "exchange_rates": RATE,
    "experiment_assignments": {
        "assignment_id": "1",
        "experiment": "x",
        "arm": "a",
        "is_control": "true",
        "email": "a@mail.invalid",
        "assigned_at": "2026-03-01",
    },
    "accounts": {"account_id": "1"},
    "customers": {"customer_id": "1"},
    "refunds": {"refund_id": "1", "refunded_at": "2026-03-01", "currency": "EUR", "amount": "1"},
    "deals": {"deal_id": "1", "created_at": "2026-03-01"},
    "leads": {"lead_id": "1", "created_at": "2026-03-01"},
    "messages": {"message_id": "1", "direction": "inbound", "sent_at": "2026-03-01"},
    "consents": CONSENT,
}


def judged(folder: Path, entity: str, *rows: dict[str, str], as_of: datetime = AFTER_ALL) -> list[str]:
    """Why rows are turned away, in their order; nothing: all of them are loaded."""
    filled = sorted({column for row in rows for column in row})
    with (folder / "rows.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, filled)
        table.writeheader()
        table.writerows(rows)
    mapping = {
        "name": "m",
        "inputs": {"rows": {"path": "rows.csv"}},
        "entities": {entity: {"from": "rows", "columns": {column: column for column in filled}}},
    }
    found = evaluate(folder, yaml.safe_dump(mapping), as_of)[0][entity]
    assert found.rows.num_rows + len(found.rejections) == len(rows)
    return reasons(found)


@pytest.mark.parametrize("entity", sorted(ENTITIES))
def test_the_rows_that_the_other_tests_change_are_accepted(tmp_path: Path, entity: str) -> None:
    assert judged(tmp_path, entity, GOOD[entity]) == []


@pytest.mark.parametrize("entity", sorted(ENTITIES))
def test_every_number_and_date_has_its_limits(tmp_path: Path, entity: str) -> None:
    """Whatever the column: a day before 1970 or in the year 9999, a number with 20 digits, a page of text as a key."""
    wrong = []
    for column in columns(ENTITIES[entity]):
        if column.sql_type in ("TIMESTAMPTZ", "DATE"):
            values = ["1969-12-31", "2200-01-01", "9999-12-31"]
        elif column.sql_type in ("DECIMAL(38, 9)", "BIGINT"):
            values = ["10000000000000000000", "-10000000000000000000", "NaN"]
        elif column.name.endswith("_id") or column.name in ("email", "phone", "customer_number"):
            values = ["x" * (limits.KEY_LENGTH + 1)]
        else:
            values = []
        wrong += [(column.name, value) for value in values]
    found = judged(tmp_path, entity, *(GOOD[entity] | {column: value} for column, value in wrong))
    assert len(found) == len(wrong)
    for (column_name, value), reason in zip(wrong, found, strict=True):
        assert reason.startswith(f"{column_name}: '{value[:80]}' is not "), reason


@pytest.mark.parametrize(
    ("entity", "changes"),
    [
        ("orders", {"total_amount": "999999999999.9999"}),
        ("orders", {"total_amount": "-30"}),  # a negative order is a refund, which the models read
        ("orders", {"total_amount": "-30", "tax_amount": "-5", "shipping_amount": "-1"}),
        ("orders", {"tax_amount": "-5"}),  # the total is that of the lines
        ("orders", {"paid_at": "2026-02-01"}),
        ("orders", {"cancelled_at": "2026-03-01"}),
        ("orders", {"ordered_at": "1970-01-01"}),
        ("orders", {"ordered_at": "2199-12-31 23:59:59.999999"}),
        ("order_lines", {"quantity": "-2"}),
        ("order_lines", {"quantity": "999999999", "unit_price": "1000"}),
        ("conversations", {"closed_at": "2026-03-01 10:00"}),
        ("subscriptions", {"started_at": "2026-03-01", "ended_at": "2026-03-01"}),
        ("subscriptions", {"mrr_amount": "0", "billing_months": "120"}),
        ("deals", {"closed_at": "2026-02-01"}),
        ("leads", {"qualified_at": "2026-02-01", "disqualified_at": "2026-02-01"}),
        ("ad_spend", {"impressions": "1000000000000000", "clicks": "0", "spend_amount": "0"}),
        ("exchange_rates", {"rate": "0.000000001"}),
        ("exchange_rates", {"rate": "1000000000"}),
        ("customers", {"customer_id": "x" * 1000}),
        ("surveys", {"survey_type": "nps", "score": "0", "scale_min": "0", "scale_max": "10"}),
        ("surveys", {"survey_type": "ces", "score": "7"}),
        ("surveys", {"survey_type": "review", "score": "3.5"}),
        ("surveys", {"survey_type": "review", "score": "40", "scale_min": "0", "scale_max": "100"}),
        ("surveys", {"survey_type": "csat", "score": "9", "scale_max": "10"}),
        ("experiment_assignments", {"email": "", "customer_id": "7", "planned_share": "0.9"}),
    ],
)
def test_what_lies_within_the_limits_is_loaded(tmp_path: Path, entity: str, changes: dict[str, str]) -> None:
    assert judged(tmp_path, entity, GOOD[entity] | changes) == []


@pytest.mark.parametrize(
    ("entity", "changes", "reason"),
    [
        ("orders", {"total_amount": "1000000000000"}, "is not between -1,000,000,000,000 and 1,000,000,000,000"),
        ("orders", {"tax_amount": "-5", "total_amount": "30"}, "tax_amount has to be 0 or more"),
        ("orders", {"shipping_amount": "-5", "total_amount": "0"}, "shipping_amount has to be 0 or more"),
        ("orders", {"cancelled_at": "2026-02-28 09:59"}, "cancelled_at may not lie more than a day before ordered_at"),
        ("orders", {"ordered_at": "2200-01-01"}, "is not between 1970-01-01 and 2199-12-31"),
        ("order_lines", {"quantity": "18711234567890"}, "is not between -1,000,000,000 and 1,000,000,000"),
        (
            "order_lines",
            {"quantity": "999999999", "unit_price": "1001"},
            "quantity times unit_price has to lie",
        ),
        ("order_lines", {"quantity": "-999999999", "unit_cost": "1001"}, "quantity times unit_cost has to lie"),
        ("order_lines", {"unit_cost": "-1"}, "unit_cost: '-1' is not 0 or more"),
        ("conversations", {"closed_at": "2026-03-01 09:59"}, "closed_at has to be at or after opened_at"),
        ("subscriptions", {"started_at": "2026-03-02", "ended_at": "2026-03-01"}, "ended_at has to be at or after"),
        (
            "subscriptions",
            {"trial_started_at": "2026-03-02", "trial_ended_at": "2026-03-01"},
            "trial_ended_at has to be at or after trial_started_at",
        ),
        ("subscriptions", {"mrr_amount": "-1"}, "mrr_amount: '-1' is not 0 or more"),
        ("subscriptions", {"billing_months": "0"}, "billing_months: '0' is not between 1 and 120"),
        ("subscriptions", {"billing_months": "121"}, "billing_months: '121' is not between 1 and 120"),
        ("ad_spend", {"spend_amount": "-1"}, "spend_amount: '-1' is not 0 or more"),
        ("ad_spend", {"clicks": "-1"}, "clicks: '-1' is not between 0 and"),
        ("ad_spend", {"impressions": "1000000000000001"}, "is not between 0 and 1,000,000,000,000,000"),
        ("exchange_rates", {"rate": "0"}, "rate: '0' is not between 0.000000001 and 1,000,000,000"),
        ("surveys", {"survey_type": "nps", "score": "6.5"}, "the score of an nps answer has to be a whole number"),
        ("surveys", {"survey_type": "nps", "score": "11"}, "the score has to lie on its scale"),
        ("surveys", {"survey_type": "nps", "score": "-3"}, "the score has to lie on its scale"),
        (
            "surveys",
            {"survey_type": "nps", "score": "5", "scale_max": "5"},
            "the scale of an nps answer has to be",
        ),
        ("surveys", {"survey_type": "csat", "score": "0"}, "map scale_min and scale_max if it has another"),
        ("surveys", {"survey_type": "ces", "score": "7.5"}, "the score has to lie on its scale"),
        ("surveys", {"survey_type": "review", "score": "40"}, "score: '40'"),
        ("surveys", {"scale_min": "5"}, "scale_min has to be smaller than scale_max"),
        ("consents", {"email": ""}, "a consent has to say whose it is"),
        ("consents", {"purpose": "profiling"}, "is not one of marketing, advertising, service"),
        ("consents", {"channel": "fax"}, "is not one of email, messaging, phone, post"),
        ("consents", {"is_granted": "perhaps"}, "is_granted: 'perhaps' is not true or false"),
        ("experiment_assignments", {"email": ""}, "customer_id or email has to say who was assigned"),
        ("experiment_assignments", {"planned_share": "1"}, "planned_share: '1' is not between 0 and 1"),
        ("experiment_assignments", {"planned_share": "50"}, "planned_share: '50' is not between 0 and 1"),
    ],
)
def test_what_lies_beyond_them_is_rejected_with_its_reason(
    tmp_path: Path, entity: str, changes: dict[str, str], reason: str
) -> None:
    found = judged(tmp_path, entity, GOOD[entity] | changes)
    assert len(found) == 1 and reason in found[0], found


@pytest.mark.parametrize("entity", sorted(name for name, column in HAPPENED_AT.items() if column))
def test_what_lies_more_than_a_day_ahead_of_the_load_is_rejected(tmp_path: Path, entity: str) -> None:
    """A day is compared with a day: it may be tomorrow's somewhere."""
    column = HAPPENED_AT[entity]
    assert column is not None
    days = ["2026-03-01", "2026-03-02", "2026-03-03", "2026-03-04", "2062-03-01"]
    keys = ENTITIES[entity].unique_by[0]
    rows = [GOOD[entity] | {column: day} | ({} if keys == column else {keys: day}) for day in days]
    found = judged(tmp_path, entity, *rows, as_of=datetime(2026, 3, 2, 12, tzinfo=UTC))
    ahead = "is more than a day ahead of the load: correct the record, or the clock that wrote it"
    assert found == [f"{column}: '2026-03-04' {ahead}", f"{column}: '2062-03-01' {ahead}"]


def test_a_reason_of_several_columns_shows_their_values(tmp_path: Path) -> None:
    found = judged(tmp_path, "conversations", CONVERSATION | {"closed_at": "2026-02-28"})
    expected = "closed_at: '2026-02-28', opened_at: '2026-03-01 10:00', but closed_at has to be at or after opened_at"
    assert found == [expected]


def test_the_models_can_cast_the_largest_that_is_accepted() -> None:
    """The casts of the staging models, on the edges of the limits."""
    largest: list[tuple[Any, str]] = [
        (Decimal(limits.AMOUNT_BELOW) - Decimal("0.000000001"), "decimal(18, 4)"),
        (Decimal(limits.QUANTITY_BELOW) - Decimal("0.000000001"), "decimal(18, 4)"),
        (Decimal(limits.RATE_TO), "decimal(28, 10)"),
        (limits.RATE_FROM, "decimal(28, 10)"),
        (limits.COUNT_TO, "bigint"),
        (datetime.combine(limits.FIRST_DAY, datetime.min.time()), "timestamp_ns"),  # what pandas can hold
        (datetime.combine(limits.LAST_DAY, datetime.max.time()), "timestamp_ns"),
        (date(2199, 12, 31), "date"),
    ]
    with duckdb.connect() as connection:
        for value, kind in largest:
            found = connection.execute(f"SELECT ($value::{kind}) IS NOT NULL", {"value": value}).fetchall()
            assert found == [(True,)], (value, kind)
