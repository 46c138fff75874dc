"""How processes end: a child when its parent does, however that ended, and any of them without delay.

The parent hands the child the reading end of a pipe and keeps the writing end, into which it never writes. The system
closes what a dead process held, also after SIGKILL, and then the child reads the end of the pipe.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

VARIABLE = "LIFELINE_OF_PARENT"


@contextmanager
def lifeline() -> Iterator[int]:
    """For the parent: a descriptor for `pass_fds`, whose number belongs into the child's `VARIABLE`.

    Whoever watches it learns at the end of this context, or of this process, that nobody waits for it any more.
    """
    reading, writing = os.pipe()
    try:
        yield reading
    finally:
        os.close(writing)
        os.close(reading)


def watch_parent(at_end: Callable[[], None]) -> None:
    """For the child: call `at_end`, in a thread of its own, once the parent that handed it a lifeline is gone.

    Without a lifeline nothing is watched: who starts a command by hand may leave before it has ended.
    """
    number = os.environ.pop(VARIABLE, "")
    if not number:
        return
    reading = int(number)
    os.set_inheritable(reading, False)

    def wait() -> None:
        while os.read(reading, 1):
            pass
        at_end()

    threading.Thread(target=wait, name="lifeline", daemon=True).start()


def end(code: int) -> NoReturn:
    """End this process as Python would, but for freeing all of its objects one by one, which can take seconds."""
    atexit._run_exitfuncs()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
