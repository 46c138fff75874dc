"""When each account was last loaded, and why its latest load failed.

Belongs here: the note that a failed load leaves in the warehouse, and what follows from it and from `load_audit`. Does
not: which errors are an account's own (`failures`), what a stale account means for a publication (Dagster, `serving`).

The note lies beside the raw tables, so that it is restored together with them, and stays until the account is loaded,
by whichever command. No clock decides whether a failure or a load came later.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import duckdb

from ingestion import config
from ingestion.config import Account
from ingestion.tables import LOAD_AUDIT

NOTES = "_failed_loads"
NEVER_LOADED = "it was not loaded yet"


@dataclass(frozen=True)
class Freshness:
    """What the warehouse holds of an account.

    Attributes:
        account: whose rows these are.
        loaded_at: when its last complete load ended, UTC; None: there was none.
        loaded_as_of: the instant that this load called now, UTC.
        reason: why there is no news of it, in words that anyone may read; None: its latest load succeeded.
    """

    account: Account
    loaded_at: datetime | None = None
    loaded_as_of: datetime | None = None
    reason: str | None = None


def note_failure(account: Account, reason: str) -> None:
    """Keep that the latest load of an account failed, and why, in words that anyone may read."""
    schema = config.dataset_name(account.source)
    with duckdb.connect(str(config.warehouse_path())) as connection:
        connection.execute(f"create schema if not exists {schema}")
        connection.execute(
            f"create table if not exists {schema}.{NOTES} (source_account varchar primary key, reason varchar)"
        )
        connection.execute(f"insert or replace into {schema}.{NOTES} values (?, ?)", [account.name, reason])


def note_success(account: Account) -> None:
    """Forget the failure of an account: its latest load succeeded."""
    schema = config.dataset_name(account.source)
    with duckdb.connect(str(config.warehouse_path())) as connection:
        if _exists(connection, schema, NOTES):
            connection.execute(f"delete from {schema}.{NOTES} where source_account = ?", [account.name])


def freshness(accounts: Iterable[Account]) -> list[Freshness]:
    """What the warehouse holds of each of the accounts."""
    accounts = list(accounts)
    if not accounts:
        return []  # opening the build file reads its whole catalog
    if not config.warehouse_path().exists():
        return [Freshness(account, reason=NEVER_LOADED) for account in accounts]
    with duckdb.connect(str(config.warehouse_path()), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        return [_freshness(connection, account) for account in accounts]


def _freshness(connection: duckdb.DuckDBPyConnection, account: Account) -> Freshness:
    schema = config.dataset_name(account.source)
    loaded_at = loaded_as_of = reason = None
    if _exists(connection, schema, LOAD_AUDIT.name):
        loaded_at, loaded_as_of = connection.execute(
            # loads of older versions of the project do not say as of when they were
            "select epoch_us(max(finished_at)), epoch_us(max(coalesce(loaded_as_of, finished_at))) "
            f"from {schema}.{LOAD_AUDIT.name} where coalesce(source_account, '') = ? "
            # a replay reads from no vendor, and days that are read again say nothing of what came after them
            "and replayed is null and read_again_from is null",
            [account.name],
        ).fetchall()[0]
    if _exists(connection, schema, NOTES):
        noted = f"select reason from {schema}.{NOTES} where source_account = ?"
        reason = next((found for (found,) in connection.execute(noted, [account.name]).fetchall()), None)
    if loaded_at is None:
        reason = reason or NEVER_LOADED
    return Freshness(account, _instant(loaded_at), _instant(loaded_as_of), reason)


def _instant(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)


def _exists(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> bool:
    found = "select count(*) from duckdb_tables() where schema_name = ? and table_name = ?"
    return bool(connection.execute(found, [schema, table]).fetchall()[0][0])
