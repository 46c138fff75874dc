"""What makes a refresh build and publish again, and what does not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from dagster import DagsterRun

from dagster_project import environment, news
from dagster_project.steps import JOB
from ingestion import config
from ingestion.config import Account
from ingestion.freshness import note_failure
from serving.publish import publish
from tests.postgres import execute

A_LOAD = "insert into raw_shopify.load_audit values ('', '2026-01-01', '2026-01-01', null, null)"
AS_OF = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def published(data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("LIFECYCLE_SOURCES", "shopify")
    monkeypatch.setenv("LIFECYCLE_AS_OF", AS_OF.isoformat())
    made_by = tmp_path / "project"
    for folder in news.MADE_BY:
        (made_by / folder).mkdir(parents=True)
    monkeypatch.setattr(news, "PROJECT_ROOT", made_by)
    with duckdb.connect(str(config.warehouse_path())) as connection:
        connection.execute("create schema marts; create schema raw_shopify")
        connection.execute("create table marts.one as select 1 as id")
        connection.execute(
            "create table raw_shopify.orders (id bigint, _dlt_valid_from timestamp, _dlt_valid_to timestamp, "
            "_dlt_load_id varchar); insert into raw_shopify.orders values (1, '2026-01-01', null, '1.0')"
        )
        connection.execute("create table raw_shopify.deletions (id bigint, _dlt_load_id varchar)")
        connection.execute(
            "create table raw_shopify.load_audit (source_account varchar, finished_at timestamp, "
            "loaded_as_of timestamp, replayed varchar, read_again_from date)"
        )
        connection.execute(A_LOAD)
    return publish_again()


def publish_again() -> str:
    version = publish(
        config.warehouse_path(),
        environment.serving_dir(),
        marts=["one"],
        as_of=AS_OF,
        sources=news.sources(),
        postgres=environment.postgres(),
    ).version
    news.note(version)
    return version


def run_sql(statement: str) -> Callable[[Path, pytest.MonkeyPatch], None]:
    def run(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with duckdb.connect(str(config.warehouse_path())) as connection:
            connection.execute(statement)

    return run


def set_to(name: str, value: str) -> Callable[[Path, pytest.MonkeyPatch], None]:
    return lambda data_dir, monkeypatch: monkeypatch.setenv(name, value)


def edit_a_model(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (news.PROJECT_ROOT / "dbt_project" / "one.sql").write_text("select 2")


def lose_the_link(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (environment.serving_dir() / "current").unlink()


NEWS = {
    "a row": run_sql("insert into raw_shopify.orders values (2, '2026-01-02', null, '2.0')"),
    "a row retired": run_sql("update raw_shopify.orders set _dlt_valid_to = '2026-01-02'"),
    "a version in the place of another": run_sql(
        "update raw_shopify.orders set _dlt_valid_from = '2026-01-02', _dlt_load_id = '2.0'"
    ),
    "a fact": run_sql("insert into raw_shopify.deletions values (1, '2.0')"),
    "a later now": set_to("LIFECYCLE_AS_OF", "2026-01-02T00:00:01Z"),
    "another setting": set_to("LIFECYCLE_SUBSCRIPTION_COST_RATE", "0.3"),
    "another source": set_to("LIFECYCLE_SOURCES", "shopify,files"),
    "a source that failed": lambda data_dir, monkeypatch: note_failure(Account("shopify"), "it is down"),
    "an edited model": edit_a_model,
    "another version published, as by a roll-back": lose_the_link,
    "a note that was cut short": lambda data_dir, monkeypatch: (data_dir / "published_from.json").write_text('{"ver'),
}


@pytest.mark.parametrize("what", NEWS)
def test_each_of_these_is_a_reason_to_build(
    published: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    assert news.version_of_the_same() == published

    NEWS[what](data_dir, monkeypatch)

    assert news.version_of_the_same() is None


def test_a_load_without_a_record_is_no_news(published: str) -> None:
    with duckdb.connect(str(config.warehouse_path())) as connection:
        connection.execute(A_LOAD)
        connection.execute(
            "create schema raw_shopify_staging; create table raw_shopify_staging.orders as select 1 as id"
        )

    assert news.version_of_the_same() == published


def test_what_was_published_before_is_not_what_is_published(published: str) -> None:
    with duckdb.connect(str(config.warehouse_path())) as connection:
        connection.execute("insert into raw_shopify.orders values (2, '2026-01-02', null, '2.0')")
    later = publish_again()
    assert news.version_of_the_same() == later != published


def test_after_an_erasure_as_many_publications_follow_as_it_takes(published: str) -> None:
    """PostgreSQL keeps the version before, and with it what could not be cleaned there."""
    news.owe(2)
    assert news.version_of_the_same() is None
    publish_again()
    assert news.version_of_the_same() is None
    version = publish_again()
    assert news.version_of_the_same() == version


def test_a_build_that_was_not_published_is_built_again(published: str) -> None:
    """Also if nothing is new any more: an edited model that failed half-way, and was put back."""
    news.owe(1)
    assert news.version_of_the_same() is None
    version = publish_again()
    assert news.version_of_the_same() == version


def test_a_build_settles_no_debt_that_it_did_not_make(published: str) -> None:
    news.owe(2)
    news.owe(1)
    publish_again()
    assert news.version_of_the_same() is None


def test_a_version_that_postgresql_lacks_or_shows_to_others_is_published_there(
    published: str, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVING_POSTGRES_URL", postgres)
    assert news.version_of_the_same() is None
    version = publish_again()
    assert news.version_of_the_same() == version

    monkeypatch.setenv("SERVING_POSTGRES_READERS", "someone")
    assert news.version_of_the_same() is None
    monkeypatch.setenv("SERVING_POSTGRES_READERS", "")
    execute(postgres, "drop schema marts cascade")
    assert news.version_of_the_same() is None
    monkeypatch.setenv("SERVING_POSTGRES_URL", "")
    assert news.version_of_the_same() == version


def test_whoever_selects_steps_wants_them_done(published: str) -> None:
    whole = DagsterRun(JOB, run_id="1")
    assert news.unchanged_version(whole) == published
    assert news.unchanged_version(DagsterRun(JOB, run_id="2", asset_selection=frozenset())) is None
    assert news.unchanged_version(DagsterRun("read_again", run_id="3")) is None
