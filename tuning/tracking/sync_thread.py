"""The thread that copies a study to MLflow while it runs."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable

from amc.errors import first_line
from analysis.record.connection.address import without_password
from tuning.tracking.mlflow_runs import MlflowRuns
from tuning.tracking.store_file import ANEW, UnusableStore, is_damaged

MIN_PAUSE, MAX_PAUSE = 1.0, 10.0  # seconds between two calls of `MlflowRuns.sync`
CPU_SHARE = 1 / 30  # share of a core for copying: this thread and the driver's main thread share one interpreter
UPLOAD_SECONDS = 1800.0  # longest time that the upload of a checkpoint may delay the end of the command


class SyncThread(threading.Thread):
    """Calls `MlflowRuns.sync` in the background: every second if that is cheap, less often if there are many reports.

    Args:
        warn: called with a line for the user, once when the store cannot be reached and for each problem.

    Attributes:
        unusable: the store cannot be used until somebody changes it; the thread has ended.
    """

    def __init__(self, mlflow_runs: MlflowRuns, warn: Callable[[str], None]) -> None:
        super().__init__(name="MLflow sync", daemon=True)
        self.mlflow_runs, self.warn = mlflow_runs, warn
        self.ending, self.abandoned = threading.Event(), threading.Event()
        self.status = "RUNNING"
        self.warned = self.complete = self.unusable = False

    def run(self) -> None:
        """Copies until all is copied after `finish`, or `wait` has given up."""
        with warnings.catch_warnings():
            # MLflow's libraries warn when they are imported, which is an error under PYTHONWARNINGS=error.
            warnings.simplefilter("ignore")
            self._copy_until_finished()

    def _copy_until_finished(self) -> None:
        pause = MIN_PAUSE
        while not self.complete and not self.abandoned.is_set():
            self.ending.wait(pause)
            ending = self.ending.is_set()
            began = time.thread_time()
            copied = self._sync(self.status)
            self.complete = ending and copied
            if copied:
                pause = min(max((time.thread_time() - began) / CPU_SHARE, MIN_PAUSE), MAX_PAUSE)
            else:
                pause = min(pause * 2, MAX_PAUSE)
                if ending:
                    self.abandoned.wait(MIN_PAUSE)

    def finish(self, status: str) -> None:
        """Requests that the rest be copied and the study's own run get this status; returns at once."""
        self.status = status
        self.ending.set()

    def wait(self, seconds: float) -> bool:
        """Waits until `finish` is done; False if the store gave no answer for so many seconds."""
        began = time.monotonic()
        while self.is_alive():
            patience = UPLOAD_SECONDS if self.mlflow_runs.uploading else seconds
            rest = max(began, self.mlflow_runs.last_answer) + patience - time.monotonic()
            if rest <= 0:
                break
            self.join(min(rest, MIN_PAUSE))
        self.abandoned.set()
        return self.complete

    def _sync(self, study_status: str) -> bool:
        try:
            self.mlflow_runs.sync(study_status=study_status)
        except UnusableStore as error:
            self._give_up(f"MLflow gets no data: {error}")
            return False
        except BaseException as error:  # whatever MLflow or its libraries raise, the study continues
            target = without_password(self.mlflow_runs.target)
            if is_damaged(error):
                self._give_up(f"MLflow gets no data: {target} is damaged ({first_line(error)}): {ANEW}")
                return False
            if not self.warned:
                self.warn(
                    f"MLflow at {target} does not answer ({first_line(error)}): the study continues, "
                    "and its results will be copied to MLflow later from its record"
                )
            self.warned = True
            return False
        for problem in self.mlflow_runs.problems:
            self.warn(problem)
        self.mlflow_runs.problems.clear()
        return True

    def _give_up(self, line: str) -> None:
        self.unusable = True
        self.abandoned.set()
        self.warn(line)
