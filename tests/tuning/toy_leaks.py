"""Trials that write down what they find in their process and then spoil it: `python -m tests.tuning.toy_leaks DIR`."""

from __future__ import annotations

import hashlib
import json
import os
import random
import resource
import signal
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from amc.config import natops, with_overrides
from analysis.record.rows import StudyRow
from tuning.engine.sources import ListedTrials, Proposal
from tuning.engine.study import Study, run_study
from tuning.search.pruners import create_pruner
from tuning.workers.job import Job, Outcome, Reporter
from tuning.workers.resources import machine_resources

marks: list[str] = []  # a global of a module, as a cache of a trial's code may be
ENDS = ("returns", "raises", "killed", "exits", "stopped")  # how the trials end, in this order; then one that looks
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, signal.SIGALRM, signal.SIGUSR1)


def found() -> dict[str, Any]:
    """All that a trial may have left to this one; of this process's own there is nothing in it but its server's id."""
    return {
        "server": os.getppid(),
        "globals": list(marks),
        "other module": hasattr(json, "spoiled"),
        "modules": sorted(name for name in sys.modules if "spoiled" in name),
        "sys.path": list(sys.path),
        "environment": dict(os.environ),
        "folder": os.getcwd(),
        "mask": (mask := os.umask(0)) == os.umask(mask) or oct(mask),
        "open files": resource.getrlimit(resource.RLIMIT_NOFILE),
        "nice": os.nice(0),
        "temporary": tempfile.tempdir,
        "recursion": sys.getrecursionlimit(),
        "warnings": len(warnings.filters),
        "threads": [thread.name for thread in threading.enumerate() if thread.name == "spoiled"],
        "signals": [_handler(number) for number in SIGNALS],
        "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
        "alarm": signal.getitimer(signal.ITIMER_REAL),
        "files": sorted(_files()),
        "torch": [
            str(torch.get_default_dtype()),
            torch.get_num_threads(),
            torch.is_grad_enabled(),
            torch.are_deterministic_algorithms_enabled(),
            _digest(torch.get_rng_state().numpy().tobytes()),
        ],
        "numpy": [_digest(repr(np.random.get_state())), np.geterr()],
        # Python seeds this one anew in every fork.
        "random": random.getstate() == random.Random(7).getstate(),
    }


def _handler(number: int) -> str:
    handler = signal.getsignal(number)
    return str(getattr(handler, "__qualname__", handler))  # each trial has an object of its own behind its handlers


def spoil(directory: Path) -> None:
    """Changes all of it."""
    marks.append("spoiled")
    json.spoiled = True  # type: ignore[attr-defined]
    sys.modules["spoiled"] = json
    sys.path.insert(0, "/spoiled")
    os.environ["SPOILED"] = os.environ["OMP_NUM_THREADS"] = "7"
    os.environ.pop("PATH", None)
    os.chdir(directory)
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_NOFILE, (128, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    os.nice(1)
    tempfile.tempdir = "/spoiled"
    sys.setrecursionlimit(321)
    warnings.simplefilter("ignore")
    threading.Thread(target=time.sleep, args=(600,), name="spoiled", daemon=True).start()
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
    signal.setitimer(signal.ITIMER_REAL, 600)
    os.dup(os.open(directory / "spoiled", os.O_CREAT | os.O_RDWR))
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(2)
    torch.set_grad_enabled(False)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(7)
    np.random.seed(7)
    np.seterr(all="ignore")
    random.seed(7)


def look_and_spoil(job: Job, report: Reporter, directory: Path) -> Outcome:
    """Adds what it finds to a file, spoils it, and ends as its number says."""
    seen = {"key": job.key, "attempt": job.attempt, **found()}
    with Path(job.extra["seen"]).open("a") as file:
        file.write(json.dumps(seen) + "\n")
    if job.seed >= len(ENDS) or job.attempt > 1:
        return Outcome(value=1.0)
    spoil(directory)
    if ENDS[job.seed] == "raises":
        raise RuntimeError("on purpose")
    if ENDS[job.seed] == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if ENDS[job.seed] == "exits":
        sys.exit(5)
    go_on = report(1, {"val/accuracy": 0.5 if ENDS[job.seed] == "stopped" else 0.9})
    return Outcome(value=0.9) if go_on else Outcome()


def _files() -> list[str]:
    # A trial's own log is the one file that may differ; the folder that is being listed is none of it.
    links = []
    for name in os.listdir("/proc/self/fd"):
        try:
            link = os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:
            continue
        links.append(f"{name} log" if link.endswith(".log") else f"{name} {link}")
    return links


def _digest(data: str | bytes) -> str:
    return hashlib.sha256(data if isinstance(data, bytes) else data.encode()).hexdigest()


def main(folder: Path) -> int:
    base = with_overrides(natops("smoke"), {"training.steps": 20})
    trials = [
        Proposal(f"trial-{number:04d}", "trial", number, with_overrides(base, {"seed": number}))
        for number in range(len(ENDS) + 1)
    ]
    row = StudyRow(
        name="leaks",
        uid="",
        kind="list",
        preset="smoke",
        seed=0,
        dataset={"name": "toy", "origin": "procedural", "fingerprint": "f" * 64},
        config=base.to_dict(),
        space={},
        settings={"trials": len(trials)},
        versions={"toy": "1"},
        created=0.0,
    )
    study = Study(
        row=row,
        sources=[ListedTrials(tuple(trials))],
        pruner=create_pruner("halving", 20, 1),
        runs=folder,
        resources=machine_resources(1, 1, 0, devices=0),
        trainable="tests.tuning.toy_leaks:look_and_spoil",
        extra={"seen": str(folder / "seen.jsonl")},
    )
    return run_study(study).code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
