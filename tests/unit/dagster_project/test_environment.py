"""The environment of every command: `.env`, derived variables, settings that cannot work."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from dagster_project import environment
from ingestion.config import SettingsError


@pytest.fixture(autouse=True)
def restored_environment(data_dir: Path, monkeypatch: pytest.MonkeyPatch):
    """`prepare` writes to the environment: put it back."""
    before, mask = dict(os.environ), os.umask(0o022)
    for name in list(os.environ):
        if name.startswith(("LIFECYCLE_", "SOURCES__")) and name != "LIFECYCLE_DATA_DIR":
            monkeypatch.delenv(name)
    yield
    os.umask(mask)
    os.environ.clear()
    os.environ.update(before)


def write_dotenv(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / ".env").write_text(text)
    (folder / "dagster_project").mkdir()
    (folder / "dagster_project" / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    monkeypatch.setattr(environment, "PROJECT_ROOT", folder)


def test_a_variable_that_is_set_wins_over_dotenv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_dotenv(tmp_path, "LIFECYCLE_SOURCES=files\nLIFECYCLE_REPORTING_CURRENCY=GBP\n", monkeypatch)
    monkeypatch.setenv("LIFECYCLE_SOURCES", "hubspot")

    environment.prepare()

    assert os.environ["LIFECYCLE_SOURCES"] == "hubspot"
    assert os.environ["LIFECYCLE_REPORTING_CURRENCY"] == "GBP"


def test_an_empty_line_of_dotenv_sets_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty token in the environment would hide the one in .dlt/secrets.toml."""
    write_dotenv(tmp_path, "SOURCES__HUBSPOT__ACCESS_TOKEN=\n", monkeypatch)

    environment.prepare()

    assert "SOURCES__HUBSPOT__ACCESS_TOKEN" not in os.environ


def test_everything_a_run_writes_lies_in_the_data_folder(data_dir: Path) -> None:
    environment.prepare()

    assert os.environ["LIFECYCLE_WAREHOUSE_PATH"] == str(data_dir / "warehouse.duckdb")
    assert os.environ["DAGSTER_HOME"] == str(data_dir / "dagster")
    assert (data_dir / "dagster" / "dagster.yaml").exists()
    assert os.environ["DBT_TARGET_PATH"] == str(data_dir / "dbt")
    assert os.environ["DBT_LOG_PATH"] == str(data_dir / "logs")
    assert environment.serving_dir() == data_dir / "serving"


def test_the_warehouse_follows_the_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment.prepare()
    monkeypatch.setenv("LIFECYCLE_DATA_DIR", str(tmp_path / "other"))

    environment.prepare()

    assert os.environ["LIFECYCLE_WAREHOUSE_PATH"] == str(tmp_path / "other" / "warehouse.duckdb")


@pytest.mark.parametrize(
    ("name", "value", "instead"),
    [
        ("LIFECYCLE_PROFILE", "staging", "choose one of sandbox, production"),
        ("LIFECYCLE_SCHEDULE_TIMEZONE", "Mars/Base", "write a time zone of the IANA list, such as Europe/Paris"),
        ("LIFECYCLE_KEEP_VERSIONS", "0", "write a whole number, 1 or more"),
        ("LIFECYCLE_KEEP_VERSIONS", "many", "write a whole number, 1 or more"),
        *(
            ("LIFECYCLE_SUBSCRIPTION_COST_RATE", value, "write a share from 0 to 1, such as 0.2, or nothing where")
            for value in ("20%", "1.2", "-0.1", "0,2", "nan")
        ),
    ],
)
def test_a_setting_that_cannot_work_is_named_with_its_value_and_what_to_write(
    name, value, instead, monkeypatch
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError, match=f"^{name}='{value}': {instead}"):
        environment.refuse_wrong_settings()


def test_a_setting_that_is_empty_is_not_set(monkeypatch) -> None:
    for name in ("PROFILE", "SCHEDULE_TIMEZONE", "KEEP_VERSIONS", "SUBSCRIPTION_COST_RATE"):
        monkeypatch.setenv(f"LIFECYCLE_{name}", " ")

    assert environment.settings() == environment.RefreshSettings()
    assert environment.settings().keep_versions == 5


def test_what_is_required_is_a_list_of_enabled_accounts(monkeypatch) -> None:
    monkeypatch.setenv("LIFECYCLE_SOURCES", "shopify,shopify.outlet,files")
    assert environment.settings().required_sources == ()

    monkeypatch.setenv("LIFECYCLE_REQUIRED_SOURCES", "shopify.outlet, files")
    assert [str(account) for account in environment.settings().required_sources] == ["files", "shopify.outlet"]

    monkeypatch.setenv("LIFECYCLE_REQUIRED_SOURCES", "shopify,stripe")
    with pytest.raises(
        SettingsError, match=r"^LIFECYCLE_REQUIRED_SOURCES='shopify,stripe': stripe is required, but not"
    ):
        environment.settings()
    monkeypatch.setenv("LIFECYCLE_REQUIRED_SOURCES", "shopfy")
    with pytest.raises(SettingsError, match="shopfy is not a source"):
        environment.settings()


@pytest.mark.parametrize(("value", "rate"), [("", None), (" 0.2 ", 0.2), (".25", 0.25), ("0", 0.0), ("1.0", 1.0)])
def test_what_serving_a_subscription_costs_is_a_share_or_not_known(value, rate, monkeypatch) -> None:
    monkeypatch.setenv("LIFECYCLE_SUBSCRIPTION_COST_RATE", value)

    assert environment.settings().subscription_cost_rate == rate


def test_variables_are_put_back_also_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIFECYCLE_AS_OF", "2026-01-01")

    with pytest.raises(RuntimeError), environment.variables(LIFECYCLE_AS_OF="2026-02-02", LIFECYCLE_NEW="1"):
        assert os.environ["LIFECYCLE_AS_OF"] == "2026-02-02"
        raise RuntimeError

    assert os.environ["LIFECYCLE_AS_OF"] == "2026-01-01"
    assert "LIFECYCLE_NEW" not in os.environ


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "ignore", "-m", "dagster_project.environment", *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_command_runs_in_the_environment_and_its_exit_code_is_ours(data_dir: Path) -> None:
    done = run("--", "sh", "-c", 'echo "$DAGSTER_HOME"; exit 3')

    assert (done.returncode, done.stdout.strip()) == (3, str(data_dir / "dagster"))


def test_a_command_that_does_not_exist_is_a_clear_error() -> None:
    done = run("--", "no-such-command")

    assert done.returncode == 1
    assert "Not started" in done.stderr and "no-such-command" in done.stderr


def test_the_profile_production_starts_no_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIFECYCLE_PROFILE", "production")
    done = run("--sandbox", "--", "sh", "-c", 'echo "[${SOURCES__HUBSPOT__BASE_URL:-}]"')

    assert done.stdout.strip() == "[]"


def test_a_dotenv_that_others_may_change_stops_every_command_with_what_to_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_dotenv(tmp_path, "SOURCES__STRIPE__API_KEY=x\n", monkeypatch)
    (tmp_path / ".env").chmod(0o666)

    assert environment.main(["--", "true"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("Not started: others may write to") and said.endswith(f"chmod 600 {tmp_path / '.env'}\n")
    assert "SOURCES__STRIPE__API_KEY" not in os.environ


def test_a_dotenv_that_others_may_read_is_said_and_the_command_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_dotenv(tmp_path, "", monkeypatch)
    started: list[list[str]] = []
    monkeypatch.setattr(os, "execvp", lambda file, command: started.append(command))
    for mode in (0o644, 0o600):
        (tmp_path / ".env").chmod(mode)
        environment.main(["--", "true"])

    assert started == [["true"], ["true"]]
    assert capsys.readouterr().err.count("warning: others may read") == 1


def test_children_of_every_command_write_for_the_owner_alone(data_dir: Path) -> None:
    code = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_text('x')"
    assert run("--", sys.executable, "-c", code, str(data_dir / "child")).returncode == 0

    assert stat.S_IMODE((data_dir / "child").stat().st_mode) == 0o600
