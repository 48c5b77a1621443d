"""Agreement between two orders of the arms, such as a study's and the paper's, or two classifiers'."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

FEWEST_ARMS = 3


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


def swapped_pairs(first: Mapping[str, float | None], second: Mapping[str, float | None]) -> list[tuple[str, str]]:
    """Returns the pairs of arms in opposite order, as (better in `first`, better in `second`)."""
    arms = [arm for arm, value in first.items() if value is not None and second.get(arm) is not None]
    return [
        (one, other)
        for one in arms
        for other in arms
        if (first[one] or 0) > (first[other] or 0) and (second[one] or 0) < (second[other] or 0)
    ]
