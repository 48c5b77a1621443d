"""What is left of a study to run, from its sources of trials and its record."""

from __future__ import annotations

import json
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from amc.config import Config
from amc.training.macs import training_step_macs
from analysis.record.ranking import best
from analysis.record.rows import TrialRow
from analysis.record.states import CONFIRM, OPEN, TRIAL
from tuning.engine.sources import ListedTrials, RaceOfFinalists, TrialSource, of_role
from tuning.planning.forecast import PlannedRun, Workload


def workload(sources: Sequence[TrialSource], trials: Sequence[TrialRow], *, base: Config, scored: bool) -> Workload:
    """The runs of a study. No run confirms a search whose trials all failed.

    Args:
        trials: from the study's record; empty for a new study.
        base: configuration that trials start from; trials that are not on record have its number of steps.
        scored: trials are scored on the test split, not only confirming runs.
    """
    steps, every = base.training.steps, base.training.evaluate_every
    searched = of_role(trials, TRIAL)
    unfinished = sorted((row for row in trials if row.state in OPEN), key=lambda row: (row.attempts == 0, row.number))
    resumed = [
        (row.role, PlannedRun(row.number, row.budget, every, min(row.step, row.budget), scored or row.role == CONFIRM))
        for row in unfinished
    ]
    left = [run for role, run in resumed if role == TRIAL]
    confirming = [run for role, run in resumed if role == CONFIRM]
    for source in sources:
        confirms = isinstance(source, RaceOfFinalists)
        first = len(of_role(trials, CONFIRM if confirms else TRIAL))
        numbers = range(first, source.planned(trials))
        new = [PlannedRun(number, steps, every, scored=scored or confirms) for number in numbers]
        if not confirms:
            left += new
        elif left or best(searched) is not None:
            confirming += new
    ended = [PlannedRun(row.number, row.step, every, row.step) for row in searched if row.state not in OPEN]
    return Workload(left, confirming, ended)


def relative_step_cost(sources: Sequence[TrialSource], base: Config) -> float:
    """Arithmetic of an average listed trial's training step, relative to the base's; 1.0 if no trials are listed."""
    configs = [trial.config for source in sources if isinstance(source, ListedTrials) for trial in source.proposals]
    shapes = [json.dumps(step_shape(config), sort_keys=True) for config in configs]
    macs = {shape: training_step_macs(config) for shape, config in dict(zip(shapes, configs, strict=True)).items()}
    return fmean(macs[shape] for shape in shapes) / training_step_macs(base) if shapes else 1.0


def step_shape(config: Config) -> dict[str, Any]:
    """The part of a configuration that determines arithmetic and memory of its training step."""
    values = config.to_dict()
    named = {name: values[name] for name in ("dataset", "method", "model", "switches", "readings", "machine")}
    return named | {"batch": config.training.batch, "average": config.training.average > 0}
