"""What is left of a study to run, from its sources of trials and its record."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import Any

from amc.config import Config, from_dict
from amc.training.macs import training_step_macs
from analysis.record.rows import TrialRow
from analysis.record.states import CONFIRM, OPEN, TRIAL, WAITING
from tuning.engine.sources import ConfirmingRuns, Proposal, TrialSource, best, of_role
from tuning.planning.forecast import PlannedRun, Workload

_PROPOSALS = 40  # that a source is asked for; the cost of further trials is taken from these
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
    workers: int,
    scored: bool,
    step_cost: Callable[[Mapping[str, Any]], float],
) -> Workload:
    """The runs that are left.

    Args:
        trials, curves: from the study's record; empty for a new study.
        base: configuration that trials start from.
        scored: trials are scored on the test split, not only confirming runs.
    """

    def planned(row: TrialRow) -> PlannedRun:
        config = from_dict(row.config)
        every, done, score = config.training.evaluate_every, min(row.step, row.budget), scored or row.role == CONFIRM
        return PlannedRun(row.key, row.number, row.budget, every, step_cost(row.config), done, score)

    unfinished = sorted((row for row in trials if row.state in OPEN), key=lambda row: (row.attempts == 0, row.number))
    left = [planned(row) for row in unfinished if row.role == TRIAL]
    confirming = [planned(row) for row in unfinished if row.role == CONFIRM]
    for source in sources:
        count = source.planned(trials) - len(of_role(trials, CONFIRM if isinstance(source, ConfirmingRuns) else TRIAL))
        if isinstance(source, ConfirmingRuns):
            confirming += _confirming(base, count, trials, left, step_cost)
        else:
            left += _extended([planned(row) for row in _proposed(source, trials, curves)], count)
    tried = of_role(trials, TRIAL)
    return Workload(
        trials=left,
        workers=workers,
        confirming=confirming,
        curves={row.key: curves[row.key] for row in tried if curves.get(row.key)},
        numbers={row.key: row.number for row in tried},
    )


def _confirming(
    base: Config,
    count: int,
    trials: Sequence[TrialRow],
    left: Sequence[PlannedRun],
    step_cost: Callable[[Mapping[str, Any]], float],
) -> list[PlannedRun]:
    """Runs that will confirm the best trial: the best so far, else an average one; none if all trials failed."""
    chosen = best(of_role(trials, TRIAL))
    if chosen is None and not left:
        return []
    cost = step_cost(chosen.config) if chosen is not None else fmean(run.step_cost for run in left)
    steps, every = base.training.steps, base.training.evaluate_every
    return [PlannedRun("", 0, steps, every, cost, scored=True)] * count


def _extended(runs: list[PlannedRun], count: int) -> list[PlannedRun]:
    """`count` runs of which the first are given; the others cost as much as these, except the first, the base."""
    first = runs[0].number if runs else 0
    more = [
        PlannedRun(f"more-{n}", first + n, like.budget, like.every, like.step_cost, scored=like.scored)
        for n in range(len(runs), count if len(runs) == _PROPOSALS else 0)
        for like in [runs[1 + n % (len(runs) - 1)]]
    ]
    return runs + more


def _proposed(source: TrialSource, trials: Sequence[TrialRow], curves: Curves) -> list[TrialRow]:
    """The source's next trials, each proposed in view of those before it, none of which has a result yet."""
    rows: list[TrialRow] = []
    while len(rows) < _PROPOSALS:
        proposal = source.propose([*trials, *rows], {**curves, **{row.key: {} for row in rows}})
        if proposal is None:
            break
        rows.append(_row(proposal))
    return rows


def _row(proposal: Proposal) -> TrialRow:
    return TrialRow(
        study="",
        key=proposal.key,
        role=proposal.role,
        number=proposal.number,
        parent=proposal.parent,
        state=WAITING,
        params=proposal.params,
        config=proposal.config.to_dict(),
        seed=proposal.config.seed,
        budget=proposal.config.training.steps,
    )
