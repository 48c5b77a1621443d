"""Power of the test of a difference, and the smallest difference that a design can detect."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import brentq
from scipy.special import chdtri, ndtr, stdtrit

from analysis.statistics.levels import ALPHA, CONFIDENCE
from analysis.statistics.mean_squares import MeanSquares

POINTS = 2000  # equally likely points of the chi-square distribution of the estimated variance


@dataclass(frozen=True)
class Detectable:
    """The smallest true difference that is detected with a given power.

    Attributes:
        size: if the variances are those estimated.
        interval: if the variance between runs, which few runs estimate, is at an end of its own confidence interval
            (chi-square). Its other parts are known better and are kept.
    """

    size: float
    interval: tuple[float, float]


def power_of(difference: float, found: MeanSquares, alpha: float = ALPHA) -> float:
    """Returns the probability that `crossed` rejects 0 at level alpha if the true mean is `difference`.

    The variances in `found` count as the true ones. A study knows that of the clips or subjects well, since there are
    many, and estimates that of the runs from few.
    """
    degrees = found.seeds - 1
    few = max([float(found.run), *(float(unit.floor) for unit in found.units)])
    # chdtri is the inverse of the upper tail.
    seen = chdtri(degrees, (np.arange(POINTS) + 0.5) / POINTS) / degrees * few
    run = stdtrit(degrees, alpha / 2) ** 2 * seen
    half_squared, variance = run, _variance(found)
    for unit in found.units:
        floor = stdtrit(unit.floor_df, alpha / 2) ** 2 * float(unit.floor)
        shared = stdtrit(unit.df, alpha / 2) ** 2 * float(unit.shared)
        half_squared = np.maximum(half_squared, np.maximum(run, floor) + shared)
    if found.clips > 1:
        # As in the interval: equal answers do not show that the variance is 0.
        half_squared = np.maximum(half_squared, stdtrit(found.clips - 1, alpha / 2) ** 2 * float(found.least))
    if variance == 0:
        return float(difference != 0)
    half, error = np.sqrt(half_squared), math.sqrt(variance)
    return float(np.mean(ndtr((difference - half) / error) + ndtr((-difference - half) / error)))


def detectable(
    found: MeanSquares | None, alpha: float = ALPHA, power: float = 0.8, tests: int = 1, confidence: float = CONFIDENCE
) -> Detectable | None:
    """Returns the smallest true difference that is detected with probability `power`; None for one run.

    Args:
        found: parts of the variance of the differences, as in `CrossedMean.squares`.
        tests: number of hypotheses that Holm's correction has not rejected yet: the next one must pass alpha / tests.
        confidence: of the interval.
    """
    if found is None:
        return None
    degrees, tail = found.seeds - 1, (1 - confidence) / 2
    ends = [degrees / float(chdtri(degrees, share)) for share in (tail, 1 - tail)]
    size, low, high = (
        _smallest(replace(found, run=np.asarray(factor * found.run)), alpha / tests, power) for factor in (1.0, *ends)
    )
    return Detectable(size, (low, high))


def _variance(found: MeanSquares) -> float:
    """Variance of the mean."""
    few = max([float(found.run), *(float(unit.floor) for unit in found.units)])
    return max([few, float(found.least), *(few + float(unit.shared) for unit in found.units)])


def _smallest(found: MeanSquares, level: float, power: float) -> float:
    upper = 4.0 * math.sqrt(_variance(found))
    if upper == 0:
        return 0.0
    while power_of(upper, found, level) < power:
        upper *= 2
    return float(brentq(lambda size: power_of(size, found, level) - power, 0.0, upper))
