"""Settings of the sandbox and the state that outlives a process: the clock.

Belongs here: environment variables, `state.json`. Does not: what the company does, how it is served.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_settings import SettingsConfigDict

from ingestion import config
from ingestion.config import Count, Settings, SettingsError, Write, of_text
from sandbox.faults import Faults

# The clock of a new sandbox: a fixed instant, so that every run is the same.
NOW = datetime(2026, 10, 31, 6, tzinfo=UTC)
DAY = 86_400


class SandboxSettingsError(SettingsError):
    """The company or the saved state of the sandbox cannot be used; the message says which and what to do."""


@dataclass(frozen=True)
class CompanySettings:
    """What decides the simulated history: same values, same history.

    Attributes:
        people: people who arrive before the clock of a new sandbox; more arrive at the same pace afterwards.
        days: length of the history at the clock of a new sandbox.
        seed: seed of every random stream.
        second_shop_people: how many of the first people have a life of their own in a second shop; 0: there is none.
    """

    people: int = 2000
    days: int = 548
    seed: int = 20261031
    second_shop_people: int = 0

    def __post_init__(self) -> None:
        if self.people < 1 or self.days < 1 or self.seed < 0 or self.second_shop_people < 0:
            raise SandboxSettingsError(f"{self}: people and days must be at least 1, the seed at least 0.")

    @property
    def start(self) -> int:
        """First instant of the history, epoch seconds."""
        return int(NOW.timestamp()) - self.days * DAY


@dataclass(frozen=True)
class ServerSettings:
    """How strict the servers are.

    Attributes:
        rate_scale: vendors' rate limits are multiplied by this.
        meta_max_days: insights over more days are refused with Meta's "too much data" error.
        hubspot_search_limit: results that one HubSpot search can page through.
        hubspot_feedback: answers to surveys that HubSpot has, at most.
        async_polls: polls after which an asynchronous Meta report is complete.
    """

    rate_scale: float = 200.0
    meta_max_days: int = 92
    hubspot_search_limit: int = 10_000
    hubspot_feedback: int = 0
    async_polls: int = 1


def _script(text: str) -> str:
    Faults.parse(text)  # says which fault does not exist
    return text


class SandboxSettings(Settings):
    """The environment variables of the sandbox."""

    model_config = SettingsConfigDict(env_prefix="SANDBOX_")

    people: Count = CompanySettings.people
    days: Count = CompanySettings.days
    seed: Annotated[int, of_text(int), Field(ge=0), Write("write a whole number, 0 or more")] = CompanySettings.seed
    second_shop_people: Annotated[int, of_text(int), Field(ge=0), Write("write a whole number, 0 or more")] = 0
    rate_scale: Annotated[float, Field(gt=0), Write("write a number greater than 0")] = ServerSettings.rate_scale
    meta_max_days: Count = ServerSettings.meta_max_days
    hubspot_search_limit: Count = ServerSettings.hubspot_search_limit
    hubspot_feedback: Annotated[int, of_text(int), Field(ge=0), Write("write a whole number, 0 or more")] = 0
    faults: Annotated[str, AfterValidator(_script)] = ""


def company_settings() -> CompanySettings:
    """Company settings from the environment."""
    found = SandboxSettings.read()
    return CompanySettings(
        people=found.people, days=found.days, seed=found.seed, second_shop_people=found.second_shop_people
    )


def server_settings() -> ServerSettings:
    """Server settings from the environment."""
    found = SandboxSettings.read()
    return ServerSettings(
        rate_scale=found.rate_scale,
        meta_max_days=found.meta_max_days,
        hubspot_search_limit=found.hubspot_search_limit,
        hubspot_feedback=found.hubspot_feedback,
    )


def faults() -> Faults:
    """Faults scripted in SANDBOX_FAULTS."""
    return Faults.parse(SandboxSettings.read().faults)


def sandbox_dir() -> Path:
    """Folder of the sandbox's state and files."""
    return config.data_dir() / "sandbox"


@dataclass(frozen=True)
class State:
    """The clock of the sandbox and the company it belongs to."""

    clock: int
    company: CompanySettings

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.clock, UTC)

    def advanced(self, days: int) -> State:
        """The state `days` whole days later."""
        if days < 1:
            raise SandboxSettingsError(f"Time goes forward by whole days: {days} is not at least 1.")
        return State(self.clock + days * DAY, self.company)


def new_state(company: CompanySettings) -> State:
    return State(int(NOW.timestamp()), company)


def load_state(folder: Path) -> State:
    """The saved state, or that of a new sandbox with the settings of the environment.

    Raises:
        SandboxSettingsError: the file is damaged, or belongs to a company of other settings.
    """
    path = folder / "state.json"
    wanted = company_settings()
    if not path.exists():
        return new_state(wanted)
    try:
        saved = json.loads(path.read_text())
        state = State(int(datetime.fromisoformat(saved["clock"]).timestamp()), CompanySettings(**saved["company"]))
    except (ValueError, KeyError, TypeError) as error:
        raise SandboxSettingsError(f"{path} cannot be read ({error}). Start anew: python -m sandbox reset") from error
    if state.company != wanted:
        raise SandboxSettingsError(
            f"{path} belongs to a company of {state.company}, the environment asks for {wanted}. "
            "Set SANDBOX_* as they were, or start anew: python -m sandbox reset"
        )
    return state


def save_state(folder: Path, state: State) -> None:
    """Write the state; a crash leaves the old file or the new one."""
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / "state.json.new"
    draft.write_text(json.dumps({"clock": state.now.isoformat(), "company": asdict(state.company)}, indent=2) + "\n")
    draft.replace(folder / "state.json")
