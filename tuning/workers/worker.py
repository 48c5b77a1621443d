"""The end of a trial server that runners hold: starts jobs on it, one at a time, and hears of them."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from tuning.workers.failures import MEMORY, kernel_kills
from tuning.workers.job import Job, Outcome
from tuning.workers.trial_server import Lines, send

GRACE = 20.0  # seconds that a stopped job gets to write its pictures


@dataclass(frozen=True)
class JobStarted:
    """The job's process is there, with all its imports."""

    pid: int


@dataclass(frozen=True)
class JobReported:
    """The job reported and waits for `TrialWorker.answer`."""

    step: int
    metrics: dict[str, float]


@dataclass(frozen=True)
class JobCrashed:
    """The job's process ended without an outcome; `cause` as in `tuning.workers.failures`."""

    reason: str
    cause: str = ""


Message = JobStarted | JobReported | Outcome | JobCrashed


class TrialWorker:
    """A trial server of its own process; started on first use, and again when it was killed.

    Args:
        modules: what the server imports before it forks.
        threads: of each job, for OpenMP and torch.
    """

    def __init__(self, modules: list[str], threads: int = 1) -> None:
        self.modules, self.threads = modules, threads
        self.process: subprocess.Popen[bytes] | None = None
        self.busy = False

    def open(self, log: Path) -> None:
        """Starts the server where it is not there, without waiting for its imports; its complaints go to `log`."""
        if self.process is not None and self.process.poll() is None:
            return
        self.close()
        environment = os.environ | {name: str(self.threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as complaints:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tuning.workers.trial_server", *self.modules],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                bufsize=0,
                env=environment,
            )
        assert self.process.stdout is not None
        self.lines = Lines(self.process.stdout.fileno())

    def start(self, job: Job) -> None:
        """Runs `job` on the server."""
        self.log = Path(job.log).with_name("workers.log")
        self.open(self.log)
        self.outcome: Outcome | None = None
        self.killed_before = kernel_kills()
        self.busy = self._send({"job": asdict(job)})

    def next(self) -> Message:
        """What the running job has to say next; waits for it."""
        while self.busy:
            message = self.lines.next()
            if message is None:
                self.busy = False
            elif "began" in message:
                return JobStarted(message["began"])
            elif "report" in message:
                step, metrics = message["report"]
                return JobReported(int(step), metrics)
            elif "end" in message:
                self.outcome = Outcome(**message["end"])
            elif "exit" in message:
                self.busy = False
                if self.outcome is None:
                    return self._death(message["exit"])
        return self._server_death() if self.outcome is None else self.outcome

    def answer(self, go: bool) -> None:
        """Answers a report."""
        self._send({"go": go})

    def stop(self) -> None:
        """Answers a report with "stop", and waits a little for the job to end; what it still says is not heard."""
        if not self.busy:
            return
        self.answer(False)
        deadline = time.monotonic() + GRACE
        while self.busy and time.monotonic() < deadline:
            if not _readable(self.lines, deadline - time.monotonic()):
                break
            if isinstance(self.next(), JobReported):
                self.answer(False)
        if self.busy:
            self.close()

    def close(self) -> None:
        """Ends the server and, with it, its job."""
        process, self.process, self.busy = self.process, None, False
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        try:
            process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _death(self, code: int) -> JobCrashed:
        if code >= 0:
            return JobCrashed(f"the trial's process ended with code {code}")
        name = signal.Signals(-code).name
        if name == "SIGKILL" and kernel_kills() > self.killed_before:
            return JobCrashed("the machine ran out of memory: its kernel killed the trial's process", MEMORY)
        return JobCrashed(f"the trial's process was killed by {name}")

    def _server_death(self) -> JobCrashed:
        code = self.process.wait() if self.process is not None else 0
        if code > 0:
            return JobCrashed(f"the trial server ended with code {code}; see {self.log}")
        if kernel_kills() > self.killed_before:
            return JobCrashed("the machine ran out of memory: its kernel killed the trial server", MEMORY)
        return JobCrashed("the trial server was killed")

    def _send(self, message: dict[str, object]) -> bool:
        assert self.process is not None
        assert self.process.stdin is not None
        try:
            send(self.process.stdin.fileno(), message)
        except BrokenPipeError:
            return False
        return True


def _readable(lines: Lines, seconds: float) -> bool:
    return b"\n" in lines.buffer or bool(select.select([lines.descriptor], [], [], max(0.0, seconds))[0])
