"""How large, how early and how late a value may be: what every table behind the raw ones can hold.

Belongs here: numbers that hold for all sources. Does not: what a column means, and how a source turns a value away.

A value beyond these is a mistake (a barcode as a quantity, a year 9999 for "never"), and a later cast would fail on it
for the whole company. The models keep money as DECIMAL(18, 4), which leaves room for sums above the limit of a single
amount.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

AMOUNT_BELOW = 10**12  # absolute value, in any currency
QUANTITY_BELOW = 10**9  # absolute value
RATE_FROM = Decimal("0.000000001")
RATE_TO = 10**9
COUNT_TO = 10**15
SCORE_BELOW = 10**9  # absolute value
FIRST_DAY = date(1970, 1, 1)  # both in UTC, both allowed
LAST_DAY = date(2199, 12, 31)
KEY_LENGTH = 1000  # characters of an id, or of a text that records are joined by
DECIMALS = 9  # of an amount: those beyond are the noise of a float, and are rounded (half to even)
DEPTH = 100  # levels of lists and objects within a record; no vendor documents more than ten
UNKNOWN_COLUMNS = 200  # that fields without a column of the row model get in one load of a table
COLUMN_NAME_LENGTH = 100
