"""Means and intervals over seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
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


def sign_flip_p(differences: Sequence[float]) -> float:
    """Exact two-sided p of the paired sign-flip (permutation) test on the mean difference.

    Under the null hypothesis each pair's difference is as likely to have the other sign. With n pairs p is never below
    2 / 2^n, so five seeds cannot reach 0.05 whatever they show. Differences of zero flip into themselves.

    Raises:
        ValueError: no differences, or more than 20 (2^20 sign patterns).
    """
    count = len(differences)
    if not 1 <= count <= 20:
        raise ValueError(f"{count} differences: 1 to 20 can be tested exactly")
    values = np.asarray(differences, dtype=np.float64)
    signs = 1 - 2 * ((np.arange(2**count)[:, None] >> np.arange(count)) & 1)
    sums = np.abs(signs @ values)
    # Patterns that equal the observed one in exact arithmetic must count, whatever order they were added in.
    return float(np.mean(sums >= abs(math.fsum(differences)) - 1e-12 * (1 + np.abs(values).sum())))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction for testing a family of hypotheses; in the order given."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    corrected = [0.0] * len(p_values)
    highest = 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * p_values[i]))
        corrected[i] = highest
    return corrected
