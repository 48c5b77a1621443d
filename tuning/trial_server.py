"""`python -m tuning.trial_server MODULE …`: imports modules once, then forks a child for each trial.

Importing torch takes seconds; a fork takes milliseconds, and a child leaves nothing behind for the next trial. The
server itself never trains and has one thread, so forking it is safe. `tuning.worker` is the other end of its pipes.

In, a JSON document a line: {"job": …} starts a child; {"go": bool} is the answer to its report.
Out: {"ready": pid}, {"began": pid}, {"report": [step, metrics]}, {"end": outcome}; {"exit": code} when a child is gone.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tuning.checkpoints import inherit
from tuning.job import Job, Outcome, Trainable

IN = 0


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
    log = Path(job.log)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab", buffering=0) as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    threading.Thread(target=_end_with_worker, daemon=True).start()
    lines = Lines(IN)
    send(out, {"began": os.getpid()})

    def report(step: int, metrics: Mapping[str, float]) -> bool:
        shown = ", ".join(f"{name} {value:.4g}" for name, value in sorted(metrics.items()))
        print(f"{time.strftime('%H:%M:%S')} step {step}: {shown}", file=sys.stderr)
        send(out, {"report": [step, dict(metrics)]})
        answer = lines.next()
        if answer is None:
            os._exit(0)
        go = bool(answer.get("go", False))
        if not go:
            print("the study asks to stop", file=sys.stderr)
        return go

    outcome = run(job, report)
    print(f"ended: {outcome}", file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    send(out, {"end": {"value": outcome.value, "scores": dict(outcome.scores), "failure": outcome.failure}})
    return 0


def run(job: Job, report: Any) -> Outcome:
    """Calls the job's trainable in its folder; whatever it raises becomes the reason of a failed trial."""
    print(f"--- {job.study} {job.key}, attempt {job.attempt}", file=sys.stderr, flush=True)
    directory = Path(job.directory)
    try:
        inherit(directory)
        return load(job.trainable)(job, report, directory)
    except Exception as error:  # the trial's end, whatever it was: the study goes on, the log has the whole of it
        traceback.print_exc()
        text = " ".join(str(error).split())
        return Outcome(failure=f"{type(error).__name__}: {text}" if text else type(error).__name__)


def _end_with_worker() -> None:
    # A child must not train on for a study that is gone. When the other end closes, poll says so; nothing is read.
    poll = select.poll()
    poll.register(IN, 0)
    poll.poll()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
