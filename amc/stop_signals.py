"""Signals that ask a process to stop, such as Ctrl-C, SIGTERM and the warnings of schedulers, as a flag."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from types import FrameType
from typing import Any

# Slurm's --signal usually sends SIGUSR1. SIGTERM comes only seconds before SIGKILL.
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
INTERRUPTED = 130  # exit code


class StopSignals:
    """A context in which the first stop signal sets `came`; a second Ctrl-C or SIGTERM exits immediately.

    Args:
        say: called at the first signal; it must be safe in a signal handler.
    """

    def __init__(self, say: Callable[[], object] = lambda: None) -> None:
        self.came = False
        self.say = say
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
        for number in STOPS:
            signal.signal(number, self._take)

    def __call__(self) -> bool:
        """Whether a signal has been received."""
        return self.came

    def _take(self, number: int, frame: FrameType | None) -> None:
        if self.came and number != signal.SIGUSR1:
            os._exit(INTERRUPTED)
        if not self.came:
            self.came = True
            with contextlib.suppress(OSError):  # the reader of the output may have exited
                self.say()
