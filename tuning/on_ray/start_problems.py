"""Notices that no worker starts, and finds out why."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import ray
from ray.exceptions import RayError

from tuning.on_ray.session_folder import last_log_line, worker_died_at_start
from tuning.workers.resources import Resources

ROOM_SECONDS = 10.0  # after which a study says that it waits for room on a cluster
DIED_SECONDS = 20.0  # after which a worker that died at its start counts
SLOW_SECONDS = 60.0  # after which a study says that no worker has started on this machine
LOOK_SECONDS = 2.0  # between reads of the logs
MOST_SECONDS = 300.0  # after which it gives up


class StartCheck:
    """Called again and again with the time for which a study has waited without any running trial.

    Args:
        folder: of a private Ray instance; None on a cluster, where the study may wait for room as long as it takes.
        needed: by each trial.
    """

    def __init__(self, folder: Path | None, needed: Resources) -> None:
        self.folder, self.needed = folder, needed
        self.told, self.next_look = False, DIED_SECONDS

    def __call__(self, waited: float) -> str:
        """Prints a line if the wait is long; returns why the study cannot continue, empty if it can."""
        if waited <= 0:
            self.told, self.next_look = False, DIED_SECONDS
            return ""
        if self.folder is None:
            if waited > ROOM_SECONDS:
                self._tell(_room(self.needed))
            return ""
        if waited < self.next_look:
            return ""
        self.next_look = waited + LOOK_SECONDS
        line = last_log_line(self.folder)
        log = f" (its log: {line})" if line else ""
        if worker_died_at_start(self.folder):
            return f"no worker can be started on this machine{log}"
        if waited > MOST_SECONDS:
            return f"no worker has started after {waited:.0f} s{log}"
        if waited > SLOW_SECONDS:
            self._tell(f"no worker has started after {waited:.0f} s{log}: still waiting")
        return ""

    def _tell(self, line: str) -> None:
        if not self.told:
            self.told = True
            with contextlib.suppress(OSError):
                print(line, file=sys.stderr, flush=True)


def _room(needed: Resources) -> str:
    have = dict[str, float]()
    free = dict[str, float]()
    with contextlib.suppress(RayError, OSError):
        have, free = ray.cluster_resources(), ray.available_resources()  # type: ignore[no-untyped-call]
    return (
        f"waiting for room on the cluster: {free.get('CPU', 0):g} of {have.get('CPU', 0):g} CPU cores and "
        f"{free.get('GPU', 0):g} of {have.get('GPU', 0):g} GPUs are free, and a trial needs {needed.cpus} and "
        f"{needed.gpus:g}"
    )
