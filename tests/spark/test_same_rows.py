"""Whether Spark and DuckDB come to the same marts: from nothing, and after a day that is built upon what was there."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import pytest

from tests.integration.refreshing import Company
from tests.spark.conftest import Engines
from tests.spark.engines import OnSpark, differences, published_file, take_build_file

ONLINE_RETAIL = Path(__file__).resolve().parents[3] / "shared/data/online_retail.parquet"


def test_a_first_build_is_the_same(engines: Engines) -> None:
    assert differences(published_file(engines.duckdb), published_file(engines.spark)) == {}


def test_models_are_edited_on_a_copy_of_what_spark_built(engines: Engines) -> None:
    """`make dbt` builds by DuckDB, with views that only Spark had."""
    done = engines.spark.run(sys.executable, "-m", "dagster_project.dbt_command", "build", "--select", "customer_360")
    assert done.returncode == 0, done.stdout + done.stderr
    with duckdb.connect(str(engines.spark.data / "dev" / "warehouse.duckdb"), read_only=True) as copy:
        copy.execute(f"attach '{published_file(engines.spark)}' as published (read_only)")
        both_ways = "(from {0} except all from {1}) union all (from {1} except all from {0})"
        differing = copy.execute(both_ways.format("marts.customer_360", "published.marts.customer_360")).fetchall()
    assert differing == []


def test_what_a_difference_is(engines: Engines, tmp_path: Path) -> None:
    """Each kind of change to one value of a copy is seen, so that an empty answer says something."""
    changes = {
        "customer_360": "update marts.customer_360 set person_id = 'nobody' where rowid = 0",
        "lifecycle_explanations": "update marts.lifecycle_explanations set measures = '{}' where rowid = 0",
        "lifecycle_stage_history": "delete from marts.lifecycle_stage_history where rowid = 0",
        "customer_value": "update marts.customer_value set last_purchase_age_days = 7.000001 where rowid = 0",
    }
    copy = tmp_path / "lifecycle.duckdb"
    copy.write_bytes(published_file(engines.spark).read_bytes())
    copy.chmod(0o600)
    with duckdb.connect(str(copy)) as connection:
        for change in changes.values():
            connection.execute(change)
    assert differences(published_file(engines.spark), copy).keys() == changes.keys()


def test_the_next_day_is_the_same(engines: Engines) -> None:
    done = engines.duckdb.run(sys.executable, "-m", "sandbox", "advance", "--days", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    done = engines.duckdb.refresh()
    assert done.returncode == 0, done.stdout + done.stderr
    before = published_file(engines.spark)
    take_build_file(engines.duckdb, engines.spark, publications=False)
    done = engines.spark.refresh()
    assert done.returncode == 0, done.stdout + done.stderr
    assert published_file(engines.spark) != before
    assert differences(published_file(engines.duckdb), published_file(engines.spark)) == {}


@pytest.mark.skipif(not ONLINE_RETAIL.exists(), reason=f"the real order book is not there: {ONLINE_RETAIL}")
def test_a_real_order_book_is_the_same(engines: Engines, tmp_path: Path) -> None:
    """Online Retail on the cluster that runs already, in folders of its own."""
    root = Path(__file__).resolve().parents[2]
    settings = {
        "LIFECYCLE_PROFILE": "production",
        "LIFECYCLE_SOURCES": "files",
        "LIFECYCLE_REPORTING_CURRENCY": "GBP",
        "LIFECYCLE_AS_OF": "2011-12-10T00:00:00Z",
        "SOURCES__FILES__MAPPINGS_PATH": str(root / "examples/online_retail"),
        "SOURCES__FILES__DATA_PATH": str(ONLINE_RETAIL.parent),
    }
    duckdb_company, spark_company = Company(tmp_path / "duckdb"), OnSpark(tmp_path / "spark")
    for company in (duckdb_company, spark_company):
        company.environment |= settings
    done = duckdb_company.refresh()
    assert done.returncode == 0, done.stdout + done.stderr
    take_build_file(duckdb_company, spark_company)
    engines.spark.cluster("down")
    try:
        spark_company.cluster("up")
        done = spark_company.refresh()
        assert done.returncode == 0, done.stdout + done.stderr
    finally:
        spark_company.cluster("down")
        engines.spark.cluster("up")
    assert differences(published_file(duckdb_company), published_file(spark_company)) == {}
