"""`make activate`: what it shows, what it sends, and that one sink's trouble is not another's."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from activation.ledger import look
from dagster_project.activate import main
from sandbox.running import SETTINGS_OF_SINKS
from tests.unit.activation.conftest import NOW, Vendors, publish, purchase, state
from tests.unit.activation.conftest import started as started
from tests.unit.activation.conftest import vendors as vendors


@pytest.fixture
def ledger(data_dir: Path, vendors: Vendors, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Path of the ledger of a company whose outbox is published, and whose sinks are the sandbox's."""
    monkeypatch.setenv("LIFECYCLE_AS_OF", NOW.isoformat())
    monkeypatch.setenv("LIFECYCLE_PROFILE", "sandbox")
    monkeypatch.delenv("ACTIVATION_SINKS", raising=False)
    for sink, thread in vendors.threads.items():
        server = vendors.servers[sink]
        settings = {"base_url": thread.url + server.base_path, "access_token": server.token, "token_url": thread.url}
        for name, value in {**settings, **SETTINGS_OF_SINKS[sink]}.items():
            monkeypatch.setenv(f"ACTIVATION__{sink}__{name}".upper(), value)
    (contact,) = vendors.record_ids("hubspot", 1)
    publish(
        data_dir / "serving",
        [
            purchase("meta", 1),
            purchase("meta", 2, held_back_reason="no consent"),
            purchase("tiktok", 1),
            state("hubspot", contact, "evangelist"),
        ],
    )
    yield data_dir / "activation" / "ledger.sqlite"


def test_without_sinks_it_shows_what_would_go_and_does_nothing(
    ledger: Path, vendors: Vendors, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([]) == 0

    said = capsys.readouterr().out
    assert "Dry run: nothing is sent." in said
    assert re.search(r"^meta +1 would go, 1 held back \(no consent 1\)$", said, re.MULTILINE)
    examples = [json.loads(line.partition("for instance ")[2]) for line in said.splitlines() if "for instance" in line]
    assert [each.get("event_id") for each in examples] == [None, "meta-1", "tiktok-1"]
    assert not ledger.exists()
    assert all(server.requests == 0 or not vendors.books.told(name) for name, server in vendors.servers.items())


def test_it_tells_the_sinks_that_are_named_and_no_other(
    ledger: Path, vendors: Vendors, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ACTIVATION_SINKS", "meta, hubspot")

    assert main([]) == 0

    assert "meta        confirmed 1; held back: no consent 1" in capsys.readouterr().out
    assert {entry.sink for entry in look(ledger).values()} == {"meta", "hubspot"}
    assert vendors.books.told("tiktok") == []


def test_a_sink_that_stops_is_named_and_the_others_go_on(
    ledger: Path, vendors: Vendors, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ACTIVATION_SINKS", "hubspot,meta,tiktok")
    monkeypatch.delenv("ACTIVATION__HUBSPOT__ACCESS_TOKEN")
    monkeypatch.setenv("ACTIVATION__META__ACCESS_TOKEN", "a-token-of-last-year")

    assert main([]) == 1

    said = capsys.readouterr().out
    assert "hubspot     stopped: hubspot: the secret access_token is missing" in said
    assert re.search(r"^meta +stopped: the access token is not valid any more", said, re.MULTILINE)
    assert "a-token-of-last-year" not in said
    assert len(vendors.books.told("tiktok")) == 1


def test_what_nobody_knows_is_listed_until_a_person_decides(
    ledger: Path,
    data_dir: Path,
    vendors: Vendors,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    publish(data_dir / "serving", [purchase("meta", 1, ctwa_clid="ARA1")])
    monkeypatch.setenv("ACTIVATION_SINKS", "meta")
    vendors.faults.add("meta", "no_answer")
    assert main([]) == 0
    assert "1 events were sent and nobody knows whether they arrived." in capsys.readouterr().out

    assert main(["--settle", "unknown=confirmed", "--sink", "meta"]) == 0

    assert "1 events were unknown and are confirmed." in capsys.readouterr().out
    assert [entry.state for entry in look(ledger).values()] == ["confirmed"]


@pytest.mark.parametrize("decision", ["unknown", "unknown=sent", "confirmed=pending"])
def test_what_cannot_be_decided_is_said(ledger: Path, decision: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--settle", decision]) == 1
    assert "Nothing was sent: " in capsys.readouterr().err


def test_in_the_sandbox_nobody_outside_is_told(
    ledger: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ACTIVATION_SINKS", "meta")
    monkeypatch.setenv("ACTIVATION__META__BASE_URL", "https://graph.facebook.com")

    assert main([]) == 1
    assert "the profile is sandbox and the sink meta points at graph.facebook.com" in capsys.readouterr().err


def test_without_a_publication_it_says_so(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("ACTIVATION_SINKS", raising=False)

    assert main([]) == 1
    assert "nothing is published yet: refresh first." in capsys.readouterr().err


def test_the_job_does_nothing_but_say_so_where_no_sink_is_named(
    ledger: Path, vendors: Vendors, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dagster_project.defs.activation import deliveries

    definitions = deliveries.defs()
    (job,) = definitions.jobs or []
    assert job.execute_in_process().success  # type: ignore[union-attr]
    assert not ledger.exists()

    monkeypatch.setenv("ACTIVATION_SINKS", "meta")
    assert job.execute_in_process().success  # type: ignore[union-attr]
    assert [entry.state for entry in look(ledger).values()] == ["confirmed"]
    assert "dagster/concurrency_key" not in job.tags  # type: ignore[union-attr]


@pytest.mark.parametrize(("profile", "is_on"), [("production", True), ("sandbox", False)])
def test_each_publication_begins_the_job_once(
    profile: str, is_on: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dagster import DagsterInstance, DefaultSensorStatus, asset, build_sensor_context, materialize

    from dagster_project.defs.activation import deliveries
    from dagster_project.steps import ACTIVATION_JOB, PUBLISHED

    @asset(key=[*PUBLISHED])
    def published() -> None: ...

    monkeypatch.setenv("LIFECYCLE_PROFILE", profile)
    definitions = deliveries.defs()
    (sensor,) = definitions.sensors or []
    assert (sensor.default_status == DefaultSensorStatus.RUNNING) is is_on  # type: ignore[union-attr]
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        cursor, begun = None, []
        for is_published in (False, True, False, True):
            if is_published:
                materialize([published], instance=instance)
            with build_sensor_context(
                instance=instance, cursor=cursor, repository_def=definitions.get_repository_def()
            ) as context:
                tick = sensor.evaluate_tick(context)  # type: ignore[union-attr]
                cursor = tick.cursor or cursor
                begun.append([request.run_key for request in tick.run_requests or []])

    assert [len(keys) for keys in begun] == [0, 1, 0, 1]
    assert begun[1] != begun[3]
    assert sensor.job_name == ACTIVATION_JOB  # type: ignore[union-attr]
