"""JSON over HTTP to a sink: what was answered, or that it is not known whether anything arrived.

Belongs here: pauses where a sink asks for one, time limits. Does not: what an answer means, which each sink says.

A request that was turned away because there were too many is sent again: nothing of it was taken. After a failure of
the server or of the network nobody knows that, so it is for the sink to say whether sending again is safe.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests

ATTEMPTS = 6
LONGEST_PAUSE = 300.0
TIMEOUT = 60.0
# 449: respond.io has queued the request and asks for it once more.
TOO_MANY = (429, 449)


@dataclass(frozen=True)
class Answer:
    """`body`: parsed JSON; None: it is none."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


class UnclearError(RuntimeError):
    """It is not known whether the sink took what was sent; the message says what happened."""


class UnreachableError(RuntimeError):
    """Nothing was taken: there was no connection, or it led elsewhere."""


class ThrottledError(RuntimeError):
    """The sink still turns requests away after several pauses; nothing of the last one was taken."""


class Http:
    """Requests to one sink."""

    def __init__(self, base_url: str, headers: Mapping[str, str], pause: Callable[[float], None] = time.sleep) -> None:
        """
        Args:
            headers: carry the token: it never enters a URL or an error.
            pause: waits some seconds.
        """
        self._base_url = base_url.rstrip("/")
        self._headers = dict(headers)
        self._pause = pause
        self._session = requests.Session()

    def use(self, headers: Mapping[str, str]) -> None:
        """Send these headers from now on: those of a token that had to be asked for."""
        self._headers = dict(headers)

    def post(
        self,
        path: str,
        body: Any,
        is_throttled: Callable[[Answer], bool] = lambda _: False,
        *,
        as_form: bool = False,
    ) -> Answer:
        """What the sink answers, after pauses where it asks for them.

        Args:
            body: sent as JSON, or as a form.
            is_throttled: whether an answer asks for a pause, where its status does not say so.

        Raises:
            UnclearError: no answer, or a failure of its server.
            UnreachableError: no connection, or not to the sink.
            ThrottledError: it still asks for a pause after the last attempt.
        """
        for attempt in range(ATTEMPTS):
            answer = self._attempt(path, **{"data" if as_form else "json": body})
            if answer.status >= 500 and "retry-after" not in answer.headers:
                raise UnclearError(f"its server failed, status {answer.status}")
            if 300 <= answer.status < 400:  # never followed: the token is for this host alone
                raise UnreachableError(f"it is somewhere else, status {answer.status}. Correct the base URL.")
            if answer.status < 300 and answer.body is None:
                raise UnclearError(f"its answer is no JSON, status {answer.status}")
            if answer.status not in (*TOO_MANY, 503) and not is_throttled(answer):
                return answer
            if attempt < ATTEMPTS - 1:
                self._pause(_seconds(answer, 2.0**attempt))
        raise ThrottledError("it turned requests away as too many, also after pauses. Send again later.")

    def _attempt(self, path: str, **body: Any) -> Answer:
        try:
            response = self._session.post(
                self._base_url + path, auth=self._authorise, allow_redirects=False, timeout=TIMEOUT, **body
            )
        except requests.ConnectTimeout:
            raise UnreachableError("no connection in time. Send again later.") from None
        except requests.ConnectionError as error:
            # A refused connection never carried anything; one that broke may have.
            if "NewConnectionError" in repr(error):
                raise UnreachableError("no connection. Check the base URL and the network.") from None
            raise UnclearError(f"no answer ({type(error).__name__})") from None
        except requests.RequestException as error:
            raise UnclearError(f"no answer ({type(error).__name__})") from None
        try:
            parsed = response.json()
        except ValueError:
            parsed = None
        return Answer(response.status_code, parsed, {name.lower(): value for name, value in response.headers.items()})

    def _authorise(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        # As `auth`, so that a .netrc of the machine does not replace the token by a password of its own.
        request.headers.update(self._headers)
        return request


def _seconds(answer: Answer, otherwise: float) -> float:
    """How long the sink wants us to wait."""
    value = answer.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value), LONGEST_PAUSE)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return min(otherwise, LONGEST_PAUSE)
    asked = (moment.astimezone(UTC) - datetime.now(UTC)).total_seconds()
    return min(max(asked, 0.0), LONGEST_PAUSE)
