"""Ctrl-C, SIGTERM and what schedulers send before they take a machine away, as a flag that work looks at."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from types import FrameType
from typing import Any

# Slurm's --signal sends what its user names, mostly USR1; it gives SIGTERM itself some seconds before SIGKILL.
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
INTERRUPTED = 130  # exit code


class StopSignals:
    """Within the block the first such signal sets `came`; a second Ctrl-C or SIGTERM ends the process at once.

    Args:
        say: called at the first one; it must be safe in a signal handler.
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
        """Puts the handlers in place; once more where a library has put its own there."""
        for number in STOPS:
            signal.signal(number, self._take)

    def __call__(self) -> bool:
        """Whether a signal came."""
        return self.came

    def _take(self, number: int, frame: FrameType | None) -> None:
        if self.came and number != signal.SIGUSR1:
            os._exit(INTERRUPTED)
        if not self.came:
            self.came = True
            with contextlib.suppress(OSError):  # whoever reads what is printed may have ended first
                self.say()
