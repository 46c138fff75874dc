"""Any subset of the sources, and several accounts of them: every mart all the same."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest

from reports import FOLDER as REPORT
from reports.needs import NEEDS
from tests.integration.refreshing import PUBLISHED, Company
from tests.resilience import times
from tests.resilience.running import SmallCompany

# Gives every vendor a second account, which reads what the first one reads, and runs the rest of the command line.
TWICE = """
import os, sys
first = {name: value for name, value in os.environ.items() if name.startswith("SOURCES__") and "__FILES__" not in name}
second = {"__TWO__".join(name.rsplit("__", 1)): value for name, value in first.items()}
names = sorted({name.split("__")[1].lower() for name in first})
os.environ.update(second, LIFECYCLE_SOURCES=",".join(["files", *names, *(f"{name}.two" for name in names)]))
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
# Facts of the vendors that tell accounts apart, the system of each, and the id that begins with the account's name.
FACTS = {
    "core.fct_orders": ("shopify", "order_id"),
    "core.fct_subscriptions": ("stripe", "subscription_id"),
    "core.fct_deals": ("hubspot", "deal_id"),
    "intermediate.int_conversations__screened": ("respond_io", "conversation_id"),
    "intermediate.int_messages__screened": ("respond_io", "message_id"),
}


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory, parsed_project: Path) -> Iterator[tuple[Company, str]]:
    """Two shops and files, refreshed once, with what the refresh said."""
    company = SmallCompany(tmp_path_factory.mktemp("shops"))
    company.begin_parsed(parsed_project)
    company.environment["LIFECYCLE_SOURCES"] = "shopify,shopify.outlet,files"
    company.environment["SANDBOX_SECOND_SHOP_PEOPLE"] = "20"
    done = company.refresh()
    assert done.returncode == 0, done.stdout + done.stderr
    yield company, done.stdout


def test_any_subset_of_sources_makes_every_mart(shops: tuple[Company, str]) -> None:
    company, said = shops

    assert re.search(r"^hubspot\s+disabled", said, re.MULTILINE)
    publication = company.published()
    assert publication.sources == ("files", "shopify", "shopify.outlet")
    assert sorted(publication.rows) == PUBLISHED
    assert publication.rows["customer_value"] > 0
    assert company.rows("select count(*) from raw_hubspot.contacts") == [(0,)]
    pages = {path.name: path.read_text() for path in publication.path.with_name(REPORT).glob("*.html")}
    assert NEEDS["deals"].en in pages["sales.html"] and NEEDS["subscriptions"].fr in unescape(pages["leaving.fr.html"])


def test_each_account_is_counted_for_itself(shops: tuple[Company, str]) -> None:
    company, said = shops

    counted = dict(re.findall(r"^(shopify(?:\.outlet)?)\s+([\d,]+)", said, re.MULTILINE))
    assert counted.keys() == {"shopify", "shopify.outlet"}
    received = company.rows(
        "select source_account, sum(received) from raw_shopify.load_audit group by all order by all"
    )
    assert [int(counted[name].replace(",", "")) for name in sorted(counted)] == [count for _, count in received]
    rejected = (
        "select count(*) from ops.rejected_records where source_system = 'shopify' and source_account is not null"
    )
    assert company.rows(rejected)[0][0] > 0


def test_equal_ids_of_two_shops_are_two_orders_and_the_customers_of_both_one_person(shops: tuple[Company, str]) -> None:
    company, _ = shops

    equal_ids = "select id from raw_shopify.orders where source_account = ''"
    equal_ids += " intersect select id from raw_shopify.orders where source_account = 'outlet'"
    assert len(company.rows(equal_ids)) > 10
    orders = "select count(*), count(distinct order_id) from core.fct_orders where source_system = 'shopify'"
    loaded = """
        select count(distinct (source_account, id)) from raw_shopify.orders
        where not test and (source_account, id) not in (select (source_account, subject_id) from raw_shopify.deletions)
    """
    (loaded_count,) = company.rows(loaded)[0]
    assert company.rows(orders) == [(loaded_count, loaded_count)]
    of_both = """
        select count(*) from marts.customer_360
        where source_systems like '%shopify,%shopify.outlet%' or source_systems like '%shopify.outlet,%shopify%'
    """
    assert company.rows(of_both)[0][0] > 10


@pytest.mark.skipif(not times(0, 1), reason="one account shows it in make test: make resilience refreshes two")
def test_a_second_refresh_of_both_changes_nothing(shops: tuple[Company, str]) -> None:
    company, _ = shops
    done = company.refresh()

    assert done.returncode == 0, done.stdout + done.stderr
    assert "no row of any mart changed" in done.stdout


def test_two_accounts_of_every_vendor_are_two_of_everything_and_the_same_people(
    tmp_path: Path, parsed_project: Path
) -> None:
    """The same records under two names: facts double, and people, agents and what ads cost do not."""
    company = SmallCompany(tmp_path)
    company.begin_parsed(parsed_project)
    done = company.run(sys.executable, "-c", TWICE, "-m", "dagster_project.refresh", sandbox=True)
    assert done.returncode == 0, done.stdout + done.stderr

    for table, (system, key) in FACTS.items():
        halves = company.rows(
            f"select starts_with({key}, '{system}:two:') as is_second, count(*) from {table}"
            f" where starts_with({key}, '{system}:') group by all order by all"
        )
        assert [is_second for is_second, _ in halves] == [False, True], table
        assert halves[0][1] == halves[1][1], table
    people = company.rows(
        "select count(*), count(*) filter (where source_systems like '%shopify.two%') from core.dim_persons"
        " where regexp_matches(source_systems, '(^|,)shopify(,|$)')"
    )
    assert people[0][0] == people[0][1] > 20
    spend = "select count(*), count(distinct (account_id, ad_id, date_start)) from raw_meta_ads.ad_insights"
    ((rows, days),) = company.rows(f"{spend} where _dlt_valid_to is null")
    ad_rows = company.rows("select count(*) from core.fct_ad_spend where platform = 'meta_ads'")
    assert (rows, ad_rows) == (2 * days, [(days,)])
