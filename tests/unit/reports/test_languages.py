"""Numbers, amounts and days as people of each language write them."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from reports.figures import CODES, Column, Kind, Text
from reports.languages import Language
from reports.words import WITH_DAYS, of_the_vocabulary

ROOT = Path(__file__).resolve().parents[3]
NARROW, WIDE = "\u202f", "\u00a0"


@pytest.mark.parametrize(
    ("kind", "value", "english", "french"),
    [
        ("count", 1234567, "1,234,567", f"1{NARROW}234{NARROW}567"),
        ("count", -12, "\u221212", "\u221212"),
        ("count", Decimal("3.5"), "3.5", "3,5"),
        ("money", Decimal("1234.5"), "€1,234", f"1{NARROW}234{WIDE}€"),
        ("money", 12.345, "€12.35", f"12,35{WIDE}€"),
        ("money", -0.5, "\u2212€0.50", f"\u22120,50{WIDE}€"),
        ("number", 1234.5, "1,234.50", f"1{NARROW}234,50"),
        ("rate", 0.12345, "12.3%", f"12,3{NARROW}%"),
        ("seconds", 45, f"45{WIDE}s", f"45{WIDE}s"),
        ("seconds", 1800, f"30{WIDE}min", f"30{WIDE}min"),
        ("seconds", 9000, f"2.5{WIDE}h", f"2,5{WIDE}h"),
        ("seconds", 259200, f"3{WIDE}d", f"3{WIDE}j"),
        ("month", date(2026, 2, 1), "Feb 2026", "févr. 2026"),
        ("quarter", date(2026, 4, 1), "Q2 2026", "T2 2026"),
        ("instant", datetime(2026, 10, 31, 6), "31 Oct 2026 06:00 UTC", "31 oct. 2026 06:00 UTC"),
        ("flag", True, "yes", "oui"),
        ("word", "whatsapp_cloud", "WhatsApp", "WhatsApp"),
        ("word", "no reply in 14 days", "No reply in 14 days", "Pas de réponse en 14 jours"),
        ("word", "a_reason_of_ours", "A reason of ours", "A reason of ours"),
        ("count", None, "–", "–"),
    ],
)
def test_a_value_is_written_as_the_language_does(kind: Kind, value: Any, english: str, french: str) -> None:
    assert Language("en", "EUR").written(kind, value) == english
    assert Language("fr", "EUR").written(kind, value) == french


@pytest.mark.parametrize(
    ("currency", "english", "french"),
    [
        ("GBP", "£2.00", f"2,00{WIDE}£"),
        ("CHF", f"CHF{WIDE}2.00", f"2,00{WIDE}CHF"),
        ("CAD", "CA$2.00", f"2,00{WIDE}CA$"),
    ],
)
def test_an_amount_has_its_currency(currency: str, english: str, french: str) -> None:
    assert Language("en", currency).money(2) == english
    assert Language("fr", currency).money(2) == french


def test_a_label_is_taken_from_the_row() -> None:
    row = {"stage_label_en": "Cold lead", "stage_label_fr": "Prospect froid"}
    column = Column("stage_label", Text("Stage", "Étape"), "label")

    assert [Language(code).of(row, column) for code in CODES] == ["Cold lead", "Prospect froid"]


def test_reasons_of_the_shipped_stage_models_are_in_both_languages() -> None:
    reasons = {
        line.partition("reason: ")[2]
        for path in (ROOT / "dbt_project/models/intermediate/lifecycle").glob("*.yml")
        for line in path.read_text().splitlines()
        if line.strip().startswith("reason: ") and "attributes." not in line
    }

    assert len(reasons) > 8
    same = [reason for reason in reasons if of_the_vocabulary(reason).en == of_the_vocabulary(reason).fr]
    assert same == [] and len(WITH_DAYS) > 3
