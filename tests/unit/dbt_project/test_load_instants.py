"""The instant of a load is read from its id to the microsecond, however many digits the id has."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

import duckdb
import pytest

from tests.unit.dbt_project.compiling import compiled, dbt_environment

START = datetime(1970, 1, 1)


def test_no_microsecond_is_lost(tmp_path_factory: pytest.TempPathFactory) -> None:
    with dbt_environment(tmp_path_factory.mktemp("instants")):
        sql = compiled("select id, {{ load_instant('id') }} from ids")
    chance = random.Random(1)
    today = int(datetime(2026, 11, 26, tzinfo=UTC).timestamp())
    ids = [f"{today + chance.randrange(10**9)}.{chance.randrange(10**7)}" for _ in range(5000)]
    ids += ["1795660182.1020305", "1795660182", "1795660182.5"]

    with duckdb.connect() as connection:
        connection.execute("create table ids as select unnest(?::text[]) as id", [ids])
        found = connection.execute(sql).fetchall()

    def expected(load_id: str) -> datetime:
        microseconds = (Decimal(load_id) * 10**6).quantize(Decimal(1), ROUND_HALF_UP)
        return START + timedelta(microseconds=int(microseconds))

    assert [(load_id, instant) for load_id, instant in found if instant != expected(load_id)] == []
