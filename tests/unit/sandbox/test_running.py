from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import requests

from ingestion.config import SettingsError
from sandbox.__main__ import main
from sandbox.running import ServerError, running_sandbox
from sandbox.servers.base import Call
from sandbox.settings import DAY, SandboxSettingsError, company_settings, load_state, server_settings

TELL = """
import json, os, sys
names = [n for n in os.environ if n.startswith(("SOURCES__", "LIFECYCLE_"))]
json.dump({n: os.environ[n] for n in names}, open(sys.argv[1], "w"))
sys.exit(int(sys.argv[2]))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIFECYCLE_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("LIFECYCLE_AS_OF", raising=False)
    for name, value in (("PEOPLE", "15"), ("DAYS", "20"), ("SEED", "5")):
        monkeypatch.setenv(f"SANDBOX_{name}", value)
    return tmp_path / "sandbox"


def run(told: Path, code: int = 0) -> int:
    return main(["run", "--", sys.executable, "-c", TELL, str(told), str(code)])


def test_run_gives_the_environment_and_the_exit_code_of_the_command(folder: Path, tmp_path: Path) -> None:
    told = tmp_path / "told.json"
    assert run(told) == 0
    environment = json.loads(told.read_text())
    assert environment["LIFECYCLE_AS_OF"] == "2026-10-31T06:00:00Z"
    assert environment["LIFECYCLE_REPORTING_CURRENCY"] == "EUR"
    assert environment["LIFECYCLE_SUBSCRIPTION_COST_RATE"] == "0.2"
    for vendor in ("META_ADS", "HUBSPOT", "SHOPIFY", "RESPOND_IO"):
        assert environment[f"SOURCES__{vendor}__BASE_URL"].startswith("http://127.0.0.1:")
        assert environment[f"SOURCES__{vendor}__ACCESS_TOKEN"]
    assert environment["SOURCES__STRIPE__BASE_URL"].endswith("/v1") and environment["SOURCES__STRIPE__API_KEY"]
    for name in ("RESPOND_IO__INBOX_PATH", "WHATSAPP__INBOX_PATH", "FILES__MAPPINGS_PATH", "FILES__DATA_PATH"):
        assert any(Path(environment[f"SOURCES__{name}"]).iterdir())
    with pytest.raises(requests.ConnectionError):  # the servers are gone
        requests.get(environment["SOURCES__HUBSPOT__BASE_URL"], timeout=2)
    assert run(told, 7) == 7


def test_a_command_that_does_not_exist_is_reported(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--", "no-such-command"]) == 127
    assert "no-such-command" in capsys.readouterr().err


def test_the_clock_moves_by_advance_and_goes_back_by_reset(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIFECYCLE_REPORTING_CURRENCY", "USD")
    monkeypatch.setenv("LIFECYCLE_SUBSCRIPTION_COST_RATE", "")
    told = tmp_path / "told.json"
    assert main(["advance", "--days", "3"]) == 0
    run(told)
    environment = json.loads(told.read_text())
    assert environment["LIFECYCLE_AS_OF"] == "2026-11-03T06:00:00Z"
    assert environment["LIFECYCLE_REPORTING_CURRENCY"] == "USD"
    assert environment["LIFECYCLE_SUBSCRIPTION_COST_RATE"] == ""  # not known, which is not what the company states
    assert main(["reset"]) == 0
    assert not (folder / "inbox").exists() and not (folder / "whatsapp_inbox").exists()
    assert load_state(folder).now.isoformat() == "2026-10-31T06:00:00+00:00"


def test_time_does_not_go_backwards(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["advance", "--days", "0"]) == 2
    assert "at least 1" in capsys.readouterr().err


def test_a_state_of_another_company_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    main(["advance", "--days", "1"])
    monkeypatch.setenv("SANDBOX_PEOPLE", "16")
    with pytest.raises(SandboxSettingsError, match="reset"):
        load_state(folder)
    assert main(["reset"]) == 0


def test_a_damaged_state_is_refused_with_what_to_do(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder.mkdir(parents=True)
    (folder / "state.json").write_text("{")
    assert main(["advance"]) == 2
    assert "reset" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "value"), [("SANDBOX_PEOPLE", "many"), ("SANDBOX_DAYS", "-3")])
def test_settings_that_cannot_be_are_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=f"{name}='{value}': write a whole number"):
        company_settings()


def test_server_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_RATE_SCALE", "0.5")
    monkeypatch.setenv("SANDBOX_META_MAX_DAYS", "7")
    monkeypatch.setenv("SANDBOX_HUBSPOT_SEARCH_LIMIT", "50")
    found = server_settings()
    assert (found.rate_scale, found.meta_max_days, found.hubspot_search_limit) == (0.5, 7, 50)


def test_faults_of_the_environment_are_refused_if_unknown(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SANDBOX_FAULTS", "hubspot:earthquake")
    assert main(["run", "--", "true"]) == 2
    assert "earthquake" in capsys.readouterr().err


def test_a_sandbox_that_does_not_run_has_no_environment() -> None:
    with running_sandbox(people=5, days=5) as sandbox:
        assert sandbox.environment
    with pytest.raises(ServerError):
        _ = sandbox.environment


def test_servers_that_advanced_a_day_say_what_new_ones_say() -> None:
    def everything(sandbox: object) -> list[object]:
        told: list[object] = []
        servers = sandbox.servers  # type: ignore[attr-defined]
        for server in servers.values():
            server.prepare()
        for kind in ("contacts", "companies", "deals"):
            call = Call("POST", f"/crm/v3/objects/{kind}/search", "", {}, {}, {"limit": 200, "properties": ["email"]})
            told.append(servers["hubspot"].search(kind, call).body)
        told += [servers["shopify"]._lists, servers["meta_ads"]._objects]
        call = Call("POST", "/v2/contact/list", "", {"limit": "100"}, {}, {"search": "", "timezone": "", "filter": {}})
        told.append(servers["respond_io"].list_contacts(call).body)
        for path in ("subscriptions", "invoices", "events"):
            call = Call("GET", f"/v1/{path}", "", {"limit": "100"}, {}, None)
            stripe = servers["stripe"]
            told.append((stripe.events(call) if path == "events" else stripe.list_objects(path, call)).body)
        return told

    with running_sandbox(people=80, days=60, seed=2) as day_by_day:
        for _ in range(3):
            day_by_day.advance(1)
        with running_sandbox(people=80, days=60, seed=2) as at_once:
            before = everything(at_once)
            at_once.advance(3)
            assert everything(day_by_day) == everything(at_once) != before
        assert day_by_day.state.clock == at_once.state.clock
        assert day_by_day.state.clock - day_by_day.company.start == 63 * DAY
        inboxes = [s.environment["SOURCES__RESPOND_IO__INBOX_PATH"] for s in (day_by_day,)]
        assert all(Path(path).is_dir() for path in inboxes)
