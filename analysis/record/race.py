"""The race of a search's finalists on fresh seeds: which configuration runs next, and which one wins.

A trial's validation score is that of one training seed, and the best of many trials is partly the luckiest. So the best
few configurations of a search, the finalists, are trained again with new seeds. Run r has the same seed and fold for
all of them. The decisions follow from the trials on record alone.

Model: the score of configuration i in replicate j is m_i + b_j + noise, where b_j is what a seed or fold does to all
configurations alike, and the score by which a trial was selected is m_i + noise. Priors are normal: m_i around the mean
of all complete trials with standard deviation `SPREAD`, b_j around 0 with `COMMON`. The selection score thus counts as
one more seed, and the prior takes back what selection adds to it on average. Configurations that nearly coincide have
nearly the same m (`analysis.record.similarity`), so the selection scores of all complete trials count: one lucky trial
among mediocre neighbours is no finalist. The variance of the noise is estimated from the runs, starting from `NOISE`
with the weight of `NOISE_DF` degrees of freedom; the posterior is Student's t.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from analysis.record.ranking import best, feasible, first_objective
from analysis.record.rows import TrialRow
from analysis.record.similarity import similarities
from analysis.record.states import COMPLETE, CONFIRM, ENDED, PRUNED, TRIAL

# Scores are between 0 and 1. Seeds move an AMC-GAN's validation accuracy by about 0.12 (standard deviation).
NOISE, NOISE_DF = 0.12, 4.0
SPREAD = COMMON = 0.12
TOLERANCE = 0.03  # a configuration that is better by less need not be found
# A finalist is out if the probability that it is better than the leader by more than TOLERANCE is below DOUBT, or below
# LATE_DOUBT once the race has taken LATE of the search's training steps.
DOUBT, LATE_DOUBT, LATE = 0.1, 0.2, 1 / 6
CANDIDATES = 8  # finalists are chosen among so many configurations with the best selection scores


@dataclass(frozen=True)
class Contender:
    """A configuration in the race.

    Attributes:
        trial: the best trial with this configuration.
        selected: scores of all complete trials with this configuration.
        runs: its race runs in any state, in the order of their numbers.
    """

    trial: TrialRow
    selected: tuple[float, ...]
    runs: tuple[TrialRow, ...] = ()

    @property
    def ended(self) -> tuple[TrialRow, ...]:
        """The race runs that have ended."""
        return tuple(run for run in self.runs if run.state in ENDED)


@dataclass(frozen=True)
class Standings:
    """The posterior of the contenders' true scores.

    Attributes:
        mean: (K,) in the order of the contenders.
        covariance: (K, K).
        df: degrees of freedom of the t distribution.
        doubt: a contender is out if it is better than the leader by more than `TOLERANCE` with a smaller probability.
    """

    contenders: Sequence[Contender]
    mean: NDArray[np.float64]
    covariance: NDArray[np.float64] = field(repr=False)
    df: float
    doubt: float = DOUBT

    @property
    def leader(self) -> int:
        """Index of the contender with the highest mean; the first of equal ones."""
        return int(self.mean.argmax())

    def chance(self, index: int) -> float:
        """Probability that a contender is better than the leader by more than `TOLERANCE`."""
        lead, covariance = self.leader, self.covariance
        variance = covariance[index, index] + covariance[lead, lead] - 2 * covariance[index, lead]
        if index == lead or variance <= 0:
            return 0.0
        behind = self.mean[lead] - self.mean[index] + TOLERANCE
        return float(stdtr(self.df, -behind / math.sqrt(variance)))

    @property
    def racing(self) -> list[Contender]:
        """The leader and the contenders that are not distinguishable from it yet, in their order."""
        return [
            one for index, one in enumerate(self.contenders) if index == self.leader or self.chance(index) >= self.doubt
        ]


def contenders(trials: Sequence[TrialRow], count: int, space: Mapping[str, Any]) -> list[Contender]:
    """The finalists and all configurations that have race runs, best first.

    Finalists are the `count` configurations with the highest posterior means before the race, among the `CANDIDATES`
    with the best selection scores.

    Args:
        trials: of all roles; those of the search decide.
        count: number of finalists.
        space: of the study (`StudyRow.space`).
    """
    found = _configurations(trials)
    if not found:
        return []
    mean, *_ = _posterior(trials, [replace(one, runs=()) for one in found], space)
    # Rounded: of equal means, the better selection score comes first.
    order = sorted(range(len(found)), key=lambda place: -round(float(mean[place]), 9))
    chosen = [place for place in order if place < max(CANDIDATES, count)][:count]
    return [found[place] for place in order if place in chosen or found[place].runs]


def standings(trials: Sequence[TrialRow], found: Sequence[Contender], space: Mapping[str, Any]) -> Standings:
    """The posterior of the true scores of these contenders, from selection scores and ended race runs.

    Args:
        space: of the study (`StudyRow.space`).
    """
    keys = {one.trial.key for one in found}
    others = [one for one in _configurations(trials) if one.trial.key not in keys]
    mean, covariance, df = _posterior(trials, [*found, *others], space)
    ended = [trial for trial in trials if trial.state in ENDED]
    search, race = (sum(trial.step for trial in ended if trial.role == role) for role in (TRIAL, CONFIRM))
    doubt = LATE_DOUBT if race >= LATE * search else DOUBT
    return Standings(found, mean[: len(found)], covariance[: len(found), : len(found)], df, doubt)


def next_run(
    trials: Sequence[TrialRow], count: int, seeds: Sequence[int], space: Mapping[str, Any]
) -> tuple[TrialRow, int] | None:
    """The trial whose configuration runs next, and the index of its seed; None if there is no next run now.

    The finalists that are not distinguishable from the leader take turns. A round begins when the one before has ended,
    so that no run is started that the round's result makes needless.

    Args:
        trials: of all roles; those of the search have ended.
        count: number of finalists.
        seeds: training seeds of the race; each finalist is run with each of them at most.
        space: of the study (`StudyRow.space`).
    """
    found = contenders(trials, count, space)
    if not found:
        return None
    table = standings(trials, found, space)
    racing = table.racing
    one = min(racing, key=lambda one: len(one.runs))
    if len(one.runs) >= _most(found, racing, len(seeds)):
        return None
    if len(racing) > 1 and any(len(other.ended) < len(one.runs) for other in racing):
        return None
    used = {run.seed for run in one.runs}
    index = next(index for index, seed in enumerate(seeds) if seed not in used)
    return one.trial, index


def runs_left(trials: Sequence[TrialRow], count: int, seeds: int, space: Mapping[str, Any]) -> int:
    """How many runs the race still has if no finalist that is in the race now leaves it, and none comes back.

    Args:
        count: number of finalists.
        seeds: number of seeds.
        space: of the study (`StudyRow.space`).
    """
    found = contenders(trials, count, space)
    racing = standings(trials, found, space).racing if found else []
    each = _most(found, racing, seeds)
    return sum(max(0, each - len(one.runs)) for one in racing)


def winner(trials: Sequence[TrialRow], space: Mapping[str, Any]) -> TrialRow | None:
    """The trial whose configuration the study returns; None if no trial is feasible and complete.

    It has the highest posterior mean of the configurations with race runs and, if the search went on after the race,
    the first finalist. Without a race it is the one with the best selection score.

    Args:
        space: of the study (`StudyRow.space`).
    """
    raced = max((trial.created for trial in trials if trial.role == CONFIRM), default=None)
    if raced is None:
        return best(trial for trial in trials if trial.role == TRIAL)
    found = [one for one in contenders(trials, 1, space) if one.runs or one.trial.created > raced]
    return found[standings(trials, found, space).leader].trial if found else None


def _configurations(trials: Sequence[TrialRow]) -> list[Contender]:
    """The configurations of complete trials that satisfy the constraints, by selection score, best first.

    Equal configurations are one contender.
    """
    groups: dict[str, list[tuple[TrialRow, float]]] = {}
    pairs = feasible(trial for trial in trials if trial.role == TRIAL)
    for trial, score in sorted(pairs, key=lambda pair: (*(-value for value in pair[1].values), pair[0].number)):
        groups.setdefault(configuration(trial), []).append((trial, score.values[0]))
    runs: dict[str | None, list[TrialRow]] = {}
    for run in sorted((trial for trial in trials if trial.role == CONFIRM), key=lambda run: run.number):
        runs.setdefault(run.parent, []).append(run)
    return [
        Contender(
            rows[0][0],
            tuple(value for _, value in rows),
            tuple(run for trial, _ in rows for run in runs.get(trial.key, ())),
        )
        for rows in groups.values()
    ]


def _posterior(
    trials: Sequence[TrialRow], found: Sequence[Contender], space: Mapping[str, Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Mean (K,), covariance (K, K) and degrees of freedom of the true scores of all configurations."""
    known = [value for trial in trials if trial.state == COMPLETE and (value := first_objective(trial)) is not None]
    centre = fmean(value for _, score in feasible(t for t in trials if t.role == TRIAL) for value in score.values[:1])
    # A run that failed or violates a constraint counts as the lowest score on record: who trains that configuration
    # gets nothing better.
    lowest = min(known)
    rows = [
        (index, _replicate(run), lowest if (value := _value(run)) is None else value)
        for index, one in enumerate(found)
        for run in one.ended
        if run.state != PRUNED  # a person stopped it: nothing is known of its end
    ]
    replicates = {key: len(found) + place for place, key in enumerate(sorted({key for _, key, _ in rows}))}
    size = len(found) + len(replicates)
    design = np.zeros((len(rows), size))
    for place, (index, key, _) in enumerate(rows):
        design[place, [index, replicates[key]]] = 1.0
    values = np.array([value for *_, value in rows]) - centre
    noise, df = _noise(design, values)
    seeds = np.array([len(one.selected) for one in found] + [0] * len(replicates))
    totals = np.array([math.fsum(one.selected) - centre * len(one.selected) for one in found] + [0.0] * len(replicates))
    precision = np.diag([0.0] * len(found) + [COMMON**-2] * len(replicates))
    alike = similarities([one.trial.params for one in found], space)
    precision[: len(found), : len(found)] = np.linalg.inv(SPREAD**2 * alike)
    precision += np.diag(seeds / noise) + design.T @ design / noise
    covariance = np.asarray(np.linalg.inv(precision), dtype=np.float64)
    mean = covariance @ (totals + design.T @ values) / noise
    return mean[: len(found)] + centre, covariance[: len(found), : len(found)], df


def _most(found: Sequence[Contender], racing: Sequence[Contender], seeds: int) -> int:
    """The most runs of a contender that is still racing.

    If only the leader is, it gets as many as it takes to complete one, and with folds one for each: every subject is
    then tested.
    """
    if len(racing) > 1 or len(found) == 1:
        return seeds
    folds = max((_replicate(run)[1] for one in found for run in one.runs), default=0)
    return min(seeds, max(folds, 1 + sum(run.state != COMPLETE for one in racing for run in one.ended)))


def configuration(trial: TrialRow) -> str:
    """What a trial trains but for its seed, as text: equal for trials that are one contender."""
    values = {name: value for name, value in trial.config.items() if name != "seed"}
    return json.dumps([values, dict(trial.params)], sort_keys=True, default=str)


def _value(run: TrialRow) -> float | None:
    return first_objective(run) if run.state == COMPLETE and not run.violation else None


def _replicate(run: TrialRow) -> tuple[int, int, int]:
    split = run.config.get("split", {})
    return run.seed, int(split.get("folds", 0)), int(split.get("fold", 0))


def _noise(design: NDArray[np.float64], values: NDArray[np.float64]) -> tuple[float, float]:
    """Variance of the noise and its degrees of freedom, from the residuals of the runs and the prior."""
    if not len(values):
        return NOISE**2, NOISE_DF
    fitted, _, rank, _ = np.linalg.lstsq(design, values, rcond=None)
    df = NOISE_DF + len(values) - int(rank)
    left = values - design @ fitted
    return (NOISE_DF * NOISE**2 + float(left @ left)) / df, df
