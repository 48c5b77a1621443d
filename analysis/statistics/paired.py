"""Differences of two arms on the same clips, seed by seed, and exact tests of them.

The interval and p of `paired` use all clips. The exact tests see the seeds alone and assume nothing of how differences
spread beyond symmetry, which costs them their reach: with S seeds none can tell a p below 2 / 2^S.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.statistics.crossed import Crossed, crossed
from analysis.statistics.effects import cohens_h, hedges_g

MOST = 20  # differences whose 2^n sign patterns are counted out


@dataclass(frozen=True)
class Paired:
    """One arm minus another.

    Attributes:
        difference: of all seeds and clips.
        sign_flip: exact p over the seeds' mean differences; None for more than `MOST` seeds.
        signed_rank: exact p of Wilcoxon's test over them; None likewise.
        floor: below which neither can fall, 2 / 2^S.
        h: Cohen's h of two accuracies; None where the values are not right or wrong.
        g: Hedges' g of the seeds' mean differences; None for fewer than three seeds, or where all agree.
    """

    difference: Crossed
    sign_flip: float | None
    signed_rank: float | None
    floor: float
    h: float | None
    g: float | None


def paired(first: NDArray[Any], second: NDArray[Any], scale: float = 1.0) -> Paired:
    """`first` minus `second`, both (S, C) with the same seeds (or replicates) and clips in the same order.

    Seeds that are not shared may be paired in any order that is fixed beforehand; pairing then gains nothing and is
    still valid.

    Raises:
        ValueError: shapes that differ, no values, or values that are not finite.
    """
    if first.shape != second.shape:
        raise ValueError(f"{first.shape} and {second.shape}: the same seeds and clips are needed")
    right = first.dtype == np.bool_ and second.dtype == np.bool_
    if right:
        first, second = first.astype(np.int64), second.astype(np.int64)
    difference = crossed(first - second, scale=scale)
    means, seeds = difference.seed_means, difference.seeds
    g = hedges_g(means) if seeds > 1 else math.nan
    return Paired(
        difference=difference,
        sign_flip=sign_flip_p(means) if seeds <= MOST else None,
        signed_rank=signed_rank_p(means) if seeds <= MOST else None,
        floor=min(1.0, 2.0 ** (1 - seeds)),
        h=cohens_h(float(first.mean()), float(second.mean())) if right else None,
        g=None if math.isnan(g) else g,
    )


def sign_flip_p(differences: Sequence[float]) -> float:
    """Exact two-sided p of the paired sign-flip (permutation) test on the mean difference.

    Under the null hypothesis each pair's difference is as likely to have the other sign. With n pairs p is never below
    2 / 2^n, so five seeds cannot reach 0.05 whatever they show. Differences of zero flip into themselves.

    Raises:
        ValueError: no differences, or more than 20 (2^20 sign patterns).
    """
    return _flipped(np.asarray(differences, dtype=np.float64))


def signed_rank_p(differences: Sequence[float]) -> float:
    """Exact two-sided p of Wilcoxon's signed-rank test, in which one far seed weighs less than in `sign_flip_p`.

    Ties share their mean rank; zeros are ranked and flip into themselves (Pratt).

    Raises:
        ValueError: no differences, or more than 20.
    """
    values = np.asarray(differences, dtype=np.float64)
    _, where, counts = np.unique(np.abs(values), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks = (last - (counts - 1) / 2)[where]
    return _flipped(np.sign(values) * ranks)


def _flipped(values: NDArray[np.float64]) -> float:
    count = len(values)
    if not 1 <= count <= MOST:
        raise ValueError(f"{count} differences: 1 to {MOST} can be tested exactly")
    # A pattern and its opposite are equally far from 0: the first value keeps its sign.
    sums = values[:1]
    for value in values[1:]:
        sums = np.concatenate([sums + value, sums - value])
    sums = np.abs(sums)
    # Patterns that equal the observed one in exact arithmetic must count, whatever order they were added in.
    return float(np.mean(sums >= abs(math.fsum(values)) - 1e-12 * (1 + np.abs(values).sum())))
