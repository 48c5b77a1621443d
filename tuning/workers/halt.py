"""The driver's word to running trials, in a file of the study's folder: go on, or save and end for now.

A file, since trials may run on other nodes, where no signal of the driver's reaches them, but share the study's storage
with it. It is opened anew at each look: that is when a network file system asks its server.
"""

from __future__ import annotations

import os
import time
import uuid
from pathlib import Path

EVERY = 0.5  # seconds between two looks
_GO, _STOP = "go  ", "stop"  # of one length: rewriting in place needs no room on a full disk


class Halt:
    """The driver's end.

    Args:
        path: rewritten, so that trials of an earlier driver see that they are on their own.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.token = uuid.uuid4().hex
        path.parent.mkdir(parents=True, exist_ok=True)
        self._write(_GO)

    def ask(self) -> None:
        """Asks all trials of this driver to save and end for now."""
        self._write(_STOP)

    def _write(self, word: str) -> None:
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, f"{self.token} {word}\n".encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class Asked:
    """A trial's end: whether its driver, known by `token`, asks it to stop, or another one has taken its place.

    A file that is not there asks for nothing: a node may not share the storage.
    """

    def __init__(self, path: Path, token: str) -> None:
        self.path, self.token = path, token
        self.next_look = 0.0
        self.answer = False

    def __call__(self) -> bool:
        """The answer, at most half a second old."""
        now = time.monotonic()
        if not self.answer and now >= self.next_look:
            self.next_look = now + EVERY
            try:
                words = self.path.read_text(encoding="utf-8").split()
            except (OSError, UnicodeDecodeError):
                words = []
            self.answer = len(words) == 2 and words != [self.token, _GO.strip()]
        return self.answer
