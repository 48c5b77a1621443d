"""A file in the study's folder by which the driver asks its running trials, or one of them, to save and stop.

Trials may run on other nodes, which the driver's signals do not reach, but which share the study's storage. The file
is opened anew at each check, because that makes a network file system ask its server.
"""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from pathlib import Path

from amc.errors import UserError

CHECK_SECONDS = 0.5  # between two reads of the file
_PREFIX = ".pause-"
_CONTINUE, _PAUSE = "go  ", "stop"  # of equal length: overwriting in place works on a full disk


class PauseFile:
    """The driver's end. Each driver has a file of its own, so that no trial obeys another driver.

    Args:
        folder: DIR/STUDY; files that killed drivers left there are deleted.

    Raises:
        UserError: the file cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / f"{_PREFIX}{uuid.uuid4().hex}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for left in folder.glob(f"{_PREFIX}*"):
                left.unlink(missing_ok=True)
            self._write(_CONTINUE)
        except OSError as error:
            raise UserError(
                f"cannot write {self.path} ({error.strerror}): free some disk space, then rerun the same command"
            ) from error

    def request_pause(self) -> None:
        """Asks all trials of this driver to save a checkpoint and pause.

        Raises:
            OSError: the file cannot be written.
        """
        self._write(_PAUSE)

    def request_continue(self) -> None:
        """Withdraws `request_pause`; a trial that has seen it pauses nevertheless.

        Raises:
            OSError: the file cannot be written.
        """
        self._write(_CONTINUE)

    def request_stop(self, key: str, attempt: int) -> None:
        """Asks one attempt at one trial to stop.

        Raises:
            OSError: the file cannot be written.
        """
        with self.path.open("ab") as file:
            file.write(_line(key, attempt) + b"\n")

    def close(self) -> None:
        """Deletes the file; call it when no trial runs any more."""
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)

    def _write(self, word: str) -> None:
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, f"{word}\n".encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class PauseCheck:
    """A trial's end: tells whether the driver asked all trials, or this attempt at this one, to pause.

    A missing file means no: a node may not share the storage.
    """

    def __init__(self, path: Path, key: str, attempt: int) -> None:
        self.path, self.line = path, _line(key, attempt)
        self.next_read = 0.0
        self.requested = False

    def __call__(self) -> bool:
        """Whether a pause was requested; at most `CHECK_SECONDS` old. Once true, it stays true."""
        now = time.monotonic()
        if not self.requested and now >= self.next_read:
            self.next_read = now + CHECK_SECONDS
            try:
                word, *stopped = self.path.read_bytes().split(b"\n")
            except OSError:
                return False
            self.requested = word == _PAUSE.encode() or self.line in stopped[:-1]
        return self.requested


def _line(key: str, attempt: int) -> bytes:
    return f"{key} {attempt}".encode()
