"""Compares two searches by their regrets on the same seeds: medians, an exact interval, and a rank test."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, wilcoxon

from analysis.statistics.levels import CONFIDENCE


@dataclass(frozen=True)
class Comparison:
    """One search (ours) against another (theirs) on one function.

    Attributes:
        median: of the paired differences ours - theirs; below 0, ours has the smaller regret.
        interval: 95% interval of that median, from order statistics; None with too few seeds.
        wins, losses: seeds on which ours is better and worse.
        p: of the two-sided Wilcoxon signed-rank test; 1 if all pairs are equal.
    """

    median: float
    interval: tuple[float, float] | None
    wins: int
    losses: int
    p: float


def compare(ours: Sequence[float], theirs: Sequence[float]) -> Comparison:
    """Compares regrets, seed by seed; a regret is infinite if the search had nothing to return."""
    pairs = zip(ours, theirs, strict=True)
    differences = np.array([0.0 if mine == other else mine - other for mine, other in pairs])
    wins, losses = int((differences < 0).sum()), int((differences > 0).sum())
    # The test uses only ranks, so infinities are replaced by a value beyond all finite ones.
    finite = np.abs(differences[np.isfinite(differences)])
    ranked = np.clip(differences, -2 * finite.max(initial=1.0), 2 * finite.max(initial=1.0))
    p = float(wilcoxon(ranked).pvalue) if wins + losses else 1.0
    return Comparison(_median(differences), median_interval(differences), wins, losses, p)


def median_interval(values: NDArray[np.float64], confidence: float = CONFIDENCE) -> tuple[float, float] | None:
    """The interval of the median between the k-th smallest and the k-th largest value, with the largest possible k.

    Its coverage is exact whatever the distribution: each value is above the median with probability 1/2. A percentile
    bootstrap of so few values would be too narrow.
    """
    count = len(values)
    # P(fewer than k values below the median) = binom.cdf(k - 1, n, 1/2), on either side.
    ranks = [k for k in range(1, count // 2 + 1) if 2 * binom.cdf(k - 1, count, 0.5) <= 1 - confidence]
    if not ranks:
        return None
    ordered = np.sort(values)
    return float(ordered[ranks[-1] - 1]), float(ordered[count - ranks[-1]])


def _median(values: NDArray[np.float64]) -> float:
    """The median; infinite if one of the two middle values is."""
    ordered = np.sort(values)
    low, high = float(ordered[(len(ordered) - 1) // 2]), float(ordered[len(ordered) // 2])
    return low if low == high else (low + high) / 2 if math.isfinite(low + high) else (low if math.isinf(low) else high)


def median(values: Sequence[float]) -> float:
    """The median of regrets, some of which may be infinite."""
    return _median(np.asarray(values, dtype=np.float64))
