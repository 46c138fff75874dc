"""`make superset` before Superset itself runs: what it refuses, what it keeps, where Superset will read."""

from __future__ import annotations

import fcntl
import socket
from pathlib import Path

import pytest

from dagster_project import superset_command
from dagster_project.superset_command import _kept_secret, _place, assets_over, main
from ingestion.config import SettingsError


@pytest.fixture
def installed(data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SERVING_POSTGRES_URL", "SERVING_POSTGRES_SCHEMA_NAME"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "python").touch()
    monkeypatch.setattr(superset_command, "PYTHON", tmp_path / "python")


def test_a_secret_is_made_once_for_the_owner_alone(tmp_path: Path) -> None:
    first, second = _kept_secret(tmp_path / "one"), _kept_secret(tmp_path / "two")

    assert first == _kept_secret(tmp_path / "one") != second
    assert len(first) >= 40
    assert (tmp_path / "one").stat().st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("installed")
def test_without_a_publication_it_says_what_to_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--port", "0"]) == 1
    assert "yet: run `make refresh` first" in capsys.readouterr().err


@pytest.mark.usefixtures("installed")
def test_a_taken_port_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        assert main(["--port", str(port)]) == 1
    assert f"No Superset: port {port}: Address already in use." in capsys.readouterr().err


@pytest.mark.usefixtures("installed")
def test_one_superset_uses_a_data_folder(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data_dir / "superset").mkdir()
    with (data_dir / "superset" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        assert main(["--port", "0"]) == 1
    assert "another Superset uses" in capsys.readouterr().err


def test_where_it_is_not_installed_it_says_so(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(superset_command, "PYTHON", tmp_path / "python")

    assert main([]) == 1
    assert "start it with `make superset`" in capsys.readouterr().err


@pytest.mark.usefixtures("installed")
def test_postgresql_is_read_by_its_url_and_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="SERVING_POSTGRES_URL is not set"):
        _place("postgres", Path("/data/lifecycle.duckdb"))
    monkeypatch.setenv("SERVING_POSTGRES_URL", "postgres://ann:a%40b@db:5432/bi?sslmode=require")
    monkeypatch.setenv("SERVING_POSTGRES_SCHEMA_NAME", "reports")

    place = _place("postgres", Path("/data/lifecycle.duckdb"))

    assert place.uri == "postgresql+psycopg2://ann:a%40b@db:5432/bi?sslmode=require"
    assert place.schema == "reports"
    assert place.connect_args == {"options": "-c default_transaction_read_only=on"}


def test_the_file_is_opened_read_only_with_nothing_else() -> None:
    uri = _place("file", Path("/data/lifecycle.duckdb")).uri

    assert uri == "duckdb:////data/lifecycle.duckdb?access_mode=read_only&enable_external_access=false"


@pytest.mark.usefixtures("installed")
def test_over_the_file_what_is_published_is_asked_of_the_file() -> None:
    with pytest.raises(SettingsError, match="nothing is published"):
        assets_over("file")
