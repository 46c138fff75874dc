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
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import TracebackType

import uvicorn

from ingestion import config
from sandbox.advertising import ACCOUNT_ID
from sandbox.books import BOOKS, Books
from sandbox.broken_answers import OpenProtocol
from sandbox.company import Company
from sandbox.faults import Faults
from sandbox.files import Files
from sandbox.records import iso
from sandbox.servers import VENDORS
from sandbox.servers.base import VendorServer
from sandbox.servers.shopify import Shopify
from sandbox.settings import DAY, CompanySettings, ServerSettings, State, new_state
from sandbox.sinks import SINKS, google_ads, meta, tiktok
from sandbox.truth import Truth

FIRST_SPEND_DAYS = 4  # advertising begins a little before the first person
START_SECONDS = 10.0
HOST = "127.0.0.1"
SECOND_SHOP = "shopify.outlet"
WITHOUT_SERVER = ("files", "whatsapp")  # sources that read folders alone
TOLD_TOO = ("hubspot", "respond_io")  # vendors that are read, and told things
ACTIVATION = "activation"  # section of the settings of sinks
SETTINGS_OF_SINKS: dict[str, dict[str, str]] = {
    "meta": {"dataset_id": meta.DATASET, "whatsapp_business_account_id": meta.WHATSAPP_ACCOUNT},
    "tiktok": {"event_source": "web", "event_source_id": tiktok.PIXEL},
    "google_ads": {
        "customer_id": google_ads.CUSTOMER,
        "conversion_actions": ",".join(f"{name}:{action}" for name, action in google_ads.ACTIONS.items()),
        "client_id": google_ads.CLIENT_ID,
        "client_secret": google_ads.CLIENT_SECRET,
        "refresh_token": google_ads.REFRESH_TOKEN,
        "developer_token": google_ads.DEVELOPER_TOKEN,
    },
    "hubspot": {"lifetime_value_property": "lifetime_value", "churn_band_property": "churn_band"},
    "respond_io": {},
}


def server_of(vendor: str, package: str = "sandbox.servers") -> type[VendorServer]:
    """The server that the module of a vendor declares."""
    module = import_module(f"{package}.{vendor}")
    (found,) = (
        each
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, VendorServer) and each.__module__ == module.__name__
    )
    return found


def second_shop(state: State, settings: ServerSettings, faults: Faults) -> Shopify:
    """A small shop of the same company. Its customers are the first people of the company, with the same addresses.

    What they do in it has nothing to do with the first one, but its customers and orders are numbered as those of the
    first: equal ids are two records here, and one person has both.
    """
    company = Company(replace(state.company, people=state.company.second_shop_people, second_shop_people=0))
    return Shopify(company, state.clock, settings, faults, token="sandbox-outlet-token")


class ServerError(RuntimeError):
    """A server did not start or stop in time."""


class ServerThread:
    """One vendor's server in a thread of its own, on a free port of the loopback interface."""

    def __init__(self, server: VendorServer) -> None:
        self.server = server
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.bind((HOST, 0))
        # uvicorn's own date is that of this machine: the server says what time it is in the simulation
        settings = uvicorn.Config(
            server.app(),
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            date_header=False,
            http=OpenProtocol,
        )
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
        servers: the vendors' servers by source, or account of one (`shopify.outlet`).
        sinks: the servers of those who are only told, by sink.
        books: what all of them were told.
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
            vendor: server_of(vendor)(self.company, state.clock, settings or ServerSettings(), self.faults)
            for vendor in VENDORS
        }
        if state.company.second_shop_people:
            self.servers[SECOND_SHOP] = second_shop(state, settings or ServerSettings(), self.faults)
        self.sinks: dict[str, VendorServer] = {
            sink: server_of(sink, "sandbox.sinks")(self.company, state.clock, settings or ServerSettings(), self.faults)
            for sink in SINKS
        }
        self.books = Books(folder / BOOKS)
        for server in self._all():
            server.books = self.books
        self._threads: dict[str, ServerThread] = {}
        self._listening: dict[str, ServerThread] = {}

    def __enter__(self) -> Sandbox:
        self._threads = {name: ServerThread(server) for name, server in self.servers.items()}
        self._listening = {name: ServerThread(server) for name, server in self.sinks.items()}
        for thread in self._all_threads():
            thread.start()
        # While whoever reads it starts: nobody waits for people to be made at the first question.
        threading.Thread(target=self._prepare, name="sandbox-people", daemon=True).start()
        return self

    def _prepare(self) -> None:
        for server in self._all():
            server.prepare()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for thread in self._all_threads():
            thread.ask_to_stop()
        for thread in self._all_threads():
            thread.stop()
        self._threads, self._listening = {}, {}

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables that make the pipeline read this sandbox, at its clock."""
        if not self._threads:
            raise ServerError("the servers are not running: enter the sandbox first")
        found = {"LIFECYCLE_PROFILE": "sandbox", "LIFECYCLE_AS_OF": iso(self.state.clock)}
        for name, thread in self._threads.items():
            found[config.variable_name(name, "base_url")] = thread.url + thread.server.base_path
            found[config.variable_name(name, thread.server.token_setting)] = thread.server.token
        for name, thread in {**{name: self._threads[name] for name in TOLD_TOO}, **self._listening}.items():
            settings = {"base_url": thread.url + thread.server.base_path, **SETTINGS_OF_SINKS[name]}
            if name == "google_ads":  # its token is given for another one
                settings["token_url"] = thread.url
            else:
                settings["access_token"] = thread.server.token
            found |= {config.variable_name(name, field, ACTIVATION): value for field, value in settings.items()}
        found["SOURCES__META_ADS__ACCOUNT_IDS"] = ACCOUNT_ID
        found["SOURCES__META_ADS__INITIAL_DATE"] = iso(self.company.start - FIRST_SPEND_DAYS * DAY)[:10]
        found["SOURCES__RESPOND_IO__INBOX_PATH"] = str(self._files.inbox)
        found["SOURCES__WHATSAPP__INBOX_PATH"] = str(self._files.whatsapp_inbox)
        found["SOURCES__FILES__MAPPINGS_PATH"] = str(self._files.mappings)
        found["SOURCES__FILES__DATA_PATH"] = str(self._files.data)
        return found

    def _all(self) -> Iterator[VendorServer]:
        yield from self.servers.values()
        yield from self.sinks.values()

    def _all_threads(self) -> Iterator[ServerThread]:
        yield from self._threads.values()
        yield from self._listening.values()

    @property
    def sources(self) -> str:
        """What there is to load, as `LIFECYCLE_SOURCES` names it."""
        return ",".join([*WITHOUT_SERVER, *self.servers])

    def advance(self, days: int = 1) -> None:
        """Let whole days pass, for servers and files."""
        self.state = self.state.advanced(days)
        self._files.write(self.company, self.state.clock)
        for server in self._all():
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
    second_shop_people: int = 0,
    folder: Path | None = None,
    settings: ServerSettings | None = None,
    faults: Faults | None = None,
) -> Iterator[Sandbox]:
    """A sandbox for a test. Its files lie in `folder`, or in a temporary one."""
    state = new_state(CompanySettings(people, days, seed, second_shop_people))
    if folder is not None:
        with Sandbox(folder, state, settings, faults) as sandbox:
            yield sandbox
        return
    with (
        tempfile.TemporaryDirectory(prefix="sandbox-") as temporary,
        Sandbox(Path(temporary), state, settings, faults) as sandbox,
    ):
        yield sandbox
