"""What the error of a load means: whose it is, whether it may pass by itself, and how it is told.

Belongs here: judging an error that was raised. Does not: raising one (`http`, the sources), what follows from it
(`pipelines`, Dagster).

One source never stops the others: what cannot be told apart is taken for an error of the source. Where the machine is
to blame after all, the next step that writes fails too, and says so.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator

import duckdb

from ingestion import config
from ingestion.accounting import UnaccountedError
from ingestion.config import Account, SettingsError
from ingestion.http import VendorError
from ingestion.obstacles import explained
from ingestion.secrecy import hidden

OF_THE_MACHINE = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EIO,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOMEM,
}
# A wrong value or an answer in another shape: asked again, it is the same.
OF_WHAT_ARRIVED = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it came from, outermost first; dlt keeps the error of a job that loads beside the chain."""
    each: BaseException | None = error
    seen = set[int]()
    while each is not None and id(each) not in seen:
        yield each
        seen.add(id(each))
        each = each.__cause__ or getattr(each, "client_exception", None) or each.__context__


def cause(error: BaseException) -> BaseException:
    """What a person has to know of a failed run: the vendor's or a setting's error under dlt's own, or the deepest."""
    deepest = error
    for deepest in _chain(error):
        if isinstance(deepest, VendorError | SettingsError):
            break
    return deepest


def is_interruption(error: BaseException) -> bool:
    """Whether a load ended because it was asked to: dlt wraps that as if the load had failed."""
    # A generator that is closed while an error passes is part of the chain, too.
    return any(not isinstance(each, Exception | GeneratorExit) for each in _chain(error))


def stops_the_run(error: BaseException) -> bool:
    """Whether an error of one load concerns every other: a setting, the disk, the warehouse, a request to end."""
    return is_interruption(error) or any(_is_of_the_run(each) for each in _chain(error))


def _is_of_the_run(error: BaseException) -> bool:
    if isinstance(error, SettingsError):
        return error.concerns_the_run
    said = str(error)
    is_of_the_machine = isinstance(error, OSError) and error.errno in OF_THE_MACHINE
    is_of_the_file = isinstance(error, OSError | duckdb.Error) and any(
        str(path) in said for path in (config.warehouse_path(), config.working_dir())
    )
    is_of_the_database = isinstance(error, duckdb.FatalException | duckdb.OutOfMemoryException | MemoryError)
    # DuckDB knows no error of its own for it.
    is_full = isinstance(error, duckdb.Error) and "No space left on device" in said
    return is_of_the_machine or is_of_the_file or is_of_the_database or is_full


def may_pass(error: BaseException) -> bool:
    """Whether the same load can succeed later, with nothing changed by a person."""
    reason = cause(error)
    if isinstance(reason, VendorError):
        return reason.may_pass
    return not isinstance(reason, OF_WHAT_ARRIVED)  # a setting is one of them


def told(error: BaseException, account: Account) -> str:
    """The error in one line, for who runs the refresh: it may quote what a vendor answered."""
    reason = cause(error)
    known = isinstance(reason, VendorError | SettingsError | UnaccountedError)
    said = hidden(" ".join((str(reason) if known else explained(f"{type(reason).__name__}: {reason}")).split()))
    # What is known names the source by itself.
    return f"{account}: {said}" if account.name or not known else said


def in_short(error: BaseException) -> str:
    """The error in our own words, for who reads the marts: nothing in it is from a vendor, who may name people."""
    reason = cause(error)
    if isinstance(reason, VendorError | SettingsError):
        return reason.in_short
    return f"its load failed, {type(reason).__name__}"
