"""A small company, its servers, and a way to ask them, for the tests of the sandbox."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from sandbox.running import Sandbox, running_sandbox

PEOPLE, DAYS, SEED = 140, 200, 11
TIMEOUT = 20


class Api:
    """One vendor's API as a client sees it."""

    def __init__(self, sandbox: Sandbox, vendor: str) -> None:
        self.sandbox = sandbox
        self.server = sandbox.servers[vendor]
        self.url = sandbox.environment[f"SOURCES__{vendor.upper()}__BASE_URL"]
        self.token = self.server.token

    def request(self, method: str, path: str, token: str | None = None, **options: Any) -> requests.Response:
        token = self.token if token is None else token
        headers = {"Authorization": f"Bearer {token}", "X-Shopify-Access-Token": token}
        return requests.request(
            method, self.url + path, headers=headers, timeout=TIMEOUT, allow_redirects=False, **options
        )

    def get(self, path: str, **params: Any) -> requests.Response:
        return self.request("GET", path, params=params)

    def post(self, path: str, body: Any = None, **params: Any) -> requests.Response:
        return self.request("POST", path, json=body, params=params)

    def graphql(self, query: str, **variables: Any) -> Any:
        return self.post("/admin/api/2026-07/graphql.json", {"query": query, "variables": variables}).json()


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """A sandbox that tests only read."""
    with running_sandbox(people=PEOPLE, days=DAYS, seed=SEED) as running:
        yield running


@pytest.fixture
def own_sandbox() -> Iterator[Sandbox]:
    """A sandbox that a test may advance or break."""
    with running_sandbox(people=60, days=60, seed=SEED) as running:
        yield running


@pytest.fixture(scope="session")
def api(sandbox: Sandbox) -> Callable[[str], Api]:
    return lambda vendor: Api(sandbox, vendor)


@pytest.fixture
def own_api(own_sandbox: Sandbox) -> Callable[[str], Api]:
    return lambda vendor: Api(own_sandbox, vendor)


@pytest.fixture(scope="session")
def make_api() -> type[Api]:
    return Api
