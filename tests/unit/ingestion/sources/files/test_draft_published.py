"""Drafts of data sets that many have: the columns are those that are published, the rows are drawn.

Belongs here: what one such file teaches about all of its kind. Does not: exports of systems, and columns with other
names (`test_draft.py`, `test_draft_renamed.py`).
"""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from ingestion.sources.files.draft import write_draft
from ingestion.sources.files.folder import DraftError
from tests.unit.ingestion.sources.files.test_draft import load, money, same, write_csv

BEGAN = datetime(2017, 3, 1, 9, 30)


def drafted(folder: Path) -> dict[str, dict]:
    return yaml.safe_load(write_draft(folder))["entities"]


def test_orders_without_a_total_have_it_from_the_lines_of_another_file(tmp_path: Path) -> None:
    """Olist, Brazilian E-Commerce Public Dataset (Kaggle): neither a total in orders nor a quantity in items."""
    generator = random.Random(3)
    orders, items, payments, put_in = [], [], [], []
    for number in range(120):
        name, at = f"{number:032x}", BEGAN + timedelta(hours=17 * number)
        days = {days: f"{at + timedelta(days=days)}" for days in (1, 3, 9, 20)}
        orders.append(
            {
                "order_id": name,
                "customer_id": f"{1000 + number // 2:032x}",
                "order_status": generator.choice(["delivered", "delivered", "shipped", "canceled"]),
                "order_purchase_timestamp": f"{at}",
                "order_approved_at": f"{at + timedelta(hours=1)}",
                "order_delivered_carrier_date": days[3],
                "order_delivered_customer_date": days[9],
                "order_estimated_delivery_date": days[20],
            }
        )
        prices = [money(generator) for _ in range(generator.choice([1, 1, 2, 3]))]
        for position, price in enumerate(prices, start=1):
            line = {"order_id": name, "sku": f"{generator.randint(0, 30):032x}", "unit_price": price}
            put_in.append({**line, "quantity": Decimal(1)})
            items.append(
                {
                    "order_id": name,
                    "order_item_id": str(position),
                    "product_id": line["sku"],
                    "seller_id": f"{generator.randint(0, 9):032x}",
                    "shipping_limit_date": days[1],
                    "price": str(price),
                    "freight_value": str(money(generator, 500, 3000)),
                }
            )
        payments.append(
            {
                "order_id": name,
                "payment_sequential": "1",
                "payment_type": generator.choice(["credit_card", "boleto", "voucher"]),
                "payment_installments": str(generator.choice([1, 2, 8])),
                "payment_value": str(sum(prices)),
            }
        )
    for file, rows in (("orders", orders), ("order_items", items), ("order_payments", payments)):
        write_csv(tmp_path / f"olist_{file}_dataset.csv", rows)
    loaded = load(tmp_path)

    assert same(loaded["order_lines"], put_in)
    put_in = [
        {
            "order_id": row["order_id"],
            "customer_id": row["customer_id"],
            "ordered_at": datetime.fromisoformat(row["order_purchase_timestamp"]).replace(tzinfo=UTC),
            "paid_at": datetime.fromisoformat(row["order_approved_at"]).replace(tzinfo=UTC)  # not a day of delivery
            if row["order_status"] != "canceled"
            else None,
        }
        for row in orders
    ]
    assert same(loaded["orders"], put_in)


def superstore(seed: int = 5) -> list[dict[str, str]]:
    """Sample - Superstore of Tableau: `Sales` is what all pieces of a line cost."""
    generator = random.Random(seed)
    rows: list[dict[str, str]] = []
    for number in range(150):
        at = BEGAN + timedelta(days=2 * number)
        for _ in range(generator.randint(1, 4)):
            pieces, price = generator.randint(1, 9), money(generator)
            rows.append(
                {
                    "Row ID": str(len(rows) + 1),
                    "Order ID": f"CA-{at.year}-{100_000 + number}",
                    "Order Date": f"{at.month}/{at.day}/{at.year}",
                    "Ship Date": (at + timedelta(days=4)).strftime("%m/%d/%Y"),
                    "Ship Mode": "Second Class",
                    "Customer ID": f"CG-{12_000 + number % 40}",
                    "Segment": "Consumer",
                    "Country": "United States",
                    "Postal Code": str(generator.randint(10_000, 99_999)),
                    "Product ID": f"FUR-BO-{generator.randint(10_000, 10_040)}",
                    "Product Name": f"Bookcase of size {generator.randint(1, 9)}",
                    "Sales": str(pieces * price),
                    "Quantity": str(pieces),
                    "Discount": generator.choice(["0", "0", "0.2"]),
                    "Profit": str(money(generator) - 100),
                }
            )
    return rows


def test_a_total_of_a_line_is_divided_by_its_pieces(tmp_path: Path) -> None:
    rows = superstore()
    write_csv(tmp_path / "Sample - Superstore.csv", rows, encoding="latin-1")
    loaded = load(tmp_path)

    sold: dict[str, Decimal] = defaultdict(Decimal)
    for row in loaded["order_lines"]:
        sold[row["order_id"]] += row["quantity"] * row["unit_price"]
    expected: dict[str, Decimal] = defaultdict(Decimal)
    for line in rows:
        expected[line["Order ID"]] += Decimal(line["Sales"])
    assert {order: round(total, 4) for order, total in sold.items()} == expected
    assert "# DECIDE: is Sales what all pieces of a line cost?" in (tmp_path / "mapping.yml").read_text()
    bought = {row["Order ID"]: datetime.strptime(row["Order Date"], "%m/%d/%Y") for row in rows}
    assert {row["order_id"]: row["ordered_at"].replace(tzinfo=None) for row in loaded["orders"]} == bought
    assert all(row["paid_at"] == row["ordered_at"] for row in loaded["orders"])  # not the day of shipping


def test_lines_that_give_a_total_back_are_refunds_of_it(tmp_path: Path) -> None:
    """Pieces and total of such a line are both negative: their product is not."""
    rows = superstore()
    back = [
        {**row, "Row ID": f"9{row['Row ID']}", "Order ID": f"R{row['Order ID']}"}
        for row in rows
        if row["Order ID"] < "CA-2017-100009"
    ]
    for row in back:
        row["Sales"], row["Quantity"] = f"-{row['Sales']}", f"-{row['Quantity']}"
    write_csv(tmp_path / "sales.csv", [*rows, *back])
    loaded = load(tmp_path)

    assert sum(row["amount"] for row in loaded["refunds"]) == -sum(Decimal(row["Sales"]) for row in back)
    assert {row["order_id"] for row in loaded["orders"]} == {row["Order ID"] for row in rows}


def test_an_order_is_not_paid_in_a_state_that_brings_nothing(tmp_path: Path) -> None:
    """Several rows an order, whose state stands on each of them, as WooCommerce writes its states."""
    states = {
        "wc-completed": True,
        "wc-cancelled": False,
        "wc-processing": True,
        "wc-failed": False,
        "wc-refunded": False,
    }
    rows = superstore()
    of_order = {row["Order ID"]: list(states)[number % 5] for number, row in enumerate(rows)}
    write_csv(tmp_path / "sales.csv", [{**row, "Order Status": of_order[row["Order ID"]]} for row in rows])
    loaded = load(tmp_path)

    assert {row["order_id"]: row["paid_at"] is not None for row in loaded["orders"]} == {
        order: states[state] for order, state in of_order.items()
    }
    asked = "# DECIDE: is nothing earned by orders whose Order Status is wc-cancelled or wc-failed or wc-refunded?"
    assert asked in (tmp_path / "mapping.yml").read_text()


def test_of_an_event_log_purchases_are_orders_and_other_events_are_ignored(tmp_path: Path) -> None:
    """REES46, eCommerce behavior data from multi category store: most rows are views."""
    generator = random.Random(9)
    rows = []
    for number in range(800):
        rows.append(
            {
                "event_time": f"{BEGAN + timedelta(minutes=7 * number)} UTC",
                "event_type": generator.choice(["view", "view", "view", "cart", "remove_from_cart", "purchase"]),
                "product_id": str(generator.randint(5_000_000, 5_000_090)),
                "category_id": str(2_053_013_555_631_882_655 + generator.randint(0, 9)),
                "category_code": generator.choice(["", "appliances.kitchen.refrigerators"]),
                "brand": generator.choice(["", "runail"]),
                "price": str(money(generator)),
                "user_id": str(520_000_000 + generator.randint(0, 90)),
                "user_session": f"{number // 4:08x}-7d2b",
            }
        )
    write_csv(tmp_path / "2019-Oct.csv", rows)
    loaded = load(tmp_path)  # nothing is rejected

    assert loaded.keys() == {"orders"}
    bought = [row for row in rows if row["event_type"] == "purchase"]
    put_in = [{"customer_id": row["user_id"], "total_amount": Decimal(row["price"])} for row in bought]
    assert same(loaded["orders"], put_in)


def test_of_an_event_log_with_numbers_of_orders_lines_are_those_of_purchases(tmp_path: Path) -> None:
    rows = [
        {"event": "purchase", "order_id": row["Order ID"], "date": row["Order Date"], "user_id": row["Customer ID"],
         "sku": row["Product ID"], "quantity": row["Quantity"], "price": row["Sales"]}
        for row in superstore()
    ]  # fmt: skip
    views = [{**row, "event": "view", "order_id": ""} for row in rows for _ in range(3)]
    write_csv(tmp_path / "events.csv", [*rows, *views])
    loaded = load(tmp_path)  # nothing is rejected

    assert len(loaded["order_lines"]) == len(rows)
    assert {row["order_id"] for row in loaded["orders"]} == {row["order_id"] for row in rows}


def test_things_with_a_price_are_sold_where_a_column_says_to_whom(tmp_path: Path) -> None:
    sales = [
        {"transaction_id": f"{number}", "customer_id": f"{1000 + number % 30}", "product": f"Cup {number % 7}",
         "date": f"{(BEGAN + timedelta(days=number)).date()}", "price": f"{number % 9 + 1}.50"}
        for number in range(90)
    ]  # fmt: skip
    goods = [
        {"product_id": f"P{number}", "title": f"Cup {number}", "price": f"{number}.50",
         "created_at": f"{BEGAN + timedelta(days=number)}"}
        for number in range(1, 30)
    ]  # fmt: skip
    write_csv(tmp_path / "log.csv", sales)
    entities = drafted(tmp_path)
    write_csv(tmp_path / "log.csv", goods)

    assert (entities.keys(), entities["orders"]["columns"]["total_amount"]) == ({"orders"}, "price")
    with pytest.raises(DraftError, match="its columns fill no entity"):
        drafted(tmp_path)


def test_what_was_paid_is_the_total_and_no_number_that_names_something_is(tmp_path: Path) -> None:
    """KKBox, WSDM 2018 churn challenge: prices of plans, ways to pay as numbers, an end of membership."""
    generator = random.Random(2)
    rows = []
    for number in range(400):
        at = BEGAN + timedelta(days=number // 2)
        rows.append(
            {
                "msno": f"{number % 90:040x}=",
                "payment_method_id": str(generator.randint(10, 41)),
                "payment_plan_days": "30",
                "plan_list_price": "149",
                "actual_amount_paid": generator.choice(["149", "149", "129", "0"]),
                "is_auto_renew": generator.choice("01"),
                "transaction_date": at.strftime("%Y%m%d"),
                "membership_expire_date": (at + timedelta(days=30)).strftime("%Y%m%d"),
                "is_cancel": generator.choice("0001"),
            }
        )
    write_csv(tmp_path / "transactions.csv", rows)
    columns = drafted(tmp_path)["orders"]["columns"]

    assert (columns["total_amount"], columns["customer_id"]) == ("actual_amount_paid", "msno")
    assert (columns["ordered_at"], columns["paid_at"]) == ("transaction_date", "transaction_date")


def test_numbers_that_name_something_are_no_amounts(tmp_path: Path) -> None:
    """RetailRocket: a log without prices."""
    rows = [
        {"day": f"{BEGAN + timedelta(hours=number)}", "visitorid": str(number % 50), "event": "transaction",
         "itemid": str(number % 90), "transactionid": str(number // 2)}
        for number in range(200)
    ]  # fmt: skip
    write_csv(tmp_path / "events.csv", rows)
    summary = [{"customer_id": str(number), "email": f"a{number}@mail.invalid"} for number in range(30)]
    write_csv(tmp_path / "people.csv", summary)

    assert drafted(tmp_path).keys() == {"customers"}


def test_the_history_of_deals_is_no_sale(tmp_path: Path) -> None:
    """Salesforce, OpportunityHistory: it has an amount and a date, and names a deal and nobody who bought."""
    deals = [
        {"Id": f"006{number:05}AAA", "AccountId": f"001{number % 20:05}AAA", "Name": f"Deal {number}",
         "Amount": "1000.50", "StageName": ["Prospecting", "Closed Won", "Closed Lost"][number % 3],
         "CreatedDate": f"{BEGAN + timedelta(days=number)}",
         "CloseDate": f"{(BEGAN + timedelta(days=90 + number)).date()}"}
        for number in range(60)
    ]  # fmt: skip
    history = [
        {"Id": f"008{number:05}AAA", "OpportunityId": f"006{number % 60:05}AAA", "StageName": "Prospecting",
         "Amount": "1000.50", "CreatedDate": f"{BEGAN + timedelta(days=number)}", "CreatedById": f"005{number % 4}"}
        for number in range(120)
    ]  # fmt: skip
    write_csv(tmp_path / "Opportunity.csv", deals)
    write_csv(tmp_path / "OpportunityHistory.csv", history)

    assert drafted(tmp_path).keys() == {"deals"}
    assert "# left out: OpportunityHistory.csv" in write_draft(tmp_path)


def test_a_day_of_shipping_is_that_of_the_order_where_no_other_day_stands(tmp_path: Path) -> None:
    rows = [{name: value for name, value in row.items() if name != "Order Date"} for row in superstore()]
    write_csv(tmp_path / "sales.csv", rows)
    shipped = {row["Order ID"]: datetime.strptime(row["Ship Date"], "%m/%d/%Y") for row in rows}

    assert {row["order_id"]: row["ordered_at"].replace(tzinfo=None) for row in load(tmp_path)["orders"]} == shipped


def test_a_subscription_is_valid_from_one_day_to_another(tmp_path: Path) -> None:
    rows = [
        {"contract id": f"V{number}", "customer id": f"K{number % 40}", "mrr": f"{20 + number % 3}.90",
         "valid from": f"{(BEGAN + timedelta(days=number)).date()}",
         "expires at": f"{(BEGAN + timedelta(days=365 + number)).date()}" if number % 4 else ""}
        for number in range(80)
    ]  # fmt: skip
    write_csv(tmp_path / "subscriptions.csv", rows)
    columns = drafted(tmp_path)["subscriptions"]["columns"]

    assert (columns["started_at"], columns["ended_at"]) == ("valid from", "expires at")
