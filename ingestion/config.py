"""The one place where environment variables become paths, a destination and the list of enabled sources.

Belongs here: settings shared by every source. Does not: a vendor's base URL or token (dlt config and secrets of
that source), anything read at import.
"""

from __future__ import annotations

import os
from pathlib import Path

import dlt
from dlt.common.destination import Destination

from ingestion.sources import SOURCE_NAMES

PROJECT_ROOT = Path(__file__).resolve().parent.parent


class SettingsError(ValueError):
    """A setting has a value that cannot work; the message says which and what to write instead."""


def data_dir() -> Path:
    """Folder that holds everything a run writes: `LIFECYCLE_DATA_DIR`, or `data/` in the project."""
    return Path(os.environ.get("LIFECYCLE_DATA_DIR") or PROJECT_ROOT / "data").expanduser().resolve()


def warehouse_path() -> Path:
    """The build file. BI tools never open it: they read what `serving` publishes."""
    return data_dir() / "warehouse.duckdb"


def enabled_sources() -> tuple[str, ...]:
    """Names in `LIFECYCLE_SOURCES` (comma separated), or all of them.

    Raises:
        SettingsError: a name is not one of `SOURCE_NAMES`, or none is left.
    """
    setting = os.environ.get("LIFECYCLE_SOURCES", "").strip()
    if not setting:
        return SOURCE_NAMES
    wanted = [name.strip() for name in setting.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in SOURCE_NAMES]
    if unknown or not wanted:
        raise SettingsError(
            f"LIFECYCLE_SOURCES={setting!r}: {', '.join(unknown) or 'nothing'} is not a source. "
            f"Choose from: {', '.join(SOURCE_NAMES)}."
        )
    return tuple(name for name in SOURCE_NAMES if name in wanted)


def dataset_name(source: str) -> str:
    """Schema of a source's raw tables."""
    return f"raw_{source}"


def destination() -> Destination:
    """The warehouse as a dlt destination."""
    path = warehouse_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    return dlt.destinations.duckdb(str(path))
