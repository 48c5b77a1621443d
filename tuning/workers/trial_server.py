"""`python -m tuning.workers.trial_server MODULE …`: imports modules once, then forks a child for each trial.

Importing torch takes seconds; a fork takes milliseconds, and a child leaves nothing behind for the next trial. The
server itself never trains and has one thread, so forking it is safe. `tuning.workers.worker` is the other end of its
pipes. A child whose worker is gone saves where it is, if it can soon, and ends.

In, a JSON document a line: {"job": …} starts a child; {"go": bool} is the answer to its report.
Out: {"ready": pid}, {"began": pid}, {"report": [step, metrics]}, {"end": outcome}; {"exit": code} when a child is gone.
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
from tuning.engine.checkpoints import inherit
from tuning.workers.failures import cause
from tuning.workers.job import Job, Outcome, Reporter, Trainable
from tuning.workers.pause_file import PauseCheck

IN = 0
LAST_SECONDS = 8.0  # that a trial whose worker is gone gets to save where it is


class Lines:
    """Lines of a file descriptor. Nothing is read ahead of need, since server and child read from the same pipe."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.buffer = b""

    def next(self) -> dict[str, Any] | None:
        """The next document; None at the end of the pipe."""
        while b"\n" not in self.buffer:
            piece = os.read(self.descriptor, 65536)
            if not piece:
                return None
            self.buffer += piece
        line, self.buffer = self.buffer.split(b"\n", 1)
        message: dict[str, Any] = json.loads(line)
        return message


def send(descriptor: int, message: Mapping[str, Any]) -> None:
    """Writes one document."""
    data = json.dumps(message).encode() + b"\n"
    while data:
        data = data[os.write(descriptor, data) :]


def load(trainable: str) -> Trainable:
    """The function called `package.module:function`."""
    module, name = trainable.split(":")
    function: Trainable = getattr(importlib.import_module(module), name)
    return function


def main(modules: list[str]) -> int:
    """Serves until its input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is for the driver and for the trial
    out = os.dup(1)
    os.dup2(2, 1)  # whatever prints must not end up between the documents
    for module in modules:
        importlib.import_module(module)
    send(out, {"ready": os.getpid()})
    lines = Lines(IN)
    while (message := lines.next()) is not None:
        if "job" not in message:
            continue  # an answer that came too late for its child
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                code = child(Job(**message["job"]), out)
            finally:
                os._exit(code)
        _, status = os.waitpid(pid, 0)
        send(out, {"exit": os.waitstatus_to_exitcode(status)})
    return 0


def child(job: Job, out: int) -> int:
    """Runs one job in this process, which ends with it."""
    with StopSignals() as stop:
        threading.Thread(target=_end_with_worker, args=(stop,), daemon=True).start()
        send(out, {"began": os.getpid()})
        try:
            _log_to(Path(job.log))
            outcome = run(job, Reports(job, out, stop))
        except OSError as error:  # the log itself
            outcome = Outcome(failure=f"{type(error).__name__}: {error}", cause=cause(error))
    log(f"ended: {outcome}")
    send(out, {"end": outcome.to_dict()})
    return 0


def _log_to(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+", buffering=0) as file:
        if file.tell() and os.pread(file.fileno(), 1, file.tell() - 1) != b"\n":
            file.write(b"\n")  # a full disk, or a kill, left half a line
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)


def log(text: str) -> None:
    """A line of the trial's log; a full disk is no reason to lose the trial."""
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr, flush=True)


class Reports:
    """`Reporter` over the server's pipes; each report is a line of the trial's log, too."""

    def __init__(self, job: Job, out: int, stop: StopSignals) -> None:
        self.out, self.stop = out, stop
        self.lines = Lines(IN)
        self.asked = PauseCheck(Path(job.pause_file))

    def __call__(self, step: int, metrics: Mapping[str, float], /) -> bool:
        """See `Reporter`."""
        shown = ", ".join(f"{name} {value:.4g}" for name, value in sorted(metrics.items()))
        log(f"{time.strftime('%H:%M:%S')} step {step}: {shown}")
        send(self.out, {"report": [step, dict(metrics)]})
        answer = self.lines.next()
        if answer is None:
            os._exit(0)
        go = bool(answer.get("go", False))
        if not go:
            log("the study asks to stop")
        return go

    def pausing(self) -> bool:
        """See `Reporter`."""
        return self.stop.came or self.asked()


def run(job: Job, report: Reporter) -> Outcome:
    """Calls the job's trainable in its folder; whatever it raises becomes the reason of a failed trial."""
    log(f"--- {job.study} {job.key}, attempt {job.attempt}")
    directory = Path(job.directory)
    try:
        inherit(directory)
        if job.memory is not None:
            from tuning.workers import memory_cap  # it imports torch, which not every trainable needs

            memory_cap.apply(job.memory)
        return load(job.trainable)(job, report, directory)
    except Exception as error:  # the trial's end, whatever it was: the study goes on, the log has the whole of it
        log("".join(traceback.format_exception(error)).rstrip())
        text = " ".join(str(error).split())
        failure = f"{type(error).__name__}: {text}" if text else type(error).__name__
        return Outcome(failure=failure, cause=cause(error))


def _end_with_worker(stop: StopSignals) -> None:
    # A child must not train on for a study that is gone. When the other end closes, poll says so; nothing is read.
    poll = select.poll()
    poll.register(IN, 0)
    poll.poll()
    stop.came = True
    time.sleep(LAST_SECONDS)
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
