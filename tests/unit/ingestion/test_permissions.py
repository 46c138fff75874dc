"""What a run writes is for its owner, and so is what an older version left open."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestion import permissions
from ingestion.permissions import UnsafeFileError, keep_to_owner, readable_by_others, refuse_what_others_may_change


@pytest.fixture(autouse=True)
def mask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_what_is_written_from_now_on_is_for_the_owner(tmp_path: Path) -> None:
    keep_to_owner(tmp_path / "data")

    (tmp_path / "data" / "dlt").mkdir(parents=True)
    (tmp_path / "data" / "file").write_text("x")
    assert [mode(tmp_path / "data" / name) for name in ("", "dlt", "file")] == [0o700, 0o700, 0o600]


def test_what_an_older_version_left_open_is_closed_but_for_what_is_published(tmp_path: Path) -> None:
    data, outside = tmp_path / "data", tmp_path / "outside"
    for folder in (data / "dlt" / "stripe", data / "serving" / "versions"):
        folder.mkdir(parents=True)
    for file in (data / "warehouse.duckdb", data / "dlt" / "stripe" / "trace.pickle", outside):
        file.write_text("x")
    (data / "serving" / "versions" / "a.duckdb").write_text("x")
    (data / "link").symlink_to(outside)

    keep_to_owner(data)

    closed = {name: mode(data / name) for name in ("dlt", "dlt/stripe", "dlt/stripe/trace.pickle", "warehouse.duckdb")}
    assert closed == {
        "dlt": 0o700,
        "dlt/stripe": 0o700,
        "dlt/stripe/trace.pickle": 0o600,
        "warehouse.duckdb": 0o600,
    }
    # as the last publication left it: readers stay connected until the next one settles who they are
    assert [mode(data / name) for name in ("", "serving", "serving/versions/a.duckdb")] == [0o711, 0o755, 0o644]
    assert mode(outside) == 0o644


@pytest.mark.parametrize("open_to", [0o620, 0o602, 0o666])
def test_a_file_with_secrets_that_others_may_change_is_refused_with_what_to_type(tmp_path: Path, open_to: int) -> None:
    file = tmp_path / "my .env"
    file.write_text("TOKEN=x")
    file.chmod(open_to)

    with pytest.raises(UnsafeFileError, match=f"chmod 600 '{file}'$"):
        refuse_what_others_may_change([file])


def test_a_file_with_secrets_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / ".env"
    file.write_text("TOKEN=x")
    os.chown(file, 12345, -1) if os.geteuid() == 0 else monkeypatch.setattr(permissions.os, "geteuid", lambda: 12345)

    with pytest.raises(UnsafeFileError, match="belongs to somebody else.*chown"):
        refuse_what_others_may_change([file])


@pytest.mark.parametrize(("given", "is_said"), [(0o600, False), (0o400, False), (0o640, True), (0o644, True)])
def test_a_file_with_secrets_that_others_may_read_is_said_with_what_to_type(
    tmp_path: Path, given: int, is_said: bool
) -> None:
    file = tmp_path / ".env"
    file.write_text("TOKEN=x")
    file.chmod(given)

    refuse_what_others_may_change([file, tmp_path / "missing"])
    said = list(readable_by_others([file, tmp_path / "missing"]))
    assert said == ([f"others may read {file}, and so your tokens. Type: chmod 600 {file}"] if is_said else [])
