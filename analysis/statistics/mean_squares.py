"""Mean squares of two-way tables of seeds by clips (analysis of variance without replication).

All functions accept any number of tables at once, so that thousands of simulated studies take one call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class MeanSquares:
    """What the intervals need to know of tables (..., S, C); every array has shape (...).

    Attributes:
        seeds, clips: S and C.
        mean: mean of all values.
        seed, clip, rest: mean squares of seeds, clips and residual; `rest` is 0 if C = 1.
        least: lower bound of the variance of the mean, for values with a known range; otherwise 0.
        share: whether the values are right-or-wrong answers, so that the mean is a share from 0 to 1.
    """

    seeds: int
    clips: int
    mean: Floats
    seed: Floats
    clip: Floats
    rest: Floats
    least: Floats
    share: bool


def mean_squares(values: NDArray[Any], extent: float = 0.0) -> MeanSquares:
    """Returns the mean squares of values (..., S, C), with S at least 2.

    Booleans are right (True) or wrong answers, integers are differences of such answers. If all of them are equal, the
    table has no variance although another set of clips may have some. The variance of the mean is then bounded below
    by 1 / C^2, as if one more clip had differed (Agresti & Min, Biometrics 61, 2005). The bound falls with every value
    that differs from the most common one.

    Args:
        extent: largest possible difference between two values, for floats with a known range such as shares of frames;
            the lower bound is then extent^2 / C^2. Booleans and integers use 1.
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
        return MeanSquares(seeds, clips, mean, seed, zero, zero, zero, share)
    clip = seeds * (columns**2).sum(axis=-1) / (clips - 1)
    rest = ((y - rows[..., None] - columns[..., None, :]) ** 2).sum(axis=(-2, -1)) / ((seeds - 1) * (clips - 1))
    least = np.zeros_like(mean)
    if counts or extent:
        middle = np.round(mean).astype(values.dtype) if counts else np.median(values, axis=(-2, -1))
        others = (values != middle[..., None, None]).sum(axis=(-2, -1))
        least = (1.0 if counts else extent) ** 2 / (clips**2 * (1.0 + others))
    return MeanSquares(seeds, clips, mean, seed, clip, rest, least, share)
