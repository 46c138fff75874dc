"""The one way in which connectors talk to a vendor: JSON over HTTP, with retries where they help, or one clear error.

Belongs here: attempts, pauses, time limits, pages, the error a person reads. Does not: which answers of a vendor are
errors (each source gives its `judge`), where a page's cursor stands.

Vendors report errors in places that HTTP libraries do not look at: in the body of a 200, in a 400 that only means
"slow down", in JSON that breaks off. So every answer is judged by its body too, before it counts.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from dlt.sources.helpers.requests import Client as RetryingClient

from ingestion.wire import parsed

log = logging.getLogger(__name__)

CURSOR_RESTARTS = 3  # an expired cursor starts the pages again; more often than this it is not about time
EXCERPT_CHARACTERS = 300


@dataclass(frozen=True)
class Problem:
    """Why an answer is not a success.

    Attributes:
        reason: what the vendor said.
        retry: whether asking again can help.
        wait_seconds: how long the vendor wants us to wait; None: pauses that double.
        advice: what a person can do about it.
        code: the vendor's own error code.
        cursor_expired: the page cursor is no longer known; the pages have to be started again.
        too_much: the same request for less (fewer days, smaller pages) can succeed.
        refused: what was asked about may not be read with this token; other accounts may.
        lacks: the permissions that would let the token read it, in the vendor's words.
    """

    reason: str
    retry: bool = False
    wait_seconds: float | None = None
    advice: str = ""
    code: str = ""
    cursor_expired: bool = False
    too_much: bool = False
    refused: bool = False
    lacks: tuple[str, ...] = ()


Judge = Callable[[requests.Response, Any], Problem | None]


class VendorError(RuntimeError):
    """A vendor's API could not be read; the message names vendor, path, status, what was said and what to do.

    `may_pass`: the same load can succeed later, with nothing changed by a person.
    """

    def __init__(self, message: str, *, status: int | None = None, problem: Problem | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.problem = problem
        self.code = problem.code if problem else ""
        self.may_pass = problem is None or problem.retry
        self.cursor_expired = bool(problem and problem.cursor_expired)


def judge_status(response: requests.Response, body: Any) -> Problem | None:
    """The judgement that holds for every vendor: by status, and a success has to carry JSON."""
    status = response.status_code
    if status == 429:
        return Problem("too many requests", retry=True, advice="The rate limit stayed exceeded: run again later.")
    if status >= 500:
        return Problem("the vendor's server failed", retry=True, advice="Run again later.")
    if status in (401, 403):
        return Problem("access denied", advice="Check that the access token is valid and has the scopes it needs.")
    if 300 <= status < 400:
        # Never followed: the token is for this host alone.
        return Problem(f"redirected to {response.headers.get('Location')}", advice="Correct the base URL.")
    if status == 404:
        return Problem("not found", advice="Check base URL, API version and account.")
    if status >= 400:
        return Problem("the request was refused", advice="The API may have changed: check its version.")
    if body is None:
        return Problem("the answer is no complete JSON", retry=True, advice="Run again later.")
    return None


class Client:
    """JSON requests to one vendor.

    Attempts, time limit and pauses are dlt's `[runtime] request_*` settings; a `Retry-After` header is obeyed.
    """

    def __init__(
        self,
        vendor: str,
        base_url: str,
        headers: Mapping[str, str],
        judge: Judge = judge_status,
    ) -> None:
        """`headers` carry the token: it never enters a URL, a log line or an error."""
        self.vendor = vendor
        self._base_url = base_url.rstrip("/")
        self._headers = dict(headers)
        self._judge = judge
        self._latest: tuple[requests.Response, Any, Problem | None] | None = None
        self._client = RetryingClient(raise_for_status=False, status_codes=(), retry_condition=self._should_retry)
        self._client.configure()

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """The parsed body of the answer.

        Raises:
            VendorError: the vendor refused, or still failed after the last attempt.
        """
        return self._request("GET", path, params=params)

    def post(self, path: str, *, params: Mapping[str, Any] | None = None, body: Any = None) -> Any:
        """As `get`, with `body` sent as JSON."""
        return self._request("POST", path, params=params, json=body)

    @property
    def latest_headers(self) -> Mapping[str, str]:
        """Headers of the latest answer; none before the first."""
        return self._latest[0].headers if self._latest else {}

    def _request(self, method: str, path: str, **kwargs: Any) -> Any:
        shown = f"{self.vendor}: {method} {urlsplit(self._base_url).path}{path}"
        try:
            response = self._client.request(
                method, self._base_url + path, auth=self._authorise, allow_redirects=False, **kwargs
            )
        except requests.RequestException as error:
            raise VendorError(
                f"{shown}: no answer from {urlsplit(self._base_url).netloc} ({type(error).__name__}). "
                "Check the base URL and the network, or run again later."
            ) from error
        body, problem = self._judged(response)
        if problem is not None:
            raise VendorError(
                f"{shown}: {problem.reason} (status {response.status_code}"
                f"{', given up after several attempts' if problem.retry else ''}): "
                f"{self._excerpt(response)} {problem.advice}".rstrip(),
                status=response.status_code,
                problem=problem,
            )
        return body

    def _authorise(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        # As `auth`, so that a .netrc of the machine does not replace the token by a password of its own.
        request.headers.update(self._headers)
        return request

    def _judged(self, response: requests.Response) -> tuple[Any, Problem | None]:
        if self._latest is None or self._latest[0] is not response:
            try:
                body = _parsed(response)
            except ValueError:
                body = None
            self._latest = (response, body, self._judge(response, body))
        return self._latest[1:]

    def _should_retry(self, response: requests.Response | None, error: BaseException | None) -> bool:
        if response is None:
            return False  # dlt's client retries lost connections itself
        _, problem = self._judged(response)
        if problem is None or not problem.retry:
            return False
        if problem.wait_seconds is not None:
            # dlt's client reads how long to wait in one form only: whole seconds.
            response.headers["Retry-After"] = str(max(1, math.ceil(problem.wait_seconds)))
        log.warning("%s: %s (status %s), asking again", self.vendor, problem.reason, response.status_code)
        return True

    def _excerpt(self, response: requests.Response) -> str:
        text = " ".join(response.text.split())
        for secret in self._headers.values():
            text = text.replace(secret.removeprefix("Bearer "), "***")
        return text if len(text) <= EXCERPT_CHARACTERS else text[:EXCERPT_CHARACTERS] + " …"


def _parsed(response: requests.Response) -> Any:
    try:
        return parsed(response.content)
    except UnicodeDecodeError:
        return parsed(response.text)


def pages(fetch: Callable[[str | None], tuple[list[Any], str | None]]) -> Iterator[list[Any]]:
    """Every page of a list. `fetch(cursor)` gives a page's items and the next cursor (None on the last page).

    An expired cursor starts again with `fetch(None)`: items may come twice, none is lost.

    Raises:
        VendorError: a page could not be read, or a cursor leads to itself.
    """
    cursor: str | None = None
    restarts = 0
    while True:
        try:
            items, following = fetch(cursor)
        except VendorError as error:
            if cursor is None or not error.cursor_expired or restarts == CURSOR_RESTARTS:
                raise
            restarts += 1
            log.warning("%s: starting the pages again", error)
            cursor = None
            continue
        yield items
        if not following:
            return
        if following == cursor:
            raise VendorError(f"The page after cursor {cursor!r} is that page itself: the vendor's paging is broken.")
        cursor = following


def expect_list(vendor: str, path: str, body: Any, value: Any) -> list[Any]:
    """`value` if it is a list, as the place in `body` where the records have to be.

    Raises:
        VendorError: it is not: reading on would silently lose records.
    """
    if isinstance(value, list):
        return value
    raise VendorError(f"{vendor}: {path}: the answer has no list of records: {json.dumps(body)[:EXCERPT_CHARACTERS]}")
