"""The stated cost of a subscription: dbt takes and refuses the same values as the start of a refresh."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from dagster_project import environment
from ingestion.config import SettingsError
from tests.unit.dbt_project.compiling import compiled, dbt_environment, invoke

VARIABLE = "LIFECYCLE_SUBSCRIPTION_COST_RATE"
INLINE = "select {{ subscription_cost_rate() }}"


@pytest.fixture(scope="module", autouse=True)
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Parsed once: no value is read before something is compiled."""
    with dbt_environment(tmp_path_factory.mktemp("project")):
        yield


@pytest.mark.parametrize("value", ["", " 0.2 ", ".25", "1"])
def test_a_share_is_read_alike(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(VARIABLE, value)
    with duckdb.connect() as connection:
        found = connection.execute(compiled(INLINE)).fetchone()

    assert found == (environment.settings().subscription_cost_rate,)


@pytest.mark.parametrize("value", ["1.2", "-0.1", "20%", "0.2); --"])
def test_anything_else_is_refused_alike(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(VARIABLE, value)

    assert f"{VARIABLE}='{value}': write a share from 0 to 1" in str(invoke(INLINE).exception)
    with pytest.raises(SettingsError, match="write a share from 0 to 1"):
        environment.settings()
