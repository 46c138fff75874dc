"""A draft is right when loading it gives what was put into the files, whatever the columns are called."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.sources.files import profiles
from ingestion.sources.files.canonical import ENTITIES, columns
from ingestion.sources.files.dialect import Dialect, read_dialect
from ingestion.sources.files.draft import main, write_draft
from ingestion.sources.files.evaluation import Evaluation
from ingestion.sources.files.mapping import read_mapping
from ingestion.sources.files.vocabulary import ROLES
from tests.unit.ingestion.sources.files.evaluating import AFTER_ALL

Record = dict[str, Any]

START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


def write_csv(
    file: Path, rows: Sequence[Mapping[str, str]], names: Sequence[str] | None = None, **options: Any
) -> None:
    """Rows as CSV; `names` replaces the header in the order of the columns, empty names leave it out."""
    encoding = options.pop("encoding", "utf-8")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n", **options)
    if names is None or names:
        writer.writerow(names or list(rows[0]))
    writer.writerows(list(row.values()) for row in rows)
    file.write_bytes(text.getvalue().encode(encoding))


def shuffled(rows: Sequence[Mapping[str, str]], seed: int) -> list[dict[str, str]]:
    """The same rows with their columns in another order."""
    order = list(rows[0])
    random.Random(seed).shuffle(order)
    return [{name: row[name] for name in order} for row in rows]


def nameless(rows: Sequence[Mapping[str, str]]) -> list[str]:
    return [f"c{number}" for number in range(1, len(rows[0]) + 1)]


def load(folder: Path) -> dict[str, list[Record]]:
    """What the draft of a folder loads; nothing may be rejected."""
    file = folder / "mapping.yml"
    file.write_text(write_draft(folder), encoding="utf-8")
    evaluation = Evaluation(read_mapping(file), folder, AFTER_ALL)
    try:
        loaded = {}
        for name in evaluation.mapping.entities:
            result = evaluation.entity(name)
            assert result.rejections == []
            loaded[name] = result.rows.to_pylist()
        assert all(rows.rejections == [] for rows in evaluation.inputs)
        return loaded
    finally:
        evaluation.close()


def same(loaded: Iterable[Record], put_in: Iterable[Record]) -> bool:
    """Whether the rows are the same in the columns that were put in."""
    expected = list(put_in)
    names = list(expected[0])
    return Counter(map(_comparable(names), loaded)) == Counter(map(_comparable(names), expected))


def _comparable(names: Sequence[str]) -> Callable[[Record], tuple[Any, ...]]:
    return lambda row: tuple(row[name] for name in names)


def money(generator: random.Random, low: int = 300, high: int = 90_000) -> Decimal:
    return Decimal(generator.randint(low, high)) / 100


def exact(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.000000001"))


# ---- an order book: one row a line


def order_book(orders: int = 60, returns: bool = True) -> tuple[list[dict[str, str]], dict[str, list[Record]]]:
    """Lines of orders and, under numbers of their own, of credit notes; and the entities that they are."""
    generator = random.Random(7)
    goods = [(f"SKU{number:04}", f"Mug with motif {number}", money(generator, 300, 4000)) for number in range(25)]
    rows: list[dict[str, str]] = []
    entities: dict[str, list[Record]] = {"customers": [], "orders": [], "order_lines": [], "refunds": []}
    for number in range(orders):
        is_return = returns and number % 9 == 8
        name = f"{'C' if is_return else ''}{10_000 + number}"
        customer = f"K{generator.randint(1, 18):03}"
        at = START + timedelta(minutes=977 * number)
        total = Decimal(0)
        for sku, description, price in generator.sample(goods, generator.randint(2, 5)):
            quantity = generator.randint(1, 12) * (-1 if is_return else 1)
            total += quantity * price
            rows.append(
                {
                    "InvoiceNo": name,
                    "StockCode": sku,
                    "Description": description,
                    "Quantity": str(quantity),
                    "InvoiceDate": at.strftime("%Y-%m-%d %H:%M:%S"),
                    "UnitPrice": str(price),
                    "CustomerID": customer,
                    "Country": "Ireland" if customer < "K010" else "Austria",
                }
            )
            if not is_return:
                entities["order_lines"].append(
                    {"order_id": name, "sku": sku, "quantity": exact(Decimal(quantity)), "unit_price": exact(price)}
                )
        if is_return:
            refund = {"refund_id": name, "customer_id": customer, "refunded_at": at, "amount": exact(-total)}
            entities["refunds"].append(refund)
        else:
            entities["orders"].append({"order_id": name, "customer_id": customer, "ordered_at": at, "paid_at": at})
    people = {row["CustomerID"]: row["Country"] for row in rows}
    entities["customers"] = [{"customer_id": name, "country": country} for name, country in people.items()]
    return rows, entities


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("is_named", [True, False])
def test_an_order_book_becomes_orders_lines_and_refunds(tmp_path: Path, is_named: bool, seed: int) -> None:
    rows, entities = order_book()
    rows = shuffled(rows, seed)
    write_csv(tmp_path / "export.csv", rows, None if is_named else nameless(rows))
    loaded = load(tmp_path)
    assert set(loaded) == set(entities)
    for name, put_in in entities.items():
        assert same(loaded[name], put_in), name


@pytest.mark.parametrize("style", ["%m/%d/%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%d-%b-%Y %H:%M", "%Y-%m-%d %H:%M:%S +0000"])
def test_an_order_book_is_the_same_however_its_dates_are_written(tmp_path: Path, style: str) -> None:
    rows, entities = order_book()
    for row in rows:
        row["InvoiceDate"] = datetime.fromisoformat(row["InvoiceDate"]).strftime(style)
    write_csv(tmp_path / "export.csv", rows)
    loaded = load(tmp_path)
    for name, put_in in entities.items():
        assert same(loaded[name], put_in), name


def test_lines_taken_off_within_an_order_stay_lines_and_a_question(tmp_path: Path) -> None:
    rows, entities = order_book(returns=False)
    discount = {
        **rows[0],
        "StockCode": "DISC",
        "Description": "Discount on the order",
        "Quantity": "-1",
        "UnitPrice": "2.50",
    }
    write_csv(tmp_path / "lines.csv", [*rows, discount])
    loaded = load(tmp_path)
    assert "refunds" not in loaded
    assert len(loaded["order_lines"]) == len(rows) + 1
    assert same(loaded["orders"], entities["orders"])
    assert (
        "# DECIDE: are lines with a negative amount (1) discounts or returns?" in (tmp_path / "mapping.yml").read_text()
    )


def test_orders_with_several_rows_and_no_lines_are_added_up(tmp_path: Path) -> None:
    parts = [
        {"order_id": f"A{number // 2}", "date": f"2026-02-{number // 2 + 1:02}", "amount": f"{number}.25"}
        for number in range(40)
    ]
    write_csv(tmp_path / "payments.csv", parts)
    put_in = [
        {"order_id": f"A{number}", "total_amount": exact(Decimal(4 * number + 1) + Decimal("0.50"))}
        for number in range(20)
    ]
    assert same(load(tmp_path)["orders"], put_in)


# ---- the orders export of a shop: values of the order on its first line only


@pytest.mark.parametrize("stamp", ["%Y-%m-%dT%H:%M:%S+01:00", "%Y-%m-%d %H:%M:%S +0100"])
def test_a_shop_export_loads_orders_from_their_first_lines(tmp_path: Path, stamp: str) -> None:
    generator = random.Random(11)
    rows: list[dict[str, str]] = []
    orders, lines = [], []
    for number in range(40):
        name, email = f"#{1001 + number}", f"buyer{generator.randint(1, 25)}@mail.invalid"
        at = START + timedelta(minutes=611 * number)
        paid = at + timedelta(minutes=3)
        items = [(generator.randint(1, 3), money(generator, 500, 8000)) for _ in range(generator.randint(1, 4))]
        shipping, tax = Decimal("4.90"), money(generator, 100, 900)
        total = sum((quantity * price for quantity, price in items), shipping)
        for place, (quantity, price) in enumerate(items):
            here = at.astimezone(ZoneInfo("Europe/Paris"))
            first = {
                "Financial Status": "paid",
                "Paid at": paid.astimezone(ZoneInfo("Europe/Paris")).strftime(stamp),
                "Currency": "EUR",
                "Subtotal": str(total - shipping),
                "Shipping": str(shipping),
                "Taxes": str(tax),
                "Total": str(total),
            }
            rows.append(
                {
                    "Name": name,
                    "Email": email,
                    **(first if place == 0 else dict.fromkeys(first, "")),
                    "Created at": here.strftime(stamp),
                    "Lineitem quantity": str(quantity),
                    "Lineitem name": f"Tea, loose, no. {place}",
                    "Lineitem price": str(price),
                    "Lineitem sku": f"TEA-{place}",
                    "Billing Name": "Ann Other" if place == 0 else "",
                    "Id": str(5_500_000_000 + number) if place == 0 else "",
                }
            )
            lines.append({"order_id": name, "quantity": exact(Decimal(quantity)), "unit_price": exact(price)})
        orders.append(
            {
                "order_id": name,
                "email": email,
                "ordered_at": at,
                "paid_at": paid,
                "currency": "EUR",
                "total_amount": exact(total),
                "tax_amount": exact(tax),
                "shipping_amount": exact(shipping),
            }
        )
    write_csv(tmp_path / "orders_export_1.csv", shuffled(rows, 5))
    loaded = load(tmp_path)
    assert same(loaded["orders"], orders)
    assert same(loaded["order_lines"], lines)


# ---- a German spreadsheet saved as CSV


@pytest.mark.parametrize("is_named", [True, False])
def test_a_german_spreadsheet_is_read_as_it_is_written(tmp_path: Path, is_named: bool) -> None:
    generator = random.Random(3)
    rows, orders = [], []
    for number in range(50):
        total = money(generator, 500, 400_000)
        day = datetime(2026, 1, 1) + timedelta(days=3 * number)
        euros, cents = f"{total:.2f}".split(".")
        grouped = f"{int(euros):,}".replace(",", ".")
        rows.append(
            {
                "Bestellnummer": f"B-{number:05}",
                "E-Mail": f"kunde{number % 20}@müller.invalid",
                "Bestelldatum": day.strftime("%d.%m.%Y"),
                "Gesamtbetrag": f"{grouped},{cents}",
                "Währung": "EUR",
                "Notiz": "Straße – dringend" if number % 7 else "",
            }
        )
        orders.append(
            {
                "order_id": f"B-{number:05}",
                "email": f"kunde{number % 20}@müller.invalid",
                "ordered_at": day.replace(tzinfo=UTC),
                "currency": "EUR",
                "total_amount": exact(total),
            }
        )
    rows = shuffled(rows, 4)
    names = None if is_named else nameless(rows)
    write_csv(tmp_path / "umsätze.csv", rows, names, delimiter=";", encoding="windows-1252")
    loaded = load(tmp_path)
    assert set(loaded) == {"orders"}
    assert same(loaded["orders"], orders)


# ---- deals of a CRM


@pytest.mark.parametrize("is_named", [True, False])
def test_deals_of_a_crm_are_won_lost_or_open_by_their_stage(tmp_path: Path, is_named: bool) -> None:
    generator = random.Random(9)
    outcome = {"Closed won": True, "Closed lost": False, "Contract sent": None, "Qualified to buy": None}
    rows, deals = [], []
    for number in range(60):
        stage = generator.choice(sorted(outcome))
        created = START + timedelta(hours=19 * number)
        closed = created + timedelta(days=generator.randint(3, 60)) if outcome[stage] is not None else None
        amount = money(generator, 100_000, 9_000_000)
        rows.append(
            {
                "Record ID": str(9_007_000 + number),
                "Deal Stage": stage,
                "Create Date": created.strftime("%Y-%m-%d %H:%M"),
                "Close Date": closed.strftime("%Y-%m-%d %H:%M") if closed else "",
                "Amount": str(amount),
            }
        )
        deals.append(
            {
                "deal_id": str(9_007_000 + number),
                "stage": stage,
                "created_at": created.replace(second=0),
                "closed_at": closed,
                "is_won": outcome[stage],
                "amount": exact(amount),
            }
        )
    rows = shuffled(rows, 2)
    write_csv(tmp_path / "all-deals.csv", rows, None if is_named else nameless(rows))
    assert same(load(tmp_path)["deals"], deals)


# ---- purchases without a header line and without a number of the order


@pytest.mark.parametrize("day_format", ["%Y-%m-%d", "%Y%m%d"])
def test_purchases_without_a_header_are_one_order_a_row(tmp_path: Path, day_format: str) -> None:
    generator = random.Random(5)
    rows, orders = [], []
    for _ in range(120):
        customer = f"{generator.randint(1, 40):05}"
        day = datetime(1997, 1, 1, tzinfo=UTC) + timedelta(days=generator.randint(0, 300))
        amount = money(generator)
        rows.append({"customer": customer, "day": day.strftime(day_format), "cds": "2", "amount": str(amount)})
        orders.append({"customer_id": customer, "ordered_at": day, "total_amount": exact(amount)})
    rows.append(rows[0])  # the same purchase twice on a day is two purchases
    orders.append(orders[0])
    write_csv(tmp_path / "purchases.csv", rows, ())
    loaded = load(tmp_path)
    assert same(loaded["orders"], orders)
    assert len({row["order_id"] for row in loaded["orders"]}) == len(orders)


# ---- several files that belong together


@pytest.mark.parametrize("is_named", [True, False])
def test_files_are_joined_by_the_keys_that_they_share(tmp_path: Path, is_named: bool) -> None:
    generator = random.Random(21)
    people = [
        {"Kundennummer": f"K{number:04}", "E-Mail": f"p{number}@mail.invalid", "Land": "AT"} for number in range(30)
    ]
    orders, refunds = [], []
    for number in range(80):
        at = START + timedelta(hours=7 * number)
        orders.append(
            {
                "Rechnungsnummer": f"R-{number:05}",
                "Kundennummer": f"K{generator.randint(0, 29):04}",
                "Rechnungsdatum": at.strftime("%Y-%m-%d %H:%M"),
                "Betrag": str(money(generator)),
            }
        )
        if number % 8 == 0:
            refunds.append(
                {
                    "Gutschrift": f"G-{number:05}",
                    "Rechnungsnummer": f"R-{number:05}",
                    "Datum": (at + timedelta(days=2)).strftime("%Y-%m-%d"),
                    "Betrag": "3.50",
                }
            )
    for name, rows in (("kunden", people), ("rechnungen", orders), ("gutschriften", refunds)):
        mixed = shuffled(rows, 8)
        write_csv(tmp_path / f"{name}.csv", mixed, None if is_named else nameless(mixed))
    loaded = load(tmp_path)
    assert same(loaded["customers"], [{"customer_id": row["Kundennummer"], "email": row["E-Mail"]} for row in people])
    pairs = [{"order_id": row["Rechnungsnummer"], "customer_id": row["Kundennummer"]} for row in orders]
    assert same(loaded["orders"], pairs)
    pairs = [{"refund_id": row["Gutschrift"], "order_id": row["Rechnungsnummer"]} for row in refunds]
    assert same(loaded["refunds"], pairs)
    assert {row["currency"] for row in loaded["orders"]} == {"EUR"}
    text = (tmp_path / "mapping.yml").read_text()
    assert "timezone: Europe/Vienna" in text  # where nearly everyone lives
    assert text.count("    # joins: ") == 2


def test_conversations_and_messages_of_an_inbox(tmp_path: Path) -> None:
    chats = [
        {"id": f"v{number}", "mail": f"m{number}@mail.invalid", "opened": f"2026-02-{number + 1:02} 09:00:00"}
        for number in range(20)
    ]
    messages = [
        {
            "id": f"m{number}",
            "conv": f"v{number // 3}",
            "dir": ("incoming", "outgoing", "incoming")[number % 3],
            "at": f"2026-02-{number // 3 + 1:02} 09:{number % 3:02}:00",
        }
        for number in range(60)
    ]
    write_csv(tmp_path / "a.csv", chats, nameless(chats))
    write_csv(tmp_path / "b.csv", messages, nameless(messages))
    loaded = load(tmp_path)
    assert same(loaded["conversations"], [{"conversation_id": row["id"], "email": row["mail"]} for row in chats])
    said = {"incoming": "inbound", "outgoing": "outbound"}
    put_in = [
        {"message_id": row["id"], "conversation_id": row["conv"], "direction": said[row["dir"]]} for row in messages
    ]
    assert same(loaded["messages"], put_in)


def test_months_of_one_export_are_one_input(tmp_path: Path) -> None:
    rows, _ = order_book(returns=False)
    write_csv(tmp_path / "orders_2026-01.csv", rows[:100])
    write_csv(tmp_path / "orders_2026-02.csv", rows[100:])
    assert len(load(tmp_path)["order_lines"]) == len(rows)


@pytest.mark.parametrize("is_compressed", [True, False])
def test_json_lines_are_read_as_csv_is(tmp_path: Path, is_compressed: bool) -> None:
    rows, entities = order_book(orders=30)
    content = "\n".join(map(json.dumps, rows)).encode()
    if is_compressed:
        (tmp_path / "lines.jsonl.gz").write_bytes(gzip.compress(content))
    else:
        (tmp_path / "lines.jsonl").write_bytes(content)
    loaded = load(tmp_path)
    assert all(same(loaded[name], put_in) for name, put_in in entities.items())


# Headers as the systems write them, one row of values, and what each canonical column has to come from.
EXPORTS = {
    "stripe": (
        "orders",
        {
            "id": "ch_3A{n}",
            "Description": "Sub {n}",
            "Created date (UTC)": "2026-03-0{n} 10:0{n}:00",
            "Amount": "1{n}.50",
            "Amount Refunded": "0.00",
            "Currency": "eur",
            "Fee": "0.5{n}",
            "Customer ID": "cus_{n}",
            "Customer Email": "a{n}@mail.invalid",
        },
        {
            "order_id": "id",
            "ordered_at": "Created date (UTC)",
            "total_amount": "Amount",
            "customer_id": "Customer ID",
            "email": "Customer Email",
        },
    ),
    "paypal": (
        "orders",
        {
            "Date": "0{n}/13/2026",
            "Time": "10:00:0{n}",
            "Name": "Ann {n}",
            "Type": "Website Payment",
            "Currency": "EUR",
            "Gross": "1{n}.50",
            "Fee": "-0.5{n}",
            "Net": "1{n}.00",
            "From Email Address": "a{n}@mail.invalid",
            "Transaction ID": "9A{n}X",
        },
        {"order_id": "Transaction ID", "total_amount": "Gross", "currency": "Currency", "email": "From Email Address"},
    ),
    "woocommerce": (
        "orders",
        {
            "Order Number": "90{n}",
            "Order Status": "Completed",
            "Order Date": "2026-03-0{n} 10:00",
            "Email (Billing)": "a{n}@mail.invalid",
            "Order Total Amount": "1{n}.50",
            "Order Shipping Amount": "4.0{n}",
            "Order Total Tax Amount": "1.1{n}",
            "Country Code (Billing)": "FR",
            "Payment Method Title": "PayPal",
            "Payment Status": "Method {n}",
        },
        {
            "order_id": "Order Number",
            "ordered_at": "Order Date",
            "email": "Email (Billing)",
            "total_amount": "Order Total Amount",
            "shipping_amount": "Order Shipping Amount",
            "tax_amount": "Order Total Tax Amount",
            "payment_type": "Payment Method Title",
        },
    ),
    "hubspot": (
        "customers",
        {
            "Record ID": "55{n}",
            "First Name": "Ann",
            "Last Name": "Lee",
            "Email": "a{n}@mail.invalid",
            "Phone Number": "+33 6 12 34 56 7{n}",
            "Create Date": "2026-03-0{n} 10:00",
            "Company Name": "Acme {n}",
            "Last Activity Date": "2026-04-0{n} 10:00",
        },
        {
            "customer_id": "Record ID",
            "first_name": "First Name",
            "last_name": "Last Name",
            "email": "Email",
            "phone": "Phone Number",
            "created_at": "Create Date",
            "company_name": "Company Name",
        },
    ),
    "mailing list": (
        "leads",
        {
            "Email Address": "a{n}@mail.invalid",
            "First Name": "Ann",
            "Last Name": "Lee",
            "MEMBER_RATING": "{n}",
            "OPTIN_TIME": "2026-03-0{n} 10:00:00",
            "CONFIRM_TIME": "2026-03-0{n} 10:05:00",
            "LEID": "77{n}",
        },
        {"lead_id": "LEID", "email": "Email Address", "first_name": "First Name", "created_at": "OPTIN_TIME"},
    ),
    "facebook": (
        "ad_spend",
        {
            "Campaign name": "Spring",
            "Ad ID": "120{n}",
            "Day": "2026-03-0{n}",
            "Amount spent (EUR)": "1{n}.50",
            "Impressions": "50{n}",
            "Link clicks": "{n}",
            "Reach": "40{n}",
            "Results": "{n}",
            "Cost per result": "3.5{n}",
        },
        {
            "campaign_name": "Campaign name",
            "ad_id": "Ad ID",
            "spent_on": "Day",
            "spend_amount": "Amount spent (EUR)",
            "impressions": "Impressions",
            "clicks": "Link clicks",
            "conversions": "Results",
        },
    ),
    "google ads": (
        "ad_spend",
        {
            "Day": "2026-03-0{n}",
            "Customer ID": "123-456",
            "Campaign ID": "990{n}",
            "Campaign": "Spring {n}",
            "Currency code": "EUR",
            "Cost": "1{n}.50",
            "Impr.": "50{n}",
            "Clicks": "2{n}",
            "Conversions": "{n}.25",
            "Cost / conv.": "9.5{n}",
            "Conv. value": "70.2{n}",
        },
        {
            "spent_on": "Day",
            "account_id": "Customer ID",
            "campaign_id": "Campaign ID",
            "spend_amount": "Cost",
            "impressions": "Impr.",
            "clicks": "Clicks",
            "conversions": "Conversions",
        },
    ),
    "salesforce accounts": (
        "accounts",
        {
            "Account ID": "0015g00000{n}AbC",
            "Account Name": "Acme {n}",
            "Parent Account": "",
            "Parent Account ID": "",
            "Industry": "Banking",
            "Employees": "5{n}0",
            "Account Owner": "Kim Adler",
            "Phone": "+33 1 23 45 67 8{n}",
            "Website": "acme{n}.invalid",
            "Billing Country": "France",
            "Annual Revenue": "5{n}0000",
            "Created Date": "2026-03-0{n}",
        },
        {
            "account_id": "Account ID",
            "account_name": "Account Name",
            "parent_account_id": "Parent Account ID",
            "parent_account_name": "Parent Account",
            "industry": "Industry",
            "employee_count": "Employees",
            "owner": "Account Owner",
            "domain": "Website",
            "country": "Billing Country",
            "created_at": "Created Date",
        },
    ),
    "hubspot companies": (
        "accounts",
        {
            "Record ID": "55{n}",
            "Company name": "Acme {n}",
            "Company owner": "Kim Adler (kim@mail.invalid)",
            "Create Date": "2026-03-0{n} 10:00",
            "Phone Number": "+33 6 12 34 56 7{n}",
            "Last Activity Date": "2026-04-0{n} 10:00",
            "City": "Lyon",
            "Country/Region": "France",
            "Industry": "BANKING",
            "Number of Employees": "5{n}",
            "Company Domain Name": "acme{n}.invalid",
            "Parent Company": "",
        },
        {
            "account_id": "Record ID",
            "account_name": "Company name",
            "owner": "Company owner",
            "created_at": "Create Date",
            "country": "Country/Region",
            "industry": "Industry",
            "employee_count": "Number of Employees",
            "domain": "Company Domain Name",
            "parent_account_name": "Parent Company",
        },
    ),
    "pipedrive organizations": (
        "accounts",
        {
            "Organization - ID": "{n}",
            "Organization - Name": "Acme {n}",
            "Organization - Owner": "Kim Adler",
            "Organization - Organization created": "2026-03-0{n} 10:00:00",
        },
        {
            "account_id": "Organization - ID",
            "account_name": "Organization - Name",
            "owner": "Organization - Owner",
            "created_at": "Organization - Organization created",
        },
    ),
    "firmenliste": (
        "accounts",
        {
            "Firmennummer": "F{n}",
            "Firmenname": "Acme {n}",
            "Branche": "Handel",
            "Mitarbeiterzahl": "5{n}",
            "Muttergesellschaft": "",
            "Kundenbetreuer": "Kim Adler",
            "Webseite": "acme{n}.invalid",
            "Land": "Österreich",
        },
        {
            "account_id": "Firmennummer",
            "account_name": "Firmenname",
            "industry": "Branche",
            "employee_count": "Mitarbeiterzahl",
            "parent_account_name": "Muttergesellschaft",
            "owner": "Kundenbetreuer",
            "domain": "Webseite",
            "country": "Land",
        },
    ),
    "entreprises": (
        "accounts",
        {
            "Raison sociale": "Acme {n}",
            "Secteur d'activité": "Banque",
            "Effectif": "5{n}",
            "Maison mère": "",
            "Site web": "acme{n}.invalid",
            "Pays": "France",
        },
        {
            "account_id": "Raison sociale",
            "account_name": "Raison sociale",
            "industry": "Secteur d'activité",
            "employee_count": "Effectif",
            "parent_account_name": "Maison mère",
            "domain": "Site web",
            "country": "Pays",
        },
    ),
    "empresas": (
        "accounts",
        {
            "Empresa": "Acme {n}",
            "Industria": "Banca",
            "Número de empleados": "5{n}",
            "Empresa matriz": "",
            "Propietario": "Kim Adler",
            "País": "España",
        },
        {
            "account_name": "Empresa",
            "industry": "Industria",
            "employee_count": "Número de empleados",
            "parent_account_name": "Empresa matriz",
            "owner": "Propietario",
            "country": "País",
        },
    ),
    "salesforce opportunities": (
        "deals",
        {
            "Opportunity ID": "0065g00000{n}",
            "Opportunity Name": "Acme renewal {n}",
            "Account Name": "Acme {n}",
            "Account ID": "0015g00000{n}",
            "Lead ID": "00Q5g00000{n}",
            "Lead Source": "Web",
            "Stage": "Closed Won",
            "Amount": "1{n}00.50",
            "Created Date": "2026-03-0{n}",
            "Close Date": "2026-04-0{n}",
        },
        {
            "deal_id": "Opportunity ID",
            "name": "Opportunity Name",
            "account_name": "Account Name",
            "account_id": "Account ID",
            "lead_id": "Lead ID",
            "stage": "Stage",
            "amount": "Amount",
        },
    ),
    "interessenten": (
        "leads",
        {
            "Lead-ID": "L{n}",
            "E-Mail": "a{n}@mail.invalid",
            "Debitorennummer": "7{n}",
            "Angelegt am": "0{n}.03.2026",
            "Quelle": "Messe",
        },
        {"lead_id": "Lead-ID", "email": "E-Mail", "customer_number": "Debitorennummer", "channel": "Quelle"},
    ),
    "shop reviews": (
        "surveys",
        {
            "Review ID": "r{n}",
            "Order Number": "#10{n}",
            "Rating": "5",
            "Review": "Fine, no. {n}",
            "Created at": "2026-03-0{n} 10:00",
        },
        {"response_id": "Review ID", "order_id": "Order Number", "score": "Rating", "comment": "Review"},
    ),
    "abonnements": (
        "subscriptions",
        {
            "Numéro abonnement": "S{n}",
            "Numéro client": "K{n}",
            "Formule": "Pro",
            "Montant mensuel": "1{n}.50",
            "Devise": "EUR",
            "Date de début": "2026-03-0{n}",
            "Date de fin": "",
        },
        {
            "subscription_id": "Numéro abonnement",
            "customer_id": "Numéro client",
            "plan": "Formule",
            "mrr_amount": "Montant mensuel",
            "currency": "Devise",
            "started_at": "Date de début",
            "ended_at": "Date de fin",
        },
    ),
    "ab test": (
        "experiment_assignments",
        {
            "Experiment": "welcome",
            "Variant": "control",
            "User ID": "K{n}",
            "Assigned at": "2026-03-0{n} 10:00",
            "Email": "a{n}@mail.invalid",
        },
        {
            "experiment": "Experiment",
            "arm": "Variant",
            "customer_id": "User ID",
            "email": "Email",
            "assigned_at": "Assigned at",
        },
    ),
    "pedidos": (
        "orders",
        {
            "Número de pedido": "P{n}",
            "Fecha de pedido": "2026-03-0{n}",
            "Correo electrónico": "a{n}@mail.invalid",
            "Importe total": "1{n}.50",
            "Moneda": "EUR",
            "Gastos de envío": "4.0{n}",
            "Cliente": "K{n}",
        },
        {
            "order_id": "Número de pedido",
            "ordered_at": "Fecha de pedido",
            "email": "Correo electrónico",
            "customer_id": "Cliente",
            "total_amount": "Importe total",
            "currency": "Moneda",
            "shipping_amount": "Gastos de envío",
        },
    ),
}


@pytest.mark.parametrize("system", EXPORTS)
def test_headers_of_common_systems_are_known(tmp_path: Path, system: str) -> None:
    entity, values, expected = EXPORTS[system]
    rows = [{name: value.replace("{n}", str(number)) for name, value in values.items()} for number in range(1, 8)]
    write_csv(tmp_path / f"{system} export.csv", shuffled(rows, 6))
    (tmp_path / "mapping.yml").write_text(write_draft(tmp_path))
    mapping = yaml.safe_load((tmp_path / "mapping.yml").read_text())
    drafted = mapping["entities"][entity]["columns"]
    # where a value has to be turned into the canonical form, its column stands inside the expression
    found = {column: name for column, name in expected.items() if drafted.get(column) in (name, f'upper("{name}")')}
    assert found == expected


# ---- companies: those that deals are made with, those that buy


def companies(count: int = 12, **others: str) -> list[dict[str, str]]:
    return [
        {"Company ID": f"F{700 + number}", "Company": f"Acme {'abcdefghijkl'[number]}", **others}
        for number in range(count)
    ]


def deals_of(firms: Sequence[Mapping[str, str]], column: str) -> list[dict[str, str]]:
    return [
        {
            "Deal ID": f"D{number}",
            column: firms[number % len(firms)][column],
            "Stage": ("Won", "Lost", "Offer")[number % 3],
            "Created": f"2026-02-{number % 27 + 1:02}",
        }
        for number in range(40)
    ]


@pytest.mark.parametrize("column", ["Company ID", "Company"])
@pytest.mark.parametrize("is_named", [True, False])
def test_companies_that_deals_name_are_accounts(tmp_path: Path, is_named: bool, column: str) -> None:
    firms = companies()
    deals = deals_of(firms, column)
    for file, rows in (("a", firms), ("b", deals)):
        write_csv(tmp_path / f"{file}.csv", rows, None if is_named else nameless(rows))
    loaded = load(tmp_path)
    assert loaded.keys() == {"accounts", "deals"}
    assert {row["account_name"] for row in loaded["accounts"]} == {row["Company"] for row in firms}
    by = "account_id" if column == "Company ID" else "account_name"
    assert same(loaded["deals"], [{"deal_id": row["Deal ID"], by: row[column]} for row in deals])
    assert {row[by] for row in loaded["deals"]} <= {row[by] for row in loaded["accounts"]}


@pytest.mark.parametrize("is_named", [True, False])
def test_companies_that_orders_name_are_customers(tmp_path: Path, is_named: bool) -> None:
    firms = companies()
    orders = [
        {
            "Order ID": f"R{number}",
            "Customer": firms[number % len(firms)]["Company ID"],
            "Order date": f"2026-02-{number % 27 + 1:02}",
            "Total": f"{number}.50",
        }
        for number in range(40)
    ]
    for file, rows in (("a", firms), ("b", orders), ("c", deals_of(firms, "Company"))):
        write_csv(tmp_path / f"{file}.csv", rows, None if is_named else nameless(rows))
    loaded = load(tmp_path)
    assert "accounts" not in loaded
    assert {row["customer_id"] for row in loaded["customers"]} == {row["customer_id"] for row in loaded["orders"]}


def test_people_that_deals_name_are_customers(tmp_path: Path) -> None:
    people = [{**row, "E-mail": f"p{number}@mail.invalid"} for number, row in enumerate(companies())]
    write_csv(tmp_path / "accounts.csv", people)
    write_csv(tmp_path / "deals.csv", deals_of(people, "Company ID"))
    assert load(tmp_path).keys() == {"customers", "deals"}


@pytest.mark.parametrize(("file", "entity"), [("companies", "accounts"), ("kunden", "customers")])
def test_the_name_of_a_file_says_whether_companies_buy(tmp_path: Path, file: str, entity: str) -> None:
    write_csv(tmp_path / f"{file}.csv", companies(Country="Austria", Industry="Retail", Employees="50"))
    assert load(tmp_path).keys() == {entity}


@pytest.mark.parametrize("is_named", [True, False])
def test_a_company_names_the_one_above_it_by_number_or_by_name(tmp_path: Path, is_named: bool) -> None:
    for column, parent in (("Company ID", "parent_account_id"), ("Company", "parent_account_name")):
        firms = companies()
        above = [firms[number % 2][column] if number > 4 else "" for number in range(len(firms))]
        rows = [{**row, "Parent": name} for row, name in zip(firms, above, strict=True)]
        for file, content in (("companies", rows), ("deals", deals_of(firms, "Company"))):
            write_csv(tmp_path / f"{file}.csv", content, None if is_named else nameless(content))
        loaded = load(tmp_path)["accounts"]
        assert same(loaded, [{"account_name": row["Company"], parent: row["Parent"] or None} for row in rows])


def test_a_website_is_a_domain(tmp_path: Path) -> None:
    sites = ["https://www.Acme.invalid/en?x=1", "http://shop.beta.invalid", "gamma.invalid"]
    rows = [{**row, "Website": site} for row, site in zip(companies(3), sites, strict=True)]
    write_csv(tmp_path / "companies.csv", rows)
    found = {row["domain"] for row in load(tmp_path)["accounts"]}
    assert found == {"acme.invalid", "shop.beta.invalid", "gamma.invalid"}


# ---- who of ours answered, how was paid, what an ad brought


def inbox(agent: Callable[[int, bool], str], name: str = "Agent") -> list[dict[str, str]]:
    return [
        {
            "Message ID": f"M{number}",
            "Direction": "outgoing" if number % 2 else "incoming",
            "Sent at": f"2026-02-{number % 27 + 1:02} 10:00",
            name: agent(number, bool(number % 2)),
        }
        for number in range(60)
    ]


@pytest.mark.parametrize("names", [("Kim Adler", "Pat Stein"), ("kim@we.invalid", "pat@we.invalid")])
def test_few_people_on_what_went_out_are_agents(tmp_path: Path, names: tuple[str, str]) -> None:
    rows = inbox(lambda number, is_ours: names[number % 4 // 2] if is_ours else "")
    write_csv(tmp_path / "messages.csv", rows, nameless(rows))
    assert same(
        load(tmp_path)["messages"], [{"message_id": row["Message ID"], "agent": row["Agent"] or None} for row in rows]
    )


def test_people_on_every_message_are_no_agents_without_a_name(tmp_path: Path) -> None:
    rows = inbox(lambda number, _: ("Ann Other", "Bob Reader")[number % 4 // 2])
    write_csv(tmp_path / "messages.csv", rows, nameless(rows))
    assert {row["agent"] for row in load(tmp_path)["messages"]} == {None}


@pytest.mark.parametrize("way", ["outgoing", "outbound"])
def test_a_sender_is_an_agent_on_what_went_out_only(tmp_path: Path, way: str) -> None:
    rows = inbox(lambda number, is_ours: "kim@we.invalid" if is_ours else f"p{number}@mail.invalid", "Sender email")
    for row in rows:
        row["Direction"] = way if row["Direction"] == "outgoing" else "inbound"
    write_csv(tmp_path / "messages.csv", rows)
    loaded = load(tmp_path)["messages"]
    assert {(row["direction"], row["agent"]) for row in loaded} == {("inbound", None), ("outbound", "kim@we.invalid")}


def test_words_for_ways_to_pay_tell_the_payment_type(tmp_path: Path) -> None:
    ways = ["Visa ending 42", "PAYPAL", "Überweisung", "cash_on_delivery", "Boleto"]
    rows = [
        {"c1": f"A{number}", "c2": f"2026-02-{number % 27 + 1:02}", "c3": f"{number}.10", "c4": ways[number % 5]}
        for number in range(40)
    ]
    write_csv(tmp_path / "orders.csv", rows)
    assert same(load(tmp_path)["orders"], [{"order_id": row["c1"], "payment_type": row["c4"]} for row in rows])


@pytest.mark.parametrize("header", ["Cost / conv.", "Cost per result", "Purchases conversion value"])
def test_what_a_result_costs_or_brings_is_no_result(tmp_path: Path, header: str) -> None:
    rows = [
        {
            "Day": f"2026-02-{number + 1:02}",
            "Campaign": "Spring",
            "Amount spent": f"{number}.50",
            header: f"{number}.10",
        }
        for number in range(20)
    ]
    write_csv(tmp_path / "ads.csv", rows)
    assert {row["conversions"] for row in load(tmp_path)["ad_spend"]} == {None}


def test_conversions_are_read_as_other_numbers_are(tmp_path: Path) -> None:
    rows = [
        {
            "Day": f"2026-02-{number + 1:02}",
            "Campaign": "Spring",
            "Amount spent": f"{number}.50",
            "Conversions": f"1,{200 + number}.25",
        }
        for number in range(20)
    ]
    write_csv(tmp_path / "ads.csv", rows)
    expected = {exact(Decimal(1200 + number) + Decimal("0.25")) for number in range(20)}
    assert {row["conversions"] for row in load(tmp_path)["ad_spend"]} == expected


# ---- what a draft says


@settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6))
def test_rows_in_another_order_give_the_same_draft(tmp_path: Path, seed: int) -> None:
    rows, _ = order_book(orders=25)
    write_csv(tmp_path / "lines.csv", rows)
    first = write_draft(tmp_path)
    random.Random(seed).shuffle(rows)
    write_csv(tmp_path / "lines.csv", rows)
    assert write_draft(tmp_path) == first


def test_a_sample_of_the_rows_gives_the_same_mapping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, _ = order_book()
    write_csv(tmp_path / "lines.csv", rows)
    whole = yaml.safe_load(write_draft(tmp_path))
    monkeypatch.setattr(profiles, "SAMPLE_ROWS", len(rows) // 4)
    assert yaml.safe_load(write_draft(tmp_path)) == whole


def test_a_key_made_of_the_row_stays_with_it_in_any_order(tmp_path: Path) -> None:
    rows = [
        {"customer_id": f"K{number % 5}", "date": f"2026-02-{number % 9 + 1:02}", "amount": f"{number % 13}.25"}
        for number in range(60)
    ]
    keys = []
    for _ in range(2):
        write_csv(tmp_path / "sales.csv", rows)
        keys.append({row["order_id"]: (row["customer_id"], row["total_amount"]) for row in load(tmp_path)["orders"]})
        rows.reverse()
    assert len(keys[0]) == len(rows)
    assert keys[0] == keys[1]


def test_a_file_that_fills_no_entity_is_named_with_the_reason(tmp_path: Path) -> None:
    rows, _ = order_book()
    write_csv(tmp_path / "orders.csv", rows)
    counts = [{"customer_id": str(number), "recency": "3", "T": "8", "cohorts": "highend"} for number in range(40)]
    write_csv(tmp_path / "summary.csv", counts)
    (tmp_path / "list.xlsx").write_bytes(b"PK")
    text = write_draft(tmp_path)
    assert "# left out: summary.csv: no column holds dates" in text
    assert "# left out: list.xlsx: none of .csv" in text


def test_a_second_file_for_an_entity_is_left_out_by_name(tmp_path: Path) -> None:
    people = [{"customer_id": f"A{number}", "email": f"a{number}@mail.invalid"} for number in range(9)]
    write_csv(tmp_path / "customers.csv", [{**row, "first_name": "Ann"} for row in people])
    write_csv(tmp_path / "more_customers.csv", people)
    text = write_draft(tmp_path)
    assert "# left out: more_customers.csv: it looks like customers too, and customers fills them" in text


def test_dates_that_fit_both_ways_are_a_question_until_another_date_answers_it(tmp_path: Path) -> None:
    rows = [{"order_id": f"A{number}", "date": f"0{number + 1}/02/2026", "total": "5.10"} for number in range(9)]
    write_csv(tmp_path / "orders.csv", rows)
    assert "ordered_at: day or month first?" in write_draft(tmp_path)
    rows.append({"order_id": "A10", "date": "02/13/2026", "total": "5.10"})
    write_csv(tmp_path / "orders.csv", rows)
    text = write_draft(tmp_path)
    assert "day or month first?" not in text
    assert 'date_format: "%m/%d/%Y"' in text


def test_one_column_says_for_its_file_whether_the_day_comes_first(tmp_path: Path) -> None:
    rows = [
        {
            "order_id": f"A{number}",
            "order date": f"0{number + 1}/02/2026",
            "paid at": f"{number + 11}/02/2026",
            "total": "5",
        }
        for number in range(9)
    ]
    for day_first in (True, False):
        if not day_first:
            for row in rows:
                for name in ("order date", "paid at"):
                    day, month, year = row[name].split("/")
                    row[name] = f"{month}/{day}/{year}"
        write_csv(tmp_path / "orders.csv", rows)
        text = write_draft(tmp_path)
        assert "day or month first?" not in text
        assert f'date_format: "{"%d/%m/%Y" if day_first else "%m/%d/%Y"}"' in text


def test_scores_beyond_the_usual_scale_state_their_own(tmp_path: Path) -> None:
    answers = [
        {"response_id": f"S{number}", "csat": str(number % 10 + 1), "date": f"2026-03-{number + 1:02}"}
        for number in range(20)
    ]
    write_csv(tmp_path / "answers.csv", answers)
    loaded = load(tmp_path)["surveys"]
    assert {(row["survey_type"], row["scale_min"], row["scale_max"]) for row in loaded} == {
        ("csat", Decimal(1), Decimal(10))
    }


def test_a_draft_whose_order_key_is_made_of_the_row_loads_customers_of_their_last_row(tmp_path: Path) -> None:
    lands = ("Austria", "Germany", "France")
    rows = [
        {
            "c1": f"K{number % 12:03}",
            "c2": f"2026-02-{number // 3 + 1:02}",
            "c3": f"{number % 13}.25",
            "c4": lands[number // 12 % 3],
        }
        for number in range(60)
    ]
    write_csv(tmp_path / "sales.csv", rows)
    loaded = load(tmp_path)
    assert "row_number()" in (tmp_path / "mapping.yml").read_text()
    assert len({row["order_id"] for row in loaded["orders"]}) == len(rows)
    last = {row["c1"]: row["c4"] for row in rows}
    assert same(loaded["customers"], [{"customer_id": name, "country": land} for name, land in last.items()])


def test_every_canonical_column_has_a_role_and_every_word_names_one() -> None:
    assert ROLES.keys() == ENTITIES.keys()
    for entity, roles in ROLES.items():
        # a column without a role is in no draft, and is never offered for one that was left out
        assert roles.keys() == {column.name for column in columns(ENTITIES[entity])}, entity
        words = [word for role in roles.values() for word in role.words.split("|")]
        assert [word for word, times in Counter(words).items() if times > 1] == [], entity


# ---- how a CSV file is written


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    encoding=st.sampled_from(["utf-8", "windows-1252", "utf-16"]),
    above=st.integers(0, 3),
    has_header=st.booleans(),
    values=st.lists(
        st.tuples(st.text("abé,;|\" '\t", max_size=8), st.integers(0, 99), st.dates()), min_size=3, max_size=12
    ),
)
def test_the_dialect_that_a_file_was_written_in_is_found(
    tmp_path: Path, delimiter: str, encoding: str, above: int, has_header: bool, values: list[tuple[Any, ...]]
) -> None:
    file = tmp_path / "file.csv"
    text = io.StringIO()
    text.writelines("Exported by a shop é\n" for _ in range(above))
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_MINIMAL)
    if has_header:
        writer.writerow(["Notiz", "Menge", "Datum"])
    writer.writerows(("é" + note, number, day.isoformat()) for note, number, day in values)
    file.write_bytes(text.getvalue().encode(encoding))
    names = () if has_header else ("column_1", "column_2", "column_3")
    assert read_dialect(file) == Dialect(encoding, delimiter, '"', above, names)


def test_commas_in_texts_are_no_delimiter(tmp_path: Path) -> None:
    file = tmp_path / "file.csv"
    file.write_text("tea, loose, green;1;2026-02-01\ntea, loose, black;2;2026-02-02\n")
    assert read_dialect(file).delimiter == ";"


def test_a_header_that_names_a_column_twice_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "file.csv"
    file.write_text("id,name,name\n1,Ann,Lee\n2,Bob,Ray\n")
    assert read_dialect(file).options() == {"skip": 1, "header": ("id", "name", "name_2")}


# ---- the command


def test_the_command_writes_a_mapping_and_reports_what_it_loads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    people = [{"customer_id": f"A{number}", "email": f"a{number}@mail.invalid"} for number in range(99)]
    write_csv(tmp_path / "customers.csv", [*people, people[0]])
    assert main([str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "customers: 99 rows, 1 rejected" in out
    assert "1 × customer_id is there more than once" in out
    assert read_mapping(tmp_path / "mapping.yml").entities.keys() == {"customers"}


def test_a_mapping_that_is_there_stays_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_csv(tmp_path / "customers.csv", [{"customer_id": "A1", "email": "a@mail.invalid"}] * 3)
    (tmp_path / "mapping.yml").write_text("mine")
    assert main([str(tmp_path)]) == 1
    captured = capsys.readouterr().err
    assert captured.count("\n") == 1
    assert "is there already and stays as it is" in captured
    assert (tmp_path / "mapping.yml").read_text() == "mine"


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, "no CSV, Parquet or JSON lines file"),
        ({"empty.csv": b""}, "empty.csv: it cannot be read as CSV: it is empty"),
        ({"broken.parquet": b"PAR1"}, "broken.parquet"),
        ({"words.csv": b"a,b\nx,y\n"}, "words.csv: no column holds dates"),
    ],
)
def test_a_folder_without_anything_to_map_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], files: dict[str, bytes], says: str
) -> None:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    assert main([str(tmp_path)]) == 1
    captured = capsys.readouterr().err
    assert captured.count("\n") == 1
    assert says in captured
    assert not (tmp_path / "mapping.yml").exists()
