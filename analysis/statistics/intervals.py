"""Confidence intervals of a mean: over runs and clips or subjects, and Student's t over seeds.

Model of one fold, where seeds and clips are crossed: y[s, c] = mean + seed_s + clip_c + rest_sc. The variance of the
mean over S seeds and C clips is seed/S + clip/C + rest/(S C). The interval combines two half widths, each with the
quantile of its own degrees of freedom (MOVER, the modified large-sample method for sums of variance components:
Graybill & Wang, JASA 75, 1980; Burdick & Graybill, "Confidence intervals on variance components", 1992, ch. 3): one for
the spread of the few runs' means, one for what the many clips add.

With folds over subjects the runs' means differ by their subjects, too, so their spread shows both; what remains to be
added is what runs of the same fold share. The interval is the wider one of clips as units and of subjects as units.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import stdtrit

from analysis.statistics.levels import CONFIDENCE
from analysis.statistics.mean_squares import Floats, MeanSquares

SMALLEST = 1e-100  # p values below are returned as 0
CLIPS_OF_A_SUBJECT = 6  # independent clips that a subject counts for at most, at a share's end towards the middle
BISECTIONS = 60


def crossed_interval(found: MeanSquares, alpha: Floats | float) -> tuple[Floats, Floats]:
    """Returns the lower and upper ends (...) of the intervals at confidence 1 - alpha.

    The mean is always inside. For right-or-wrong answers the interval stays within 0 to 1.
    """
    level = np.asarray(alpha, dtype=np.float64)
    half = np.sqrt(_half_width_squared(found, level))
    if found.share and found.clips > 1:
        return _share_interval(found, half, level)
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
    run = _quantile_squared(found.seeds - 1, alpha) * found.run
    half = np.asarray(run)
    for unit in found.units:
        # The runs' means differ at least by what the units make them differ, even if a few happen to agree.
        few = np.maximum(run, _quantile_squared(unit.floor_df, alpha) * unit.floor)
        half = np.maximum(half, few + _quantile_squared(unit.df, alpha) * unit.shared)
    if found.clips > 1:
        half = np.maximum(half, _quantile_squared(found.clips - 1, alpha) * found.least)
    return half


def _quantile_squared(count: int, alpha: Floats) -> Floats:
    return np.asarray(stdtrit(count, alpha / 2) ** 2)  # the lower tail: 1 - alpha / 2 loses precision for small alpha


def _share_interval(found: MeanSquares, half: Floats, alpha: Floats) -> tuple[Floats, Floats]:
    # Wilson's score interval for the number of independent clips that would have this half width. Near 0 or 1 the
    # spread is small and a few seeds or subjects show little of what others may do: the end towards the middle is that
    # of a share with two right and two wrong clips added (Agresti & Coull, American Statistician 52, 1998). Where
    # hardly any subject fails, the clips of one look more independent than they are: the few subjects that would fail
    # are likely not among those seen. So a subject counts for no more than a few clips there.
    clips = found.clips
    pseudo = (found.mean * clips + 1) / (clips + 2)
    inverse = half**2 / (pseudo * (1 - pseudo))
    quantile = _quantile_squared(found.seeds - 1, alpha)
    most = min(clips, CLIPS_OF_A_SUBJECT * found.subjects) if found.subjects else clips
    alike = np.where(inverse > 0, np.minimum(most, quantile / np.maximum(inverse, SMALLEST)), most)
    own = _wilson(found.mean, inverse)
    drawn = _wilson((found.mean * alike + 2) / (alike + 4), inverse)
    # If all clips are right, rounding may leave Wilson's end slightly below 1: the mean must stay inside.
    low = np.maximum(0.0, np.minimum(found.mean, np.minimum(own[0], drawn[0])))
    return low, np.minimum(1.0, np.maximum(found.mean, np.maximum(own[1], drawn[1])))


def _wilson(share: Floats, inverse: Floats) -> tuple[Floats, Floats]:
    # `inverse`: squared quantile divided by the number of clips.
    half = np.sqrt(inverse * share * (1 - share) + inverse**2 / 4)
    return (share + inverse / 2 - half) / (1 + inverse), (share + inverse / 2 + half) / (1 + inverse)
