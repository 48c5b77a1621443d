"""Forecast of a study's time and steps, by simulating it with the real pruner.

Learning curves are unknown in advance, so each simulation ranks the trials at random. The ranks, which stay the same
over a whole trial, decide which trials the pruner stops.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

import numpy as np

from analysis.record.rows import Score
from tuning.search.pruners import Pruner
from tuning.search.pruners.none import NoPruner

SIMULATIONS = 100
_EVALUATIONS = 20_000  # simulated in all; large studies vary less and need fewer simulations


@dataclass(frozen=True)
class TrialCosts:
    """Seconds that the parts of a trial take, with as many trials in parallel as the study runs.

    Attributes:
        step: a training step of the study's base configuration.
        evaluation: an evaluation on the validation split, with its checkpoint and report.
        start: from the start of a trial's process to its first step.
        end: writing a trial's sample pictures.
        score: scoring a run on the test split.
        launch: the command itself: imports, start and end of Ray.
    """

    step: float
    evaluation: float
    start: float
    end: float
    score: float
    launch: float


@dataclass(frozen=True)
class PlannedRun:
    """A run that is left to do.

    Attributes:
        number: of the trial; Hyperband assigns brackets by it.
        budget: steps of the complete run.
        every: steps between two evaluations.
        step_cost: arithmetic of a step, relative to the study's base configuration.
        done: steps that its checkpoint already has.
        scored: it is scored on the test split at its end.
    """

    key: str
    number: int
    budget: int
    every: int
    step_cost: float = 1.0
    done: int = 0
    scored: bool = False


@dataclass(frozen=True)
class Workload:
    """All that is left of a study.

    Attributes:
        trials: in the order in which they start.
        workers: trials in parallel.
        confirming: runs that start when all trials have ended.
        curves: {trial key: {step: objective}} of the trials on record.
        numbers: of the trials on record, by key.
    """

    trials: Sequence[PlannedRun]
    workers: int
    confirming: Sequence[PlannedRun] = ()
    curves: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    numbers: Mapping[str, int] = field(default_factory=dict)

    @property
    def runs(self) -> list[PlannedRun]:
        """Trials, then confirming runs."""
        return [*self.trials, *self.confirming]


@dataclass(frozen=True)
class Forecast:
    """What a workload takes, averaged over the simulations.

    Attributes:
        busy: seconds of work, summed over the workers.
        wall: seconds until the last run ends.
        wall_range, steps_range: if every trial is pruned as early as possible, and if none is.
    """

    steps: float
    busy: float
    wall: float
    wall_range: tuple[float, float]
    steps_range: tuple[int, int]


def forecast(work: Workload, costs: TrialCosts, pruner: Pruner, *, simulations: int | None = None) -> Forecast:
    """Forecasts time and steps of a workload.

    Args:
        simulations: how many to average; by default fewer for larger studies.
    """
    rng = np.random.default_rng(0)
    evaluations = sum(len(range(run.done, run.budget, run.every)) for run in work.trials)
    count = simulations or max(3, min(SIMULATIONS, _EVALUATIONS // max(1, evaluations)))
    found = [simulate(work, costs, pruner, _random_ranks(work, rng)) for _ in range(count)]
    # A trial that is worse than all before it is pruned at the first opportunity.
    falling = _random_ranks(work, rng) | {run.key: -1.0 - run.number for run in work.trials}
    least, most = (simulate(work, costs, rule, falling) for rule in (pruner, NoPruner()))
    return Forecast(
        steps=fmean(each.steps for each in found),
        busy=fmean(each.busy for each in found),
        wall=fmean(each.wall for each in found),
        wall_range=(min(least.wall, most.wall), max(least.wall, most.wall)),
        steps_range=(min(least.steps, most.steps), max(least.steps, most.steps)),
    )


def _random_ranks(work: Workload, rng: np.random.Generator) -> dict[str, float]:
    """A random value in [0, 1) for every trial; those of trials on record are in the order of their last values."""
    last = {key: curve[max(curve)] for key, curve in work.curves.items()}
    known = sorted(last, key=lambda key: last[key] if last[key] == last[key] else float("-inf"))  # NaN is worst
    new = [run.key for run in work.trials if run.key not in last]
    values = [*np.sort(rng.random(len(known))), *rng.random(len(new))]
    return {key: float(value) for key, value in zip([*known, *new], values, strict=True)}


@dataclass(frozen=True)
class Simulated:
    """One simulated study; attributes as in `Forecast`."""

    steps: int
    busy: float
    wall: float


def simulate(work: Workload, costs: TrialCosts, pruner: Pruner, ranks: Mapping[str, float]) -> Simulated:
    """Simulates a study.

    The pruner is asked about one trial after another, although they run in parallel. Its decisions depend on the order
    in which trials reach a rung, and at random ranks every order is as likely.

    Args:
        ranks: the value that each trial reports at every evaluation.
    """
    curves = {key: {step: Score((ranks[key],)) for step in curve} for key, curve in work.curves.items()}
    numbers = {**work.numbers, **{run.key: run.number for run in work.trials}}
    ends = [_last_step(run, Score((ranks[run.key],)), curves, numbers, pruner) for run in work.trials]
    trials = [_seconds(run, costs, end) for run, end in zip(work.trials, ends, strict=True)]
    confirming = [_seconds(run, costs, run.budget) for run in work.confirming]
    steps = sum(end - run.done for run, end in zip(work.trials, ends, strict=True))
    wall = _makespan(trials, work.workers) + _makespan(confirming, work.workers)
    return Simulated(
        steps=steps + sum(run.budget - run.done for run in work.confirming),
        busy=sum(trials) + sum(confirming),
        wall=wall + (costs.launch if work.runs else 0.0),
    )


def _last_step(
    run: PlannedRun,
    score: Score,
    curves: dict[str, dict[int, Score]],
    numbers: Mapping[str, int],
    pruner: Pruner,
) -> int:
    """The step at which a trial ends: its budget, or that of the evaluation at which it is pruned."""
    curve = curves.setdefault(run.key, {})
    for step in _evaluations(run, run.budget):
        curve[step] = score
        if step < run.budget and pruner.should_prune(run.key, step, curves, numbers):
            return step
    return run.budget


def _seconds(run: PlannedRun, costs: TrialCosts, end: int) -> float:
    """Duration of a run that ends at this step."""
    training = (end - run.done) * costs.step * run.step_cost
    score = costs.score if run.scored and end >= run.budget else 0.0
    return costs.start + training + len(_evaluations(run, end)) * costs.evaluation + costs.end + score


def _evaluations(run: PlannedRun, end: int) -> list[int]:
    """Steps at which a run is evaluated until it ends at the last of them."""
    first = (run.done // run.every + 1) * run.every
    return [*range(first, end, run.every), end] if end > run.done else []


def _makespan(durations: Sequence[float], workers: int) -> float:
    """Seconds until all runs have ended, if each starts in order on the first idle worker."""
    idle_at = [0.0] * workers
    for duration in durations:
        heapq.heapreplace(idle_at, idle_at[0] + duration)
    return max(idle_at)
