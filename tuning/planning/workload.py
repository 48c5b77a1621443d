"""What is left of a study to run, from its sources of trials and its record."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any

from amc.config import Config, from_dict
from amc.training.macs import training_step_macs
from analysis.record.rows import TrialRow
from analysis.record.states import CONFIRM, OPEN, TRIAL, WAITING
from tuning.engine.sources import ConfirmingRuns, TrialSource, best, of_role
from tuning.planning.forecast import PlannedRun, Workload

_PROPOSALS = 40  # that a source is asked for; further trials cost as much as these
Curves = Mapping[str, Mapping[int, float]]
"""{trial key: {step: objective}}"""


class StepCost:
    """Arithmetic of a configuration's training step, relative to a base configuration."""

    def __init__(self, base: Config) -> None:
        self.known: dict[str, int] = {}
        self.base = self._macs(base)

    def __call__(self, config: Mapping[str, Any]) -> float:
        """The relative cost; 1.0 for the base."""
        return self._macs(from_dict(config)) / self.base

    def _macs(self, config: Config) -> int:
        key = json.dumps(step_shape(config), sort_keys=True)
        if key not in self.known:
            self.known[key] = training_step_macs(config)
        return self.known[key]


def step_shape(config: Config) -> dict[str, Any]:
    """The part of a configuration that determines arithmetic and memory of its training step."""
    values = config.to_dict()
    named = {name: values[name] for name in ("dataset", "model", "switches", "readings", "machine")}
    return named | {"batch": config.training.batch, "average": config.training.average > 0}


def workload(
    sources: Sequence[TrialSource],
    trials: Sequence[TrialRow],
    curves: Curves,
    *,
    base: Config,
    scored: bool,
    step_cost: Callable[[Mapping[str, Any]], float],
) -> Workload:
    """The runs of a study.

    Args:
        trials, curves: from the study's record; empty for a new study.
        base: configuration that trials start from.
        scored: trials are scored on the test split, not only confirming runs.
    """

    def planned(row: TrialRow) -> PlannedRun:
        every, scores = from_dict(row.config).training.evaluate_every, scored or row.role == CONFIRM
        return PlannedRun(row.number, row.budget, every, step_cost(row.config), min(row.step, row.budget), scores)

    open_rows = sorted((row for row in trials if row.state in OPEN), key=lambda row: (row.attempts == 0, row.number))
    left = [planned(row) for row in open_rows if row.role == TRIAL]
    confirming = [planned(row) for row in open_rows if row.role == CONFIRM]
    for source in sources:
        if isinstance(source, ConfirmingRuns):
            count = source.planned(trials) - len(of_role(trials, CONFIRM))
            confirming += _confirming(base, count, best(of_role(trials, TRIAL)), left, step_cost)
        else:
            runs = [planned(row) for row in _proposed(source, trials, curves)]
            count = source.planned(trials) - len(of_role(trials, TRIAL)) if len(runs) == _PROPOSALS else len(runs)
            left += [replace(runs[n % len(runs)], number=runs[0].number + n) for n in range(count)]
    ended = [planned(row) for row in of_role(trials, TRIAL) if row.state not in OPEN]
    return Workload(left, confirming, [replace(run, budget=run.done) for run in ended])


def _confirming(
    base: Config,
    count: int,
    chosen: TrialRow | None,
    left: Sequence[PlannedRun],
    step_cost: Callable[[Mapping[str, Any]], float],
) -> list[PlannedRun]:
    """Runs that will confirm the best trial: the best so far, else an average one; none if all trials failed."""
    if chosen is None and not left:
        return []
    cost = step_cost(chosen.config) if chosen is not None else fmean(run.step_cost for run in left)
    return [PlannedRun(0, base.training.steps, base.training.evaluate_every, cost, scored=True)] * count


def _proposed(source: TrialSource, trials: Sequence[TrialRow], curves: Curves) -> list[TrialRow]:
    """The source's next trials, each proposed in view of those before it, none of which has a result yet."""
    rows: list[TrialRow] = []
    while len(rows) < _PROPOSALS:
        found = source.propose([*trials, *rows], {**curves, **{row.key: {} for row in rows}})
        if found is None:
            break
        config, seed, steps = found.config.to_dict(), found.config.seed, found.config.training.steps
        row = TrialRow("", found.key, found.role, found.number, None, WAITING, found.params, config, seed, steps)
        rows.append(row)
    return rows
