"""The thread that keeps a study's projection up to date while it runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from amc.errors import UserError
from analysis.record.database import first_line, without_password
from tuning.tracking.projection import Projection

SOONEST, LATEST = 1.0, 10.0  # seconds between two looks at the record
SHARE = 1 / 30  # of a core that copying may take: this thread takes turns with the driver's own
UPLOAD_SECONDS = 1800.0  # that a checkpoint which is being copied may hold up the end


class Tracker(threading.Thread):
    """Syncs a projection in the background: within a second when little happens, else many reports a call.

    Args:
        warn: told once, in a line, when the store can't be reached.
    """

    def __init__(self, projection: Projection, warn: Callable[[str], None]) -> None:
        super().__init__(name="tracker", daemon=True)
        self.projection, self.warn = projection, warn
        self.ending, self.left = threading.Event(), threading.Event()
        self.status = "RUNNING"
        self.warned = self.complete = False

    def run(self) -> None:
        """Until all has been copied after `finish`, or nobody waits for that any more."""
        pause = SOONEST
        while not self.complete and not self.left.is_set():
            self.ending.wait(pause)
            ending = self.ending.is_set()
            began = time.thread_time()
            copied = self._try(self.status)
            self.complete = ending and copied
            if copied:
                pause = min(max((time.thread_time() - began) / SHARE, SOONEST), LATEST)
            else:
                pause = min(pause * 2, LATEST)
                if ending:
                    self.left.wait(SOONEST)

    def finish(self, status: str) -> None:
        """Asks for what is left, and for this status of the study's own run; does not wait."""
        self.status = status
        self.ending.set()

    def wait(self, seconds: float) -> bool:
        """Waits for the end of that; False once the store has given no sign of life for so long."""
        began = time.monotonic()
        while self.is_alive():
            patience = UPLOAD_SECONDS if self.projection.uploading else seconds
            rest = max(began, self.projection.alive) + patience - time.monotonic()
            if rest <= 0:
                break
            self.join(min(rest, SOONEST))
        self.left.set()
        return self.complete

    def _try(self, study_status: str) -> bool:
        import mlflow.exceptions
        import sqlalchemy.exc

        try:
            self.projection.sync(study_status=study_status)
        except (mlflow.exceptions.MlflowException, sqlalchemy.exc.OperationalError, OSError, UserError) as error:
            if not self.warned:
                target = without_password(self.projection.target)
                self.warn(
                    f"MLflow at {target} does not answer ({first_line(error)}): the study goes on, "
                    "and what is to be copied there waits in its record"
                )
            self.warned = True
            return False
        for problem in self.projection.problems:
            self.warn(problem)
        self.projection.problems.clear()
        return True
