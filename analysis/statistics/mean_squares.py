"""The two-way table of seeds and clips: its mean squares, the interval of its mean, and the level of a value.

With y[s, c] = mean + seed_s + clip_c + rest_sc the variance of the mean over S seeds and C clips is
seed/S + clip/C + rest/(S C). The interval joins two reaches, each with the quantile of its own degrees of freedom
(MOVER, the modified large-sample way for sums of variance components: Graybill & Wang, JASA 75, 1980; Burdick &
Graybill, "Confidence intervals on variance components", 1992, ch. 3): Student's t of the few seeds for the spread of
their means, and that of the many clips for what clips add to it.

All functions take any number of tables at once, so that thousands of simulated studies are one call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

Floats = NDArray[np.float64]
SMALLEST = 1e-100  # a level below it is told as 0
BISECTIONS = 60


@dataclass(frozen=True)
class Table:
    """What the intervals need of tables (..., S, C); every array is of shape (...).

    Attributes:
        mean: of all values.
        seed, clip, rest: mean squares; `rest` is 0 where C = 1.
        least: the least variance of the mean that values of a known range allow for, else 0.
        share: the values are right or wrong, their mean a share from 0 to 1.
    """

    seeds: int
    clips: int
    mean: Floats
    seed: Floats
    clip: Floats
    rest: Floats
    least: Floats
    share: bool


def table(values: NDArray[Any], extent: float = 0.0) -> Table:
    """The mean squares of values (..., S, C), S at least 2.

    Whole numbers are outcomes that count clips: booleans are right (True) or wrong, integers differences of such. If
    all are equal the table has no spread although another set of clips may: then, as if one more clip had differed
    (Agresti & Min, Biometrics 61, 2005), the variance of the mean is not taken below 1 / C^2; each value that does
    differ from the usual one makes that the less needed.

    Args:
        extent: how far two values can lie apart, for numbers that have a range, such as shares of frames: then the
            same holds of them, with extent^2 / C^2. Whole numbers have 1.
    """
    share = values.dtype == np.bool_
    counts = share or np.issubdtype(values.dtype, np.integer)
    seeds, clips = values.shape[-2:]
    y = values.astype(np.float64)
    mean = y.mean(axis=(-2, -1))
    y -= mean[..., None, None]
    rows, columns = y.mean(axis=-1), y.mean(axis=-2)
    seed = clips * (rows**2).sum(axis=-1) / (seeds - 1)
    if clips == 1:
        zero = np.zeros_like(mean)
        return Table(seeds, clips, mean, seed, zero, zero, zero, share)
    clip = seeds * (columns**2).sum(axis=-1) / (clips - 1)
    rest = ((y - rows[..., None] - columns[..., None, :]) ** 2).sum(axis=(-2, -1)) / ((seeds - 1) * (clips - 1))
    least = np.zeros_like(mean)
    if counts or extent:
        middle = np.round(mean).astype(values.dtype) if counts else np.median(values, axis=(-2, -1))
        others = (values != middle[..., None, None]).sum(axis=(-2, -1))
        least = (1.0 if counts else extent) ** 2 / (clips**2 * (1.0 + others))
    return Table(seeds, clips, mean, seed, clip, rest, least, share)


def ends(found: Table, alpha: Floats | float) -> tuple[Floats, Floats]:
    """Both ends (...) of the intervals at confidence 1 - alpha, the mean inside; narrower for a larger alpha."""
    reach = np.sqrt(_reach_squared(found, np.asarray(alpha, dtype=np.float64)))
    if found.share and found.clips > 1:
        return _of_share(found, reach)
    return found.mean - reach, found.mean + reach


def level(found: Table, value: float) -> Floats:
    """Two-sided p (...) that the true mean is `value`: the alpha at which the interval just touches it."""
    low, high = np.full(found.mean.shape, np.log(SMALLEST)), np.zeros(found.mean.shape)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        lower, upper = ends(found, np.exp(middle))
        inside = (lower <= value) & (value <= upper)
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    p = np.where(low <= np.log(SMALLEST), 0.0, np.exp((low + high) / 2))
    return np.where(found.mean == value, 1.0, p)


def _reach_squared(found: Table, alpha: Floats) -> Floats:
    few = _quantile_squared(found.seeds - 1, alpha) * found.seed
    if found.clips == 1:
        return few / found.seeds
    # Seeds differ at least by as much as the rest makes their means differ, even where a few happen to agree.
    rest_count = (found.seeds - 1) * (found.clips - 1)
    few = np.maximum(few, _quantile_squared(rest_count, alpha) * found.rest)
    quantile = _quantile_squared(found.clips - 1, alpha)
    many = quantile * np.maximum(0.0, found.clip - found.rest)
    return np.asarray(np.maximum((few + many) / (found.seeds * found.clips), quantile * found.least))


def _quantile_squared(count: int, alpha: Floats) -> Floats:
    return np.asarray(stdtrit(count, alpha / 2) ** 2)  # the lower tail: 1 - alpha / 2 would lose small levels


def _of_share(found: Table, reach: Floats) -> tuple[Floats, Floats]:
    # Wilson's score interval with the number of clips that would have had this reach. Spread is small just where the
    # share is near 0 or 1, and a few seeds near it show little of what others may do: the end towards the middle is
    # that of a share with two right and two wrong clips more (Agresti & Coull, American Statistician 52, 1998).
    clips = found.clips
    pseudo = (found.mean * clips + 1) / (clips + 2)
    inverse = reach**2 / (pseudo * (1 - pseudo))
    own = _wilson(found.mean, inverse)
    drawn = _wilson((found.mean * clips + 2) / (clips + 4), inverse)
    # The mean is inside: where all clips are right, rounding may leave Wilson's end a hair below 1.
    low = np.maximum(0.0, np.minimum(found.mean, np.minimum(own[0], drawn[0])))
    return low, np.minimum(1.0, np.maximum(found.mean, np.maximum(own[1], drawn[1])))


def _wilson(share: Floats, inverse: Floats) -> tuple[Floats, Floats]:
    # `inverse`: the quantile squared over the number of clips.
    half = np.sqrt(inverse * share * (1 - share) + inverse**2 / 4)
    return (share + inverse / 2 - half) / (1 + inverse), (share + inverse / 2 + half) / (1 + inverse)
