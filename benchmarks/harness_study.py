"""A study of benchmark trials on this project's harness; a part of `harness_overhead.py`.

`python -m benchmarks.harness_study DIR PLAN` is its driver. It has all parts of a search: TPE over the default space,
successive halving, the record and MLflow. The pruner's decisions are computed but ignored, so that all trials have the
same length.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch  # noqa: F401  # a worker imports this module before its first trial, and torch with it

from amc.config import natops, with_overrides
from analysis.record.rows import StudyRow, TrialRow
from analysis.record.states import COMPLETE, TRIAL, WAITING
from analysis.record.writing import RecordWriter
from benchmarks.harness_trials import BenchmarkPlan, metrics, trial
from tuning.engine.sources import SampledTrials
from tuning.engine.study import Study, run_study
from tuning.search.default_space import search_space
from tuning.search.pruners import Curves, Pruner, create_pruner
from tuning.search.samplers import create_sampler
from tuning.tracking.mlflow_runs import MlflowRuns
from tuning.workers.job import Job, Outcome, Reporter
from tuning.workers.resources import machine_resources

NAME = "overhead"
BUDGET = 1000  # steps; more than there are reports, so that the pruner decides on each report
REPORTS = 20  # of each trial of the history
BASE = with_overrides(natops("smoke"), {"training.steps": BUDGET})
SPACE = search_space(BASE)


class Lenient:
    """Calls a pruner and ignores its decisions."""

    def __init__(self, inner: Pruner) -> None:
        self.inner = inner

    def should_prune(
        self, key: str, step: int, curves: Curves, numbers: Mapping[str, int], trials: Sequence[TrialRow] = ()
    ) -> bool:
        """See `Pruner`."""
        self.inner.should_prune(key, step, curves, numbers, trials)
        return False


def run(job: Job, report: Reporter, directory: Path) -> Outcome:
    """Runs one benchmark trial; see `tuning.workers.trial.run`."""
    plan = BenchmarkPlan(**job.extra)
    trial(plan, os.getppid(), report)
    return Outcome(value=metrics(plan.reports)["val/accuracy"])


def study(folder: Path, plan: BenchmarkPlan) -> Study:
    """The study of `plan` in `folder`."""
    count = plan.history + plan.trials
    row = StudyRow(
        name=NAME,
        uid="",
        kind="search",
        preset="smoke",
        seed=0,
        dataset={"name": "none", "origin": "procedural", "fingerprint": "0" * 64},
        config=BASE.to_dict(),
        space=SPACE.to_dict(),
        settings={"trials": count},
        versions={},
        created=0.0,
    )
    return Study(
        row=row,
        sources=[SampledTrials(SPACE, create_sampler("tpe", SPACE, 0), count, 0)],
        pruner=Lenient(create_pruner("halving", BUDGET, 1)),
        runs=folder,
        resources=machine_resources(plan.workers, 1, 0, devices=0),
        trainable="benchmarks.harness_study:run",
        extra=vars(plan),
    )


def prepare(folder: Path, plan: BenchmarkPlan) -> None:
    """Adds the plan's finished trials to the record and to MLflow."""
    made = study(folder, plan)
    source = made.sources[0]
    with contextlib.closing(RecordWriter(made.folder / "record.db")) as record:
        record.create_study(made.row)
        for number in range(plan.history):
            proposal = source.propose(record.trials(NAME), record.curves(NAME))
            assert proposal is not None
            key, config = proposal.key, proposal.config
            row = TrialRow(NAME, key, TRIAL, number, None, WAITING, proposal.params, config.to_dict(), number, BUDGET)
            record.add_trial(row)
            record.begin(NAME, key)
            record.mark_started(NAME, key, 1)
            for step in range(1, REPORTS + 1):
                record.report(NAME, key, 1, step, metrics(step))
            record.finish(NAME, key, 1, COMPLETE, value=number / (number + 1))
        MlflowRuns(record, NAME, runs=made.runs, folder=made.folder, target=made.target).sync()


def main(folder: Path, plan: BenchmarkPlan) -> int:
    """Runs the study; prints its wall seconds, and the CPU seconds of this process over all threads."""
    made = study(folder, plan)
    began, worked = time.time(), time.process_time()
    code = run_study(made).code
    print(json.dumps({"seconds": time.time() - began, "cpu": time.process_time() - worked}))
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), BenchmarkPlan.loads(sys.argv[2])))
