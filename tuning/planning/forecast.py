"""Forecast of the steps and the time that are left of a study.

Learning curves are unknown in advance. So the pruner is played with random scores: the mean over plays is expected, and
a play in which each trial is worse than all before it gives the least steps.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from amc.config import AMC_GAN
from analysis.record.rows import Score
from tuning.search.pruners import Pruner

_PLAYS = 100
_EVALUATIONS = 20_000  # in all plays; large studies vary less and need fewer


@dataclass(frozen=True)
class TrialCosts:
    """What the parts of a trial of one method cost, with as many trials in parallel as the study runs.

    Attributes:
        kind: where the costs come from, `record` or `probe`; empty if nothing is left to run.
        text: the same for the user.
        step: seconds of an average training step.
        evaluation: seconds of an evaluation on the validation split, with its checkpoint and report.
        start: seconds from the start of a trial's process to its first step.
        end: seconds to write a trial's sample pictures.
        score: seconds to score a run on the test split.
        launch: seconds of the command itself: imports, start and end of Ray.
        checkpoint, samples: bytes that a trial leaves.
    """

    kind: str = ""
    text: str = "nothing is left to run"
    step: float = 0.0
    evaluation: float = 0.0
    start: float = 0.0
    end: float = 0.0
    score: float = 0.0
    launch: float = 0.0
    checkpoint: int = 0
    samples: int = 0


@dataclass(frozen=True)
class PlannedRun:
    """A run of a study.

    Attributes:
        number: of the trial; Hyperband assigns brackets by it.
        budget: steps of the complete run.
        every: steps between two evaluations.
        done: steps that it has done already.
        scored: it is scored on the test split at its end.
        method: that it trains.
    """

    number: int
    budget: int
    every: int
    done: int = 0
    scored: bool = False
    method: str = AMC_GAN.name


@dataclass(frozen=True)
class Workload:
    """The runs of a study.

    Attributes:
        trials: trials that are left, in the order in which they start.
        confirming: runs that start when all trials have ended.
        ended: trials on record with which the pruner compares.
    """

    trials: Sequence[PlannedRun] = ()
    confirming: Sequence[PlannedRun] = ()
    ended: Sequence[PlannedRun] = ()

    @property
    def left(self) -> list[PlannedRun]:
        """Trials, then confirming runs."""
        return [*self.trials, *self.confirming]


@dataclass(frozen=True)
class Totals:
    """Steps of all runs, seconds of work summed over the workers, and seconds until the last run ends."""

    steps: float
    busy: float
    wall: float


def forecast(
    work: Workload, costs: Mapping[str, TrialCosts], pruner: Pruner, workers: int
) -> tuple[Totals, Totals, Totals]:
    """What a workload is expected to take, what it takes if trials are pruned as early as possible, and if none is.

    Args:
        costs: by method.
    """
    runs = [*work.ended, *work.trials]
    evaluations = sum(math.ceil(run.budget / run.every) for run in runs)
    plays = max(3, min(_PLAYS, _EVALUATIONS // max(1, evaluations)))
    rng = np.random.default_rng(0)
    played = np.mean([_last_steps(runs, rng.random(len(runs)), pruner) for _ in range(plays)], axis=0)
    least = _last_steps(runs, range(0, -len(runs), -1), pruner)
    most = [run.budget for run in runs]
    expected, low, high = (_totals(work, ends[len(work.ended) :], costs, workers) for ends in (played, least, most))
    return expected, low, high


def mean_costs(costs: Mapping[str, TrialCosts], runs: Sequence[PlannedRun]) -> TrialCosts:
    """Means over runs of the seconds that their methods cost."""
    if len(costs) < 2:
        return next(iter(costs.values()), TrialCosts())
    seconds = ("step", "evaluation", "start", "end", "score", "launch")
    means = {name: fmean(getattr(costs[run.method], name) for run in runs) for name in seconds}
    kind = " and ".join(sorted({each.kind for each in costs.values()}))
    text = "; ".join(f"{method}: {each.text}" for method, each in costs.items())
    return TrialCosts(kind, text, **means)  # type: ignore[arg-type]


def _last_steps(runs: Sequence[PlannedRun], scores: Iterable[float], pruner: Pruner) -> list[int]:
    """The steps at which runs end that report these scores at all evaluations."""
    curves: dict[str, dict[int, Score]] = {}
    numbers = {str(run.number): run.number for run in runs}
    for run, score in zip(runs, scores, strict=True):
        key = str(run.number)
        curve = curves[key] = {}
        for step in [*range(run.every, run.budget, run.every), run.budget]:
            curve[step] = Score((float(score),))
            if run.done < step < run.budget and pruner.should_prune(key, step, curves, numbers):
                break
    return [max(curve) for curve in curves.values()]


def _totals(work: Workload, ends: Iterable[float], costs: Mapping[str, TrialCosts], workers: int) -> Totals:
    """Totals of trials that end at these steps, and of the confirming runs."""
    last = [*ends, *(run.budget for run in work.confirming)]
    seconds = [_seconds(run, end, costs[run.method]) for run, end in zip(work.left, last, strict=True)]
    count = len(work.trials)
    wall = _makespan(seconds[:count], workers) + _makespan(seconds[count:], workers)
    steps = sum(last) - sum(run.done for run in work.left)
    launch = max((each.launch for each in costs.values()), default=0.0) if seconds else 0.0
    return Totals(float(steps), sum(seconds), wall + launch)


def _seconds(run: PlannedRun, end: float, costs: TrialCosts) -> float:
    """Duration of a run that ends at this step."""
    training = (end - run.done) * costs.step
    evaluations = math.ceil((end - run.done) / run.every) * costs.evaluation
    return costs.start + training + evaluations + costs.end + (costs.score if run.scored else 0.0)


def _makespan(durations: Sequence[float], workers: int) -> float:
    """Seconds until all runs have ended, if each starts in order on the first idle worker."""
    idle_at = [0.0] * workers
    for duration in durations:
        heapq.heapreplace(idle_at, idle_at[0] + duration)
    return max(idle_at)
