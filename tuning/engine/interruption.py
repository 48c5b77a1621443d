"""When a study stops before all its trials have ended: a signal arrived, or its time budget is used up."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from amc.stop_signals import INTERRUPTED, StopSignals, heeded

CLOSE_SECONDS = 7.5  # that an interrupted study has from the signal to the end of its process
FORCE_SECONDS = 9.0  # after which the process ends by force: Ray's shutdown may take long on a busy machine
STOPPING = "stopping: rerun the same command to resume"


class StopRequest:
    """Whether the study must stop now; called by the runner again and again.

    Args:
        deadline: `time.monotonic()` at which the study must have ended; None is never.

    Attributes:
        since: `time.monotonic()` at which the stop was requested; None before.
        outside_trials: the signal arrived before or after the trials.
        before_forced_exit: called before a second signal, or the end of `FORCE_SECONDS`, ends the process.
    """

    def __init__(self, deadline: float | None) -> None:
        self.deadline = deadline
        self.since: float | None = None
        self.outside_trials = False
        # A signal handler may interrupt any other output, so it bypasses Python's buffers.
        self.signals = StopSignals(self._on_first_signal, lambda: self.before_forced_exit())
        self.installed = False
        self.before_forced_exit: Callable[[], object] = lambda: None
        self.timer = threading.Timer(FORCE_SECONDS, self._exit)
        self.timer.daemon = True

    def __call__(self) -> bool:
        """Whether the study must stop."""
        if not self.installed:
            self.installed = True
            self.signals.install()  # Tune, which calls this, has installed its own handler for SIGUSR1
        if self.since is None and (self.signals.came or self.out_of_time()):
            self.since = time.monotonic()
        return self.since is not None

    def on_keyboard_interrupt(self) -> None:
        """Notes a signal that arrived before or after the trials, when `signals` was not active."""
        self.outside_trials = self.signals.came = self._start_clock()

    def out_of_time(self) -> bool:
        """Whether only the time for an orderly end is left."""
        return self.deadline is not None and time.monotonic() > self.deadline - CLOSE_SECONDS

    def seconds_left(self) -> float:
        """Seconds left for an orderly end, since the request; at least 1."""
        waited = 0.0 if self.since is None else time.monotonic() - self.since
        return max(1.0, CLOSE_SECONDS - waited)

    def _on_first_signal(self) -> None:
        self._start_clock()
        self.timer.start()  # it is never cancelled: leaving Python may take seconds, too
        os.write(2, f"{STOPPING}\n".encode())

    def _exit(self) -> None:
        self.before_forced_exit()
        os._exit(INTERRUPTED)

    def _start_clock(self) -> bool:
        self.since = time.monotonic()
        return True


@contextmanager
def sigterm_as_interrupt() -> Iterator[None]:
    """SIGTERM, SIGHUP and SIGUSR1 raise KeyboardInterrupt, as Ctrl-C does, while a study is being prepared."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in heeded() if number != signal.SIGINT}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
