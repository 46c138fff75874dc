"""A range of partitions is one run that reads these days of each account again, and of no other source."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest
from dagster import DagsterInstance, ExecuteInProcessResult, materialize

from dagster_project.defs.read_again import days
from dagster_project.resources import Refresh
from ingestion import config, pipelines
from ingestion.config import Account
from ingestion.days import DaysError
from ingestion.http import Problem, VendorError
from ingestion.intake import Intake

DENIED = VendorError("stripe: GET /events: who are you?", status=401, problem=Problem("who are you?"))


class NoRefresh(Refresh):
    """Neither lock nor summary: only the reading is tried."""

    @contextmanager
    def yield_for_execution(self, context) -> Iterator[Refresh]:
        yield self


class Readings:
    """What was asked for, and the errors of accounts."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, date, date]] = []
        self.errors: dict[str, Exception] = {}

    def read_again(self, name: str, account: str, first: date, last: date) -> Intake:
        self.asked.append((name, account, first, last))
        if account in self.errors:
            raise self.errors[account]
        intake = Intake(name)
        intake.received["subscription_events"], intake.loaded["subscription_events"] = 3, 3
        return intake


@pytest.fixture
def readings(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Readings:
    found = Readings()
    monkeypatch.setattr(pipelines, "read_again", found.read_again)
    monkeypatch.setattr(config, "accounts_of", lambda source: (Account(source), Account(source, "uk")))
    return found


def run(source: str, first: str, last: str) -> tuple[ExecuteInProcessResult, str]:
    """A run over a range of partitions, as `dg launch --partition-range` starts it; and why it failed."""
    with DagsterInstance.ephemeral() as instance:
        done = materialize(
            [days._read_again(source)],
            resources={"refresh": NoRefresh()},
            instance=instance,
            tags={"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last},
            raise_on_error=False,
        )
    causes = [str(event.event_specific_data) for event in done.all_events if event.is_failure]
    return done, "".join(causes)


def test_a_range_of_partitions_is_one_reading_of_its_days_for_each_account(readings: Readings) -> None:
    done, _ = run("stripe", "2026-10-01", "2026-10-07")

    assert done.success
    assert readings.asked == [("stripe", account, date(2026, 10, 1), date(2026, 10, 7)) for account in ("", "uk")]
    made = done.asset_materializations_for_node("read_again__stripe")
    assert [each.partition for each in made] == [f"2026-10-0{day}" for day in range(1, 8)]
    assert made[0].metadata["received"].value == 6


def test_an_account_that_cannot_be_read_fails_the_run_after_its_sibling_was(readings: Readings) -> None:
    readings.errors = {"": DENIED}
    done, said = run("stripe", "2026-10-01", "2026-10-07")

    assert not done.success and "who are you?" in said
    assert [account for _, account, _, _ in readings.asked] == ["", "uk"]


def test_days_that_no_vendor_can_tell_of_end_the_run_with_their_sentence(readings: Readings) -> None:
    readings.errors = {"": DaysError("stripe: begin with 2026-10-02 or later.")}
    done, said = run("stripe", "2026-10-01", "2026-10-07")

    assert not done.success and "stripe: begin with 2026-10-02 or later." in said
    assert len(readings.asked) == 1


def test_a_source_that_is_disabled_is_not_read(readings: Readings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "accounts_of", lambda source: ())
    done, said = run("stripe", "2026-10-01", "2026-10-07")

    assert not done.success and "stripe is disabled" in said and readings.asked == []


def test_there_is_an_asset_for_each_source_that_can_be_asked_for_days() -> None:
    assets = [each for each in days.defs().assets or []]

    assert {each.key.to_user_string() for each in assets} == {
        f"read_again/{source}" for source in ("meta_ads", "respond_io", "stripe", "whatsapp")
    }
