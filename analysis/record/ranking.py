"""The order of trials, best first, for any number of objectives. Samplers, pruners, summary and tables share it.

1. Trials that satisfy the constraints come first, then the others by increasing violation (Deb 2000).
2. Trials of equal violation are ordered by non-dominated sorting. A trial dominates another if it is no worse in any
   objective and better in one. The first front has the trials that no other dominates, the second those that only the
   first front dominates, and so on.
3. Within a front the order is an epsilon-net, the variant of MO-ASHA that Schmucker et al. 2021 found best: first the
   trial that is best by the first objective, then always the one farthest from all before it. The first n trials are
   therefore spread over the front.

Equal accuracies are ordered by the log-likelihood of the class asked for (`analysis.record.equal_accuracies`). Trials
that are equal even so share a place. With one objective this is simply the order of decreasing value.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from analysis.record.rows import Score, TrialRow
from analysis.record.states import COMPLETE, PRUNED


def places(scores: Sequence[Score]) -> list[int]:
    """The place of each score: how many scores are better. No value may be NaN."""
    order = dict.fromkeys(ordered(scores), 0)
    counts = dict.fromkeys(order, 0)
    for score in scores:
        counts[score] += 1
    before = 0
    for score in order:
        order[score], before = before, before + counts[score]
    return [order[score] for score in scores]


def ordered(scores: Iterable[Score]) -> list[Score]:
    """The distinct scores, best first."""
    groups: dict[float, list[tuple[float, ...]]] = {}
    for score in dict.fromkeys(scores):
        groups.setdefault(score.violation, []).append(score.values)
    return [
        Score(values, violation)
        for violation in sorted(groups)
        for front in fronts(groups[violation])
        for values in epsilon_net(front)
    ]


def fronts(points: Sequence[tuple[float, ...]]) -> list[list[tuple[float, ...]]]:
    """Sorts distinct points of one or more dimensions into non-dominated fronts; larger is better."""
    values = np.asarray(points, dtype=np.float64).reshape(len(points), -1)
    no_worse: NDArray[np.bool_] = np.asarray((values[:, None] >= values[None, :]).all(axis=2))
    dominates: NDArray[np.bool_] = no_worse & ~no_worse.T
    left: NDArray[np.bool_] = np.ones(len(points), dtype=np.bool_)
    dominators: NDArray[np.int64] = dominates.sum(axis=0)
    found = []
    while left.any():
        front = np.flatnonzero(left & (dominators == 0))
        found.append([points[index] for index in front.tolist()])
        left[front] = False
        dominators = dominators - dominates[front].sum(axis=0)
    return found


def epsilon_net(front: Sequence[tuple[float, ...]]) -> list[tuple[float, ...]]:
    """Orders distinct points so that each is the farthest from all before it; ties go to the larger values."""
    if len(front) < 2:
        return list(front)
    # Larger values first: of equal distances `argmax` takes the first.
    left = sorted(front, reverse=True)
    values: NDArray[np.float64] = np.clip(np.asarray(left, dtype=np.float64), -1e100, 1e100)  # distances stay finite
    distance = np.full(len(left), np.inf)
    found = []
    for _ in left:
        chosen = int(distance.argmax())
        found.append(left[chosen])
        distance = np.minimum(distance, np.linalg.norm(values - values[chosen], axis=1))
        distance[chosen] = -np.inf
    return found


def score_of(trial: TrialRow) -> Score | None:
    """The score of a trial's last report; None if not every objective was measured."""
    score = Score.from_columns(trial.value, trial.values, trial.violation, trial.log_likelihood)
    return score if score.known else None


def first_objective(trial: TrialRow) -> float | None:
    """The first objective at the last report, with equal accuracies ordered; None if it was not measured."""
    if trial.value is None:
        return None
    return Score.from_columns(trial.value, trial.values, trial.violation, trial.log_likelihood).values[0]


def ranked(trials: Sequence[TrialRow]) -> list[TrialRow]:
    """The complete and pruned trials that have a score, best first.

    Among trials of equal violation, a pruned trial comes after the complete ones and after those pruned later.
    """
    stages: dict[tuple[float, bool, int], list[tuple[TrialRow, Score]]] = {}
    for trial in trials:
        score = score_of(trial)
        if score is not None and trial.state in (COMPLETE, PRUNED):
            stage = (score.violation, trial.state != COMPLETE, -trial.step)
            stages.setdefault(stage, []).append((trial, score))
    found: list[TrialRow] = []
    for stage in sorted(stages):
        rows = stages[stage]
        place = dict(zip((trial.key for trial, _ in rows), places([score for _, score in rows]), strict=True))
        found += sorted((trial for trial, _ in rows), key=lambda trial: (place[trial.key], trial.number))
    return found


def feasible(trials: Iterable[TrialRow]) -> list[tuple[TrialRow, Score]]:
    """The complete trials that satisfy the constraints, with their scores."""
    pairs = ((trial, score_of(trial)) for trial in trials if trial.state == COMPLETE)
    return [(trial, score) for trial, score in pairs if score is not None and score.violation == 0]


def best(trials: Iterable[TrialRow]) -> TrialRow | None:
    """The feasible complete trial with the best first objective; None if no trial is feasible and complete.

    Ties are broken by the other objectives in order, then by the smaller number.
    """
    found = max(feasible(trials), key=lambda pair: (pair[1].values, -pair[0].number), default=None)
    return None if found is None else found[0]


def pareto(trials: Iterable[TrialRow]) -> list[TrialRow]:
    """The feasible complete trials that no other dominates, ordered by decreasing first objective."""
    pairs = feasible(trials)
    if not pairs:
        return []
    front = set(fronts(list({score.values for _, score in pairs}))[0])
    chosen = [(trial, score) for trial, score in pairs if score.values in front]
    return [trial for trial, _ in sorted(chosen, key=lambda p: (*(-v for v in p[1].values), p[0].number))]
