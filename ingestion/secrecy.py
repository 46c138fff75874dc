"""Keeps secrets out of whatever is shown or kept: errors, logs, records, the trace of a load.

Belongs here: which secrets this process has read, and texts without them. Does not: reading them (`config`), personal
data, which is no secret of ours (`dagster_project/personal.py`).
"""

from __future__ import annotations

import json
import re
import traceback
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterable
from functools import cache
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, quote_plus

HIDDEN = "***"
SHORTEST = 8  # a shorter text is part of too many words that are no secret: hiding it would damage them

_known: set[str] = set()


def remember(secret: str) -> None:
    """Hide a secret from now on: called by what reads one."""
    if len(secret) >= SHORTEST:
        _known.add(secret)


def hidden(text: str) -> str:
    """The text without any secret that was read, in whatever spelling it is repeated."""
    for spelling in _all_spellings(frozenset(_known)):
        if spelling in text:
            text = text.replace(spelling, HIDDEN)
    return text


def hidden_in_bytes(content: bytes) -> bytes:
    """The same of bytes that were not decoded yet: what a vendor sends back of a token goes no further."""
    for spelling in _all_spellings(frozenset(_known)):
        if spelling.encode() in content:
            content = content.replace(spelling.encode(), HIDDEN.encode())
    return content


def told(error: BaseException) -> str:
    """An exception with everything that led to it, as Python would print it, without secrets."""
    return hidden("".join(traceback.format_exception(error)))


@cache
def _all_spellings(secrets: frozenset[str]) -> tuple[str, ...]:
    spellings = {each for secret in secrets for each in _spellings(secret)}
    # the longest first: one spelling may be the beginning of another
    return tuple(sorted(spellings, key=lambda each: (-len(each), each)))


def _spellings(secret: str) -> Iterable[str]:
    """A secret as it is written in texts, URLs, JSON, Python and headers."""
    yield secret
    for escape in (quote, quote_plus):
        for safe in ("", "/"):
            yield escape(secret, safe=safe)
            yield re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), escape(secret, safe=safe))
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret)[1:-1].replace("/", r"\/")
    yield repr(secret)[1:-1]
    for encode in (b64encode, urlsafe_b64encode):
        yield from _within_base64(secret.encode(), encode)


def _within_base64(secret: bytes, encode: Callable[[bytes], bytes]) -> Iterable[str]:
    """What base64 makes of it wherever it begins, as in `user:secret`: all but the characters that it shares."""
    for offset in range(3):
        written = encode(bytes(offset) + secret).rstrip(b"=").decode()
        whole = (offset + len(secret)) * 8 // 6  # characters of which every bit is the secret's
        yield written[-(-offset * 8 // 6) : whole]


# dlt asks modules of this kind at each step of a load. Its trace goes to a file, with the settings that it resolved and
# the errors that it met. Nothing reads them there: what is counted of the run just ended stays in it.
def _on_end_trace_step(trace: Any, step: Any, pipeline: Any, step_info: Any, send_state: bool) -> None:
    trace.resolved_config_values.clear()
    trace.steps[:] = [each._replace(step_exception=None, exception_traces=None) for each in trace.steps]


def _nothing(*_: Any) -> None:
    return None


TRACKING = SimpleNamespace(
    on_start_trace=_nothing,
    on_start_trace_step=_nothing,
    on_end_trace_step=_on_end_trace_step,
    on_end_trace=_nothing,
)


def keep_out_of_traces() -> None:
    """Let dlt write no setting and no error into its trace."""
    from dlt.pipeline import trace

    if TRACKING not in trace.TRACKING_MODULES:
        trace.TRACKING_MODULES.append(TRACKING)
