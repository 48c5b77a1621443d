"""Means over seeds and clips that are crossed: every seed's model is scored on the same clips.

A figure such as an arm's accuracy varies because other seeds would train other models and because other clips would
have been tested; an interval over the seeds alone is too narrow where clips differ, one over all values as if they were
independent far too narrow where seeds do.

What no such interval covers: clips count as drawn one by one from all clips of the kind. Those of the same few test
subjects are alike, and subjects that are not in the data may behave in another way.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.statistics.mean_squares import Table, ends, level, table

Values = NDArray[Any] | Sequence[Sequence[float]]


@dataclass(frozen=True)
class Spread:
    """Variance components, not negative: of seeds, of clips, and of the rest (a seed's own noise on a clip).

    Attributes:
        least: below which the variance of a mean over C clips is not taken, times C^2: what values of a known range
            allow for where they hardly differ.
    """

    seed: float
    clip: float
    rest: float
    least: float = 0.0

    def of_mean(self, seeds: int, clips: int) -> float:
        """The variance of a mean over so many seeds and clips."""
        found = self.seed / seeds + self.clip / clips + self.rest / (seeds * clips)
        return max(found, self.least / clips**2)

    @property
    def intraclass(self) -> float:
        """The share of the variance of one seed's clips that is the clips' own, 0 to 1; 0 where nothing varies."""
        within = self.clip + self.rest
        return self.clip / within if within > 0 else 0.0


@dataclass(frozen=True)
class Crossed:
    """A mean over S seeds and C clips.

    Attributes:
        mean: of all values.
        interval: of the mean, for other seeds and other clips; None for one seed.
        p: two-sided, that the true mean is 0; it is below 0.05 just where the 95% interval leaves 0 out. None
            for one seed.
        error: standard error of the mean; None for one seed.
        seed_means: (S,) means over clips.
        spread: variance components; None for one seed. With one clip its part and the rest's are 0.
        scale: what the values were multiplied with.
        squares: mean squares of the values before that; None for one seed.
    """

    mean: float
    interval: tuple[float, float] | None
    p: float | None
    error: float | None
    seeds: int
    clips: int
    seed_means: tuple[float, ...]
    spread: Spread | None
    scale: float
    squares: Table | None

    def p_of(self, value: float) -> float | None:
        """Two-sided p that the true mean is `value`, such as chance; None for one seed."""
        return None if self.squares is None else float(level(self.squares, value / self.scale))


def crossed(values: Values, confidence: float = 0.95, scale: float = 1.0, extent: float = 0.0) -> Crossed:
    """The mean of `values` (S seeds, C clips), times `scale`, with an interval for other seeds and other clips.

    Booleans are right (True) or wrong: the interval then stays within 0 to 1 and is wide enough near either, where few
    seeds show little spread. Integers are differences of such, other numbers are taken as they are; where they have a
    range, `extent` is how far two of them can lie apart, before the scale: if they do not differ at all the interval
    then has a width nevertheless. In percent: scale = 100.

    Raises:
        ValueError: no table of at least one seed and one clip, a value that is not finite, or a scale that is not
            positive.
    """
    array = np.asarray(values)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(f"values of shape {array.shape}: a table of seeds and clips is needed")
    if not np.isfinite(array).all():
        raise ValueError("a value is not finite")
    if scale <= 0:
        raise ValueError(f"scale {scale}: must be positive")
    seeds, clips = array.shape
    seed_means = tuple(scale * float(mean) for mean in array.mean(axis=1, dtype=np.float64))
    if seeds == 1:
        return Crossed(seed_means[0], None, None, None, 1, clips, seed_means, None, scale, None)
    squares = table(array, extent)
    low, high = (scale * float(end) for end in ends(squares, 1 - confidence))
    spread = spread_of(squares)
    return Crossed(
        mean=scale * float(squares.mean),
        interval=(low, high),
        p=float(level(squares, 0.0)),
        error=scale * math.sqrt(spread.of_mean(seeds, clips)),
        seeds=seeds,
        clips=clips,
        seed_means=seed_means,
        spread=Spread(*(scale**2 * part for part in (spread.seed, spread.clip, spread.rest, spread.least))),
        scale=scale,
        squares=squares,
    )


def spread_of(squares: Table) -> Spread:
    """Variance components of one table: the mean squares less what the rest adds to each. With one clip: the seeds'."""
    seed, clip, rest = float(squares.seed), float(squares.clip), float(squares.rest)
    if squares.clips == 1:
        return Spread(seed, 0.0, 0.0)
    least = float(squares.least) * squares.clips**2
    return Spread(max(0.0, seed - rest) / squares.clips, max(0.0, clip - rest) / squares.seeds, rest, least)
