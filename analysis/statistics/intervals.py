"""Confidence intervals of a mean: two-way crossed (seeds and clips), and Student's t over seeds.

Model of the crossed interval: y[s, c] = mean + seed_s + clip_c + rest_sc. The variance of the mean over S seeds and C
clips is seed/S + clip/C + rest/(S C). The interval combines two half widths, each with the quantile of its own degrees
of freedom (MOVER, the modified large-sample method for sums of variance components: Graybill & Wang, JASA 75, 1980;
Burdick & Graybill, "Confidence intervals on variance components", 1992, ch. 3): one for the spread of the few seed
means, one for what the many clips add.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import stdtrit

from analysis.statistics.levels import CONFIDENCE
from analysis.statistics.mean_squares import Floats, MeanSquares

SMALLEST = 1e-100  # p values below are returned as 0
BISECTIONS = 60


def crossed_interval(found: MeanSquares, alpha: Floats | float) -> tuple[Floats, Floats]:
    """Returns the lower and upper ends (...) of the intervals at confidence 1 - alpha.

    The mean is always inside. For right-or-wrong answers the interval stays within 0 to 1.
    """
    half = np.sqrt(_half_width_squared(found, np.asarray(alpha, dtype=np.float64)))
    if found.share and found.clips > 1:
        return _share_interval(found, half)
    return found.mean - half, found.mean + half


def p_value(found: MeanSquares, value: float) -> Floats:
    """Returns the two-sided p (...) of the hypothesis that the true mean is `value`.

    It is the alpha at which an end of `crossed_interval` equals `value`, found by bisection.
    """
    low, high = np.full(found.mean.shape, np.log(SMALLEST)), np.zeros(found.mean.shape)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        lower, upper = crossed_interval(found, np.exp(middle))
        inside = (lower <= value) & (value <= upper)
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    p = np.where(low <= np.log(SMALLEST), 0.0, np.exp((low + high) / 2))
    return np.where(found.mean == value, 1.0, p)


def t_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> tuple[float, tuple[float, float] | None]:
    """Returns the mean of one value per seed and its Student's t interval; the interval is None for a single value.

    Raises:
        ValueError: `values` is empty.
    """
    count = len(values)
    if count == 0:
        raise ValueError("no values")
    mean = math.fsum(values) / count
    if count == 1:
        return mean, None
    error = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (count - 1) / count)
    half = float(stdtrit(count - 1, 0.5 + confidence / 2)) * error
    return mean, (mean - half, mean + half)


def _half_width_squared(found: MeanSquares, alpha: Floats) -> Floats:
    few = _quantile_squared(found.seeds - 1, alpha) * found.seed
    if found.clips == 1:
        return few / found.seeds
    # Seed means differ at least by what the residual makes them differ, even if a few happen to agree.
    rest_count = (found.seeds - 1) * (found.clips - 1)
    few = np.maximum(few, _quantile_squared(rest_count, alpha) * found.rest)
    quantile = _quantile_squared(found.clips - 1, alpha)
    many = quantile * np.maximum(0.0, found.clip - found.rest)
    return np.asarray(np.maximum((few + many) / (found.seeds * found.clips), quantile * found.least))


def _quantile_squared(count: int, alpha: Floats) -> Floats:
    return np.asarray(stdtrit(count, alpha / 2) ** 2)  # the lower tail: 1 - alpha / 2 loses precision for small alpha


def _share_interval(found: MeanSquares, half: Floats) -> tuple[Floats, Floats]:
    # Wilson's score interval for the number of independent clips that would have this half width. Near 0 or 1 the
    # spread is small and a few seeds show little of what others may do: the end towards the middle is that of a share
    # with two right and two wrong clips added (Agresti & Coull, American Statistician 52, 1998).
    clips = found.clips
    pseudo = (found.mean * clips + 1) / (clips + 2)
    inverse = half**2 / (pseudo * (1 - pseudo))
    own = _wilson(found.mean, inverse)
    drawn = _wilson((found.mean * clips + 2) / (clips + 4), inverse)
    # If all clips are right, rounding may leave Wilson's end slightly below 1: the mean must stay inside.
    low = np.maximum(0.0, np.minimum(found.mean, np.minimum(own[0], drawn[0])))
    return low, np.minimum(1.0, np.maximum(found.mean, np.maximum(own[1], drawn[1])))


def _wilson(share: Floats, inverse: Floats) -> tuple[Floats, Floats]:
    # `inverse`: squared quantile divided by the number of clips.
    half = np.sqrt(inverse * share * (1 - share) + inverse**2 / 4)
    return (share + inverse / 2 - half) / (1 + inverse), (share + inverse / 2 + half) / (1 + inverse)
