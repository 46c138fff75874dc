"""What the sinks have in common: what one is, and how a delivery learns what became of a request.

Belongs here: names that delivery and sinks share. Does not: any vendor's wording.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from activation.http import Http
from activation.ledger import State
from activation.outbox import Event

Payload = dict[str, Any]
# By event id: the state that follows, and what the sink said.
Outcomes = dict[str, tuple[State, str]]
ALWAYS = timedelta.max
NEVER = timedelta(0)


class CannotBeToldError(ValueError):
    """An event has no form that the sink would take; the message says why, in the words of a reason to hold it back."""


class BatchRefusedError(RuntimeError):
    """The sink took nothing of a request, because of something in it; the message says what it said."""


class SinkStoppedError(RuntimeError):
    """Nothing more can be sent to the sink in this run; the message says why and what to do. Nothing was taken."""


class Sink(ABC):
    """One place that is told something.

    Attributes:
        name: as in the column `sink` of the outbox.
        per_request: most events of one request.
        oldest: age of an event beyond which the sink does not take it; None: any.
        is_state: whether it is told how a record stands, so that only the latest content counts.
    """

    name: ClassVar[str]
    per_request: ClassVar[int]
    oldest: ClassVar[timedelta | None] = None
    is_state: ClassVar[bool] = False

    def __init__(self, http: Http) -> None:
        self._http = http

    @abstractmethod
    def payload(self, event: Event) -> Payload:
        """The wire form of an event. Raises CannotBeToldError."""

    def resend_window(self, event: Event) -> timedelta:
        """How long after it was sent an event may be sent again without being counted twice."""
        return ALWAYS

    def kind(self, event: Event) -> str:
        """Events of one kind go together in a request."""
        return ""

    @abstractmethod
    def send(self, batch: Sequence[tuple[Event, Payload]]) -> Outcomes:
        """Send events of one kind, and say what became of each.

        Raises:
            BatchRefusedError: nothing was taken because of something in the request.
            SinkStoppedError: nothing was taken, and nothing will be.
            UnclearError, UnreachableError, ThrottledError: as `Http.post`.
        """

    def all_confirmed(self, batch: Sequence[tuple[Event, Payload]], answer: str = "") -> Outcomes:
        return {event.event_id: ("confirmed", answer) for event, _ in batch}


def told(present: Mapping[str, Any]) -> Payload:
    """Without what is not known."""
    return {name: value for name, value in present.items() if value is not None}
