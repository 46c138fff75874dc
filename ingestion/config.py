"""The one place where settings are read: environment variables of the project, dlt config and secrets of a source.

Belongs here: paths, the destination, the enabled sources, and how one setting of a source is looked up. Does not:
which settings a source has (its own package), anything read at import.
"""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestion.sources import SOURCE_NAMES

if TYPE_CHECKING:
    from dlt.common.destination import Destination

# dlt takes a second to import: it is imported by what asks it, not by every command that needs a path.

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


def as_of() -> datetime:
    """The instant that counts as now (UTC): `LIFECYCLE_AS_OF`, or the clock.

    Raises:
        SettingsError: the value is no ISO instant.
    """
    setting = os.environ.get("LIFECYCLE_AS_OF", "").strip()
    if not setting:
        return datetime.now(UTC)
    try:
        instant = datetime.fromisoformat(setting)
    except ValueError:
        raise SettingsError(f"LIFECYCLE_AS_OF={setting!r} is no instant. Write it like 2026-10-31T06:00:00Z.") from None
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def use_project_settings() -> None:
    """Let dlt read the project's `.dlt/`, wherever the run was started: before dlt looks for a setting first."""
    os.environ.setdefault("DLT_PROJECT_DIR", str(PROJECT_ROOT))


def variable_name(source: str, name: str) -> str:
    """Environment variable of a source's setting."""
    return f"SOURCES__{source}__{name}".upper()


def source_setting(source: str, name: str) -> str | None:
    """A source's setting from the environment or `.dlt/config.toml`; None where it is not set or empty."""
    import dlt

    value: Any = dlt.config.get(f"sources.{source}.{name}")
    if isinstance(value, list):
        value = ",".join(str(item) for item in value)
    return None if value is None else str(value).strip() or None


def required_setting(source: str, name: str) -> str:
    """As `source_setting`.

    Raises:
        SettingsError: it is not set.
    """
    value = source_setting(source, name)
    if value is None:
        raise SettingsError(
            f"{source}: the setting {name} is missing. Set the environment variable {variable_name(source, name)}, "
            f"or {name} under [sources.{source}] in .dlt/config.toml."
        )
    return value


def flag_setting(source: str, name: str) -> bool:
    """As `required_setting`, as yes or no.

    Raises:
        SettingsError: it is neither `true` nor `false`.
    """
    value = required_setting(source, name).lower()
    if value not in ("true", "false"):
        raise SettingsError(f"{variable_name(source, name)}={value!r}: write true or false.")
    return value == "true"


def date_setting(source: str, name: str) -> date | None:
    """As `source_setting`, as a day.

    Raises:
        SettingsError: it is no ISO date.
    """
    value = source_setting(source, name)
    if value is None:
        return None
    try:
        return date.fromisoformat(value[:10])
    except ValueError:
        raise SettingsError(f"{variable_name(source, name)}={value!r} is no date. Write it like 2025-01-31.") from None


def secret_setting(source: str, name: str) -> str:
    """A source's secret from the environment or `.dlt/secrets.toml`.

    Raises:
        SettingsError: it is not set. The message never holds a value.
    """
    import dlt

    value = dlt.secrets.get(f"sources.{source}.{name}", str)
    if not value or not value.strip():
        raise SettingsError(
            f"{source}: the secret {name} is missing. Set the environment variable {variable_name(source, name)}, "
            f"or {name} under [sources.{source}] in .dlt/secrets.toml."
        )
    return value.strip()


def dataset_name(source: str) -> str:
    """Schema of a source's raw tables."""
    return f"raw_{source}"


def destination() -> Destination:
    """The warehouse as a dlt destination."""
    import dlt

    path = warehouse_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    return dlt.destinations.duckdb(str(path))
