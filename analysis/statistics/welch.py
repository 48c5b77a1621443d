"""Welch's comparison of two means that are not paired, such as two groups of runs with different seeds."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import stdtr, stdtrit

from analysis.statistics.levels import CONFIDENCE
from analysis.statistics.mean_squares import MeanSquares


@dataclass(frozen=True)
class Welch:
    """Difference of two means.

    Attributes:
        difference: first minus second.
        interval: confidence interval of the difference.
        p: two-sided p of the hypothesis that the means are equal.
        freedom: Welch's degrees of freedom.
    """

    difference: float
    interval: tuple[float, float]
    p: float
    freedom: float


def welch(first: MeanSquares, second: MeanSquares, confidence: float = CONFIDENCE, scale: float = 1.0) -> Welch:
    """Returns the difference of two means over runs (Welch, Biometrika 34, 1947), times `scale`.

    The variance of each mean is that of its runs, and at least what its clips imply: a few runs may agree by chance.
    With one fixed test split, differences between clips that both groups share are not part of it. With folds it
    includes the subjects, which both groups share fold by fold, so the test is conservative.
    """
    one, other = _variance(first), _variance(second)
    difference, error = float(first.mean - second.mean), math.sqrt(one + other)
    if error == 0:
        point = scale * difference
        return Welch(point, (point, point), float(difference == 0), float(first.seeds + second.seeds - 2))
    freedom = (one + other) ** 2 / (one**2 / (first.seeds - 1) + other**2 / (second.seeds - 1))
    half = float(stdtrit(freedom, 0.5 + confidence / 2)) * error
    p = 2 * float(stdtr(freedom, -abs(difference) / error))
    return Welch(scale * difference, (scale * (difference - half), scale * (difference + half)), p, freedom)


def _variance(found: MeanSquares) -> float:
    return max([float(found.run), float(found.least), *(float(unit.floor) for unit in found.units[:1])])
