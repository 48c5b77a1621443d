"""`python -m tuning.workers.trial_server MODULE …`: imports modules once, then forks a child for each trial.

Importing torch takes seconds, a fork milliseconds, and a child leaves nothing behind for the next trial. The server
itself never trains and has a single thread, so forking it is safe. `tuning.workers.worker` holds the other end of its
pipes. If the worker ends, the child gets a few seconds to save a checkpoint, then ends too.

Messages are JSON documents, one per line.
In: {"job": …} starts a child; {"continue": bool} answers its report.
Out: {"ready": pid}; {"started": pid}, {"report": [step, metrics]} and {"outcome": …} of a child; {"exit": code} when it
has ended.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amc.stop_signals import StopSignals
from tuning.workers.attempts import copy_previous_attempt
from tuning.workers.failures import failure_cause
from tuning.workers.job import Job, Outcome, Reporter, Trainable
from tuning.workers.pause_file import PauseCheck

IN = 0
SAVE_SECONDS = 8.0  # that a trial whose worker has ended gets to save a checkpoint


class MessageReader:
    """Reads JSON documents, one per line, from a file descriptor.

    It never reads ahead, because the server and its child read from the same pipe.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.buffer = b""

    def next(self) -> dict[str, Any] | None:
        """Waits for the next document; None at the end of the pipe."""
        while b"\n" not in self.buffer:
            piece = os.read(self.descriptor, 65536)
            if not piece:
                return None
            self.buffer += piece
        line, self.buffer = self.buffer.split(b"\n", 1)
        message: dict[str, Any] = json.loads(line)
        return message


def send(descriptor: int, message: Mapping[str, Any]) -> None:
    """Writes one JSON document."""
    data = json.dumps(message).encode() + b"\n"
    while data:
        data = data[os.write(descriptor, data) :]


def load_trainable(trainable: str) -> Trainable:
    """Imports the function named `package.module:function`."""
    module, name = trainable.split(":")
    function: Trainable = getattr(importlib.import_module(module), name)
    return function


def main(modules: list[str]) -> int:
    """Runs the server until its input ends.

    Args:
        modules: imported before the first fork.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver and the trial handle Ctrl-C
    out = os.dup(1)
    os.dup2(2, 1)  # printed text must not mix with the documents
    for module in modules:
        importlib.import_module(module)
    send(out, {"ready": os.getpid()})
    lines = MessageReader(IN)
    while (message := lines.next()) is not None:
        if "job" not in message:
            continue  # an answer whose child has ended already
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                code = run_child(Job.from_dict(message["job"]), out)
            finally:
                os._exit(code)
        _, status = os.waitpid(pid, 0)
        send(out, {"exit": os.waitstatus_to_exitcode(status)})
    return 0


def run_child(job: Job, out: int) -> int:
    """Runs one job in this process, a child of the server; returns its exit code."""
    with StopSignals() as stop:
        threading.Thread(target=_exit_with_worker, args=(stop,), daemon=True).start()
        send(out, {"started": os.getpid()})
        try:
            _redirect_output(Path(job.log))
            outcome = run_job(job, PipeReporter(job, out, stop))
        except OSError as error:  # the log file cannot be written
            outcome = Outcome(failure=f"{type(error).__name__}: {error}", cause=failure_cause(error))
    log(f"ended: {outcome}")
    send(out, {"outcome": outcome.to_dict()})
    return 0


def _redirect_output(path: Path) -> None:
    """Appends standard output and standard error of this process to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+", buffering=0) as file:
        if file.tell() and os.pread(file.fileno(), 1, file.tell() - 1) != b"\n":
            with contextlib.suppress(OSError):  # a full disk is ignored, as in `log`
                file.write(b"\n")  # a full disk or a kill left an incomplete line
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)


def log(text: str) -> None:
    """Writes a line to the trial's log. A full disk is ignored: it is no reason to lose the trial."""
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr, flush=True)


class PipeReporter:
    """A `Reporter` over the server's pipes; it also writes each report to the trial's log."""

    def __init__(self, job: Job, out: int, stop: StopSignals) -> None:
        self.out, self.stop = out, stop
        self.answers = MessageReader(IN)
        self.pause_requested = PauseCheck(Path(job.pause_file), job.key, job.attempt)

    def __call__(self, step: int, metrics: Mapping[str, float], /) -> bool:
        """See `Reporter`."""
        shown = ", ".join(f"{name} {value:.4g}" for name, value in sorted(metrics.items()))
        log(f"{time.strftime('%H:%M:%S')} step {step}: {shown}")
        send(self.out, {"report": [step, dict(metrics)]})
        answer = self.answers.next()
        if answer is None:
            os._exit(0)
        proceed = bool(answer.get("continue", False))
        if not proceed:
            log("the study stops this trial")
        return proceed

    def pausing(self) -> bool:
        """See `Reporter`."""
        return self.stop.came or self.pause_requested()


def run_job(job: Job, report: Reporter) -> Outcome:
    """Calls the job's trainable; an exception becomes the failure of the outcome."""
    log(f"--- {job.study} {job.key}, attempt {job.attempt}")
    directory = Path(job.directory)
    try:
        copy_previous_attempt(directory)
        if job.memory is not None:
            from tuning.workers.memory_cap import limit_memory  # imports torch, which not every trainable needs

            limit_memory(job.memory)
        return load_trainable(job.trainable)(job, report, directory)
    except Exception as error:  # any error ends the trial, not the study; the log has the traceback
        log("".join(traceback.format_exception(error)).rstrip())
        text = " ".join(str(error).split())
        failure = f"{type(error).__name__}: {text}" if text else type(error).__name__
        return Outcome(failure=failure, cause=failure_cause(error))


def _exit_with_worker(stop: StopSignals) -> None:
    """Waits until the worker closes its end of the pipe, then asks the trial to pause and ends this process.

    Nothing is read from the pipe: `poll` alone reports that the other end was closed.
    """
    poll = select.poll()
    poll.register(IN, 0)
    poll.poll()
    stop.came = True
    time.sleep(SAVE_SECONDS)
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
