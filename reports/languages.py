"""How numbers, days and words are written in a language.

Belongs here: formats, in tables as in charts. Does not: what pages say (`reports/pages/`), the vocabulary of the marts
(`reports/words.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from reports.figures import CODES, Code, Column, Kind, Row
from reports.words import NO_VALUE, of_the_vocabulary

SYMBOLS: dict[str, str] = {
    "EUR": "€",
    "USD": "$",
    "GBP": "£",
    "CHF": "CHF",
    "CAD": "CA$",
    "AUD": "A$",
    "JPY": "¥",
    "INR": "₹",
}
# What a query or the report itself calls something among names that others gave, such as those of campaigns.
OUR_NAMES = ("no_campaign", "smaller_groups")
NARROW, WIDE = "\u202f", "\u00a0"  # spaces that break no line
MONTHS = {
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    "fr": ("janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc."),
}
MONTHS_IN_FULL = {
    "en": ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
           "December"),
    "fr": ("janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre",
           "décembre"),
}  # fmt: skip
DAYS = {
    "en": ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"),
    "fr": ("dimanche", "lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi"),
}


@dataclass(frozen=True)
class Language:
    """One language, with the currency of the report.

    Attributes:
        code: as in HTML.
        currency: the reporting currency; empty: no amount is known.
    """

    code: Code
    currency: str = ""

    @property
    def other(self) -> Code:
        """The language that the switch leads to."""
        return next(code for code in CODES if code != self.code)

    @property
    def is_french(self) -> bool:
        return self.code == "fr"

    def number(self, value: float, decimals: int = 0) -> str:
        """A number with its separators: 1,234.5 or 1 234,5."""
        text = f"{value:,.{decimals}f}".replace("-", "\u2212")
        return text.replace(",", NARROW).replace(".", ",") if self.is_french else text

    def money(self, value: float) -> str:
        """An amount in the reporting currency; cents where it is below a thousand."""
        symbol = SYMBOLS.get(self.currency, self.currency)
        text = self.number(float(value), 0 if abs(float(value)) >= 1000 else 2)
        if self.is_french:
            return f"{text}{WIDE}{symbol}".rstrip()
        before = symbol if len(symbol) == 1 or symbol.endswith("$") else f"{symbol}{WIDE}" if symbol else ""
        return f"\u2212{before}{text[1:]}" if text.startswith("\u2212") else f"{before}{text}"

    def rate(self, value: float, decimals: int = 1) -> str:
        """A share as a percentage."""
        return self.number(float(value) * 100, decimals) + (f"{NARROW}%" if self.is_french else "%")

    def seconds(self, value: float) -> str:
        """A duration in its two largest units."""
        minutes, hours = value / 60, value / 3600
        if value < 90:
            return f"{self.number(value)}{WIDE}s"
        if minutes < 90:
            return f"{self.number(minutes)}{WIDE}min"
        if hours < 48:
            return self.hours(hours)
        return self.days(hours / 24)

    def days(self, value: float) -> str:
        return f"{self.number(value, 0 if float(value).is_integer() else 1)}{WIDE}" + ("j" if self.is_french else "d")

    def hours(self, value: float) -> str:
        return f"{self.number(value, 1)}{WIDE}h"

    def day(self, value: date) -> str:
        return f"{value.day} {MONTHS[self.code][value.month - 1]} {value.year}"

    def week(self, value: date) -> str:
        return self.day(value)

    def month(self, value: date) -> str:
        return f"{MONTHS[self.code][value.month - 1]} {value.year}"

    def quarter(self, value: date) -> str:
        return f"{'T' if self.is_french else 'Q'}{(value.month + 2) // 3} {value.year}"

    def instant(self, value: datetime) -> str:
        return f"{self.day(value)} {value:%H:%M} UTC"

    def word(self, value: str) -> str:
        """A key of the vocabulary, or the text itself."""
        return of_the_vocabulary(value).in_(self.code)

    def written(self, kind: Kind, value: Any) -> str:
        """A value as people read it."""
        if value is None:
            return NO_VALUE
        if kind == "count":
            return self.number(value, 0 if float(value).is_integer() else 1)
        if kind in ("number", "ratio"):
            return self.number(value, 2)
        if kind == "flag":
            return {True: ("yes", "oui"), False: ("no", "non")}[value][self.is_french]
        if kind in ("text", "sentence", "label"):
            return str(value)
        return getattr(self, kind)(value)

    def of(self, row: Row, column: Column) -> Any:
        """The value of a column in a row, in this language where it is a text."""
        if column.kind == "label":
            return row[f"{column.name}_{self.code}"]
        value = row[column.name]
        is_ours = column.kind == "word" or (column.kind == "text" and value in OUR_NAMES)
        return self.word(value) if is_ours and value is not None else value

    def formats(self, kind: Kind) -> tuple[str, str]:
        """The formats of d3 for a kind of value, on an axis and in a tooltip; empty where it is a text."""
        quarter = "T" if self.is_french else "Q"
        return {
            "count": (",~f", ",~f"), "money": ("$,~f", "$,.2f"), "number": (",.2~f", ",.2~f"),
            "ratio": (",.2~f", ",.2~f"), "rate": (".0~%", ".1~%"), "days": (",~f", ",.1~f"), "hours": (",~f", ",.1~f"),
            "day": ("%b %Y", "%d %b %Y"), "week": ("%d %b", "%d %b %Y"), "month": ("%b %Y", "%b %Y"),
            "quarter": (f"{quarter}%q %Y", f"{quarter}%q %Y"),
        }.get(kind, ("", ""))  # fmt: skip

    @property
    def number_locale(self) -> dict[str, Any]:
        """What d3 needs in order to write numbers as the tables do."""
        symbol = SYMBOLS.get(self.currency, self.currency)
        return {
            "decimal": "," if self.is_french else ".",
            "thousands": NARROW if self.is_french else ",",
            "grouping": [3],
            "currency": ["", f"{WIDE}{symbol}"] if self.is_french else [symbol, ""],
            "percent": f"{NARROW}%" if self.is_french else "%",
        }

    @property
    def time_locale(self) -> dict[str, Any]:
        """What d3 needs in order to write days as the tables do."""
        return {
            "dateTime": "%d %b %Y %H:%M", "date": "%d %b %Y", "time": "%H:%M", "periods": ["AM", "PM"],
            "days": DAYS[self.code], "shortDays": [day[:3] for day in DAYS[self.code]],
            "months": MONTHS_IN_FULL[self.code], "shortMonths": MONTHS[self.code],
        }  # fmt: skip
