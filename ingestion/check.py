"""Whether the sources can be read, asked before anything is loaded: a few cheap questions to each of them.

Belongs here: the shape of an answer, what any vendor's answer tells, and asking all sources beside each other, each for
so long at most. Does not: what one vendor is asked (`check.py` of its package), settings and machine
(`dagster_project/check.py`).

A source package may have a module `check` with `check(settings)`, a generator of findings. It yields what it knows
before it asks for more, so that what was heard before a vendor fell silent is told. What a vendor refuses it may leave
to the caller, as a `VendorError`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal

from ingestion import config
from ingestion.clock import TOLERANCE, WrongClockError, http_date
from ingestion.config import Account, SettingsError
from ingestion.http import Client, VendorError

State = Literal["ok", "warning", "failed"]

# What is asked of every source; a source may have more to tell.
REACHED, TOKEN, SCOPES, ACCOUNT, CURRENCY, TIME_ZONE, OLDEST, VERSION, CLOCK = QUESTIONS = (
    "reached",
    "token",
    "scopes",
    "account",
    "currency",
    "time zone",
    "oldest record",
    "API version",
    "clock",
)
NOT_TOLD = "not told"  # the vendor has no answer to it
NOT_ASKED = "not asked"  # no cheap request would tell

SECONDS = 30.0


@dataclass(frozen=True)
class Finding:
    """One question and its answer.

    Attributes:
        asked: what the question is about.
        answer: in a few words.
        state: failed: a refresh would fail, or load less or other than it should.
        advice: what a person has to do, in whole sentences; empty where nothing is to be done.
    """

    asked: str
    answer: str
    state: State = "ok"
    advice: str = ""


Check = Callable[[Any], Iterator[Finding]]


# ---- what any answer tells


def answered(client: Client) -> Iterator[Finding]:
    """What a first answer that was no refusal tells."""
    yield Finding(REACHED, "yes")
    yield Finding(TOKEN, "accepted")
    yield clock(client)


def clock(client: Client) -> Finding:
    """What counts as now against the vendor's clock. A client refuses a clock that is plainly wrong by itself."""
    theirs = http_date(client.latest_headers.get("Date"))
    if theirs is None:
        return Finding(CLOCK, NOT_TOLD)
    return Finding(CLOCK, "agrees" if abs(config.as_of() - theirs) <= TOLERANCE else "not compared, an instant is set")


def refused(error: VendorError) -> Iterator[Finding]:
    """What a refusal tells: nobody was reached, the token is not accepted, or something else is wrong."""
    if error.status is None:
        yield Finding(REACHED, "no", "failed", str(error))
        return
    if error.problem is not None and error.problem.lacks:
        yield Finding(REACHED, "yes")
        yield Finding(SCOPES, f"lacks {', '.join(error.problem.lacks)}", "failed", str(error))
    elif error.status == 401:
        yield Finding(REACHED, "yes")
        yield Finding(TOKEN, "refused", "failed", str(error))
    else:
        yield Finding(REACHED, f"refused with status {error.status}", "failed", str(error))


def lacking(questions: Mapping[str, Callable[[], Any]]) -> Iterator[tuple[str, VendorError]]:
    """The permissions that the questions need and the token lacks, by the vendor's name or else that of the question.

    Raises:
        VendorError: a question is refused for another reason.
    """
    for name, ask in questions.items():
        try:
            ask()
        except VendorError as error:
            lacks = error.problem.lacks if error.problem is not None else ()
            if not lacks and error.status != 403:
                raise
            yield " or ".join(lacks) or f"reading {name}", error


def scopes(missing: Iterable[str], advice: str) -> Finding:
    """Whether the token may read all that a load reads."""
    names = sorted(set(missing))
    if not names:
        return Finding(SCOPES, "all")
    return Finding(SCOPES, f"lacks {', '.join(names)}", "failed", f"The token lacks {', '.join(names)}. {advice}")


def told(asked: str, value: Any) -> Finding:
    """A value of the account as it is; that it is not told where there is none."""
    return Finding(asked, str(value) if value else NOT_TOLD)


# ---- all sources


def ask(accounts: Iterable[Account], seconds: float = SECONDS) -> dict[Account, list[Finding]]:
    """The findings of every account, all asked beside each other. After `seconds` who is silent is left."""
    heard: dict[Account, list[Finding]] = {account: [] for account in accounts}
    checks = {
        account: _check_of(account) for account in heard
    }  # imported here: threads that import wait for each other
    threads = {
        # daemon: a vendor that does not answer keeps nobody
        account: threading.Thread(target=_listen, args=(account, checks[account], findings.append), daemon=True)
        for account, findings in heard.items()
    }
    for thread in threads.values():
        thread.start()
    end = time.monotonic() + seconds
    found = {}
    for account, thread in threads.items():
        thread.join(max(0.0, end - time.monotonic()))
        is_silent = thread.is_alive()
        found[account] = [*heard[account]]
        if is_silent:
            advice = (
                f"{account} did not answer everything within {seconds:.0f} s. Check the network, or ask again later."
            )
            found[account].append(Finding(REACHED, f"silent after {seconds:.0f} s", "failed", advice))
    return found


def _check_of(account: Account) -> Check | None:
    name = f"ingestion.sources.{account.source}.check"
    found: Check | None = import_module(name).check if find_spec(name) else None
    return found


def _listen(account: Account, check: Check | None, tell: Callable[[Finding], None]) -> None:
    try:
        for finding in _findings(account, check):
            tell(finding)
    except VendorError as error:
        for finding in refused(error):
            tell(finding)
    except WrongClockError as error:
        tell(Finding(REACHED, "yes"))
        tell(Finding(CLOCK, "wrong", "failed", str(error)))
    except SettingsError as error:
        tell(Finding(REACHED, NOT_ASKED, "failed", str(error)))
    except Exception as error:  # one source never ends the check of the others
        advice = f"{account} could not be checked: {type(error).__name__}: {error}"
        tell(Finding(REACHED, "not known", "failed", advice))


def _findings(account: Account, check: Check | None) -> Iterator[Finding]:
    settings = config.settings_of(account)
    refusals = settings.refusals()
    for refusal in refusals:
        yield Finding(REACHED, NOT_ASKED, "failed", refusal.sentence)
    if refusals:
        return
    if check is None:
        yield Finding(REACHED, NOT_ASKED, "warning", f"{account.source} has no check: only its settings were read.")
        return
    yield from check(settings.read())
