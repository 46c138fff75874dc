"""What becomes of the rows of files: typed rows, rejections with reasons, and no row unaccounted."""

from __future__ import annotations

import hashlib
import json
import random
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.sources.files.evaluation import EntityRows, InputRows
from ingestion.sources.files.mapping import MappingError
from tests.unit.ingestion.sources.files.evaluating import evaluate, reasons, values

RATES = """
name: rates
inputs: {rates: {path: "rates.csv"}}
entities:
  exchange_rates:
    from: rates
    columns: {rate_date: day, base_currency: base, quote_currency: quote, rate: rate}
"""


def rates(folder: Path, *lines: str, encoding: str = "utf-8") -> EntityRows:
    (folder / "rates.csv").write_text("\n".join(("day,base,quote,rate", *lines)) + "\n", encoding=encoding)
    return evaluate(folder, RATES)[0]["exchange_rates"]


def test_values_take_the_canonical_type(tmp_path: Path) -> None:
    rows = rates(tmp_path, "2025-03-01, EUR ,USD,1.0841").rows.drop_columns(["_dlt_id"]).to_pylist()
    assert rows == [
        {
            "mapping": "rates",
            "company": None,
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
        "rate: '-1' is not between 0.000000001 and 1,000,000,000",
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


def test_rows_that_the_mapping_ignores_are_read_and_no_others_are_lost(tmp_path: Path) -> None:
    day = "2025-03-01"
    lines = ["kind,no,sku,qty,day", f"sale,1,a,2,{day}", f"view,2,a,1,{day}", f"gift,3,a,1,{day}", f",4,a,1,{day}"]
    (tmp_path / "sales.csv").write_text("\n".join(lines) + "\n")
    text = SALES.replace("{path: sales.csv}", "{path: sales.csv, ignore: \"kind IN ('view', 'sale')\"}")
    entities, inputs = evaluate(tmp_path, text)
    assert values(entities["orders"], "order_id") == ["1"]  # what an entity takes is not ignored
    assert inputs["sales"].taken == 2
    assert [json.loads(rejection["record"])["no"] for rejection in inputs["sales"].rejections] == ["3", "4"]


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


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
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
        ("{path: sales.csv}", "{path: sales.csv, ignore: kinds}", r"inputs\.sales\.ignore: .*no column 'kinds'"),
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


JOINED = """
name: shop
company: north
inputs:
  orders: {path: orders.csv}
  people: {path: people.csv}
entities:
  orders:
    from: orders
    joins: [{input: people, on: "orders.buyer = people.id"}]
    where: "coalesce(people.kind, '') <> 'staff'"
    columns: {order_id: no, customer_id: people.id, email: people.mail, ordered_at: day, currency: "'EUR'"}
"""


def joined(
    folder: Path, people: list[str], orders: list[str], text: str = JOINED
) -> tuple[EntityRows, dict[str, InputRows]]:
    (folder / "people.csv").write_text("\n".join(["id,mail,kind,no", *people]) + "\n")
    (folder / "orders.csv").write_text("\n".join(["no,buyer,day", *orders]) + "\n")
    entities, inputs = evaluate(folder, text)
    return entities["orders"], inputs


def test_columns_of_another_input_are_found_by_a_key(tmp_path: Path) -> None:
    people = ["7,a@mail.invalid,,x", "8,b@mail.invalid,staff,x", "9,c@mail.invalid,,x"]
    orders = ["1,7,2026-03-01", "2,7,2026-03-01", "3,8,2026-03-01", "4,,2026-03-01", "5,70,soon"]
    rows, inputs = joined(tmp_path, people, orders)
    assert {(row["order_id"], row["customer_id"], row["email"]) for row in rows.rows.to_pylist()} == {
        ("1", "7", "a@mail.invalid"),
        ("2", "7", "a@mail.invalid"),
        ("4", None, None),
    }
    assert reasons(rows) == ["ordered_at: 'soon' is not a date and time"]
    assert (inputs["orders"].taken, reasons(inputs["orders"])) == (4, ["no entity of the mapping takes this row"])
    assert (inputs["people"].taken, reasons(inputs["people"])) == (3, [])  # read to look things up


def test_a_key_that_finds_several_rows_is_refused_as_they_would_count_twice(tmp_path: Path) -> None:
    people = ["7,a@mail.invalid,,x", "7,b@mail.invalid,,x"]
    with pytest.raises(
        MappingError,
        match=r"entities\.orders\.joins: .*finds several rows of people for one row of orders .*\"no\":\"1\"",
    ):
        joined(tmp_path, people, ["1,7,2026-03-01"])
    rule = """
reject:
  - {input: people, when: "row_number() OVER (PARTITION BY id ORDER BY mail) > 1", reason: "an older address"}
"""
    rows, inputs = joined(tmp_path, people, ["1,7,2026-03-01"], JOINED + rule)
    assert rows.rows.column("email").to_pylist() == ["a@mail.invalid"]
    assert (inputs["people"].taken, reasons(inputs["people"])) == (1, ["an older address"])


def test_groups_may_look_things_up_too(tmp_path: Path) -> None:
    text = JOINED.replace("    columns:", "    group_by: [no]\n    columns:").replace("people.id,", "min(people.id),")
    text = text.replace("people.mail", "max(people.mail)").replace("ordered_at: day", "ordered_at: min(day)")
    rows, inputs = joined(tmp_path, ["7,a@mail.invalid,,x"], ["1,7,2026-03-02", "1,7,2026-03-01"], text)
    assert [(row["ordered_at"].day, row["email"]) for row in rows.rows.to_pylist()] == [(1, "a@mail.invalid")]
    assert inputs["orders"].taken == 2


def test_an_input_may_be_mapped_and_looked_up(tmp_path: Path) -> None:
    text = JOINED + "  customers: {from: people, where: \"kind = 'staff'\", columns: {customer_id: id}}\n"
    rows, inputs = joined(tmp_path, ["7,a@mail.invalid,,x"], ["1,7,2026-03-01"], text)
    assert rows.rows.column("email").to_pylist() == ["a@mail.invalid"]  # found, though no customer takes it
    assert (inputs["people"].taken, inputs["people"].rejections) == (1, [])


@pytest.mark.parametrize(
    ("wrong", "right", "expected"),
    [
        ('people.id"}]', 'people.idd"}]', r"entities\.orders\.joins: 'orders\.buyer = people\.idd': .*idd"),
        ('people.id"}]', 'CAST(people.id AS INT)"}]', r"entities\.orders\.joins: .*fails on the data"),
        ("people.mail", "people.male", r"entities\.orders\.columns\.email: 'people\.male': .*male"),
        (
            "email: people",
            "email: mial, phone: people",
            r"inputs orders and people have no column 'mial'; did you mean 'mail'",
        ),
    ],
)
def test_a_join_that_cannot_work_is_named(tmp_path: Path, wrong: str, right: str, expected: str) -> None:
    assert wrong in JOINED
    with pytest.raises(MappingError, match=expected):
        joined(tmp_path, ["x,a@mail.invalid,,x"], ["1,7,2026-03-01"], JOINED.replace(wrong, right, 1))


def test_rows_carry_the_company_of_their_mapping_and_only_then_another_version(tmp_path: Path) -> None:
    (tmp_path / "rates.csv").write_text("day,base,quote,rate\n2025-03-01,EUR,USD,1.1\n")
    found = {}
    for company in ("", "company: north", "company: south"):
        rows = evaluate(tmp_path, RATES.replace("name: rates", f"name: rates\n{company}"))[0]["exchange_rates"].rows
        found[company] = (rows.column("company").to_pylist(), rows.column("_dlt_id").to_pylist())
    assert [company for company, _ in found.values()] == [[None], ["north"], ["south"]]
    assert len({version for _, (version,) in found.values()}) == 3
    # the version of a row without a company is what it was before mappings could state one
    text = "mapping=rates\x1frate_date=2025-03-01\x1fbase_currency=EUR\x1fquote_currency=USD\x1frate=1.100000000"
    assert found[""][1] == [hashlib.md5(text.encode()).hexdigest()]


@pytest.mark.parametrize("column", ["no", '"no"', "trim(no)"])
def test_rows_without_a_key_do_not_become_one_group(tmp_path: Path, column: str) -> None:
    (tmp_path / "lines.csv").write_text("no,day\n7,2025-03-01\n7,2025-03-02\n,2025-03-03\n ,2025-03-04\n,2025-03-04\n")
    entities, inputs = evaluate(
        tmp_path,
        f"""
name: shop
inputs: {{lines: {{path: lines.csv}}}}
entities:
  orders:
    from: lines
    group_by: ['{column}']
    columns: {{order_id: '{column}', ordered_at: min(day), currency: "'EUR'"}}
""",
    )
    assert values(entities["orders"], "order_id") == ["7"] and inputs["lines"].taken == 5
    assert len(entities["orders"].rejections) == 3
    assert all("order_id is missing" in reason for reason in reasons(entities["orders"]))
