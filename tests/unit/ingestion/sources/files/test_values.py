"""Each value is read by itself: instants by the mapping's zone, dates by its formats, numbers by its decimal mark."""

from __future__ import annotations

import csv
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_tz
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.sources import files
from ingestion.sources.files.canonical import ENTITIES, columns
from ingestion.sources.files.mapping import MappingError
from ingestion.sources.files.values import ZONES, Reading, create_zones, typed_rows
from tests.unit.ingestion.sources.files.evaluating import evaluate, reasons

# every canonical type from one column of texts, each in an entity of its own so that one rejects without the others
TYPES = {
    "instant": ("messages", "sent_at", "message_id: id, direction: \"'inbound'\", sent_at: value"),
    "date": (
        "ad_spend",
        "spent_on",
        "platform: \"'x'\", account_id: id, campaign_id: id, currency: \"'EUR'\", spend_amount: 1, spent_on: value",
    ),
    "decimal": (
        "order_lines",
        "quantity",
        "order_line_id: id, order_id: id, unit_price: 1, quantity: value",
    ),
    "whole": (
        "subscriptions",
        "billing_months",
        "subscription_id: id, currency: \"'EUR'\", mrr_amount: 1, billing_months: value",
    ),
    "boolean": (
        "orders",
        "is_test",
        "order_id: id, ordered_at: \"'2026-01-01'\", currency: \"'EUR'\", is_test: value",
    ),
}


def mapping(timezone: str = "UTC", options: str = "", path: str = "values.csv", kinds: tuple[str, ...] = ()) -> str:
    entities = "\n".join(f"  {TYPES[kind][0]}: {{from: v, columns: {{{TYPES[kind][2]}}}}}" for kind in kinds or TYPES)
    return f"name: m\ntimezone: {timezone}\ninputs: {{v: {{path: {path}{options}}}}}\nentities:\n{entities}\n"


def read(
    folder: Path, texts: list[str], kinds: tuple[str, ...] = (), timezone: str = "UTC", options: str = ""
) -> dict[str, dict[int, Any]]:
    """Of each type what became of the text at each place: a value, or the reason of its rejection."""
    with (folder / "values.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["id", "value"], *enumerate(texts)])
    return outcome(folder, mapping(timezone, options, kinds=kinds), kinds)


def outcome(folder: Path, text: str, kinds: tuple[str, ...] = ()) -> dict[str, dict[int, Any]]:
    entities, _ = evaluate(folder, text)
    result: dict[str, dict[int, Any]] = {}
    for kind in kinds or TYPES:
        entity, column, _ = TYPES[kind]
        key = next(name for name in entities[entity].rows.column_names if name.endswith("_id") and name[0] != "_")
        key = "account_id" if entity == "ad_spend" else key
        rows = entities[entity]
        result[kind] = {int(row[key]): row[column] for row in rows.rows.to_pylist()}
        for rejection, reason in zip(rows.rejections, reasons(rows), strict=True):
            place = int(rejection["record"].split('"id":"')[1].split('"')[0])
            result[kind][place] = reason.split(" (copy")[0]
    return result


def instant(folder: Path, text: str, timezone: str = "UTC", options: str = "") -> Any:
    return read(folder, [text], ("instant",), timezone, options)["instant"][0]


LOCAL = st.sampled_from(
    ["2026-03-02 08:00:00", "2026-10-25T02:30:00", "2026-03-29 02:30", "2026-7-1 8:05", "2026-01-01"]
)
ZONE = st.sampled_from(
    ["", "", "Z", " America/Los_Angeles", " Asia/Kolkata", "+02:00", " -0330", " PST", " UTC", " CST", " Nowhere/Land"]
)
INSTANT = st.tuples(LOCAL, ZONE).map("".join)
TEXT = st.one_of(
    INSTANT,
    st.sampled_from(
        ["", "1", "1.5", "-3", "1e3", "nan", "infinity", "epoch", "true", "No", "2", "2026-02-30", "x", " 7 "]
    ),
    st.text("0123456789-:T.+ ZUC/", max_size=12),
)


COLUMNS = tuple(
    next(column for column in columns(ENTITIES[entity]) if column.name == name) for entity, name, _ in TYPES.values()
)
READINGS = st.builds(
    Reading,
    timezone=st.sampled_from(["UTC", "Europe/Paris"]),
    decimal=st.sampled_from([None, ",", "."]),
    date_formats=st.sampled_from([(), (), ("%d/%m/%Y", "%Y-%m-%d %H:%M:%S %z")]),
)


def typed(connection: duckdb.DuckDBPyConnection, texts: list[str], reading: Reading) -> list[tuple[Any, ...]]:
    """Each text as every canonical type, in the order of the texts."""
    same = ", ".join(f"text AS value_{number}" for number in range(len(COLUMNS)))
    connection.execute(
        f"CREATE OR REPLACE TABLE texts AS SELECT _row, {same} FROM "
        "(SELECT unnest($texts) AS text, generate_subscripts($texts, 1) AS _row)",
        {"texts": texts},
    )
    found = typed_rows("texts", COLUMNS, dict.fromkeys((column.name for column in COLUMNS), "VARCHAR"), reading)
    names = ", ".join(
        f"epoch_us({column.name})" if column.sql_type == "TIMESTAMPTZ" else column.name for column in COLUMNS
    )
    unknown = ", ".join(f"unknown_zone_{number}" for number in range(len(COLUMNS)))
    return connection.execute(f"SELECT {names}, {unknown} FROM ({found}) ORDER BY _row").fetchall()


@settings(max_examples=25)
@given(
    instants=st.lists(INSTANT, min_size=6, max_size=12),
    others=st.lists(TEXT, max_size=6),
    reading=READINGS,
    seed=st.randoms(use_true_random=False),
)
def test_a_value_is_read_alike_whatever_stands_around_it(
    instants: list[str], others: list[str], reading: Reading, seed: Any
) -> None:
    """Not only "any order gives the same": each text alone says what it has to be among the others."""
    texts = instants + others
    with duckdb.connect() as connection:
        create_zones(connection)
        connection.execute(f"SET TimeZone = '{reading.timezone}'")
        alone = {text: typed(connection, [text], reading)[0] for text in texts}
        order = texts * 2
        seed.shuffle(order)
        assert typed(connection, order, reading) == [alone[text] for text in order]


def test_a_zone_in_one_row_is_of_that_row_alone(tmp_path: Path) -> None:
    plain = "2026-03-31 20:00:00"
    found = read(tmp_path, [plain, f"{plain} America/Los_Angeles", plain, f"{plain} +0900", plain], ("instant",))
    evening = datetime(2026, 3, 31, 20, tzinfo=UTC)
    assert list(dict(sorted(found["instant"].items())).values()) == [
        evening,
        evening + timedelta(hours=7),
        evening,
        evening - timedelta(hours=9),
        evening,
    ]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-03-01 10:00:00 +0100", "2026-03-01T09:00:00"),  # Shopify's CSV exports
        ("2026-03-01 10:00:00 -0330", "2026-03-01T13:30:00"),
        ("2026-03-01T10:00:00.123456789Z", "2026-03-01T10:00:00.123456"),
        ("2026-03-01T10:00:00,5+01", "2026-03-01T09:00:00.500000"),
        ("2026-03-01T10:00:00+05:30[Asia/Kolkata]", "2026-03-01T04:30:00"),
        ("2026-03-01 10:00:00 +0000 UTC", "2026-03-01T10:00:00"),
        ("2026-03-01 10:00 UTC+1", "2026-03-01T09:00:00"),
        ("2026-03-01 10:00 asia/tokyo", "2026-03-01T01:00:00"),
        ("2026-07-01 10:00 CET", "2026-07-01T09:00:00"),  # an abbreviation is its offset, in summer too
        ("2026-07-01 10:00 CEST", "2026-07-01T08:00:00"),
        ("2026-07-01 10:00 PST", "2026-07-01T18:00:00"),
        ("2026/03/01 10:00", "2026-03-01T15:00:00"),
        ("2026-03-01", "2026-03-01T05:00:00"),
    ],
)
def test_instants_are_read_as_systems_write_them(tmp_path: Path, written: str, expected: str) -> None:
    assert instant(tmp_path, written, "America/New_York") == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "written", ["2026-03-01 10:00 CST", "2026-03-01 10:00 IST", "2026-03-01 10:00 Mars/Base", "2026-03-01 10:00 PM"]
)
def test_a_zone_that_is_not_known_for_sure_is_a_rejection_that_says_so(tmp_path: Path, written: str) -> None:
    assert "names a zone that is not known" in instant(tmp_path, written)


def test_the_abbreviations_of_the_documentation_are_those_that_are_read(tmp_path: Path) -> None:
    readme = (Path(files.__file__).parent / "README.md").read_text()
    listed = readme.split("- an abbreviation that means one offset everywhere:")[1].split(". It is")[0]
    names = re.findall(r"[A-Z]+", listed)
    found = read(tmp_path, [f"2026-07-01 12:00 {name}" for name in names], ("instant",))["instant"]
    hours = {name: 12 - found[place].hour for place, name in enumerate(names)}
    for name in ("UTC", "GMT", "UT", "EST", "EDT", "MST", "MDT", "PST", "PDT"):  # those of the standard of e-mail
        parsed = parsedate_tz(f"1 Jul 2026 12:00 {name}")
        assert parsed and parsed[9] == hours[name] * 3600, name
    with duckdb.connect() as connection:
        create_zones(connection)
        abbreviations = connection.execute(f"SELECT upper(name) FROM {ZONES} WHERE name NOT LIKE '%/%'").fetchall()
    assert {name for (name,) in abbreviations} == {*names, "Z"}


@pytest.mark.parametrize(
    "written", ["2026-02-30 10:00", "2026-03-01 25:00", "epoch", "infinity", "2026-03-01 10:00 +99", "noon", "20260301"]
)
def test_what_is_no_instant_is_a_rejection(tmp_path: Path, written: str) -> None:
    assert "is not a date and time" in instant(tmp_path, written)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    zone=st.sampled_from(
        ["Europe/Paris", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Tehran"]
    ),
    start=st.datetimes(datetime(1991, 1, 2), datetime(2035, 1, 1)),
)
def test_local_times_agree_with_another_calendar(tmp_path: Path, zone: str, start: datetime) -> None:
    """Python's zoneinfo (first pass of an hour that comes twice, a skipped hour moves on) around both clock changes."""
    start = start.replace(minute=15, second=0, microsecond=0)
    times = [start]
    for day in range(366):  # the clock changes of the year that follows, found by Python
        noon = datetime.combine(start.date() + timedelta(days=day), datetime.min.time()) + timedelta(hours=12)
        if (
            noon.replace(tzinfo=ZoneInfo(zone)).utcoffset()
            != (noon - timedelta(days=1)).replace(tzinfo=ZoneInfo(zone)).utcoffset()
        ):
            times += [noon - timedelta(minutes=15 * quarter) for quarter in range(60)]
    found = read(tmp_path, [time.isoformat(" ") for time in times], ("instant",), zone)["instant"]
    for place, time in enumerate(times):
        assert found[place] == time.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC), time


def test_the_hour_that_comes_twice_and_the_one_that_never_is(tmp_path: Path) -> None:
    twice, never = "2026-10-25 02:30", "2026-03-29 02:30"
    assert instant(tmp_path, twice, "Europe/Paris") == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # still summer time
    assert instant(tmp_path, never, "Europe/Paris") == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)  # 03:30 on the clocks


def test_times_without_zone_mean_the_same_in_parquet_as_in_text(tmp_path: Path) -> None:
    times = [datetime(2026, 10, 25, 2, 30), datetime(2026, 3, 29, 2, 30), datetime(2026, 7, 1)]
    pq.write_table(pa.table({"id": range(len(times)), "value": times}), tmp_path / "values.parquet")
    stored = outcome_of_instants(tmp_path, "values.parquet")
    texts = read(tmp_path, [time.isoformat() for time in times], ("instant",), "Europe/Paris")["instant"]
    assert stored == texts


def outcome_of_instants(folder: Path, path: str) -> dict[int, Any]:
    return outcome(folder, mapping("Europe/Paris", path=path, kinds=("instant",)), ("instant",))["instant"]


def test_a_date_is_the_day_as_written(tmp_path: Path) -> None:
    texts = ["2026-03-01T23:30:00-08:00", "2026-03-01 24:00", "2026-3-1", "2026-03-01 soon", "2026-03-01 25:00"]
    found = read(tmp_path, texts, ("date",), "Asia/Tokyo")["date"]
    assert [found[place] for place in range(3)] == [date(2026, 3, 1)] * 3
    assert "names a zone" in found[3] and "is not a date" in found[4]


def test_dates_are_read_by_the_formats_of_the_input(tmp_path: Path) -> None:
    options = ', date_format: ["%d/%m/%Y", "%d.%m.%y %H:%M", "%d/%m/%Y %H:%M %z"]'
    texts = ["01/02/2026", "1.2.26 09:30", "01/02/2026 10:00 +0100", "2026-02-01", "31/02/2026", "epoch"]
    found = read(tmp_path, texts, ("instant", "date"), "Europe/Paris", options)
    assert [found["instant"][place] for place in range(3)] == [
        datetime(2026, 1, 31, 23, tzinfo=UTC),
        datetime(2026, 2, 1, 8, 30, tzinfo=UTC),
        datetime(2026, 2, 1, 9, tzinfo=UTC),
    ]
    assert [found["date"][place] for place in range(3)] == [date(2026, 2, 1)] * 3
    assert [found["date"][place] for place in range(3, 6)] == [
        f"spent_on: '{text}' is not a date" for text in texts[3:]
    ]


def test_a_local_time_by_a_format_follows_the_rule_of_clock_changes(tmp_path: Path) -> None:
    written = instant(tmp_path, "25/10/2026 02:30", "Europe/Paris", ', date_format: "%d/%m/%Y %H:%M"')
    assert written == instant(tmp_path, "2026-10-25 02:30", "Europe/Paris")


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [("%Q", "Unrecognized format"), ("day", "is no format such as"), ("%d %Z", "names of zones cannot be read")],
)
def test_a_format_that_cannot_work_is_refused_by_its_key(tmp_path: Path, pattern: str, problem: str) -> None:
    with pytest.raises(MappingError, match=rf"inputs\.v\.date_format: .*{problem}"):
        read(tmp_path, ["1"], ("date",), options=f', date_format: "{pattern}"')


DIGITS = st.decimals(-999_999_999, 999_999_999, places=3)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    numbers=st.lists(DIGITS, min_size=1, max_size=8), separator=st.sampled_from(["", ".", " ", "'", "\u202f", "\u00a0"])
)
def test_numbers_with_a_decimal_comma_mean_what_they_mean(
    tmp_path: Path, numbers: list[Decimal], separator: str
) -> None:
    texts = [f"{number:,.3f}".replace(",", "_").replace(".", ",").replace("_", separator) for number in numbers]
    found = read(tmp_path, texts, ("decimal",), options=', decimal: ","')["decimal"]
    assert [found[place] for place in range(len(numbers))] == numbers


@pytest.mark.parametrize(
    ("mark", "text", "expected"),
    [
        (",", "1.234", Decimal(1234)),
        (",", "1.5", None),  # neither a decimal mark nor thousands
        (",", "1.234.5", None),
        (",", "1.234 567", None),  # two kinds of separators
        (",", "1,234,567", None),
        (",", "-12,50", Decimal("-12.5")),
        (",", "1,5e2", Decimal(150)),
        (".", "1,234.50", Decimal("1234.5")),
        (".", "1,23", None),
        (".", "1234.5", Decimal("1234.5")),
        (",", "NaN", None),
        (",", "Infinity", None),
    ],
)
def test_separators_of_thousands_stand_where_they_belong(
    tmp_path: Path, mark: str, text: str, expected: Decimal | None
) -> None:
    found = read(tmp_path, [text], ("decimal",), options=f', decimal: "{mark}"')["decimal"][0]
    assert found == (expected if expected is not None else f"quantity: '{text}' is not a number")


def test_a_rejection_names_the_key_that_would_read_the_value(tmp_path: Path) -> None:
    numbers = read(tmp_path, ["1.234,50", "12,5", "1 000", "abc", "1.5.2"], ("decimal",))["decimal"]
    assert [place for place, reason in numbers.items() if "the key decimal of the input" in reason] == [0, 1, 2]
    dates = read(tmp_path, ["01/02/2026", "1.2.26 10:00", "3 Mar 2026", "2026-02-30", "soon"], ("instant", "date"))
    for kind in dates:
        named = [place for place, reason in dates[kind].items() if "the key date_format of the input" in reason]
        assert named == [0, 1, 2], kind


@pytest.mark.parametrize("text", ["NaN", "nan", "inf", "-Infinity", "1e400"])
def test_what_is_no_number_is_a_rejection(tmp_path: Path, text: str) -> None:
    found = read(tmp_path, [text], ("decimal", "whole"))
    assert "is not a number" in found["decimal"][0] and "is not a whole number" in found["whole"][0]


def test_a_whole_number_may_carry_thousands_too(tmp_path: Path) -> None:
    found = read(tmp_path, ["12", "1,0", "1,5"], ("whole",), options=', decimal: ","')["whole"]
    assert (found[0], found[1]) == (12, 1) and "is not a whole number" in found[2]
