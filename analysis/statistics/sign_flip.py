"""Exact paired sign-flip test over seeds.

It sees one difference per seed and assumes only that differences are symmetric under the null hypothesis. The price is
low power: with S seeds p is never below 2 / 2^S.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

MAX_PAIRS = 20  # 2^20 sign patterns are enumerated


def sign_flip_p(differences: Sequence[float]) -> float:
    """Returns the exact two-sided p of the paired sign-flip (permutation) test on the mean difference.

    Under the null hypothesis each pair's difference is as likely to have the other sign. With n pairs p is never below
    2 / 2^n, so five pairs cannot reach 0.05. A difference of zero keeps its sign.

    Raises:
        ValueError: there are no differences, or more than 20.
    """
    values = np.asarray(differences, dtype=np.float64)
    count = len(values)
    if not 1 <= count <= MAX_PAIRS:
        raise ValueError(f"{count} differences; the exact test takes 1 to {MAX_PAIRS}")
    # A pattern and its opposite are equally far from 0, so the first value keeps its sign.
    sums = values[:1]
    for value in values[1:]:
        sums = np.concatenate([sums + value, sums - value])
    sums = np.abs(sums)
    # Patterns that equal the observed one in exact arithmetic must count, whatever the order of summation.
    return float(np.mean(sums >= abs(math.fsum(values)) - 1e-12 * (1 + np.abs(values).sum())))
