"""The start of a command: Ctrl-C while it imports, and a standard error that is closed or full."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import TextIO

from amc.stop_signals import INTERRUPTED, heeded


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """A stop signal within the block ends the process with one line: imports take seconds, and hold nothing to save."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(*_: object) -> None:
        with contextlib.suppress(OSError):
            os.write(2, b"interrupted\n")
        os._exit(INTERRUPTED)

    # Started in the background without job control, a process ignores SIGINT; that stays.
    numbers = [number for number in heeded() if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def protect_streams() -> None:
    """Makes sure that output which nobody can read does not end the program.

    - Closed standard streams are opened on the null device. Otherwise the next file that is opened, such as a database,
      would take the number of standard error, and be written to by libraries that print there.
    - Errors when standard error is written are ignored.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if not isinstance(sys.stderr, _Tolerant):
        sys.stderr = _Tolerant(sys.stderr)


class _Tolerant(io.TextIOBase):
    """A text stream whose errors are ignored: after the first one, all goes to the null device."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        """Writes, or drops the text."""
        try:
            return self.stream.write(text)
        except UnicodeEncodeError:  # the terminal's encoding lacks a character
            return self.write(text.encode("ascii", "backslashreplace").decode())
        except (OSError, ValueError):
            self._drop()
            return len(text)

    def flush(self) -> None:
        """Flushes, or drops what was not written yet."""
        try:
            self.stream.flush()
        except (OSError, ValueError):
            self._drop()

    def fileno(self) -> int:
        """The number of the file."""
        return self.stream.fileno()

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        with contextlib.suppress(ValueError):
            return self.stream.isatty()
        return False

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of the stream."""
        return self.stream.encoding

    def _drop(self) -> None:
        # What could not be written stays in the buffer, and would fail again when Python exits.
        with contextlib.suppress(OSError, ValueError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.stream.fileno())
            os.close(null)
