"""What is left of a study to run, from its sources of trials and its record."""

from __future__ import annotations

import json
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from amc.config import Config
from amc.methods import load_config
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
        base: configuration that trials start from. Trials that are neither on record nor listed have its number of
            steps; the others have those of their own configurations.
        scored: trials are scored on the test split, not only confirming runs.
    """
    searched = of_role(trials, TRIAL)
    unfinished = sorted((row for row in trials if row.state in OPEN), key=lambda row: (row.attempts == 0, row.number))
    resumed = [(row.role, _resumed_run(row, scored=scored or row.role == CONFIRM)) for row in unfinished]
    left = [run for role, run in resumed if role == TRIAL]
    confirming = [run for role, run in resumed if role == CONFIRM]
    for source in sources:
        confirms = isinstance(source, RaceOfFinalists)
        first = len(of_role(trials, CONFIRM if confirms else TRIAL))
        numbers = range(first, source.planned(trials))
        configs = _unstarted(source, trials) if isinstance(source, ListedTrials) else [base] * len(numbers)
        new = [_new_run(*each, scored=scored or confirms) for each in zip(numbers, configs, strict=True)]
        if not confirms:
            left += new
        elif left or best(searched) is not None:
            confirming += new
    every = base.training.evaluate_every
    ended = [PlannedRun(row.number, row.step, every, row.step) for row in searched if row.state not in OPEN]
    return Workload(left, confirming, ended)


def typical_configs(sources: Sequence[TrialSource], trials: Sequence[TrialRow], base: Config) -> dict[str, Config]:
    """By method, a configuration of the study's runs: `base` for its own method, the first one for any other."""
    resumed = [load_config(row.config) for row in trials if row.state in OPEN]
    return {config.method.name: config for config in reversed([base, *_listed(sources), *resumed])}


def relative_step_cost(sources: Sequence[TrialSource], base: Config) -> float:
    """Arithmetic of an average training step of the base's method in listed trials, relative to the base's.

    It is 1.0 if no trials are listed. Methods aren't compared: their time per multiply-accumulate differs too much.
    """
    configs = [config for config in _listed(sources) if config.method.name == base.method.name]
    shapes = [json.dumps(step_shape(config), sort_keys=True) for config in configs]
    macs = {shape: training_step_macs(config) for shape, config in dict(zip(shapes, configs, strict=True)).items()}
    return fmean(macs[shape] for shape in shapes) / training_step_macs(base) if shapes else 1.0


def step_shape(config: Config) -> dict[str, Any]:
    """The part of a configuration that determines arithmetic and memory of its training step."""
    values = config.to_dict()
    named = {name: values[name] for name in ("dataset", "method", "model", "switches", "readings", "machine")}
    return named | {"batch": config.training.batch, "average": config.training.average > 0}


def _listed(sources: Sequence[TrialSource]) -> list[Config]:
    return [trial.config for source in sources if isinstance(source, ListedTrials) for trial in source.proposals]


def _unstarted(source: ListedTrials, trials: Sequence[TrialRow]) -> list[Config]:
    """The configurations of listed trials that are not on record."""
    known = {trial.key for trial in trials}
    return [proposal.config for proposal in source.proposals if proposal.key not in known]


def _new_run(number: int, config: Config, *, scored: bool) -> PlannedRun:
    training, method = config.training, config.method.name
    return PlannedRun(number, training.steps, training.evaluate_every, scored=scored, method=method)


def _resumed_run(row: TrialRow, *, scored: bool) -> PlannedRun:
    config, done = load_config(row.config), min(row.step, row.budget)
    return PlannedRun(row.number, row.budget, config.training.evaluate_every, done, scored, config.method.name)
