"""The Thrift server, through which everything is asked of Spark.

Belongs here: connections and what is said where there is none. Does not: statements (`raw_tables`, `built_tables`),
the processes behind it (`processes`).
"""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyhive.hive import Cursor

log = logging.getLogger(__name__)

LOOPBACK = ("127.0.0.1", "localhost", "::1")
SECONDS_TO_CONNECT = 10.0
SECONDS_TO_END = 10.0  # a session; what it was asked for has ended by then
# In front of what Spark says: the server's words, the name of the error twice, and the classes of both.
RUNNING = "Error running query: "
CLASSES = re.compile(rf"(?:[\w.$]+Exception: )?{RUNNING}(?:\[\w+(?:\.\w+)?\] )?(?:[\w.$]+(?:Exception|Error): )?")
# Behind it: the state, the plan and the calls that led there.
BEHIND = re.compile(r"(?: SQLSTATE: |;\n|\n\s*at ).*", re.DOTALL)
USER = "lifecycle"  # whom the server calls the session's; without one PyHive asks the system, which may not know


class ClusterError(RuntimeError):
    """Spark cannot be reached, or cannot do what it was asked to; the message is one sentence that says what to do."""


@contextmanager
def connected(host: str, port: int) -> Iterator[Cursor]:
    """A cursor of a session of its own, which ends with the block.

    Raises:
        ClusterError: nobody answers there, a statement of the block fails, or the extra `spark` is not installed.
    """
    try:
        from pyhive import exc, hive
        from thrift.Thrift import TException
    except ImportError:
        raise ClusterError("PyHive, which speaks to Spark, is not installed: run `make .venv/spark`.") from None
    try:
        # A socket says in its own words why there is no connection; Thrift says which of its classes failed.
        socket.create_connection((host, port), SECONDS_TO_CONNECT).close()
        connection = hive.connect(host, port, username=USER)
    except Exception as error:  # sockets, Thrift and SASL have no other class in common
        advice = "run `make spark-up`" if host in LOOPBACK else "start it, or mend SPARK_THRIFT_HOST"
        raise ClusterError(
            f"Spark's Thrift server does not answer at {host}:{port} ({_short(error)}): {advice}."
        ) from None
    outlive_failed_closes()
    try:
        yield connection.cursor()
    except exc.Error as error:
        raise ClusterError(f"Spark cannot do what it was asked to: {_of_spark(error)}") from None
    except (TException, OSError) as error:
        raise ClusterError(f"Spark's Thrift server at {host}:{port} went away ({_short(error)}).") from None
    finally:
        connection.close()


@cache
def outlive_failed_closes() -> None:
    """Let no session of this process fail or wait for ever by its end, dbt's among them: what it was asked for is done.

    Once in hundreds or thousands of sessions the end of one makes the server look for a class that Spark does not ship
    (`LlapSigner$Signable`, of Hive: SPARK-51041). It breaks off then in place of an answer. It also goes on to think
    that somebody is at work on what it had begun, so that the end of a later session may wait for that without an end.
    dbt, which opens a session for each node, would call that node failed or wait too, and has no setting for either.
    """
    from pyhive.hive import Connection, Cursor

    Cursor.close = _saying_why_it_failed(_within_seconds(Cursor.close, lambda cursor: cursor._connection))
    Connection.close = _saying_why_it_failed(_within_seconds(Connection.close, lambda connection: connection))


def _within_seconds(close: Callable[[Any], None], connection_of: Callable[[Any], Any]) -> Callable[[Any], None]:
    def close_in_time(self: Any) -> None:
        transport = connection_of(self)._transport
        answers = getattr(transport, "_trans", None) or transport
        answers.setTimeout(SECONDS_TO_END * 1000)
        try:
            close(self)
        except BaseException:
            transport.close()  # an answer that comes later would be taken for that to another question
            raise
        answers.setTimeout(None)

    return close_in_time


def _saying_why_it_failed(close: Callable[[Any], None]) -> Callable[[Any], None]:
    def close_or_say_why(self: Any) -> None:
        try:
            close(self)
        except Exception as error:  # Thrift, sockets and the server's own refusals have no other class in common
            log.warning("Spark did not end a %s as it should: %s.", type(self).__name__.lower(), _short(error))

    return close_or_say_why


def _short(error: Exception) -> str:
    error = getattr(error, "inner", None) or error  # Thrift's own words are "unexpected exception"
    said = getattr(error, "strerror", None) or str(error).strip().partition("\n")[0]
    return said or type(error).__name__


def in_its_own_words(said: str) -> str:
    """What Spark says of a failure, also within a message of dbt, without classes, plan and calls."""
    found = CLASSES.search(said)
    return said[: found.start()] + BEHIND.sub("", said[found.end() :]) if found else said


def _of_spark(error: Exception) -> str:
    """The sentence of an error; the server leaves its own words out where no query ran."""
    status = getattr(error.args[0] if error.args else None, "status", None)
    said = str(getattr(status, "errorMessage", None) or error).strip()
    first = in_its_own_words(said if RUNNING in said else f"{RUNNING}{said}").partition("\n")[0]
    return first.partition(" SQLSTATE")[0]
