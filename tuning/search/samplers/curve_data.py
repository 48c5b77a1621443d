"""What a Gaussian process is fitted to: reports of all trials, standardized (`curve_process.CurveData`)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.record.ranking import first_objective
from analysis.record.rows import TrialRow
from analysis.record.states import COMPLETE, FAILED, PRUNED
from tuning.search.samplers.base import SearchHistory
from tuning.search.samplers.curve_process import Array, CurveData
from tuning.search.samplers.flat_space import FlatSpace

MOST_REPORTS = 300  # the cost of a proposal grows with the cube of their number
PER_TRIAL = 4
SPAN = 3.0  # reports are averaged over steps from S / SPAN to S, S / SPAN^2 to S / SPAN, ..., where S is the budget


@dataclass(frozen=True)
class Reports:
    """Averages of reports that a process is fitted to, with the trials that they are of.

    Attributes:
        trials: those that have a report.
        rows: (n, 4), for each average of reports the trial's index, the progress it was made at (1 is the full
            budget), the average and the number of reports.
    """

    trials: Sequence[TrialRow]
    rows: Array


Curve = Mapping[float, float]
"""{progress, 1 at the full budget: value}."""


def reports_of(history: SearchHistory, number: int) -> Reports:
    """Reports of the trials before trial `number`: the last of each trial, and some earlier ones.

    With several objectives a trial has one, at its full budget: the normal quantile of its rank.
    """
    known = [*history.imported, *(trial for trial in history.trials if trial.number < number)]
    curves = _with_penalties(known, [_curve(trial, history) for trial in known])
    found = [(trial, curve) for trial, curve in zip(known, curves, strict=True) if curve]
    if len(found) > MOST_REPORTS:
        # Those that went furthest say most; of those stopped at one step, the latest are nearest to the best.
        furthest = sorted(range(len(found)), key=lambda index: (-max(found[index][1]), -index))
        found = [found[index] for index in sorted(furthest[:MOST_REPORTS])]
    most = min(MOST_REPORTS // max(1, len(found)), PER_TRIAL)
    rows = [(index, *row) for index, (_, curve) in enumerate(found) for row in _averages(curve)[:most]]
    return Reports([trial for trial, _ in found], np.array(rows, dtype=np.float64).reshape(-1, 4))


def _with_penalties(trials: Sequence[TrialRow], curves: Sequence[Curve]) -> list[Curve]:
    """The curves; failed trials end with the worst value, and those that violate a constraint below it.

    With several objectives, ranks include the violations already.
    """
    values = [value for trial, c in zip(trials, curves, strict=True) if not trial.violation for value in c.values()]
    worst, span = min(values, default=0.0), max(values, default=1.0) - min(values, default=0.0)
    violations = sorted({trial.violation for trial in trials if trial.violation and len(trial.values) <= 1})
    found = []
    for trial, curve in zip(trials, curves, strict=True):
        if trial.state == FAILED:
            curve = {1.0: worst}
        elif trial.violation in violations:
            curve = {1.0: worst - (span or 1.0) * (1 + violations.index(trial.violation)) / len(violations)}
        found.append(curve)
    return found


def _curve(trial: TrialRow, history: SearchHistory) -> Curve:
    """Empty if nothing was measured; reports after the budget, of a trial that had a larger one, do not count."""
    if len(trial.values) > 1:
        if trial.key not in history.ranks:
            return {}
        share = (history.ranks[trial.key] + 0.5) / len(history.ranks)
        return {1.0: _normal_quantile(1 - share)}
    budget = history.budget or trial.budget
    curve = {step / budget: value for step, value in history.curves.get(trial.key, {}).items()}
    if trial.state in (COMPLETE, PRUNED) and (last := first_objective(trial)) is not None:
        curve[1.0 if trial.state == COMPLETE else trial.step / budget] = last
    return {at: value for at, value in sorted(curve.items()) if math.isfinite(value) and 0 < at <= 1}


def _normal_quantile(share: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(share))


def _averages(curve: Curve) -> list[tuple[float, float, int]]:
    """(progress, value, number of reports), latest first; the report at the full budget stays alone."""
    groups: dict[int, list[tuple[float, float]]] = {}
    for at in sorted(curve, reverse=True):
        # A report at S / SPAN belongs to the earlier group.
        group = 0 if at == 1 else 1 + math.floor(-math.log(at) / math.log(SPAN) + 1e-9)
        groups.setdefault(group, []).append((math.log(at), curve[at]))
    return [
        (math.exp(math.fsum(at for at, _ in rows) / len(rows)), math.fsum(v for _, v in rows) / len(rows), len(rows))
        for rows in groups.values()
    ]


def curve_data(reports: Reports, flat: FlatSpace) -> CurveData:
    """The reports as the process takes them; values become larger-is-better with mean 0 and variance 1."""
    features = np.array([flat.encode(trial.params) for trial in reports.trials])
    index: NDArray[np.int64] = reports.rows[:, 0].astype(np.int64)
    left = -np.log(reports.rows[:, 1])
    left /= max(float(left.max()), 1e-9)
    values = standardized(reports.rows[:, 2])
    return CurveData(features[index], left, index, values, reports.rows[:, 3], flat.choices)


def standardized(values: Array) -> Array:
    """Values with mean 0 and variance 1, far ones below the median moved closer (logarithmically).

    How bad the worst are says little about where the best is, and a stationary process fits it poorly.
    """
    middle = float(np.median(values))
    upper = values[values > middle] - middle
    scale = float(np.sqrt(np.mean(upper**2))) if len(upper) else 0.0
    scale = max(scale, 1e-12 + 1e-3 * float(np.std(values)))
    scaled = (values - middle) / scale
    scaled = np.where(scaled < 0, -np.log1p(np.maximum(-scaled, 0.0)), scaled)
    found: Array = (scaled - scaled.mean()) / max(float(scaled.std()), 1e-12)
    return found
