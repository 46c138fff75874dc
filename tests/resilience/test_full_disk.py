"""A disk without room costs the night; with room again, the next one publishes what an undisturbed one would."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.resilience import times
from tests.resilience.running import SmallCompany, changed_marts

SPARE = 3 * 2**20  # bytes that are left: far less than a night writes


def mount(*options: str) -> None:
    subprocess.run(["mount", *options], check=True, capture_output=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of its own, which can be made larger."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    folder = tmp_path / "disk"
    folder.mkdir()
    mount("-t", "tmpfs", "-o", "size=2g", "tmpfs", str(folder))
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.skipif(not times(0, 1), reason="four refreshes take five minutes: make resilience")
def test_a_full_disk_is_told_and_the_next_night_with_room_publishes_the_same_rows(
    small_disk: Path, tmp_path: Path
) -> None:
    undisturbed = SmallCompany(tmp_path)
    assert undisturbed.refresh().returncode == 0
    company = SmallCompany(small_disk)
    shutil.copytree(undisturbed.data, company.data, symlinks=True)
    before = company.published()
    used = shutil.disk_usage(small_disk).used
    mount("-o", f"remount,size={used + SPARE}", str(small_disk))

    company.has_something_to_build()
    full = company.refresh()

    assert full.returncode == 1, full.stdout
    assert "the disk is full: " in full.stdout, full.stdout + full.stderr
    assert "Traceback" not in full.stdout
    assert company.published() == before

    mount("-o", "remount,size=2g", str(small_disk))
    done = company.refresh()
    assert done.returncode == 0, done.stdout
    assert company.published() != before
    assert undisturbed.refresh().returncode == 0
    assert changed_marts(undisturbed, company) == {}
