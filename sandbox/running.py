"""A running sandbox: the vendors' servers on free loopback ports, the files, the clock, the environment to read them.

Belongs here: starting, stopping, what a reader needs to know. Does not: the command line (`__main__`).
"""

from __future__ import annotations

import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import uvicorn

from sandbox.advertising import ACCOUNT_ID
from sandbox.company import Company
from sandbox.faults import Faults
from sandbox.files import Files
from sandbox.records import iso
from sandbox.servers.base import VendorServer
from sandbox.servers.hubspot import HubSpot
from sandbox.servers.meta_ads import MetaAds
from sandbox.servers.respond_io import RespondIo
from sandbox.servers.shopify import Shopify
from sandbox.servers.stripe import Stripe
from sandbox.settings import DAY, CompanySettings, ServerSettings, State, new_state
from sandbox.truth import Truth

FIRST_SPEND_DAYS = 4  # advertising begins a little before the first person
START_SECONDS = 10.0
HOST = "127.0.0.1"
BASE_PATHS = {"respond_io": "/v2", "stripe": "/v1"}
TOKEN_SETTINGS = {"stripe": "API_KEY"}  # of the others: ACCESS_TOKEN


class ServerError(RuntimeError):
    """A server did not start or stop in time."""


class ServerThread:
    """One vendor's server in a thread of its own, on a free port of the loopback interface."""

    def __init__(self, server: VendorServer) -> None:
        self.server = server
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.bind((HOST, 0))
        settings = uvicorn.Config(server.app(), log_config=None, access_log=False, lifespan="off", ws="none")
        self._uvicorn = uvicorn.Server(settings)
        self._thread = threading.Thread(
            target=self._uvicorn.run, kwargs={"sockets": [self._socket]}, name=f"sandbox-{server.vendor}", daemon=True
        )

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._socket.getsockname()[1]}"

    def start(self) -> None:
        self._thread.start()
        deadline = time.monotonic() + START_SECONDS
        while not self._uvicorn.started:
            if time.monotonic() > deadline or not self._thread.is_alive():
                raise ServerError(f"the {self.server.vendor} server did not start within {START_SECONDS:.0f} s")
            time.sleep(0.01)

    def ask_to_stop(self) -> None:
        self._uvicorn.should_exit = True

    def stop(self) -> None:
        self.ask_to_stop()
        self._thread.join(START_SECONDS)
        self._socket.close()
        if self._thread.is_alive():
            raise ServerError(f"the {self.server.vendor} server did not stop within {START_SECONDS:.0f} s")


class Sandbox:
    """A company, its servers and its files. Use as a context manager.

    Attributes:
        state: clock and company settings; changes by `advance`.
        faults: the switch for scripted faults of all servers.
        servers: the vendors' servers by source name.
    """

    def __init__(
        self, folder: Path, state: State, settings: ServerSettings | None = None, faults: Faults | None = None
    ) -> None:
        self.state = state
        self.faults = faults or Faults()
        self._files = Files(folder)
        self.company = Company(state.company)
        self._files.write(self.company, state.clock)
        self.servers: dict[str, VendorServer] = {
            kind.vendor: kind(self.company, state.clock, settings or ServerSettings(), self.faults)
            for kind in (MetaAds, HubSpot, Shopify, RespondIo, Stripe)
        }
        self._threads: list[ServerThread] = []

    def __enter__(self) -> Sandbox:
        self._threads = [ServerThread(server) for server in self.servers.values()]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for thread in self._threads:
            thread.ask_to_stop()
        for thread in self._threads:
            thread.stop()
        self._threads = []

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables that make the pipeline read this sandbox, at its clock."""
        urls = {thread.server.vendor: thread.url for thread in self._threads}
        if not urls:
            raise ServerError("the servers are not running: enter the sandbox first")
        found = {"LIFECYCLE_PROFILE": "sandbox", "LIFECYCLE_AS_OF": iso(self.state.clock)}
        for vendor, server in self.servers.items():
            found[f"SOURCES__{vendor.upper()}__BASE_URL"] = urls[vendor] + BASE_PATHS.get(vendor, "")
            found[f"SOURCES__{vendor.upper()}__{TOKEN_SETTINGS.get(vendor, 'ACCESS_TOKEN')}"] = server.token
        found["SOURCES__META_ADS__ACCOUNT_IDS"] = ACCOUNT_ID
        found["SOURCES__META_ADS__INITIAL_DATE"] = iso(self.company.start - FIRST_SPEND_DAYS * DAY)[:10]
        found["SOURCES__RESPOND_IO__INBOX_PATH"] = str(self._files.inbox)
        found["SOURCES__FILES__MAPPINGS_PATH"] = str(self._files.mappings)
        found["SOURCES__FILES__DATA_PATH"] = str(self._files.data)
        return found

    def advance(self, days: int = 1) -> None:
        """Let whole days pass, for servers and files."""
        self.state = self.state.advanced(days)
        self._files.write(self.company, self.state.clock)
        for server in self.servers.values():
            server.advance(self.state.clock)

    def truth(self) -> Truth:
        """The truth at the clock."""
        return Truth(self.company, self.state.clock)


@contextmanager
def running_sandbox(
    *,
    people: int = 200,
    days: int = 120,
    seed: int = 7,
    folder: Path | None = None,
    settings: ServerSettings | None = None,
    faults: Faults | None = None,
) -> Iterator[Sandbox]:
    """A sandbox for a test. Its files lie in `folder`, or in a temporary one."""
    state = new_state(CompanySettings(people=people, days=days, seed=seed))
    if folder is not None:
        with Sandbox(folder, state, settings, faults) as sandbox:
            yield sandbox
        return
    with (
        tempfile.TemporaryDirectory(prefix="sandbox-") as temporary,
        Sandbox(Path(temporary), state, settings, faults) as sandbox,
    ):
        yield sandbox
