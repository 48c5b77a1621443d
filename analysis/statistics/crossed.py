"""Mean over seeds and clips that are crossed: every seed's model is scored on the same clips.

An accuracy varies because other seeds would train other models and because other clips could have been tested. An
interval over the seeds alone is too narrow if clips differ; one over all values as if they were independent is far too
narrow if seeds do.

Clips count as drawn independently. The intervals do not cover that clips of the same few test subjects are alike, nor
how subjects outside the data would behave.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.statistics.intervals import crossed_interval, p_value
from analysis.statistics.levels import CONFIDENCE
from analysis.statistics.mean_squares import MeanSquares, mean_squares

Values = NDArray[Any] | Sequence[Sequence[float]]


@dataclass(frozen=True)
class VarianceComponents:
    """Non-negative variance components of a seeds-by-clips table.

    Attributes:
        seed: variance between seeds.
        clip: variance between clips.
        rest: residual variance (a seed's own noise on a clip).
        least: lower bound of the variance of a mean over C clips, times C^2; positive for values with a known range.
    """

    seed: float
    clip: float
    rest: float
    least: float = 0.0

    def of_mean(self, seeds: int, clips: int) -> float:
        """Returns the variance of a mean over that many seeds and clips."""
        found = self.seed / seeds + self.clip / clips + self.rest / (seeds * clips)
        return max(found, self.least / clips**2)


@dataclass(frozen=True)
class CrossedMean:
    """A mean over S seeds and C clips.

    Attributes:
        mean: mean of all values.
        interval: confidence interval of the mean, for other seeds and other clips; None for one seed.
        p: two-sided p of the hypothesis that the true mean is 0; it is below 1 - confidence exactly if the interval
            excludes 0. None for one seed.
        seeds, clips: S and C.
        variance: variance components; None for one seed. With one clip, only the seeds' component is not 0.
    """

    mean: float
    interval: tuple[float, float] | None
    p: float | None
    seeds: int
    clips: int
    variance: VarianceComponents | None


def crossed(values: Values, confidence: float = CONFIDENCE, scale: float = 1.0, extent: float = 0.0) -> CrossedMean:
    """Returns the mean of `values` (S seeds, C clips) times `scale`, with its confidence interval.

    Booleans are right (True) or wrong answers: their interval stays within 0 to 1 and is wide enough near either end,
    where few seeds show little spread. Integers are differences of such answers. Floats are used as they are.

    Args:
        values: shape (S, C).
        scale: factor of the results, such as 100 for percent.
        extent: largest possible difference between two floats, before scaling. It gives equal values an interval of
            non-zero width. 0: unknown.

    Raises:
        ValueError: `values` is not a non-empty two-dimensional table, holds a value that is not finite, or `scale` is
            not positive.
    """
    array = np.asarray(values)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(f"values have shape {array.shape}; expected a non-empty table (seeds, clips)")
    if not np.isfinite(array).all():
        raise ValueError("values contain NaN or infinity")
    if scale <= 0:
        raise ValueError(f"scale is {scale}; it must be positive")
    seeds, clips = array.shape
    if seeds == 1:
        return CrossedMean(scale * float(array.mean(axis=1, dtype=np.float64)[0]), None, None, 1, clips, None)
    squares = mean_squares(array, extent)
    low, high = (scale * float(end) for end in crossed_interval(squares, 1 - confidence))
    parts = _components(squares)
    return CrossedMean(
        mean=scale * float(squares.mean),
        interval=(low, high),
        p=float(p_value(squares, 0.0)),
        seeds=seeds,
        clips=clips,
        variance=VarianceComponents(*(scale**2 * part for part in (parts.seed, parts.clip, parts.rest, parts.least))),
    )


def _components(squares: MeanSquares) -> VarianceComponents:
    """Variance components of one table: its mean squares minus what the residual contributes to each."""
    seed, clip, rest = float(squares.seed), float(squares.clip), float(squares.rest)
    if squares.clips == 1:
        return VarianceComponents(seed, 0.0, 0.0)
    least = float(squares.least) * squares.clips**2
    return VarianceComponents(max(0.0, seed - rest) / squares.clips, max(0.0, clip - rest) / squares.seeds, rest, least)
