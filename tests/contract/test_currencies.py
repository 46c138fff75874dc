"""The currencies that money may be reported in, against ISO 4217 as `pycountry` publishes it."""

from __future__ import annotations

import pycountry

from ingestion.currencies import CURRENCIES

# In use until lately: amounts in them are still there to be converted.
WITHDRAWN = {"ANG": "the guilder of the Antilles, XCG since 2025", "BGN": "the lev, EUR since 2026"}
# Nobody keeps an amount in them: units of account, next-day and indexed money, metals, codes for tests.
NO_MONEY = {
    *("BOV", "CHE", "CHW", "CLF", "COU", "MXV", "USN", "UYI", "UYW"),
    *("XAD", "XAG", "XAU", "XBA", "XBB", "XBC", "XBD", "XDR", "XPD", "XPT", "XSU", "XTS", "XUA", "XXX"),
}


def test_every_currency_of_the_standard_is_known_or_is_no_money() -> None:
    standard = {currency.alpha_3 for currency in pycountry.currencies}

    assert standard | {*WITHDRAWN} == CURRENCIES | NO_MONEY
    assert set() == CURRENCIES & NO_MONEY
    assert standard & {*WITHDRAWN} == set()
