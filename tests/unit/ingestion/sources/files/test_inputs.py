"""What a file holds becomes rows: dialects, encodings, line ends, heads of CSV files, JSON of every shape."""

from __future__ import annotations

import csv
import gzip
import io
import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.sources.files.evaluation import Evaluation
from ingestion.sources.files.mapping import MappingError, read_mapping
from tests.unit.ingestion.sources.files.evaluating import AFTER_ALL, evaluate, reasons, values

RATES = """
name: rates
inputs: {rates: {path: "rates.csv"}}
entities:
  exchange_rates:
    from: rates
    columns: {rate_date: day, base_currency: base, quote_currency: quote, rate: rate}
"""
PEOPLE = """
name: crm
inputs: {people: {path: "people.csv"OPTIONS}}
entities:
  customers:
    from: people
    columns: {customer_id: id, first_name: name, last_name: city}
"""


def people(folder: Path, content: bytes, options: str = "") -> tuple[list[tuple[Any, ...]], list[str]]:
    """Id, name and city of each row that was read, and why lines were turned away."""
    (folder / "people.csv").write_bytes(content)
    entities, inputs = evaluate(folder, PEOPLE.replace("OPTIONS", options))
    rows = entities["customers"].rows.to_pylist()
    read = sorted((row["customer_id"], row["first_name"], row["last_name"]) for row in rows)
    return read, reasons(inputs["people"]) + reasons(entities["customers"])


def test_lines_that_are_no_csv_are_rejected_with_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "rates.csv").write_bytes(
        b"\xef\xbb\xbfday,base,quote,rate\n2025-03-01,EUR,USD,1.1\n2025-03-02,EUR\n2025-03-03,EUR,USD,1,1\n"
        b'2025-03-04,EUR,caf\xe9,1\n"2025-03-05",EUR,USD,1.2\n'
    )
    entities, inputs = evaluate(tmp_path, RATES)
    assert values(entities["exchange_rates"], "rate_date") == [date(2025, 3, 1), date(2025, 3, 5)]
    assert inputs["rates"].taken == 2
    assert [reason.split(":")[0] for reason in reasons(inputs["rates"])] == [f"rates.csv, line {n}" for n in (3, 4, 5)]
    assert inputs["rates"].rejections[0]["record"] == "2025-03-02,EUR"


def test_csv_dialects_globs_and_headers(tmp_path: Path) -> None:
    for number in (1, 2):
        with gzip.open(tmp_path / f"{number}.csv.gz", "wb") as file:
            file.write(f"2025-03-0{number};'EUR';USD;{number};d\xe9j\xe0\n".encode("latin-1"))
    options = "delimiter: ';', quote: \"'\", encoding: latin-1, header: [The Day, base, quote, rate, note]"
    text = RATES.replace('{path: "rates.csv"}', f"{{path: '*.csv.gz', {options}}}").replace(
        "_date: day", "_date: The Day"
    )
    rates = evaluate(tmp_path, text)[0]["exchange_rates"]
    assert values(rates, "rate") == [1, 2]
    assert values(rates, "base_currency") == ["EUR", "EUR"]


def test_files_of_one_input_may_differ_in_columns(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("rate,day,base,quote\n1,2025-03-01,EUR,USD\n")
    (tmp_path / "2.csv").write_text("day,base,quote,rate,note\n2025-03-02,EUR,USD,2,late\n")
    rates = evaluate(tmp_path, RATES.replace("rates.csv", "*.csv"))[0]["exchange_rates"]
    assert values(rates, "rate") == [1, 2]


def test_json_lines_keep_odd_lines_as_rejections(tmp_path: Path) -> None:
    good = {"day": "2025-03-01", "base": "EUR", "quote": "USD", "rate": 1.0841, "tags": ["a"]}
    (tmp_path / "rates.jsonl").write_text(
        f'{json.dumps(good)}\n\n{{"day": \n[1]\n{json.dumps({"day": "2025-03-02"})}\n'
    )
    entities, inputs = evaluate(tmp_path, RATES.replace("rates.csv", "rates.jsonl"))
    assert values(entities["exchange_rates"], "rate") == [Decimal("1.0841")]
    assert reasons(entities["exchange_rates"]) == [
        "base_currency is missing; quote_currency is missing; rate is missing"
    ]
    assert reasons(inputs["rates"]) == ["the line is no JSON object"] * 2


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    path = tmp_path / "rates.parquet"
    query = "SELECT DATE '2025-03-01' AS day, 'EUR' AS base, 'USD' AS quote, 1.25::DOUBLE AS rate"
    duckdb.sql(f"COPY ({query}) TO '{path}'")
    rates = evaluate(tmp_path, RATES.replace("rates.csv", "rates.parquet"))[0]["exchange_rates"]
    assert values(rates, "rate") == [Decimal("1.25")]


def test_a_header_that_names_a_column_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rates.csv").write_text("day,base,Base,rate\n")
    with pytest.raises(MappingError, match="names 'Base', 'base' more than once"):
        evaluate(tmp_path, RATES)


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_line_ends_of_all_kinds_are_read(tmp_path: Path, ends: str) -> None:
    text = ends.join(["id,name,city", '1,"Ann\nLee",Nice', "2,Bob,Lyon", ""])
    assert people(tmp_path, text.encode())[0] == [("1", "Ann\nLee", "Nice"), ("2", "Bob", "Lyon")]


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ends=st.lists(st.sampled_from(["\n", "\r\n", "\r"]), min_size=5, max_size=5))
def test_line_ends_may_be_mixed(tmp_path: Path, ends: list[str]) -> None:
    lines = ["id,name,city", "1,Ann,Nice", '2,"B, ""b""",Lyon', "3,Cid,", '4,"D\r\nd",Metz']
    text = "".join(line + end for line, end in zip(lines, ends, strict=True))
    rows, rejected = people(tmp_path, text.encode())
    assert rows == [("1", "Ann", "Nice"), ("2", 'B, "b"', "Lyon"), ("3", "Cid", None), ("4", "D\nd", "Metz")]
    assert rejected == []


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "windows-1252", "latin-1", "mac-roman", "cp850", "utf-32", "iso-8859-15"],
)
def test_encodings_that_python_knows_are_read(tmp_path: Path, encoding: str) -> None:
    text = "id,name,city\r\n1,Zoë,Nîmes\r\n"
    assert people(tmp_path, text.encode(encoding), f", encoding: {encoding}") == ([("1", "Zoë", "Nîmes")], [])


def test_what_excel_on_windows_saves_is_read_also_where_it_is_called_latin_1(tmp_path: Path) -> None:
    content = "id,name,city\r\n1,O’Brien,Shop – €\r\n".encode("cp1252")
    for name in ("windows-1252", "cp1252", "latin-1", "iso-8859-1"):
        assert people(tmp_path, content, f", encoding: {name}")[0] == [("1", "O’Brien", "Shop – €")]


@pytest.mark.parametrize(
    ("encoding", "bad"), [("utf-8", b"\xe9"), ("windows-1252", b"\x81"), ("ascii", b"\xc3\xa9"), ("shift_jis", b"\xff")]
)
def test_a_byte_that_is_no_text_costs_its_line_alone(tmp_path: Path, encoding: str, bad: bytes) -> None:
    content = b"id,name,city\n1,Ann,Nice\n2,B" + bad + b"b,Lyon\n3,Cid,Metz\n"
    rows, rejected = people(tmp_path, content, f", encoding: {encoding}")
    assert [row[0] for row in rows] == ["1", "3"]
    assert rejected == [f"people.csv, line 3: a byte that is no text in {encoding} (key encoding)"]


def test_a_header_in_another_encoding_names_the_key(tmp_path: Path) -> None:
    for content in ("id,name,cité\n".encode("latin-1"), "id,name,city\n".encode("utf-16-le")):
        with pytest.raises(MappingError, match=r"people\.csv: the header line is no text in utf-8; .* key 'encoding'"):
            people(tmp_path, content)


def test_a_last_delimiter_on_every_line_makes_no_column(tmp_path: Path) -> None:
    content = b"id;name;city;;\n1;Ann;Nice;;\n2;Bob;Lyon; ;\n"
    assert people(tmp_path, content, ', delimiter: ";"') == ([("1", "Ann", "Nice"), ("2", "Bob", "Lyon")], [])


def test_a_column_without_a_name_that_holds_something_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match=r"last column without a name, and a row has 'note' there; .*'header'.*skip"):
        people(tmp_path, b"id,name,city,\n1,Ann,Nice,\n2,Bob,Lyon,note\n")
    with pytest.raises(MappingError, match=r"names a column without a name; .*'header'"):
        people(tmp_path, b"id,,name,city\n1,,Ann,Nice\n")


def test_a_header_given_by_the_mapping_may_leave_the_last_column_without_a_name(tmp_path: Path) -> None:
    options = ', delimiter: ";", header: [id, name, city, ""]'
    assert people(tmp_path, b"1;Ann;Nice;\n2;Bob;Lyon;\n", options)[0] == [("1", "Ann", "Nice"), ("2", "Bob", "Lyon")]


def test_a_first_line_that_names_the_delimiter_is_obeyed_and_is_no_row(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbfsep=;\r\nid;name;city\r\n1;Ann;Nice\r\n2;Bob\r\n"
    rows, rejected = people(tmp_path, content)
    assert rows == [("1", "Ann", "Nice")]
    assert rejected[0].startswith("people.csv, line 4: ")


def test_lines_before_the_header_are_skipped_and_still_counted(tmp_path: Path) -> None:
    content = b'Export of "2026\n\nid,name,city\n1,Ann,Nice\n2,Bob\n'
    rows, rejected = people(tmp_path, content, ", skip: 2")
    assert rows == [("1", "Ann", "Nice")]
    assert rejected[0].startswith("people.csv, line 5: ")


def test_a_header_line_can_be_replaced(tmp_path: Path) -> None:
    content = b"Nr,Name,Name\n1,Ann,Nice\n"
    assert people(tmp_path, content, ", skip: 1, header: [id, name, city]")[0] == [("1", "Ann", "Nice")]
    with pytest.raises(MappingError, match=r"names 'Name' more than once; .*'header', and 'skip: 1'"):
        people(tmp_path, content)


@pytest.mark.parametrize("content", [b"", b"\n", b"\n\n", b";;\n"])
def test_a_file_without_a_header_names_the_keys(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(MappingError, match=r"people\.csv has no header line; .*'header'.*'skip'"):
        people(tmp_path, content, ', delimiter: ";"')


def test_a_wrong_delimiter_is_told_by_the_columns_that_are_missing(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match=r"no column 'id'; choose from: id;name;city"):
        people(tmp_path, b"id;name;city\n1;Ann;Nice\n")


def test_a_broken_archive_is_named(tmp_path: Path) -> None:
    (tmp_path / "people.csv.gz").write_bytes(gzip.compress(b"id,name,city\n1,Ann,Nice\n")[:-9])
    with pytest.raises(MappingError, match=r"inputs\.people: cannot read .*: people\.csv\.gz is damaged or cut short"):
        evaluate(tmp_path, PEOPLE.replace("people.csv", "people.csv.gz").replace("OPTIONS", ""))


def test_json_lines_in_a_file_of_windows_are_read(tmp_path: Path) -> None:
    lines = '{"id": "1", "name": "Zoë", "city": "Nice"}\r\n{"id": "2"}\n'
    (tmp_path / "people.jsonl").write_bytes(lines.encode("cp1252"))
    text = PEOPLE.replace("people.csv", "people.jsonl").replace("OPTIONS", ", encoding: cp1252")
    entities, _ = evaluate(tmp_path, text)
    assert values(entities["customers"], "customer_id") == ["1", "2"]


LINES = """
name: shop
inputs: {lines: {path: "orders.jsonl"OPTIONS}}
entities:
  order_lines:
    from: lines
    columns: {order_line_id: id, order_id: "ORDER", sku: article.code, quantity: qty, unit_price: "price.net"}
"""


def lines(
    folder: Path, content: str, options: str, order: str, path: str = "orders.jsonl"
) -> tuple[set[Any], list[str], int]:
    (folder / path).write_text(content)
    text = LINES.replace("orders.jsonl", path).replace("OPTIONS", options).replace("ORDER", order)
    entities, inputs = evaluate(folder, text)
    rows = entities["order_lines"].rows.to_pylist()
    read = {(row["order_line_id"], row["order_id"], row["sku"], row["quantity"], row["unit_price"]) for row in rows}
    return read, reasons(inputs["lines"]), inputs["lines"].taken


def line(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": f"L{number}",
        "article": {"code": f"S{number}"},
        "qty": number,
        "price": {"net": 9.5, "tax": 1},
    } | more


EXPECTED = {
    (f"L{number}", "1" if number < 3 else "2", f"S{number}", Decimal(number), Decimal("9.5")) for number in (1, 2, 3)
}


def test_nested_json_values_are_reached_by_their_path(tmp_path: Path) -> None:
    content = "\n".join(json.dumps(line(number, order=1 if number < 3 else 2)) for number in (1, 2, 3))
    assert lines(tmp_path, content, "", "order") == (EXPECTED, [], 3)


def test_a_path_that_a_row_does_not_have_is_null(tmp_path: Path) -> None:
    content = "\n".join(
        json.dumps(line(number, order=1, article=article)) for number, article in enumerate([None, "x", {}, [1]])
    )
    assert {row[2] for row in lines(tmp_path, content, "", "order")[0]} == {None}


def test_the_records_of_an_array_are_rows_with_what_stands_around_them(tmp_path: Path) -> None:
    orders = [
        {"head": {"no": 1}, "data": {"items": [line(1), line(2)]}},
        {"head": {"no": 2}, "data": {"items": [line(3), "odd"]}},
        {"head": {"no": 3}, "data": {"items": []}},
        {"head": {"no": 4}},
    ]
    content = "\n".join(map(json.dumps, orders))
    rows, rejected, taken = lines(tmp_path, content, ", records: data.items", "_parent.head.no")
    assert (rows, taken) == (EXPECTED, 3)
    assert rejected == ["the value is no JSON object", "there is no array at 'data.items' (key records)"]


@pytest.mark.parametrize("wrap", [lambda rows: rows, lambda rows: {"page": 1, "data": {"items": rows}}])
def test_a_json_document_is_read_as_its_records(tmp_path: Path, wrap: Any) -> None:
    rows = [line(number, order=1 if number < 3 else 2) for number in (1, 2, 3)]
    records = ", records: data.items" if wrap(rows) != rows else ""
    content = json.dumps(wrap(rows), indent=2)
    assert lines(tmp_path, content, records, "order", "orders.json") == (EXPECTED, [], 3)


def test_a_document_that_is_no_json_is_refused_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match=r"orders\.json: .*files end with \.jsonl"):
        lines(tmp_path, '{"id": 1}\n{"id": 2}\n', "", "order", "orders.json")


def orders_in_csv(count: int) -> list[str]:
    return [f"{number},n{number},Lyon" for number in range(count)]


@pytest.mark.parametrize(
    ("broken", "closing"),
    [
        ('100,"n100,Lyon', None),
        ('100,n100,"Lyon', None),
        ('100,"n100,Lyon', '1100,"x, y",Lyon'),
        ('100,"n100,Lyon', '1100,"x",Lyon'),
        ('100,"n100,Lyon', '1100,n",Lyon'),
        ('100,"n100,Lyon', '104,n",Lyon'),
        ('100,n,"Lyon', '8999,n,"Lyon"'),
    ],
)
def test_a_quotation_mark_that_takes_in_rows_stops_the_load_with_file_and_line(
    tmp_path: Path, broken: str, closing: str | None
) -> None:
    lines = orders_in_csv(9000)
    lines[100] = broken
    if closing:
        lines[int(closing.split(",")[0])] = closing
    content = "\n".join(["id,name,city", *lines]).encode()
    with pytest.raises(MappingError, match=r"people\.csv, line 10[23]: .*close the mark or write it twice"):
        people(tmp_path, content)
    file = tmp_path / "mapping.yml"
    evaluation = Evaluation(read_mapping(file), tmp_path, AFTER_ALL, is_accepted=True)
    try:
        (rows,) = evaluation.inputs
        assert 0 < rows.taken < 9000
        if closing is None:
            assert rows.taken == 100 and any("lines that are in no row" in each["reason"] for each in rows.rejections)
    finally:
        evaluation.close()


quotable = st.text(alphabet='ab,"\n é;', max_size=12)
csv_rows = st.lists(st.tuples(st.integers(0, 99).map(str), quotable, quotable), min_size=1, max_size=12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(csv_rows, st.sampled_from(["\n", "\r\n"]), st.booleans(), st.integers(0, 2))
def test_every_line_of_a_well_formed_file_is_accounted_for(
    tmp_path: Path, rows: list[tuple[str, str, str]], end: str, has_blank_lines: bool, skip: int
) -> None:
    """Also with line ends, blank lines and quotation marks within values: what is well formed is never refused."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=end)
    writer.writerow(["id", "name", "city"])
    for row in rows:
        writer.writerow(row)
        text.write(end if has_blank_lines else "")
    looks_like_rows = [value for row in rows for value in row[1:] if value.count("\n") > 2]
    content = (("above" + end) * skip + text.getvalue()).encode()
    if not any(line.count(",") == 2 for value in looks_like_rows for line in value.split("\n")):
        read, turned_away = people(tmp_path, content, f", skip: {skip}")
        assert len(read) + len(turned_away) == len(rows)


def test_a_value_of_many_lines_is_a_value(tmp_path: Path) -> None:
    text = "Dear all,\n\nthe parcel, the second one, came.\n\n\nThanks, and bye\nA\nB\nC"
    assert people(tmp_path, f'id,name,city\n1,"{text}",Lyon\n\n2,b,Metz\n'.encode()) == (
        [("1", text, "Lyon"), ("2", "b", "Metz")],
        [],
    )


def test_a_line_that_no_reader_takes_is_rejected_and_costs_no_other(tmp_path: Path) -> None:
    lines = orders_in_csv(3000)
    lines[1500] = '1500,"' + "x" * 33_000_000 + '",Lyon'
    read, turned_away = people(tmp_path, "\n".join(["id,name,city", *lines]).encode())
    assert len(read) == 2999 and len(turned_away) == 1
    assert turned_away[0].startswith("people.csv, line 1502: ") and "Maximum line size" in turned_away[0]


@pytest.mark.parametrize("name", ["people.csv.gz", "people.jsonl.gz"])
@pytest.mark.parametrize("kept", [0.0, 0.3, 0.9, -1, -8])
def test_an_archive_that_is_cut_short_is_not_loaded(tmp_path: Path, name: str, kept: float) -> None:
    rows = orders_in_csv(5000)
    objects = [json.dumps(dict(zip(("id", "name", "city"), row.split(","), strict=True))) for row in rows]
    whole = gzip.compress("\n".join(["id,name,city", *rows] if "csv" in name else objects).encode())
    (tmp_path / name).write_bytes(whole[: int(kept * len(whole)) if kept >= 0 else int(kept)])
    with pytest.raises(MappingError, match=rf"{name} is (damaged or cut short|empty).*have it written again"):
        evaluate(tmp_path, PEOPLE.replace('people.csv"OPTIONS', f'{name}"'))


def test_the_lines_of_json_are_counted_too(tmp_path: Path) -> None:
    lines_of_file = [json.dumps(line(number, order=1)) for number in range(1, 50)]
    lines_of_file[20] = json.dumps({"id": "x" * 33_000_000})
    _, rejected, taken = lines(tmp_path, "\n \n".join(lines_of_file), "", "order")
    assert taken == 48 and len(rejected) == 1 and "line 41: Maximum line size" in rejected[0]
