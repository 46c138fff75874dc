"""Who the people are: names, countries, e-mail addresses and the many ways to spell them.

Belongs here: identity and its spellings. Does not: what people do.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

import numpy as np

Random = np.random.Generator


@dataclass(frozen=True)
class Country:
    """A market: `dial` code, length and first digits of a mobile number, trunk prefix of national spelling."""

    code: str
    name: str
    currency: str
    dial: str
    mobile: str
    digits: int
    trunk: str
    first_names: tuple[str, ...]
    last_names: tuple[str, ...]
    tax_rate: float
    weight: float


COUNTRIES = (
    Country("ES", "Spain", "EUR", "34", "6", 9, "", ("Ana", "Lucía", "Javier", "Marta", "Íñigo", "Carmen", "Pablo"),
            ("García", "López", "Martínez", "Núñez", "Ruiz", "Torres"), 0.21, 0.26),
    Country("FR", "France", "EUR", "33", "6", 9, "0", ("Léa", "Hugo", "Chloé", "Louis", "Zoé", "Jules", "Inès"),
            ("Martin", "Bernard", "Lefèvre", "Moreau", "Petit", "Roux"), 0.20, 0.24),
    Country("DE", "Germany", "EUR", "49", "151", 11, "0", ("Jürgen", "Lena", "Max", "Sophie", "Jonas", "Käthe"),
            ("Müller", "Schmidt", "Weber", "Becker", "Groß", "Vogel"), 0.19, 0.18),
    Country("GB", "United Kingdom", "GBP", "44", "7", 10, "0", ("Olivia", "Harry", "Amelia", "Jack", "Grace", "Leo"),
            ("Smith", "Jones", "Taylor", "O'Neill", "Walker", "Hughes"), 0.20, 0.13),
    Country("US", "United States", "USD", "1", "4155", 10, "", ("Emma", "Liam", "Ava", "Noah", "Mia", "Ethan"),
            ("Johnson", "Brown", "Davis", "Miller", "Wilson", "Moore"), 0.08, 0.12),
    Country("JP", "Japan", "JPY", "81", "90", 10, "0", ("Yuki", "Haruto", "Sakura", "Ren", "Aoi", "Sota"),
            ("Sato", "Suzuki", "Takahashi", "Tanaka", "Ito", "Kato"), 0.10, 0.05),
    Country("KW", "Kuwait", "KWD", "965", "9", 8, "", ("Fatima", "Yousef", "Noor", "Omar", "Dana", "Salem"),
            ("Al-Sabah", "Al-Rashid", "Al-Mutairi", "Al-Ajmi", "Al-Enezi"), 0.0, 0.02),
)  # fmt: skip
# Bought from by one or two people; the file of exchange rates has no rate for its currency.
CHILE = Country("CL", "Chile", "CLP", "56", "9", 9, "", ("Isidora",), ("Fuentes",), 0.19, 0.0)
BY_CODE = {country.code: country for country in (*COUNTRIES, CHILE)}
_SHARES = np.cumsum([country.weight for country in COUNTRIES])

PLACEHOLDER_PHONES = ("+00000000", "0000000000")
DOMAINS = ("outlook.example", "mail.example", "correo.example", "posteo.example")


def pick_country(rng: Random) -> Country:
    return COUNTRIES[min(int(np.searchsorted(_SHARES, rng.random() * _SHARES[-1], side="right")), len(COUNTRIES) - 1)]


def _plain(text: str) -> str:
    """ASCII letters only, lower case."""
    text = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
    return "".join(char for char in text.lower() if char.isascii() and char.isalpha())


def email_of(first: str, last: str, index: int, domain: str) -> str:
    """The canonical address: no dots, no tag, lower case; the number makes it one person's only."""
    return f"{_plain(first)}{_plain(last)}{index}@{domain}"


def spell_email(email: str, rng: Random) -> str:
    """One of the spellings under which the address arrives: case; for Gmail also dots, a tag, the old domain."""
    local, domain = email.split("@")
    draw = rng.random()
    if domain == "gmail.com" and draw < 0.6:
        cut = 2 + int(rng.integers(0, 4))
        if draw < 0.2:
            return f"{local[:cut]}.{local[cut:]}@gmail.com"
        if draw < 0.4:
            return f"{local}+{('shop', 'news', 'promo')[int(rng.integers(0, 3))]}@gmail.com"
        if draw < 0.5:
            return f"{local[:cut]}.{local[cut:]}@googlemail.com"
        return f"{local[:cut]}.{local[cut:]}+offers@Gmail.com"
    if draw > 0.85:
        return f"{local.capitalize()}@{domain}"
    if draw > 0.78:
        return email.upper()
    return email


def phone_of(country: Country, index: int) -> str:
    """The person's number in E.164; one number, one person."""
    subscriber = f"{(index * 7 + 10_007) % 10 ** (country.digits - len(country.mobile)):d}"
    return f"+{country.dial}{country.mobile}{subscriber.zfill(country.digits - len(country.mobile))}"


def spell_phone(phone: str, country: Country, rng: Random) -> tuple[str, bool]:
    """A spelling of the number, and whether reading it takes the country (a national spelling)."""
    national = phone.removeprefix(f"+{country.dial}")
    grouped = " ".join(national[start : start + 3] for start in range(0, len(national), 3))
    draw = rng.random()
    if draw < 0.30:
        return phone, False
    if draw < 0.45:
        return f"+{country.dial} {grouped}", False
    if draw < 0.55:
        return f"00{country.dial} {grouped}", False
    if draw < 0.62 and country.trunk:
        return f"+{country.dial} ({country.trunk}){grouped}", False
    if country.code == "US":
        return f"({national[:3]}) {national[3:6]}-{national[6:]}", True
    return f"{country.trunk}{grouped}" if draw < 0.85 else f"{country.trunk}{grouped}".replace(" ", "-"), True
