"""Power of the test of a difference, and the smallest difference that a number of seeds can detect."""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import brentq
from scipy.special import chdtri, ndtr, stdtrit

from analysis.statistics.crossed import VarianceComponents
from analysis.statistics.levels import ALPHA

POINTS = 2000  # equally likely points of the chi-square distribution of the estimated variance


def power_of(difference: float, variance: VarianceComponents, seeds: int, clips: int, alpha: float = ALPHA) -> float:
    """Returns the probability that `crossed` rejects 0 at level alpha if the true mean is `difference`.

    The clips' variance counts as known, since there are many clips; the seeds' variance counts as estimated from few.
    """
    few = variance.seed / seeds + variance.rest / (seeds * clips)
    many = variance.clip / clips
    # chdtri is the inverse of the upper tail.
    found = chdtri(seeds - 1, (np.arange(POINTS) + 0.5) / POINTS) / (seeds - 1) * few
    half_squared = stdtrit(seeds - 1, alpha / 2) ** 2 * found
    if clips > 1:
        rest = stdtrit((seeds - 1) * (clips - 1), alpha / 2) ** 2 * variance.rest / (seeds * clips)
        quantile = stdtrit(clips - 1, alpha / 2) ** 2
        # As in the interval: equal answers do not show that the variance is 0.
        half_squared = np.maximum(
            np.maximum(half_squared, rest) + quantile * many, quantile * variance.least / clips**2
        )
    half, error = np.sqrt(half_squared), math.sqrt(variance.of_mean(seeds, clips))
    if error == 0:
        return float(difference != 0)
    return float(np.mean(ndtr((difference - half) / error) + ndtr((-difference - half) / error)))


def detectable(
    variance: VarianceComponents | None,
    seeds: int,
    clips: int,
    alpha: float = ALPHA,
    power: float = 0.8,
    tests: int = 1,
) -> float | None:
    """Returns the smallest true difference that is detected with probability `power`; None for one seed.

    Args:
        variance: components of the paired differences, as in `CrossedMean.variance`. For other numbers of seeds or
            clips than they were estimated from, the result is a forecast.
        tests: number of hypotheses in the family; the first that Holm's correction rejects must pass alpha / tests.
    """
    if variance is None or seeds < 2:
        return None
    level, error = alpha / tests, math.sqrt(variance.of_mean(seeds, clips))
    if error == 0:
        return 0.0
    upper = 4.0 * error
    while power_of(upper, variance, seeds, clips, level) < power:
        upper *= 2
    return float(brentq(lambda size: power_of(size, variance, seeds, clips, level) - power, 0.0, upper))
