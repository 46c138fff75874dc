"""The one way in which connectors talk to a vendor: JSON over HTTP, with retries where they help, or one clear error.

Belongs here: attempts, pauses, time limits, pages, the error a person reads. Does not: which answers of a vendor are
errors (each source gives its `judge`), where a page's cursor stands.

Vendors report errors in places that HTTP libraries do not look at: in the body of a 200, in a 400 that only means
"slow down", in JSON that breaks off. So every answer is judged by its body too, before it counts.

Nothing lasts for ever. An attempt ends after a while however slowly bytes come, a source ends after its time limit
whatever it is waiting for, and a list whose pages or cursors come again is not read in circles.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import requests
import tenacity
from dlt.common.configuration.resolve import resolve_configuration
from dlt.common.configuration.specs import RuntimeConfiguration
from requests.exceptions import InvalidSchema, InvalidURL, MissingSchema

from ingestion import config
from ingestion.clock import Clock, http_date
from ingestion.config import RequestLimits
from ingestion.secrecy import hidden, hidden_in_bytes
from ingestion.timed_transport import OUT_OF_TIME, TimedAdapter, ends_at
from ingestion.wire import as_json, parsed

log = logging.getLogger(__name__)

PAGES_RESTARTS = 3  # of one list: a cursor that expired, a page that came again; more often it is not about time
EMPTY_PAGES = 500  # in a row, each with a cursor to the next: filters may leave nothing of many pages
EXCERPT_CHARACTERS = 300
EXCERPT_BYTES = 20 * EXCERPT_CHARACTERS
READ_BYTES = 65536
MEGABYTE = 1_000_000
WRONG_ADDRESS = (MissingSchema, InvalidSchema, InvalidURL)  # asking again does not help


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
    `in_short`: what is wrong, in our own words: a vendor may quote whatever a record holds.
    """

    def __init__(
        self, message: str, *, status: int | None = None, problem: Problem | None = None, in_short: str = ""
    ) -> None:
        super().__init__(hidden(message))
        self.in_short = in_short or _in_short(status)
        self.status = status
        self.problem = problem
        self.code = problem.code if problem else ""
        self.may_pass = problem is None or problem.retry
        self.cursor_expired = bool(problem and problem.cursor_expired)


def _in_short(status: int | None) -> str:
    if status is None:
        return "it could not be read on"
    kinds = {401: "access denied", 403: "access denied", 404: "not found", 429: "too many requests"}
    by_class = {2: "the answer was an error", 3: "redirected", 4: "the request was refused"}
    return f"{kinds.get(status) or by_class.get(status // 100, 'the vendor failed')}, status {status}"


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


@dataclass(frozen=True)
class _Answer:
    """An answer that was read to its end, its parsed body (None: it is no JSON), and why it is no success."""

    response: requests.Response
    content: bytes
    body: Any
    problem: Problem | None

    @property
    def text(self) -> str:
        """What was said, as far as a person reads it; an answer may be of any size."""
        return _text(self.response, self.content[:EXCERPT_BYTES], "replace")


class Client:
    """JSON requests to one vendor, for one load.

    Attempts and pauses are dlt's `[runtime] request_*` settings; a `Retry-After` header is obeyed.

    Attributes:
        clock: what the load takes for the present.
        latest_headers: of the latest answer; none before the first.
    """

    def __init__(
        self,
        vendor: str,
        base_url: str,
        headers: Mapping[str, str],
        judge: Judge = judge_status,
        *,
        clock: Clock | None = None,
        time_limit_minutes: int = config.TIME_LIMIT_MINUTES,
    ) -> None:
        """
        Args:
            headers: carry the token: it never enters a URL, a log line or an error.
            clock: what the load takes for the present; it hears of the vendor's.
            time_limit_minutes: how long the load may go on, pauses included, from now.
        """
        self.vendor = vendor
        self.clock = clock or Clock()
        self.latest_headers: Mapping[str, str] = {}
        self._base_url = base_url.rstrip("/")
        self._headers = dict(headers)
        self._judge = judge
        self._limits = RequestLimits.read()
        self._time_limit_minutes = time_limit_minutes
        self._ends_at = time.monotonic() + time_limit_minutes * 60
        runtime = resolve_configuration(RuntimeConfiguration())
        self._timeout = float(runtime.request_timeout)
        self._longest_pause = float(runtime.request_max_retry_delay)
        self._doubling = tenacity.wait_exponential(multiplier=runtime.request_backoff_factor, max=self._longest_pause)
        self._retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(runtime.request_max_attempts),
            wait=self._pause,
            retry=tenacity.retry_if_exception(_may_pass) | tenacity.retry_if_result(_asks_for_another),
            before_sleep=self._before_pause,
            retry_error_callback=lambda state: state.outcome and state.outcome.result(),
        )
        self._session = requests.Session()
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, TimedAdapter())

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """The parsed body of the answer.

        Raises:
            VendorError: the vendor refused, or still failed after the last attempt, or the time limit is over.
            SettingsError: the clock of this machine is wrong.
        """
        return self._request("GET", path, params=params)

    def post(self, path: str, *, params: Mapping[str, Any] | None = None, body: Any = None) -> Any:
        """As `get`, with `body` sent as JSON."""
        return self._request("POST", path, params=params, json=body)

    def pause(self, seconds: float) -> None:
        """Wait, for what the vendor prepares. Raises VendorError where the time limit would be over by then."""
        self._check_time(seconds)
        time.sleep(seconds)

    def _request(self, method: str, path: str, **kwargs: Any) -> Any:
        shown = f"{self.vendor}: {method} {urlsplit(self._base_url).path}{path}"
        try:
            answer: _Answer = self._retrying(self._attempt, method, self._base_url + path, shown, **kwargs)
        except requests.RequestException as error:
            self._check_time()
            raise VendorError(
                f"{shown}: no answer from {urlsplit(self._base_url).netloc} ({_why(error)}). "
                "Check the base URL and the network, or run again later.",
                in_short=f"no answer, {_why(error)}",
            ) from error
        if answer.problem is not None:
            raise VendorError(
                f"{shown}: {answer.problem.reason} (status {answer.response.status_code}"
                f"{', given up after several attempts' if answer.problem.retry else ''}): "
                f"{_excerpt(answer.text)} {answer.problem.advice}".rstrip(),
                status=answer.response.status_code,
                problem=answer.problem,
            )
        return answer.body

    def _attempt(self, method: str, url: str, shown: str, **kwargs: Any) -> _Answer:
        self._check_time()
        with (
            ends_at(min(time.monotonic() + self._limits.request_limit_seconds, self._ends_at)),
            self._session.request(
                method,
                url,
                auth=self._authorise,
                allow_redirects=False,
                timeout=self._timeout,
                stream=True,
                **kwargs,
            ) as response,
        ):
            self.latest_headers = response.headers
            self.clock.hear(self.vendor, response.headers.get("Date"))
            content = self._content(response, shown)
        try:
            body = _parsed(response, content)
        except ValueError:
            body = None
        return _Answer(response, content, body, self._judge(response, body))

    def _content(self, response: requests.Response, shown: str) -> bytes:
        found = bytearray()
        for chunk in response.iter_content(READ_BYTES):
            found += chunk
            if len(found) > self._limits.answer_limit_megabytes * MEGABYTE:
                variable = self._limits.variable("answer_limit_megabytes")
                raise VendorError(
                    f"{shown}: the answer is larger than {self._limits.answer_limit_megabytes} MB, which no page is. "
                    f"If it has to be so large, set {variable}.",
                    status=response.status_code,
                    problem=Problem("too large"),
                    in_short="an answer was too large",
                )
        return bytes(found)

    def _authorise(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        # As `auth`, so that a .netrc of the machine does not replace the token by a password of its own.
        request.headers.update(self._headers)
        return request

    def _pause(self, state: tenacity.RetryCallState) -> float:
        answer = state.outcome.result() if state.outcome and not state.outcome.failed else None
        asked = None
        if answer is not None:
            asked = answer.problem.wait_seconds
            asked = _retry_after(answer.response) if asked is None else asked
        if asked is None or not 0 < asked < math.inf:
            return self._doubling(state)
        return min(max(1, math.ceil(asked)), self._longest_pause)

    def _before_pause(self, state: tenacity.RetryCallState) -> None:
        seconds = state.next_action.sleep if state.next_action else 0.0
        self._check_time(seconds)
        error = state.outcome.exception() if state.outcome else None
        if error is None and state.outcome:
            answer = state.outcome.result()
            reason = f"{hidden(answer.problem.reason)} (status {answer.response.status_code})"
        else:
            reason = _why(error)
        log.warning("%s: %s, asking again in %.0f s", self.vendor, reason, seconds)

    def _check_time(self, seconds: float = 0.0) -> None:
        """Raise VendorError where the time limit is over, or would be after so many seconds."""
        if time.monotonic() + seconds < self._ends_at:
            return
        variable = config.variable_name(self.vendor, "time_limit_minutes")
        over = f"a pause of {seconds:.0f} s would end after" if seconds else "it has run for"
        raise VendorError(
            f"{self.vendor}: {over} its time limit of {self._time_limit_minutes} minutes, so that nothing was loaded. "
            f"Look in the log for what took so long; a first load of years may need a larger {variable}.",
            problem=Problem("time limit"),
            in_short=f"its time limit of {self._time_limit_minutes} minutes was over",
        )


def _excerpt(text: str) -> str:
    """The beginning of a text, without secrets: hidden first, because the end may cut one in two."""
    shown = hidden(" ".join(text.split()))
    return shown if len(shown) <= EXCERPT_CHARACTERS else shown[:EXCERPT_CHARACTERS] + " …"


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, requests.RequestException) and not isinstance(error, WRONG_ADDRESS)


def _asks_for_another(answer: _Answer) -> bool:
    return answer.problem is not None and answer.problem.retry


def _why(error: BaseException | None) -> str:
    """The kind of an error, without its text: that one holds addresses and what stands in them."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, TimeoutError) and cause.args == (OUT_OF_TIME,):
            return f"{type(error).__name__}: {OUT_OF_TIME}"
        cause = cause.__cause__ or cause.__context__
    return type(error).__name__


def _retry_after(response: requests.Response) -> float | None:
    """The seconds that a `Retry-After` header asks for, from the vendor's own clock on; None where it says nothing."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    moment = http_date(value)
    now = http_date(response.headers.get("Date")) or datetime.now(UTC)
    return None if moment is None else (moment - now).total_seconds()


def _parsed(response: requests.Response, content: bytes) -> Any:
    try:
        return parsed(hidden_in_bytes(content))
    except UnicodeDecodeError:
        # What is no character stays one that no table takes: its record alone is turned away.
        return parsed(hidden(_text(response, content, "surrogateescape")))


def _text(response: requests.Response, content: bytes, errors: str) -> str:
    try:
        return content.decode(response.encoding or "utf-8", errors)
    except LookupError:
        return content.decode("utf-8", errors)


class PagingError(VendorError):
    """A vendor's paging leads in circles."""


class Trail:
    """What was read of one list, so that nobody reads it in circles: cursors, and pages that hold something."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._cursors: set[str] = set()
        self._pages: set[bytes] = set()
        self._empty = 0

    def note(self, items: list[Any], following: str | None) -> None:
        """A page and the cursor to the next one.

        Raises:
            PagingError: it is the page before, or the cursor was followed already, or nothing comes any more.
        """
        self._empty = 0 if items else self._empty + 1
        if following is not None and self._empty > EMPTY_PAGES:
            raise self._broken(f"{EMPTY_PAGES} pages in a row are empty and each leads to another one")
        if items:
            page = hashlib.blake2b(as_json(items, sort_keys=True, default=str).encode(), digest_size=16).digest()
            if page in self._pages:
                raise self._broken("a page came a second time")
            self._pages.add(page)
        if following is not None:
            self.follow(following)

    def follow(self, cursor: str) -> None:
        """A cursor to the next page. Raises PagingError where it was followed already."""
        if cursor in self._cursors:
            raise self._broken(f"the cursor {cursor[:EXCERPT_CHARACTERS]!r} came a second time")
        self._cursors.add(cursor)

    def _broken(self, reason: str) -> PagingError:
        return PagingError(f"{self._name}: the vendor's paging is broken: {reason}. Run again later.")


def pages(name: str, fetch: Callable[[str | None], tuple[list[Any], str | None]]) -> Iterator[list[Any]]:
    """Every page of a list. `fetch(cursor)` gives a page's items and the next cursor (None on the last page).

    An expired cursor starts again with `fetch(None)`, and so does a page or a cursor that comes again: items may come
    twice, none is lost.

    Args:
        name: vendor and path, for the error.

    Raises:
        VendorError: a page could not be read.
        PagingError: pages or cursors kept coming again.
    """
    cursor: str | None = None
    trail, restarts = Trail(name), 0
    while True:
        try:
            items, following = fetch(cursor)
            following = str(following) if following else None
            trail.note(items, following)
        except VendorError as error:
            is_to_restart = isinstance(error, PagingError) or (cursor is not None and error.cursor_expired)
            if not is_to_restart or restarts == PAGES_RESTARTS:
                raise
            restarts += 1
            log.warning("%s: starting the pages again", error)
            cursor, trail = None, Trail(name)
            continue
        yield items
        if following is None:
            return
        cursor = following


def expect_list(vendor: str, path: str, body: Any, value: Any) -> list[Any]:
    """`value` if it is a list, as the place in `body` where the records have to be.

    Raises:
        VendorError: it is not: reading on would silently lose records.
    """
    if isinstance(value, list):
        return value
    problem = Problem("the answer has no list of records", advice="The API may have changed: check its version.")
    raise VendorError(
        f"{vendor}: {path}: {problem.reason}: {_excerpt(json.dumps(body))} {problem.advice}",
        problem=problem,
        in_short=problem.reason,
    )
