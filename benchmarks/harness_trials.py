"""Trials that measure the harness that runs them; a part of `harness_overhead.py`.

They run on this project's harness, on plain Ray Tune, or in a bare process. Each trial computes a given number of units
of work, reports, and writes to a file, the diary, when it started, reported and ended. All processes use the system
clock.
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
SIZE = 192  # rows of the matrices of a unit of work, which fit into a core's cache


@dataclass(frozen=True)
class BenchmarkPlan:
    """One study of benchmark trials.

    Attributes:
        reports: per trial.
        units: of work before each report; 0 measures the reports alone.
        history: finished trials on record before the study; plain Ray Tune has no such record.
        diary: the file to which each trial writes a line.
    """

    trials: int
    reports: int
    workers: int
    units: int
    history: int
    diary: str

    def dumps(self) -> str:
        """The plan as JSON."""
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
    """Runs one trial of `plan`, and writes a line about it to the diary."""
    import torch  # here, so that the start of a trial on plain Ray Tune includes the import

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
    with Path(plan.diary).open("a") as file:  # one write, so that lines of different processes do not mix
        file.write(line)


def diary(plan: BenchmarkPlan) -> list[dict[str, Any]]:
    """The lines that the trials wrote, in the order in which the trials ended."""
    lines = [json.loads(line) for line in Path(plan.diary).read_text().splitlines()]
    return sorted(lines, key=lambda line: float(line["end"]))


def bare(plan: BenchmarkPlan) -> int:
    """Runs the plan's trials one after the other in this process, without a harness."""

    def nobody(step: int, values: Mapping[str, float]) -> None:
        """Discards a report."""

    for _ in range(plan.trials):
        trial(plan, os.getpid(), nobody)
    return 0


if __name__ == "__main__":
    sys.exit(bare(BenchmarkPlan.loads(sys.argv[1])))
