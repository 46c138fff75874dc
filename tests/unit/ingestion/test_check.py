"""Asking all sources at once: who is silent keeps nobody, whatever goes wrong is told by one line."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest

from ingestion import check
from ingestion.check import Finding
from ingestion.config import Account
from ingestion.http import Client, Problem, VendorError
from ingestion.sources import SOURCE_NAMES

STRIPE = Account("stripe")


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The check of each source, as a test writes it; the settings of all of them can be read."""
    found: dict[str, Any] = {}
    monkeypatch.setattr(check, "_check_of", lambda account: found.get(str(account)))
    read = SimpleNamespace(refusals=list, read=lambda: None)
    monkeypatch.setattr(check.config, "settings_of", lambda account: read)
    return found


@pytest.mark.parametrize("name", SOURCE_NAMES)
def test_every_source_that_is_shipped_has_a_check(name: str) -> None:
    assert inspect.isgeneratorfunction(import_module(f"ingestion.sources.{name}.check").check)


def test_a_silent_source_keeps_nobody_and_what_it_said_before_is_told(checks: dict[str, Any]) -> None:
    ends, waiting = threading.Event(), list[threading.Thread]()

    def silent(settings: Any) -> Iterator[Finding]:
        yield Finding(check.TOKEN, "accepted")
        waiting.append(threading.current_thread())
        ends.wait()

    checks["stripe"], checks["hubspot"] = silent, lambda settings: iter([Finding(check.REACHED, "yes")])
    before = datetime.now(UTC)

    found = check.ask([STRIPE, Account("hubspot")], seconds=0.3)

    ends.set()
    assert waiting[0].daemon  # the command ends without it
    assert datetime.now(UTC) - before < timedelta(seconds=5)
    assert [(each.asked, each.state) for each in found[STRIPE]] == [("token", "ok"), ("reached", "failed")]
    assert "stripe did not answer everything within 0 s" in found[STRIPE][1].advice
    assert [each.answer for each in found[Account("hubspot")]] == ["yes"]


def test_all_are_asked_at_the_same_time(checks: dict[str, Any]) -> None:
    meeting = threading.Barrier(3, timeout=10)

    def together(settings: Any) -> Iterator[Finding]:
        meeting.wait()
        yield Finding(check.REACHED, "yes")

    accounts = [Account("stripe"), Account("shopify"), Account("shopify", "outlet")]
    for account in accounts:
        checks[str(account)] = together

    assert {each.state for findings in check.ask(accounts).values() for each in findings} == {"ok"}


def test_what_nobody_expected_of_one_source_is_told_and_the_others_are_asked(checks: dict[str, Any]) -> None:
    def broken(settings: Any) -> Iterator[Finding]:
        yield Finding(check.TOKEN, "accepted")
        raise KeyError("shape")

    checks["stripe"], checks["hubspot"] = broken, lambda settings: iter([Finding(check.REACHED, "yes")])

    found = check.ask([STRIPE, Account("hubspot")])

    assert found[STRIPE][1].state == "failed" and "KeyError: 'shape'" in found[STRIPE][1].advice
    assert found[Account("hubspot")][0].state == "ok"


def test_a_source_without_a_check_is_to_look_at(checks: dict[str, Any]) -> None:
    (finding,) = check.ask([STRIPE])[STRIPE]

    assert (finding.answer, finding.state) == ("not asked", "warning")


def test_each_setting_that_is_missing_or_cannot_work_is_a_line_and_nobody_is_asked(monkeypatch) -> None:
    monkeypatch.setenv("SOURCES__HUBSPOT__INITIAL_DATE", "31.1.2025")
    monkeypatch.setenv("SOURCES__HUBSPOT__WHOLE_READ_DAYS", "seven")
    monkeypatch.setattr(check, "_check_of", lambda account: pytest.fail)

    (findings,) = check.ask([Account("hubspot")]).values()

    assert {finding.state for finding in findings} == {"failed"}
    said = [finding.advice for finding in findings]
    for name in (
        "access_token is missing",
        "base_url is missing",
        "INITIAL_DATE='31.1.2025'",
        "WHOLE_READ_DAYS='seven'",
    ):
        assert len([line for line in said if name in line]) == 1
    assert len(said) == 4


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (VendorError("v: GET /: no answer"), [("reached", "failed")]),
        (VendorError("v: GET /: denied", status=401), [("reached", "ok"), ("token", "failed")]),
        (VendorError("v: GET /: moved", status=302), [("reached", "failed")]),
        (
            VendorError("v: GET /: denied", status=403, problem=Problem("denied", lacks=("read_all",))),
            [("reached", "ok"), ("scopes", "failed")],
        ),
        (VendorError("v: GET /: slow down", status=429), [("reached", "failed")]),
    ],
)
def test_a_refusal_tells_whether_it_is_the_network_the_token_or_a_scope(checks, error, told) -> None:
    def refusing(settings: Any) -> Iterator[Finding]:
        raise error
        yield

    checks["stripe"] = refusing

    found = check.ask([STRIPE])[STRIPE]

    assert [(each.asked, each.state) for each in found] == told
    assert found[-1].advice == str(error)


def test_what_is_missing_is_collected_and_any_other_refusal_is_not_taken_for_it() -> None:
    def refuse(status: int, *lacks: str) -> Callable[[], Any]:
        def ask() -> Any:
            raise VendorError("no", status=status, problem=Problem("no", lacks=lacks))

        return ask

    questions = {
        "a": refuse(403, "read_a", "read_all"),
        "b": lambda: None,
        "c": refuse(403),
        "d": refuse(200, "read_d"),
    }
    assert [name for name, _ in check.lacking(questions)] == ["read_a or read_all", "reading c", "read_d"]

    with pytest.raises(VendorError):
        list(check.lacking({"a": refuse(500)}))


@pytest.mark.parametrize(
    ("ahead", "answer", "state"),
    [
        (timedelta(minutes=9), "agrees", "ok"),
        (timedelta(minutes=-9), "agrees", "ok"),
        (timedelta(minutes=11), "wrong", "failed"),
        (timedelta(hours=-2), "wrong", "failed"),
    ],
)
def test_our_clock_is_held_against_the_vendors(
    checks, web, monkeypatch, ahead: timedelta, answer: str, state: str
) -> None:
    monkeypatch.delenv("LIFECYCLE_AS_OF")
    date = format_datetime(datetime.now(UTC) - ahead, usegmt=True)
    web.get("https://vendor.example/", json={}, headers={"Date": date})

    def asking(settings: Any) -> Iterator[Finding]:
        client = Client("vendor", "https://vendor.example", {})
        client.get("/")
        yield check.clock(client)

    checks["stripe"] = asking
    found = check.ask([STRIPE])[STRIPE][-1]

    assert (found.asked, found.answer, found.state) == ("clock", answer, state)
    assert ("clock" in found.advice) == (state == "failed")


@pytest.mark.parametrize("headers", [{"Date": ""}, {"Date": "yesterday"}])
def test_a_vendor_that_does_not_date_its_answer_tells_nothing_of_the_clock(web, headers) -> None:
    web.get("https://vendor.example/", json={}, headers=headers)
    client = Client("vendor", "https://vendor.example", {})
    assert check.clock(client).answer == "not told"  # before the first answer, too
    client.get("/")

    assert check.clock(client) == Finding("clock", "not told")
