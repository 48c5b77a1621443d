"""The driver's word to its running trials, in a file of the study's folder: go on, or save and end for now.

A file, since trials may run on other nodes, where no signal of the driver's reaches them, but share the study's storage
with it. It is opened anew at each look: that is when a network file system asks its server.
"""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from pathlib import Path

from amc.errors import UserError

EVERY = 0.5  # seconds between two looks
_PREFIX = ".halt-"
_GO, _STOP = "go  ", "stop"  # of one length: rewriting in place needs no room on a full disk


class PauseFile:
    """The driver's end: a file of its own, so that no trial takes another driver's word.

    Args:
        folder: of the study; files that killed drivers left there go.

    Raises:
        UserError: it can't be written.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / f"{_PREFIX}{uuid.uuid4().hex}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for left in folder.glob(f"{_PREFIX}*"):
                left.unlink(missing_ok=True)
            self._write(_GO)
        except OSError as error:
            raise UserError(
                f"cannot write {self.path} ({error.strerror}): make room and run the same command again"
            ) from error

    def ask(self) -> None:
        """Asks all trials of this driver to save and end for now.

        Raises:
            OSError: the file can't be written.
        """
        self._write(_STOP)

    def close(self) -> None:
        """Removes the file, when no trial runs any more."""
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
    """A trial's end: whether its driver asks it to stop.

    A file that is not there asks for nothing: a node may not share the storage.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.next_look = 0.0
        self.answer = False

    def __call__(self) -> bool:
        """The answer, at most half a second old."""
        now = time.monotonic()
        if not self.answer and now >= self.next_look:
            self.next_look = now + EVERY
            try:
                self.answer = self.path.read_bytes().strip() == _STOP.encode()
            except OSError:
                return False
        return self.answer
