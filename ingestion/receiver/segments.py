"""Events on disk: lines of files that the loads read while they are being written.

Belongs here: the envelope, when a line is safe, what a process that was killed leaves behind. Does not: HTTP.

A file takes lines for some minutes or megabytes; then the next one begins, because a load reads a file that grew from
its beginning. A line that could not be written whole is taken back at once, or by the next start: nobody was told that
it had arrived.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import logging
import os
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from ingestion import config, inbox
from ingestion.config import SettingsError
from ingestion.wire import parsed

log = logging.getLogger(__name__)

SEGMENT_SECONDS = 600.0
SEGMENT_BYTES = 16 * 2**20
LOCK = ".receiver.lock"
PATTERN = "received-*.jsonl"
# Between two values of a JSON text a line may end, but not within the line of an envelope.
_BLANKS = str.maketrans("\r\n", "  ")


def enveloped(received_at: datetime, headers: Mapping[str, str], body: bytes) -> tuple[bytes, bool]:
    """The line of an event, and whether that is JSON: then it stands there as it came, with every digit."""
    about = f'{{"received_at": {json.dumps(received_at.isoformat())}, "headers": {json.dumps(dict(headers))}'
    try:
        text = body.decode(json.detect_encoding(body))
        parsed(text)
    except ValueError as error:
        text = body.decode(errors="backslashreplace")
        why = f"not JSON: {error}"
        return f'{about}, "text": {json.dumps(text)}, "unreadable": {json.dumps(why)}}}\n'.encode(), False
    return f'{about}, "event": {text.translate(_BLANKS)}}}\n'.encode(), True


class Segments:
    """The files of one inbox that this process writes; no other receiver may write there meanwhile."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder
        self._file: int | None = None
        self._size = 0
        self._until = 0.0
        self._lock = self._take_lock()
        with inbox.writing(folder):
            for segment in sorted(folder.glob(PATTERN)):
                _cut_off_unfinished(segment)

    def _take_lock(self) -> int:
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _flush_folder(self.folder.parent)
            lock = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise SettingsError(f"the inbox {self.folder} cannot be written: {error.strerror}.") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise SettingsError(
                f"another receiver, or another account of this one, writes into {self.folder}: stop it, or name two "
                "folders."
            ) from None
        return lock

    def write(self, lines: Sequence[bytes]) -> None:
        """Write lines, all or none of them. They are on the disk when this returns.

        Raises:
            OSError: there is no room, or the disk fails.
        """
        content = b"".join(lines)
        with inbox.writing(self.folder):
            try:
                file = self._segment()
                written = 0
                while written < len(content):
                    written += os.write(file, memoryview(content)[written:])
                os.fsync(file)
            except OSError:
                self._take_back()
                raise
        self._size += len(content)

    def _segment(self) -> int:
        now = time.monotonic()
        if now >= self._until or self._size >= SEGMENT_BYTES or not self._is_there():
            self._end_segment()
        if self._file is None:
            self._path = self.folder / f"received-{config.machine_time():%Y%m%dT%H%M%S.%fZ}.jsonl"
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
            self._size, self._until = 0, now + SEGMENT_SECONDS
            _flush_folder(self.folder)
        return self._file

    def _is_there(self) -> bool:
        """Whether the open segment is still the file of its name: it may have been replaced or deleted."""
        try:
            return self._file is not None and os.path.samestat(os.fstat(self._file), self._path.stat())
        except FileNotFoundError:
            return False

    def _take_back(self) -> None:
        """Leave the segment as it was before lines that could not be written."""
        if self._file is None:
            return
        try:
            os.ftruncate(self._file, self._size)
        except OSError as error:
            log.warning("%s: a line that was not written whole stays until the next start: %s", self.folder, error)
            self._end_segment()

    def _end_segment(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            os.close(file)

    def close(self) -> None:
        self._end_segment()
        os.close(self._lock)


class Desk:
    """Takes the lines of many requests at once: all that arrive while the disk is busy share its next turn."""

    def __init__(self, segments: Segments) -> None:
        self.segments = segments
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._turn: asyncio.Task[None] | None = None

    async def keep(self, line: bytes) -> None:
        """Returns when the line is on the disk. Raises OSError as `Segments.write`."""
        kept = asyncio.get_running_loop().create_future()
        self._waiting.append((line, kept))
        if self._turn is None:
            self._turn = asyncio.create_task(self._write_all())
        await kept

    async def _write_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            failure: Exception | None = None
            try:
                await asyncio.to_thread(self.segments.write, [line for line, _ in batch])
            except Exception as error:  # each of those who wait is told
                failure = error
            for _, kept in batch:
                if kept.done():  # nobody waits any more
                    continue
                if failure is None:
                    kept.set_result(None)
                else:
                    kept.set_exception(failure)
        self._turn = None

    async def close(self) -> None:
        """Finish what is being written."""
        if self._turn is not None:
            await self._turn
        self.segments.close()


def _cut_off_unfinished(segment: Path) -> None:
    """Cut off a last line that a process left unfinished."""
    with segment.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        if not size:
            return
        file.seek(size - 1)
        if file.read(1) == b"\n":
            return
        file.seek(0)
        whole = file.read().rfind(b"\n") + 1
        file.truncate(whole)
        file.flush()
        os.fsync(file.fileno())
    log.info("%s: %s bytes of an event that was never confirmed are cut off", segment, size - whole)


def _flush_folder(folder: Path) -> None:
    """Make the names in a folder as safe as what the files hold."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
