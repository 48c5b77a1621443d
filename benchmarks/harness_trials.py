"""Trials that measure what runs them: this project's harness, plain Ray Tune, or a bare process.

Each trial computes a known number of units, reports, and writes to a file when it started, reported and ended. All
processes use the system's clock.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

METRICS = 39  # values of a report, as many as a trial of AMC-GAN sends
SIZE = 192  # of the matrices of a unit of work: they stay in a core's own cache


@dataclass(frozen=True)
class BenchmarkPlan:
    """One study of such trials.

    Attributes:
        reports: of each trial.
        units: of work before each report; none, where only the reports are to be measured.
        history: ended trials that are on record beforehand; plain Ray Tune has nowhere to keep them.
        diary: the file that trials write to, a line each.
    """

    trials: int
    reports: int
    workers: int
    units: int
    history: int
    diary: str

    def dumps(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self))

    @staticmethod
    def loads(text: str) -> BenchmarkPlan:
        """The inverse of `dumps`."""
        return BenchmarkPlan(**json.loads(text))


def metrics(step: int) -> dict[str, float]:
    """A report of `METRICS` values."""
    losses = {f"loss/part_{index:02d}": 1.0 / (step + index) for index in range(METRICS - 1)}
    return {"val/accuracy": step / (step + 10.0), **losses}


def trial(plan: BenchmarkPlan, worker: int, report: Callable[[int, dict[str, float]], object]) -> None:
    """Does what `plan` says of one trial, and writes a line about it to the diary."""
    import torch  # here, since a process that runs trials of plain Ray Tune has not imported it yet

    torch.set_num_threads(1)
    left, right = torch.full((SIZE, SIZE), 1.0), torch.full((SIZE, SIZE), 1.0 / SIZE)
    up, worked = time.time(), time.process_time()
    reported = []
    for step in range(1, plan.reports + 1):
        for _ in range(plan.units):
            left = left @ right
        report(step, metrics(step))
        reported.append(time.time())
    times = {"up": up, "reported": reported, "end": time.time(), "cpu": time.process_time() - worked}
    line = json.dumps({"worker": worker, **times}) + "\n"
    with Path(plan.diary).open("a") as file:  # one write, which nothing can get between
        file.write(line)


def diary(plan: BenchmarkPlan) -> list[dict[str, Any]]:
    """What the trials wrote, in the order of their ends."""
    lines = [json.loads(line) for line in Path(plan.diary).read_text().splitlines()]
    return sorted(lines, key=lambda line: float(line["end"]))


def bare(plan: BenchmarkPlan) -> int:
    """The plan's trials one after the other in this process, on their own."""

    def nobody(step: int, values: Mapping[str, float]) -> None:
        """A report that nobody takes."""

    for _ in range(plan.trials):
        trial(plan, os.getpid(), nobody)
    return 0


if __name__ == "__main__":
    sys.exit(bare(BenchmarkPlan.loads(sys.argv[1])))
