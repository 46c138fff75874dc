"""What is asked of the installation before a refresh: settings, now, disk, memory, what is published."""

from __future__ import annotations

import json
import os
import shutil
import socket
import threading
from argparse import Namespace
from collections import namedtuple
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import duckdb
import pytest

from dagster_project import check, environment
from ingestion import config
from ingestion.check import Finding
from ingestion.config import Account
from ingestion.lock import writer_lock
from serving.versions import database_of, point_link_at

Usage = namedtuple("Usage", "total used free")


@pytest.fixture(autouse=True)
def installation(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = dict(os.environ)
    for name in list(os.environ):
        if name.startswith(("LIFECYCLE_", "SOURCES__")) and name != "LIFECYCLE_DATA_DIR":
            del os.environ[name]
    os.environ["LIFECYCLE_PROFILE"] = "production"
    os.environ["LIFECYCLE_SOURCES"] = "stripe"
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def sources(monkeypatch: pytest.MonkeyPatch) -> dict[Account, list[Finding]]:
    """What the sources would answer."""
    found: dict[Account, list[Finding]] = {Account("stripe"): [Finding("reached", "yes")]}
    monkeypatch.setattr(check.check, "ask", lambda accounts: {account: found[account] for account in accounts})
    return found


def state_of(findings: Iterator[Finding]) -> str:
    (found,) = findings
    return found.state


def test_every_setting_that_cannot_work_is_named_and_all_else_is_still_asked(sources, capsys, data_dir) -> None:
    os.environ |= {
        "LIFECYCLE_REPORTING_CURRENCY": "eur",
        "LIFECYCLE_AS_OF": "yesterday",
        "LIFECYCLE_SCHEDULE_TIMEZONE": "Mars/Base",
        "LIFECYCLE_MEMORY_LIMIT": "much",
        "COLUMNS": "200",
    }

    assert check.main() == 1

    said = capsys.readouterr().out
    assert "LIFECYCLE_REPORTING_CURRENCY='eur': no currency. Write its code of ISO 4217, such as EUR." in said
    assert "LIFECYCLE_AS_OF='yesterday': no instant." in said
    assert "LIFECYCLE_SCHEDULE_TIMEZONE='Mars/Base': write a time zone" in said
    assert "LIFECYCLE_MEMORY_LIMIT='much': no size. Write it like 6GB." in said
    assert "stripe" in said and "nothing published yet" in said
    assert "4 failed, 1 to look at. Nothing was loaded." in said
    assert list(data_dir.iterdir()) == []


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A server that alerts go to, by its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setenv("LIFECYCLE_ALERT_URLS", f"json://127.0.0.1:{port}/s3cret slack://TokenA/TokenB/TokenC")
        yield port


def test_targets_of_alerts_are_named_and_a_server_of_ones_own_is_reached(hook: int, monkeypatch) -> None:
    (found,) = check.alert_targets()
    assert (found.answer, found.state) == ("to JSON, Slack", "ok")

    monkeypatch.setenv("LIFECYCLE_ALERT_URLS", "json://127.0.0.1:1/s3cret mailto://127.0.0.1:2?from=a@b.com&to=c@d.com")
    found_out = list(check.alert_targets())
    assert [each.state for each in found_out] == ["failed", "failed"]
    assert "JSON at 127.0.0.1:1: Connection refused" in found_out[0].advice
    assert "E-Mail at 127.0.0.1:2" in found_out[1].advice
    assert "s3cret" not in str(found_out)


def test_that_nobody_hears_of_a_failed_night_is_worth_a_look(monkeypatch) -> None:
    monkeypatch.delenv("LIFECYCLE_ALERT_URLS", raising=False)
    assert state_of(check.alert_targets()) == "warning"
    monkeypatch.setenv("LIFECYCLE_PROFILE", "sandbox")
    assert list(check.alert_targets()) == []


def test_where_all_is_well_the_exit_code_says_so_and_a_warning_does_not_change_it(sources, hook, capsys) -> None:
    assert check.main() == 0
    assert "All is well. Nothing was loaded." in capsys.readouterr().out

    sources[Account("stripe")].append(Finding("account", "not told", "warning", "Look at it."))
    assert check.main() == 0
    said = capsys.readouterr().out
    assert "! stripe, account: Look at it.\n" in said and "0 failed, 1 to look at" in said

    sources[Account("stripe")].append(Finding("token", "refused", "failed", "Set\nanother."))
    assert check.main() == 1
    assert "✗ stripe, token: Set another.\n" in capsys.readouterr().out


def test_a_source_that_does_not_exist_is_named_and_none_is_asked(monkeypatch, capsys) -> None:
    os.environ["LIFECYCLE_SOURCES"] = "stripe,stirpe"
    monkeypatch.setattr(check.check, "ask", lambda accounts: pytest.fail("asked"))

    assert check.main() == 1
    assert "stirpe is not a source" in capsys.readouterr().out


def test_the_sandbox_profile_asks_no_real_vendor(monkeypatch, capsys) -> None:
    os.environ |= {"LIFECYCLE_PROFILE": "sandbox", "SOURCES__STRIPE__BASE_URL": "https://api.stripe.com/v1"}
    monkeypatch.setattr(check.check, "ask", lambda accounts: pytest.fail("asked"))

    assert check.main() == 1
    assert "stripe points at api.stripe.com" in capsys.readouterr().out


def test_a_stage_model_without_a_file_is_named(monkeypatch, tmp_path) -> None:
    project = tmp_path / "dbt_project"
    project.mkdir()
    (project / "dbt_project.yml").write_text("vars: {lifecycle_models: [retail], lifecycle_proposals: []}\n")
    monkeypatch.setattr(check, "PROJECT_ROOT", tmp_path)

    found = [finding for finding in check.settings() if finding.state == "failed"]

    assert [finding.asked for finding in found] == ["stage models"]
    assert "'retail'" in found[0].advice


# ---- now


def loaded_as_of(folder: Path, instant: str) -> None:
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        connection.execute("create schema raw_stripe")
        connection.execute(f"create table raw_stripe.load_audit as select timestamptz '{instant}' as loaded_as_of")


def test_now_may_not_lie_before_what_is_loaded(data_dir) -> None:
    loaded_as_of(data_dir, "2026-10-31T06:00:00Z")
    os.environ["LIFECYCLE_AS_OF"] = "2026-10-30T06:00:00Z"

    (found,) = check.now()

    assert found.state == "failed" and "was loaded as of 2026-10-31T06:00:00Z" in found.advice


def test_a_now_that_a_person_set_is_to_look_at_in_production(data_dir) -> None:
    assert state_of(check.now()) == "ok"
    os.environ["LIFECYCLE_AS_OF"] = "2026-10-30T06:00:00Z"
    assert state_of(check.now()) == "warning"
    os.environ["LIFECYCLE_PROFILE"] = "sandbox"
    assert state_of(check.now()) == "ok"


def test_the_build_file_is_left_alone_while_a_refresh_runs(data_dir, monkeypatch) -> None:
    monkeypatch.setattr(check, "refuse_going_back", lambda: pytest.fail("the build file was opened"))
    # another process holds the lock
    monkeypatch.setattr(check, "is_writing", lambda folder: True)

    (found,) = check.now()

    assert found.answer.endswith("a refresh is running")


def test_a_check_lets_a_refresh_begin(data_dir, sources) -> None:
    assert check.main() == 0
    with writer_lock(data_dir):
        pass


# ---- disk and memory


def test_a_first_refresh_needs_a_stated_room_and_a_later_one_what_its_files_say(data_dir, monkeypatch) -> None:
    def state_with(free: int) -> str:
        monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**13, 0, free))
        return state_of(check.disk())

    assert (state_with(check.LEAST_FREE - 1), state_with(check.LEAST_FREE)) == ("failed", "ok")
    with (data_dir / "warehouse.duckdb").open("wb") as build:
        build.truncate(1000**3)
    version = database_of("lifecycle-000001-20261031T060000000000Z", data_dir / "serving")
    version.parent.mkdir(parents=True)
    with version.open("wb") as file:
        file.truncate(500 * 1000**2)
    point_link_at(version, data_dir / "serving")
    needed = check.COPIES * 1000**3 + 500 * 1000**2
    assert (state_with(needed - 1), state_with(needed)) == ("failed", "ok")


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path) -> None:
    (tmp_path / "file").write_text("no folder")
    os.environ["LIFECYCLE_DATA_DIR"] = str(tmp_path / "file")

    (disk,), (publication,) = check.disk(), check.publication()

    assert disk.state == publication.state == "failed"
    assert str(tmp_path / "file") in disk.advice and "LIFECYCLE_DATA_DIR" in disk.advice


def test_a_data_folder_that_is_not_there_yet_is_where_it_would_be_made(tmp_path) -> None:
    os.environ["LIFECYCLE_DATA_DIR"] = str(tmp_path / "not" / "yet")

    assert state_of(check.disk()) == state_of(check.publication()) == "ok"
    assert not (tmp_path / "not").exists()


def test_more_memory_than_there_is_is_named_with_what_would_fit(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(check.os, "sysconf", lambda name: {"SC_PAGE_SIZE": 1000, "SC_PHYS_PAGES": 8 * 10**6}[name])
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(check, "CGROUP_LIMIT", limit)
    for stated, state in (("7.2GB", "ok"), ("7.3GB", "failed")):
        os.environ["LIFECYCLE_MEMORY_LIMIT"] = stated
        assert state_of(check.memory()) == state
    (found,) = check.memory()
    assert "Set it to 7.2 GB or less" in found.advice
    os.environ["LIFECYCLE_MEMORY_LIMIT"] = "7GB"
    for text, state in (("max", "ok"), (str(4 * 10**9), "failed")):
        limit.write_text(f"{text}\n")
        assert state_of(check.memory()) == state


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("6GB", 6 * 10**9),
        ("6 gb", 6 * 10**9),
        ("1.5TB", 1_500_000_000_000),
        ("512MiB", 512 * 2**20),
        ("20000KB", 20_000_000),
    ],
)
def test_a_memory_limit_is_as_many_bytes_as_duckdb_takes_it_for(text, size) -> None:
    os.environ["LIFECYCLE_MEMORY_LIMIT"] = text

    assert environment.settings().memory_limit == size
    with duckdb.connect(config={"memory_limit": text}) as connection:
        shown = connection.execute("select current_setting('memory_limit')").fetchall()[0][0]
    assert shown == shown_by_duckdb(size)


def shown_by_duckdb(size: int) -> str:
    with duckdb.connect(config={"memory_limit": f"{size}B"}) as connection:
        return connection.execute("select current_setting('memory_limit')").fetchall()[0][0]


@pytest.mark.parametrize(("text", "count"), [(None, 3), ("", 3), ("1", 1)])
def test_dbt_runs_as_many_models_at_once_as_the_settings_say(
    text: str | None, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dbt.config.runtime import load_profile
    from dbt.flags import set_from_args
    from dbt_common.context import set_invocation_context

    monkeypatch.delenv("LIFECYCLE_MODELS_AT_ONCE", raising=False)
    if text is not None:
        monkeypatch.setenv("LIFECYCLE_MODELS_AT_ONCE", text)
    project = str(config.PROJECT_ROOT / "dbt_project")
    set_invocation_context(os.environ)
    set_from_args(Namespace(profiles_dir=project, project_dir=project), {})

    assert load_profile(project, {}, None, "duckdb").threads == environment.settings().models_at_once == count


# ---- what is published


def test_a_published_version_that_is_gone_or_damaged_is_named(data_dir) -> None:
    serving = data_dir / "serving"
    version = database_of("lifecycle-000001-20261031T060000000000Z", serving)
    version.parent.mkdir(parents=True)
    point_link_at(version, serving)
    (gone,) = check.publication()
    assert gone.state == "failed" and "is gone" in gone.advice

    version.write_bytes(b"no database" * 1000)
    (damaged,) = check.publication()
    assert damaged.state == "failed" and "make rollback" in damaged.advice


@pytest.fixture
def receiver() -> Iterator[dict[str, object]]:
    """What the receiver of webhooks would say of itself, at the address of the settings."""
    health: dict[str, object] = {"ok": True, "sources": {"stripe": {}}}

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if health.get("ok") else 503)
            self.end_headers()
            self.wfile.write(json.dumps(health).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.environ |= {
        "LIFECYCLE_RECEIVER_PORT": str(server.server_port),
        "SOURCES__STRIPE__WEBHOOK_SECRET": "whsec_1",
        "HTTP_PROXY": "http://127.0.0.1:9",
    }
    yield health
    server.shutdown()
    server.server_close()


def test_webhooks_are_asked_about_where_a_secret_is_set_and_somebody_has_to_receive_them(receiver) -> None:
    assert state_of(check.webhooks()) == "ok"

    receiver["sources"] = {"shopify": {}}
    (unknown,) = check.webhooks()
    assert unknown.state == "warning" and "does not know stripe" in unknown.advice

    receiver |= {"ok": False, "sources": {"stripe": {}}}
    assert state_of(check.webhooks()) == "failed"

    receiver.clear()  # something else answers there
    (nobody,) = check.webhooks()
    assert nobody.state == "warning" and "make receive" in nobody.advice
    os.environ["LIFECYCLE_RECEIVER_PORT"] = "9"
    assert state_of(check.webhooks()) == "warning"

    del os.environ["SOURCES__STRIPE__WEBHOOK_SECRET"]
    assert [*check.webhooks()] == []


def test_a_sink_without_its_settings_is_named_and_none_is_asked(monkeypatch) -> None:
    assert [*check.sinks_told()] == []

    monkeypatch.setenv("ACTIVATION_SINKS", "hubspot,meta")
    monkeypatch.setenv("ACTIVATION__HUBSPOT__ACCESS_TOKEN", "a-token-of-hubspot")
    failed, told = check.sinks_told()

    assert (failed.state, failed.answer) == ("failed", "meta is not told")
    assert "ACTIVATION__META__DATASET_ID" in failed.advice
    assert told.answer == "told: hubspot"
