"""What every test shares: no network but loopback, and a data folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

# Nothing listens there: what a child process sends elsewhere fails at once. pytest-socket guards this process.
DEAD_END = "http://127.0.0.1:9"


@pytest.fixture(scope="session", autouse=True)
def loopback_only_in_child_processes() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            patch.setenv(name, DEAD_END)
        for name in ("NO_PROXY", "no_proxy"):
            patch.setenv(name, "127.0.0.1,localhost,::1")
        yield


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`LIFECYCLE_DATA_DIR` of this test."""
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("LIFECYCLE_DATA_DIR", str(folder))
    return folder
