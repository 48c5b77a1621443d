"""Mean over the runs and clips of a design, with its interval and p.

An accuracy varies because other seeds would train other models and because other clips, or other subjects, could have
been tested. An interval over the seeds alone is too narrow if clips differ; one over all values as if they were
independent is far too narrow if seeds do.

With one fixed test split, seeds and clips are crossed: every seed's model is scored on the same clips, which count as
drawn independently. The interval then does not cover how other subjects would behave. With folds over subjects every
subject is tested, and the interval covers other seeds, other clips and other subjects.
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

Table = NDArray[Any] | Sequence[Sequence[float]]


@dataclass(frozen=True)
class CrossedMean:
    """A mean over S runs and C clips.

    Attributes:
        mean: mean of the runs' means.
        interval: confidence interval of the mean; None for one run.
        p: two-sided p of the hypothesis that the true mean is 0; it is below 1 - confidence exactly if the interval
            excludes 0. None for one run.
        seeds, clips: S and C, over all folds.
        squares: estimated parts of the variance, before scaling; None for one run.
    """

    mean: float
    interval: tuple[float, float] | None
    p: float | None
    seeds: int
    clips: int
    squares: MeanSquares | None


def crossed(values: Table, confidence: float = CONFIDENCE, scale: float = 1.0, extent: float = 0.0) -> CrossedMean:
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
    return over_folds([np.asarray(values)], None, confidence, scale, extent)


def over_folds(
    folds: Sequence[NDArray[Any]],
    subjects: Sequence[NDArray[np.int64]] | None,
    confidence: float = CONFIDENCE,
    scale: float = 1.0,
    extent: float = 0.0,
) -> CrossedMean:
    """Returns the mean over folds of the test clips, each a table (runs, clips); the rest as in `crossed`.

    Args:
        subjects: subject (C,) of each clip, for each fold. The variance of the mean is then at least what the
            differences between subjects imply, so that the interval covers other subjects. None: clips are the units.

    Raises:
        ValueError: as in `crossed`.
    """
    for fold in folds:
        if fold.ndim != 2 or fold.size == 0:
            raise ValueError(f"values have shape {fold.shape}; expected a non-empty table (seeds, clips)")
        if not np.isfinite(fold).all():
            raise ValueError("values contain NaN or infinity")
    if scale <= 0:
        raise ValueError(f"scale is {scale}; it must be positive")
    seeds, clips = (sum(fold.shape[axis] for fold in folds) for axis in (0, 1))
    if seeds == 1:
        return CrossedMean(scale * float(folds[0].mean(dtype=np.float64)), None, None, 1, clips, None)
    squares = mean_squares(folds, extent, subjects)
    low, high = (scale * float(end) for end in crossed_interval(squares, 1 - confidence))
    return CrossedMean(
        mean=scale * float(squares.mean),
        interval=(low, high),
        p=float(p_value(squares, 0.0)),
        seeds=seeds,
        clips=clips,
        squares=squares,
    )
