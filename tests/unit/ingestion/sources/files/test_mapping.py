"""A mapping that cannot work is refused with the place, the problem and a way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestion.sources.files.mapping import MappingError, read_mapping, read_mappings

GOOD = """
name: shop
timezone: Europe/Paris
inputs:
  sales: {path: sales.csv, delimiter: ";", ignore: "kind = 'quote'"}
reject:
  - {input: sales, when: "qty = 'x'", reason: "no quantity"}
entities:
  orders:
    from: sales
    where: "kind = 'sale'"
    group_by: [no]
    columns:
      order_id: no
      ordered_at: min(day)
      currency: "'EUR'"
      is_test: false
"""

RATES = """
name: rates
inputs:
  rates: {path: rates.csv}
entities:
  exchange_rates:
    from: rates
    columns: {rate_date: day, base_currency: base, quote_currency: quote, rate: rate}
"""


def write(folder: Path, text: str, name: str = "shop.yml") -> Path:
    file = folder / name
    file.write_text(text)
    return file


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(MappingError) as caught:
        read_mapping(write(folder, text))
    return str(caught.value).splitlines()


def test_every_part_of_a_mapping_is_read(tmp_path: Path) -> None:
    mapping = read_mapping(write(tmp_path, GOOD))
    assert (mapping.name, mapping.timezone) == ("shop", "Europe/Paris")
    assert (mapping.inputs["sales"].format, mapping.inputs["sales"].delimiter) == ("csv", ";")
    assert mapping.inputs["sales"].ignore == "kind = 'quote'"
    assert mapping.rejects[0].reason == "no quantity"
    orders = mapping.entities["orders"]
    assert (orders.input, orders.where, orders.group_by) == ("sales", "kind = 'sale'", ("no",))
    assert dict(orders.columns) == {"order_id": "no", "ordered_at": "min(day)", "currency": "'EUR'", "is_test": "false"}


@pytest.mark.parametrize(
    ("wrong", "right", "expected"),
    [
        ("orders:\n", "ordrs:\n", "entities: unknown entity 'ordrs'; did you mean 'orders'?"),
        (
            "order_id: no",
            "order_idd: no",
            "entities.orders.columns: unknown column 'order_idd'; did you mean 'order_id'?",
        ),
        ("group_by:", "groupby:", "entities.orders: unknown key 'groupby'; did you mean 'group_by'?"),
        ("from: sales", "from: sale", "entities.orders.from: unknown input 'sale'; did you mean 'sales'?"),
        ("      ordered_at: min(day)\n", "", "entities.orders.columns: required columns are missing: ordered_at"),
        ("sales.csv", "sales.xlsx", "inputs.sales.path: 'sales.xlsx' is none of: .csv, .parquet, .jsonl"),
        ("sales.csv", "sales.parquet", "inputs.sales: delimiter: for CSV only, and 'sales.parquet' is parquet"),
        ('";"', '";;"', "inputs.sales.delimiter: expected one character, found ';;'"),
        ("name: shop", "name: My Shop", "name: 'My Shop' is not made of lower case letters"),
        ("{input: sales, when", "{input: lines, when", "reject rule 1: unknown input 'lines'"),
        (', reason: "no quantity"', "", "reject rule 1: the key 'reason' is missing or empty"),
        ("min(day)", "[min(day)]", "entities.orders.columns.ordered_at: expected text"),
        ("reject:", "rejects:", "unknown key 'rejects'; did you mean 'reject'?"),
        ("name: shop", "name: shop\ncompany: North Ltd", "company: 'North Ltd' is not made of lower case letters"),
        ('";"', "';', encoding: klingon", "inputs.sales.encoding: 'klingon' is no encoding that Python knows"),
        ('";"', "';', encoding: hex", "inputs.sales.encoding: 'hex' is no encoding that Python knows"),
        ('";"', "';', decimal: x", 'inputs.sales.decimal: expected "," or ".", found \'x\''),
        ('";"', "';', skip: two", "inputs.sales.skip: expected a whole number, found 'two'"),
        ('";"', "';', records: data", "inputs.sales: records: for JSON only, and 'sales.csv' is csv"),
        ("sales.csv", "sales.jsonl", "inputs.sales: delimiter: for CSV only, and 'sales.jsonl' is jsonl"),
        ('sales.csv, delimiter: ";"', "s.json, records: a..b", "inputs.sales.records: expected keys joined by points"),
        (
            "    where:",
            "    joins: [{input: people}]\n    where:",
            "entities.orders.joins: the key 'on' is missing or empty",
        ),
        (
            "    where:",
            "    joins: [{input: sals, on: a}]\n    where:",
            "entities.orders.joins: unknown input 'sals'; did you mean 'sales'?",
        ),
        (
            "    where:",
            "    joins: [{input: sales, on: a}]\n    where:",
            "entities.orders.joins: the input 'sales' is there already; each can be joined once",
        ),
    ],
)
def test_a_problem_names_its_place_and_a_way_out(tmp_path: Path, wrong: str, right: str, expected: str) -> None:
    assert wrong in GOOD
    found = problems(tmp_path, GOOD.replace(wrong, right, 1))
    assert any(line.startswith(f"{tmp_path / 'shop.yml'}: {expected}") for line in found), found


def test_all_problems_are_shown_at_once(tmp_path: Path) -> None:
    found = problems(
        tmp_path, GOOD.replace("order_id: no", "order_idd: no").replace("path: sales.csv", "path: sales.txt")
    )
    assert len(found) == 3  # the path, the unknown column, and the required one that it should have been


def test_an_input_that_feeds_nothing_is_a_problem(tmp_path: Path) -> None:
    found = problems(tmp_path, GOOD.replace("inputs:\n", "inputs:\n  spare: {path: spare.csv}\n"))
    assert found == [
        f"{tmp_path / 'shop.yml'}: inputs.spare: no entity takes rows from it or joins it; map it or leave it out"
    ]


def test_a_key_that_stands_twice_is_a_problem(tmp_path: Path) -> None:
    found = problems(tmp_path, GOOD + "      currency: \"'USD'\"\n")
    assert "the key 'currency' stands twice" in found[0]


def test_a_folder_is_read_and_names_are_unique(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    write(tmp_path, GOOD.replace("name: shop", "name: other"), "other.yaml")
    assert [mapping.name for mapping in read_mappings(tmp_path)] == ["other", "shop"]
    write(tmp_path, GOOD, "twice.yml")
    with pytest.raises(MappingError, match=r"twice\.yml: the name 'shop' is taken by .*shop\.yml"):
        read_mappings(tmp_path)


def test_no_mapping_at_all_says_which_setting_to_change(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="SOURCES__FILES__MAPPINGS_PATH"):
        read_mappings(tmp_path)
    with pytest.raises(MappingError, match="SOURCES__FILES__MAPPINGS_PATH"):
        read_mappings(tmp_path / "absent.yml")


def test_mappings_without_a_company_are_one_that_bears_the_name_of_the_first(tmp_path: Path) -> None:
    def companies(**stated: str) -> dict[str, str | None]:
        for name in ("shop", "till", "app"):
            (tmp_path / f"{name}.yml").unlink(missing_ok=True)
        for name, company in stated.items():
            text = GOOD.replace("name: shop", f"name: {name}" + (f"\ncompany: {company}" if company else ""))
            (tmp_path / f"{name}.yml").write_text(text)
        return {mapping.name: mapping.company for mapping in read_mappings(tmp_path)}

    # the first one's own name says it all: its ids are what they were when it was alone
    assert companies(shop="") == {"shop": None}
    assert companies(shop="", till="", app="north") == {"shop": None, "till": "shop", "app": "north"}
    rates = RATES.replace("name: rates", "name: a_list_without_ids")
    (tmp_path / "a.yml").write_text(rates)
    assert companies(shop="", till="") == {"a_list_without_ids": "shop", "shop": None, "till": "shop"}
    (tmp_path / "a.yml").unlink()
    with pytest.raises(MappingError, match="'shop' is the name of a mapping that states no company"):
        companies(shop="", app="shop")
    assert companies(shop="shop", app="shop") == {"shop": "shop", "app": "shop"}
