"""Means and intervals over seeds alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import stdtrit


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95% interval; no interval (None) where there are fewer than two values."""

    mean: float
    interval: tuple[float, float] | None
    count: int


def mean_interval(values: Sequence[float], confidence: float = 0.95) -> Estimate:
    """Mean and Student's t interval: right for few seeds, where a percentile bootstrap is far too narrow.

    Raises:
        ValueError: there are no values.
    """
    count = len(values)
    if count == 0:
        raise ValueError("no values")
    mean = math.fsum(values) / count
    if count == 1:
        return Estimate(mean, None, 1)
    spread = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (count - 1) / count)
    reach = float(stdtrit(count - 1, 0.5 + confidence / 2)) * spread
    return Estimate(mean, (mean - reach, mean + reach), count)
