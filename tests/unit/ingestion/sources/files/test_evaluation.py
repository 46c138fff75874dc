"""What becomes of the rows of files: typed rows, rejections with reasons, and no row unaccounted."""

from __future__ import annotations

import gzip
import json
import random
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.sources.files.evaluation import EntityRows, Evaluation, InputRows
from ingestion.sources.files.mapping import MappingError, read_mapping

RATES = """
name: rates
inputs: {rates: {path: "rates.csv"}}
entities:
  exchange_rates:
    from: rates
    columns: {rate_date: day, base_currency: base, quote_currency: quote, rate: rate}
"""


def evaluate(folder: Path, text: str) -> tuple[dict[str, EntityRows], dict[str, InputRows]]:
    file = folder / "mapping.yml"
    file.write_text(text)
    evaluation = Evaluation(read_mapping(file), folder)
    try:
        entities = {name: evaluation.entity(name) for name in evaluation.mapping.entities}
        return entities, {rows.name: rows for rows in evaluation.inputs}
    finally:
        evaluation.close()


def rates(folder: Path, *lines: str, encoding: str = "utf-8") -> EntityRows:
    (folder / "rates.csv").write_text("\n".join(("day,base,quote,rate", *lines)) + "\n", encoding=encoding)
    return evaluate(folder, RATES)[0]["exchange_rates"]


def values(rows: EntityRows, column: str) -> list[Any]:
    return sorted(rows.rows.column(column).to_pylist())


def reasons(rows: EntityRows | InputRows) -> list[str]:
    return [rejection["reason"] for rejection in rows.rejections]


def test_values_take_the_canonical_type(tmp_path: Path) -> None:
    rows = rates(tmp_path, "2025-03-01, EUR ,USD,1.0841").rows.drop_columns(["_dlt_id"]).to_pylist()
    assert rows == [
        {
            "mapping": "rates",
            "rate_date": date(2025, 3, 1),
            "base_currency": "EUR",
            "quote_currency": "USD",
            "rate": Decimal("1.084100000"),
        }
    ]


def test_a_value_that_does_not_fit_is_rejected_with_column_and_value(tmp_path: Path) -> None:
    result = rates(
        tmp_path, "2025-02-30,EUR,USD,1", "2025-03-01,eur,USD,1", "2025-03-01,EUR,,abc", "2025-03-01,EUR,USD,-1"
    )
    assert result.rows.num_rows == 0
    assert reasons(result) == [
        "rate_date: '2025-02-30' is not a date",
        "base_currency: 'eur' is not a currency code such as EUR",
        "quote_currency is missing; rate: 'abc' is not a number",
        "rate: '-1' is not greater than 0",
    ]
    assert json.loads(result.rejections[0]["record"]) == {
        "day": "2025-02-30",
        "base": "EUR",
        "quote": "USD",
        "rate": "1",
    }


def test_whole_numbers_and_instants_are_not_bent_to_fit(tmp_path: Path) -> None:
    (tmp_path / "spend.csv").write_text("day,clicks\n2025-03-01,3\n2025-03-02,3.7\n2025-03-03,\ninfinity,1\n")
    spend = evaluate(
        tmp_path,
        """
        name: spend
        inputs: {spend: {path: spend.csv}}
        entities:
          ad_spend:
            from: spend
            columns:
              {platform: "'x'", account_id: 1, campaign_id: 1, spent_on: day, currency: "'EUR'", spend_amount: 2.50,
               clicks: clicks}
        """,
    )[0]["ad_spend"]
    rows = {(row["spent_on"].day, row["clicks"], row["spend_amount"]) for row in spend.rows.to_pylist()}
    assert rows == {(1, 3, Decimal("2.5")), (3, None, Decimal("2.5"))}
    assert reasons(spend) == ["clicks: '3.7' is not a whole number", "spent_on: 'infinity' is not a date"]


def test_of_rows_with_one_key_the_same_one_stays_in_any_order(tmp_path: Path) -> None:
    lines = ["2025-03-01,EUR,USD,1.1", "2025-03-01,EUR,USD,1.2", "2025-03-01,EUR,USD,1.3"]
    kept = set()
    for order in (lines, lines[::-1], [lines[1], lines[0], lines[2]]):
        result = rates(tmp_path, *order)
        kept.add(tuple(result.rows.column("rate").to_pylist()))
        key = "rate_date, base_currency, quote_currency: 2025-03-01 EUR USD is there more than once"
        assert reasons(result) == [key, key]
    assert len(kept) == 1


def test_equal_rejected_rows_stay_two(tmp_path: Path) -> None:
    result = rates(tmp_path, "x,EUR,USD,1", "x,EUR,USD,1")
    assert len({(rejection["record"], rejection["reason"]) for rejection in result.rejections}) == 2


def test_times_without_a_zone_are_in_the_zone_of_the_mapping(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("id,at\n1,2025-07-01 10:00\n2,2025-01-01 10:00\n3,2025-07-01T10:00:00Z\n")
    text = """
        name: inbox
        timezone: Europe/Paris
        inputs: {m: {path: m.csv}}
        entities: {messages: {from: m, columns: {message_id: id, direction: "'inbound'", sent_at: at}}}
        """
    messages = evaluate(tmp_path, text)[0]["messages"]
    assert messages.rows.schema.field("sent_at").type == pa.timestamp("us", "UTC")
    assert values(messages, "sent_at") == [
        datetime(2025, 1, 1, 9, tzinfo=UTC),
        datetime(2025, 7, 1, 8, tzinfo=UTC),
        datetime(2025, 7, 1, 10, tzinfo=UTC),
    ]
    with pytest.raises(MappingError, match="timezone: .*Europe/Paris"):
        evaluate(tmp_path, text.replace("Europe/Paris", "Europe/Pariss"))


SALES = """
name: shop
inputs: {sales: {path: sales.csv}}
reject:
  - {input: sales, when: "try_cast(qty AS INTEGER) IS NULL", reason: "no quantity"}
entities:
  orders:
    from: sales
    where: "kind = 'sale'"
    group_by: [no]
    columns: {order_id: no, ordered_at: min(day), currency: "'EUR'", total_amount: "sum(CAST(qty AS INTEGER) * 2)"}
  order_lines:
    from: sales
    where: "kind = 'sale'"
    columns:
      order_line_id: "no || '-' || sku || '-' || row_number() OVER (PARTITION BY no, sku ORDER BY qty)"
      order_id: no
      quantity: qty
      unit_price: 2
  refunds:
    from: sales
    where: "kind = 'refund'"
    columns: {refund_id: no, refunded_at: day, currency: "'EUR'", amount: "-qty::INTEGER * 2"}
"""


def sales(folder: Path, rows: list[tuple[Any, ...]]) -> tuple[dict[str, EntityRows], InputRows]:
    lines = ["kind,no,sku,qty,day", *(",".join(str(value) for value in row) for row in rows)]
    (folder / "sales.csv").write_text("\n".join(lines) + "\n")
    entities, inputs = evaluate(folder, SALES)
    return entities, inputs["sales"]


def test_each_row_is_taken_by_an_entity_or_turned_away_with_a_reason(tmp_path: Path) -> None:
    day = "2025-03-01"
    entities, rows = sales(
        tmp_path,
        [
            ("sale", 1, "a", 2, day),
            ("sale", 1, "b", 1, day),
            ("sale", 2, "a", "many", day),
            ("gift", 3, "a", 1, day),
            ("refund", 4, "a", -2, day),
            ("refund", 5, "a", 2, day),
        ],
    )
    orders = [(row["order_id"], row["total_amount"]) for row in entities["orders"].rows.to_pylist()]
    assert orders == [("1", Decimal(6))]
    assert values(entities["order_lines"], "order_line_id") == ["1-a-1", "1-b-1"]
    assert values(entities["refunds"], "amount") == [Decimal(4)]
    assert reasons(entities["refunds"]) == ["amount: '-4' is not greater than 0"]
    assert rows.taken == 4
    assert [(json.loads(r["record"])["no"], r["reason"]) for r in rows.rejections] == [
        ("2", "no quantity"),
        ("3", "no entity of the mapping takes this row"),
    ]


ROW = st.tuples(
    st.sampled_from(["sale", "refund", "gift", ""]),
    st.sampled_from(["1", "2", ""]),
    st.sampled_from(["a", "b"]),
    st.sampled_from(["1", "-1", "2", "many", ""]),
    st.sampled_from(["2025-03-01", "soon"]),
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(ROW, max_size=12), seed=st.integers())
def test_nothing_is_lost_and_order_does_not_matter(tmp_path: Path, rows: list[tuple[str, ...]], seed: int) -> None:
    entities, counts = sales(tmp_path, rows)
    taken = [row for row in rows if row[3] not in ("many", "") and row[0] in ("sale", "refund")]
    assert (counts.taken, len(counts.rejections)) == (len(taken), len(rows) - len(taken))
    for name, kind in (("order_lines", "sale"), ("refunds", "refund")):
        candidates = entities[name].rows.num_rows + len(entities[name].rejections)
        assert candidates == sum(row[0] == kind for row in taken)
    shuffled = list(rows)
    random.Random(seed).shuffle(shuffled)
    again, counts_again = sales(tmp_path, shuffled)
    assert counts_again.taken == counts.taken
    for name, entity in entities.items():
        assert values(entity, "_dlt_id") == values(again[name], "_dlt_id")


def test_a_reject_rule_may_look_at_other_rows(tmp_path: Path) -> None:
    rule = "reject: [{input: rates, when: 'count(*) OVER (PARTITION BY day) > 1', reason: two rates a day}]\n"
    (tmp_path / "rates.csv").write_text(
        "day,base,quote,rate\n2025-03-01,EUR,USD,1\n2025-03-01,EUR,GBP,2\n2025-03-02,EUR,USD,3\n"
    )
    entities, inputs = evaluate(tmp_path, RATES + rule)
    assert values(entities["exchange_rates"], "rate") == [3]
    assert [reason.split(" (")[0] for reason in reasons(inputs["rates"])] == ["two rates a day"] * 2


@pytest.mark.parametrize(
    ("wrong", "right", "expected"),
    [
        (
            "order_id: no,",
            "order_id: noo,",
            r"entities\.orders\.columns\.order_id: 'noo': .*no column 'noo'; did you mean 'no'",
        ),
        (
            "\"'EUR'\", total",
            "EUR, total",
            r"entities\.orders\.columns\.currency: 'EUR': .*no column 'EUR'.*constant text",
        ),
        ("min(day)", "minn(day)", r"entities\.orders\.columns\.ordered_at: 'minn\(day\)': .*minn does not exist"),
        ("min(day)", "day", r"entities\.orders\.columns\.ordered_at: 'day': .*group column or an aggregate"),
        ("group_by: [no]", "group_by: [nr]", r"entities\.orders\.group_by: 'nr': .*no column 'nr'"),
        ("kind = 'refund'", "kinds = 'refund'", r"entities\.refunds\.where: .*no column 'kinds'; did you mean 'kind'"),
        ("try_cast(qty AS INTEGER) IS NULL", "qtty IS NULL", r"reject rule 1: when: .*no column 'qtty'"),
        ("sales.csv", "saless.csv", r"inputs\.sales\.path: no file 'saless.csv' in"),
    ],
)
def test_a_wrong_expression_is_found_before_any_row(tmp_path: Path, wrong: str, right: str, expected: str) -> None:
    assert wrong in SALES
    (tmp_path / "sales.csv").write_text("kind,no,sku,qty,day\n")
    with pytest.raises(MappingError, match=expected):
        evaluate(tmp_path, SALES.replace(wrong, right, 1))


def test_an_expression_that_fails_on_the_data_is_named(tmp_path: Path) -> None:
    (tmp_path / "sales.csv").write_text("kind,no,sku,qty,day\nsale,1,a,many,2025-03-01\n")
    text = SALES.replace("try_cast(qty AS INTEGER) IS NULL", "false")
    with pytest.raises(
        MappingError, match=r"orders\.columns\.total_amount: .*fails on the data: .*'many'.*reject such rows"
    ):
        evaluate(tmp_path, text)


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


def test_inputs_may_carry_the_names_that_are_used_inside(tmp_path: Path) -> None:
    (tmp_path / "rates.csv").write_text("rule,value_0,problem,turn\n2025-03-01,EUR,USD,1\n2025-03-01,EUR,USD,x\n")
    text = RATES.replace("{rates:", "{refused:").replace("from: rates", "from: refused")
    text = (
        text.replace("day,", "rule,")
        .replace("base,", "value_0,")
        .replace("quote,", "problem,")
        .replace(": rate}", ": turn}")
    )
    result = evaluate(tmp_path, text)[0]["exchange_rates"]
    assert (result.rows.num_rows, reasons(result)) == (1, ["rate: 'x' is not a number"])
