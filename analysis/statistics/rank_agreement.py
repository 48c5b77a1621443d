"""Agreement between two orders of the arms, such as a study's and the paper's, or two classifiers'."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.statistics.levels import CONFIDENCE

FEWEST_ARMS = 3
DRAWS = 4000


@dataclass(frozen=True)
class RankAgreement:
    """Kendall's tau-b of two orders.

    Attributes:
        tau: -1 (reverse order) to 1 (same order).
        p: two-sided; exact if neither order has ties.
        arms: number of arms compared.
    """

    tau: float
    p: float
    arms: int


def rank_agreement(first: Mapping[str, float | None], second: Mapping[str, float | None]) -> RankAgreement | None:
    """Returns Kendall's tau-b over the arms with a value in both.

    None if there are fewer than three such arms, or if all values of one order are equal.
    """
    pairs = [(one, other) for arm, one in first.items() if one is not None and (other := second.get(arm)) is not None]
    if len(pairs) < FEWEST_ARMS or len({one for one, _ in pairs}) < 2 or len({other for _, other in pairs}) < 2:
        return None
    from scipy.stats import kendalltau  # importing it takes a second, which other commands should not wait for

    result = kendalltau(*zip(*pairs, strict=True))
    return RankAgreement(float(result.statistic), float(result.pvalue), len(pairs))


def tau_interval(
    order: Sequence[float], values: NDArray[np.float64], confidence: float = CONFIDENCE
) -> tuple[float, float] | None:
    """Returns the percentile interval of Kendall's tau-b between `order` and the means of `values` over seeds.

    Seeds are drawn with replacement, the same ones for all arms (bootstrap). It holds for other seeds with these arms
    and this order; with few seeds it is rough, and rather too narrow.

    Args:
        order: (A,) one value per arm, such as the paper's.
        values: (S, A), one row per seed.

    Returns:
        None for fewer than two seeds or three arms, or if all values of `order` are equal.
    """
    seeds, arms = values.shape
    if seeds < 2 or arms < FEWEST_ARMS:
        return None
    drawn = np.random.default_rng(0).integers(0, seeds, (DRAWS, seeds))
    means = values[drawn].mean(axis=1)
    one, other = np.triu_indices(arms, 1)
    wanted = np.sign(np.asarray(order)[one] - np.asarray(order)[other])
    found = np.sign(np.round(means[:, one] - means[:, other], 12))
    pairs = np.sqrt((wanted**2).sum() * (found**2).sum(axis=1))
    if not wanted.any():
        return None
    tau = (found @ wanted)[pairs > 0] / pairs[pairs > 0]
    if not tau.size:
        return None
    low, high = np.quantile(tau, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def swapped_pairs(first: Mapping[str, float | None], second: Mapping[str, float | None]) -> list[tuple[str, str]]:
    """Returns the pairs of arms in opposite order, as (better in `first`, better in `second`)."""
    arms = [arm for arm, value in first.items() if value is not None and second.get(arm) is not None]
    return [
        (one, other)
        for one in arms
        for other in arms
        if (first[one] or 0) > (first[other] or 0) and (second[one] or 0) < (second[other] or 0)
    ]
