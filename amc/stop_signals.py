"""Signals that ask a process to stop, such as Ctrl-C, SIGTERM and the warnings of schedulers, as a flag."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from types import FrameType
from typing import Any

# Slurm's --signal usually sends SIGUSR1. SIGTERM comes only seconds before SIGKILL, SIGHUP when a terminal closes.
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
INTERRUPTED = 130  # exit code


def heeded() -> list[signal.Signals]:
    """The stop signals, without SIGHUP if it is ignored, as under nohup."""
    return [number for number in STOPS if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN]


class StopSignals:
    """A context in which the first stop signal sets `came`; a second Ctrl-C or SIGTERM exits immediately.

    Args:
        say: called at the first signal; it must be safe in a signal handler.
        before_exit: called before the exit at the second signal.
    """

    def __init__(self, say: Callable[[], object] = lambda: None, before_exit: Callable[[], object] = lambda: None):
        self.came = False
        self.say, self.before_exit = say, before_exit
        self.before: dict[int, Any] = {}

    def __enter__(self) -> StopSignals:
        self.before = {number: signal.getsignal(number) for number in STOPS}
        self.install()
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def install(self) -> None:
        """Installs the handlers; call it again after a library has installed its own."""
        for number in heeded():
            signal.signal(number, self._take)

    def __call__(self) -> bool:
        """Whether a signal has been received."""
        return self.came

    def _take(self, number: int, frame: FrameType | None) -> None:
        if self.came and number not in (signal.SIGUSR1, signal.SIGHUP):
            with contextlib.suppress(Exception):
                self.before_exit()
            os._exit(INTERRUPTED)
        if not self.came:
            self.came = True
            with contextlib.suppress(OSError):  # the reader of the output may have exited
                self.say()
