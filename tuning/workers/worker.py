"""The client of a trial server: starts the server, gives it one job at a time and receives the job's messages."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tuning.workers.failures import MEMORY, oom_kill_count
from tuning.workers.job import Job, Outcome
from tuning.workers.trial_server import MessageReader, send

STOP_SECONDS = 20.0  # that a stopped job gets to write its sample pictures


@dataclass(frozen=True)
class JobStarted:
    """The job's process has started, with all its imports done."""

    pid: int


@dataclass(frozen=True)
class JobReported:
    """The job reported metrics and waits for `TrialWorker.answer`."""

    step: int
    metrics: dict[str, float]


@dataclass(frozen=True)
class JobCrashed:
    """The job's process ended without an outcome; for `cause` see `tuning.workers.failures`."""

    reason: str
    cause: str = ""


Message = JobStarted | JobReported | Outcome | JobCrashed


class TrialWorker:
    """Runs jobs on a trial server in a process of its own, which is started when needed and restarted if it was killed.

    Args:
        modules: imported by the server before it forks.
        threads: threads per job, for OpenMP and torch.
    """

    def __init__(self, modules: list[str], threads: int = 1) -> None:
        self.modules, self.threads = modules, threads
        self.process: subprocess.Popen[bytes] | None = None
        self.busy = False

    def open(self, log: Path) -> None:
        """Starts the server if it does not run, without waiting for its imports; its standard error goes to `log`."""
        if self.process is not None and self.process.poll() is None:
            return
        self.close()
        environment = os.environ | {name: str(self.threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))  # how this process found the packages
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "tuning.workers.trial_server", *self.modules],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                bufsize=0,
                env=environment,
            )
        assert self.process.stdout is not None
        self.messages = MessageReader(self.process.stdout.fileno())

    def start(self, job: Job) -> None:
        """Starts `job` on the server."""
        self.log = Path(job.log).with_name("workers.log")
        self.open(self.log)
        self.outcome: Outcome | None = None
        self.oom_kills_before = oom_kill_count()
        self.busy = self._send({"job": job.to_dict()})

    def next(self) -> Message:
        """Waits for the next message of the running job."""
        while self.busy:
            message = self.messages.next()
            if message is None:
                self.busy = False
            elif "started" in message:
                return JobStarted(message["started"])
            elif "report" in message:
                step, metrics = message["report"]
                return JobReported(int(step), metrics)
            elif "outcome" in message:
                self.outcome = Outcome(**message["outcome"])
            elif "exit" in message:
                self.busy = False
                if self.outcome is None:
                    return self._job_crash(message["exit"])
        return self._server_crash() if self.outcome is None else self.outcome

    def answer(self, proceed: bool) -> None:
        """Answers a report: whether the job continues."""
        self._send({"continue": proceed})

    def stop(self) -> None:
        """Tells the job to stop and waits up to `STOP_SECONDS` for its end; its further messages are dropped."""
        if not self.busy:
            return
        self.answer(False)
        deadline = time.monotonic() + STOP_SECONDS
        while self.busy and time.monotonic() < deadline:
            if not _readable(self.messages, deadline - time.monotonic()):
                break
            if isinstance(self.next(), JobReported):
                self.answer(False)
        if self.busy:
            self.close()

    def close(self) -> None:
        """Ends the server and its job."""
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

    def _job_crash(self, code: int) -> JobCrashed:
        if code >= 0:
            return JobCrashed(f"the trial's process ended with exit code {code}")
        name = signal.Signals(-code).name
        if name == "SIGKILL" and oom_kill_count() > self.oom_kills_before:
            return JobCrashed("the machine ran out of memory: the kernel killed the trial's process", MEMORY)
        return JobCrashed(f"the trial's process was killed by {name}")

    def _server_crash(self) -> JobCrashed:
        code = self.process.wait() if self.process is not None else 0
        if code > 0:
            return JobCrashed(f"the trial server ended with exit code {code}; see {self.log}")
        if oom_kill_count() > self.oom_kills_before:
            return JobCrashed("the machine ran out of memory: the kernel killed the trial server", MEMORY)
        return JobCrashed("the trial server was killed")

    def _send(self, message: dict[str, object]) -> bool:
        assert self.process is not None
        assert self.process.stdin is not None
        try:
            send(self.process.stdin.fileno(), message)
        except BrokenPipeError:
            return False
        return True


def _readable(messages: MessageReader, seconds: float) -> bool:
    """Waits up to `seconds` for a message; False if none came."""
    return b"\n" in messages.buffer or bool(select.select([messages.descriptor], [], [], max(0.0, seconds))[0])
