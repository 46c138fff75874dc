"""The one place where settings are read: environment variables of the project, dlt's config and secrets of a source.

Belongs here: how a setting is read and refused (`Settings`, `SourceSettings`), the settings that every room needs, and
the paths, schemas and destination that follow from them. Does not: the settings of one room or one source, which are a
class of their own there; anything read at import.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self, get_args

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticUseDefault
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from ingestion import secrecy
from ingestion.sources import SOURCE_NAMES

if TYPE_CHECKING:
    from dlt.common.destination import Destination

# dlt takes a second to import: it is imported by what asks it, not by every command that needs a path.

PROJECT_ROOT = Path(__file__).resolve().parent.parent
TIME_LIMIT_MINUTES = 240  # of one load of a source; `time_limit_minutes` of its settings


class SettingsError(ValueError):
    """A setting has a value that cannot work; the message says which and what to write instead.

    `concerns_the_run`: nothing may be loaded, not only the source that it is about.
    `in_short`: what is wrong, in words that anyone may read.
    """

    concerns_the_run: ClassVar[bool] = True
    in_short: ClassVar[str] = "a setting cannot work"


# ---- how a setting is read


@dataclass(frozen=True)
class Refusal:
    """A setting that is missing or cannot work; the sentence says what to do, and never holds a secret."""

    variable: str
    sentence: str
    is_missing: bool = False


class Settings(BaseSettings):
    """Settings read from environment variables: a field is the variable of its name, in capitals after the prefix.

    An empty variable is one that is not set. Each field that can be wrong says by `Write` what to write instead.
    """

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", enable_decoding=False, validate_default=False, str_strip_whitespace=True
    )

    @classmethod
    def read(cls) -> Self:
        """The settings as they are now.

        Raises:
            SettingsError: naming a setting that is missing or cannot work. It never holds a secret.
        """
        try:
            settings = cls()
        except ValidationError as error:
            raise SettingsError(cls._refusals(error)[0].sentence) from None
        for field in cls.model_fields:
            if isinstance(secret := getattr(settings, field), SecretStr):
                secrecy.remember(secret.get_secret_value())
        return settings

    @classmethod
    def refusals(cls) -> list[Refusal]:
        """Every setting that is missing or cannot work; none: `read` gives the settings."""
        try:
            cls()
        except ValidationError as error:
            return cls._refusals(error)
        return []

    @classmethod
    def variable(cls, field: str) -> str:
        """Environment variable of a field."""
        return f"{cls.model_config['env_prefix']}{field}".upper()

    @classmethod
    def _refusals(cls, error: ValidationError) -> list[Refusal]:
        # Of the several kinds of value that a setting may have, the first says enough.
        found = {str(problem["loc"][0]): problem for problem in reversed(error.errors())}
        return [
            Refusal(cls.variable(name), cls._missing(name), is_missing=True)
            if found[name]["type"] == "missing"
            else Refusal(cls.variable(name), cls._wrong(name, found[name]), found[name]["type"] == NOT_STATED)
            for name in cls.model_fields
            if name in found
        ]

    @classmethod
    def _wrong(cls, name: str, problem: ErrorDetails) -> str:
        said = problem.get("ctx", {}).get("error", problem["msg"])
        advice = next((each.instead for each in cls.model_fields[name].metadata if isinstance(each, Write)), said)
        shown = "" if cls.is_secret(name) else f"={str(problem['input']).strip()!r}"
        return f"{cls.variable(name)}{shown}: {advice}."

    @classmethod
    def _missing(cls, name: str) -> str:
        return f"{cls.variable(name)} is missing: set the environment variable."

    @classmethod
    def is_secret(cls, field: str) -> bool:
        """Whether the value of a field is never shown."""
        annotation = cls.model_fields[field].annotation
        return SecretStr in (annotation, *get_args(annotation))

    @field_validator("*", mode="before")
    @classmethod
    def _blank_is_not_set(cls, value: Any) -> Any:
        if isinstance(value, str) and not value.strip():
            raise PydanticUseDefault
        return value


class SourceSettings(Settings):
    """Settings of one source, as dlt finds them: the environment, `.dlt/config.toml`, and `.dlt/secrets.toml`.

    Attributes:
        section: of those files, and the first part of each variable.
        source: the section within it.
    """

    section: ClassVar[str] = "sources"
    source: ClassVar[str]

    @classmethod
    def of(cls, account: str) -> Self:
        """The settings of an account of the source, as `read`; empty: of the one without a name.

        An account has secrets and what is marked `OWN` for itself. All else that it does not state is as the source's.
        """
        return cls.class_of(account).read()

    @classmethod
    def class_of(cls, account: str) -> type[Self]:
        """The same class under the account's name: names of variables and messages follow from it."""
        if not account:
            return cls
        return type(cls.__name__, (cls,), {"source": f"{cls.source}.{account}", "__module__": __name__})

    def check(self) -> None:
        """Stop where what the settings point at, on this machine, cannot work. Raises SettingsError."""

    @classmethod
    def variable(cls, field: str) -> str:
        return variable_name(cls.source, field, cls.section)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, _AsDltFindsThem(settings_cls)

    @classmethod
    def _missing(cls, name: str) -> str:
        what, file = ("secret", "secrets") if cls.is_secret(name) else ("setting", "config")
        return (
            f"{cls.source}: the {what} {name} is missing. Set the environment variable {cls.variable(name)}, "
            f"or {name} under [{cls.section}.{cls.source}] in .dlt/{file}.toml."
        )


class _AsDltFindsThem(PydanticBaseSettingsSource):
    settings_cls: type[SourceSettings]

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        source, section = self.settings_cls.source, self.settings_cls.section
        is_secret = self.settings_cls.is_secret(field_name)
        value = source_setting(source, field_name, is_secret=is_secret, section=section)
        vendor, _, account = source.partition(".")
        if value is None and account and not is_secret and OWN not in field.metadata:
            value = source_setting(vendor, field_name, section=section)
        return value, field_name, False

    def __call__(self) -> dict[str, Any]:
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}


def variable_name(source: str, name: str, section: str = SourceSettings.section) -> str:
    """Environment variable of a setting of a source, or of an account `<source>.<name>`."""
    return f"{section}__{source.replace('.', '__')}__{name}".upper()


def source_setting(
    source: str, name: str, *, is_secret: bool = False, section: str = SourceSettings.section
) -> str | None:
    """A source's setting as a text; None where it is not set or empty."""
    use_project_settings()
    import dlt

    place: Any = dlt.secrets if is_secret else dlt.config
    value = place.get(f"{section}.{source}.{name}")
    if isinstance(value, list):
        value = ",".join(str(item) for item in value)
    return None if value is None else str(value).strip() or None


def use_project_settings() -> None:
    """Let dlt read the project's `.dlt/`, wherever the run was started: before dlt looks for a setting first."""
    os.environ.setdefault("DLT_PROJECT_DIR", str(PROJECT_ROOT))


# ---- kinds of values


@dataclass(frozen=True)
class Write:
    """What to write instead of a value that cannot work."""

    instead: str


# Marks a setting that each account of a source states for itself.
OWN = "own"
# Type of the error of a value that only shows where to write one.
NOT_STATED = "not_stated"


def of_text(read: Callable[[str], Any]) -> BeforeValidator:
    """A value is made from its text by `read`, which raises ValueError where it cannot be."""
    return BeforeValidator(lambda value: read(value.strip()) if isinstance(value, str) else value)


def texts(text: str) -> tuple[str, ...]:
    """The parts of a comma separated list."""
    return tuple(each.strip() for each in text.split(",") if each.strip())


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def _day(text: str) -> date:
    return date.fromisoformat(text[:10])


def _flag(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


def _digits(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(text)
    return int(text)


def _long_secret(text: str) -> SecretStr:
    if len(text) < 32:
        raise ValueError("too short")
    return SecretStr(text)


Flag = Annotated[bool, of_text(_flag), Write("write true or false")]
Day = Annotated[date | None, of_text(_day), Write("no date. Write it like 2025-01-31")]
Instant = Annotated[datetime | None, of_text(_instant), Write("no instant. Write it like 2026-10-31T06:00:00Z")]
Days = Annotated[int, Field(ge=1), of_text(_digits), Write("write whole days, 1 or more")]
Count = Annotated[int, Field(ge=1), of_text(_digits), Write("write a whole number, 1 or more")]


# ---- the settings that every room needs


@dataclass(frozen=True, order=True)
class Account:
    """An account of a source: a shop, a portal.

    Attributes:
        source: name of the source.
        name: short name of the account; empty where a company has one and does not name it.
    """

    source: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.source}.{self.name}" if self.name else self.source


ACCOUNT_NAME = re.compile(r"[a-z][a-z0-9]{0,29}")
WITHOUT_ACCOUNTS = ("files",)  # mappings tell files apart, and state whose ids they are by `company`


def known_accounts(text: str) -> tuple[Account, ...]:
    """The accounts of a comma separated list, in order. Raises ValueError, saying which part names none."""
    accounts = set()
    for part in texts(text):
        source, dot, name = part.partition(".")
        if source not in SOURCE_NAMES:
            raise ValueError(f"{part} is not a source. Choose from: {', '.join(SOURCE_NAMES)}")
        if dot and source in WITHOUT_ACCOUNTS:
            raise ValueError(f"{source} has no accounts: write {source}, and tell its files apart by mappings")
        if dot and not ACCOUNT_NAME.fullmatch(name):
            raise ValueError(
                f"{part} does not name an account: write {source}. and up to 30 lower-case letters and digits, "
                "a letter first"
            )
        accounts.add(Account(source, name))
    if not accounts:
        raise ValueError(f"nothing is not a source. Choose from: {', '.join(SOURCE_NAMES)}")
    return tuple(sorted(accounts))


class DataFolder(Settings):
    """Where everything lies that a run writes."""

    model_config = SettingsConfigDict(env_prefix="LIFECYCLE_")

    data_dir: Path = PROJECT_ROOT / "data"


class Scope(Settings):
    """What is loaded.

    Attributes:
        sources: the accounts that are loaded.
    """

    model_config = SettingsConfigDict(env_prefix="LIFECYCLE_")

    sources: Annotated[tuple[Account, ...], of_text(known_accounts)] = tuple(map(Account, SOURCE_NAMES))


class Present(Settings):
    """As of when.

    Attributes:
        as_of: the instant that counts as now; None: the clock.
        as_of_is_the_clock: whether the refresh read `as_of` from the clock, for all of its processes.
    """

    model_config = SettingsConfigDict(env_prefix="LIFECYCLE_")

    as_of: Instant = None
    as_of_is_the_clock: Flag = False


class RequestLimits(Settings):
    """What one answer of a vendor may take; more than any page needs.

    Attributes:
        request_limit_seconds: until an attempt is given up, however slowly its bytes come.
        answer_limit_megabytes: size of a body.
    """

    model_config = SettingsConfigDict(env_prefix="LIFECYCLE_")

    request_limit_seconds: Count = 120
    answer_limit_megabytes: Count = 100


class ErasureSettings(Settings):
    """How those who were erased are recognised.

    Attributes:
        erasure_key: secret key of the hashes; None: a file of the data folder holds one.
    """

    model_config = SettingsConfigDict(env_prefix="LIFECYCLE_")

    erasure_key: Annotated[
        SecretStr | None, of_text(_long_secret), Write("write 32 characters or more, and keep them for good")
    ] = None


def data_dir() -> Path:
    """Folder that holds everything a run writes: `LIFECYCLE_DATA_DIR`, or `data/` in the project."""
    return DataFolder.read().data_dir.expanduser().resolve()


def warehouse_path() -> Path:
    """The build file. BI tools never open it: they read what `serving` publishes."""
    return data_dir() / "warehouse.duckdb"


def working_dir() -> Path:
    """Folder of what dlt has under way. The warehouse says what is loaded: it can be deleted between two runs."""
    return data_dir() / "dlt"


def enabled_accounts() -> tuple[Account, ...]:
    """What `LIFECYCLE_SOURCES` names, comma separated (`shopify` or `shopify.outlet`), in order; by default all.

    Raises:
        SettingsError: a source is not one of `SOURCE_NAMES`, an account has no proper name, or none is left.
    """
    return Scope.read().sources


def enabled_sources() -> tuple[str, ...]:
    """The sources of which at least one account is enabled, in order. Raises as `enabled_accounts`."""
    return tuple(dict.fromkeys(account.source for account in enabled_accounts()))


def accounts_of(source: str) -> tuple[Account, ...]:
    """The enabled accounts of a source; none: it is disabled. Raises as `enabled_accounts`."""
    return tuple(account for account in enabled_accounts() if account.source == source)


def settings_of(account: Account) -> type[SourceSettings]:
    """The class that reads the settings of an account."""
    settings: type[SourceSettings] = import_module(f"ingestion.sources.{account.source}.settings").Settings
    return settings.class_of(account.name)


def as_of() -> datetime:
    """The instant that counts as now (UTC): `LIFECYCLE_AS_OF`, or the clock.

    Raises: SettingsError: the value is not an ISO instant.
    """
    return Present.read().as_of or machine_time()


def machine_time() -> datetime:
    """What the clock of this machine says (UTC)."""
    return datetime.now(UTC)


def is_as_of_the_clock() -> bool:
    """Whether now is what the clock says, and no instant that a person set."""
    present = Present.read()
    return present.as_of is None or present.as_of_is_the_clock


def fixed_as_of(instant: datetime | None = None) -> dict[str, str]:
    """Variables by which every process of a run calls one instant now: that of the settings, or of the clock.

    Args:
        instant: what the clock said when the run began; None: what it says.
    """
    if not is_as_of_the_clock():
        return {Present.variable("as_of"): as_of().isoformat(), Present.variable("as_of_is_the_clock"): "false"}
    fixed = Present.read().as_of or instant or machine_time()
    return {Present.variable("as_of"): fixed.isoformat(), Present.variable("as_of_is_the_clock"): "true"}


def dataset_name(source: str) -> str:
    """Schema of a source's raw tables."""
    return f"raw_{source}"


def destination() -> Destination:
    """The warehouse as a dlt destination."""
    from ingestion.destination import Warehouse

    path = warehouse_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    return Warehouse(str(path))
