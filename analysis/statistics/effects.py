"""Effect sizes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import gammaln


def cohens_h(first: float, second: float) -> float:
    """Cohen's h of two shares (0 to 1): 2 asin sqrt(first) - 2 asin sqrt(second); 0.2 small, 0.5 medium, 0.8 large.

    Unlike a difference in points it says the same near 0 or 1 as in the middle.

    Raises:
        ValueError: a share outside 0 to 1.
    """
    if not (0 <= first <= 1 and 0 <= second <= 1):
        raise ValueError(f"shares {first} and {second}: must be 0 to 1")
    return 2 * math.asin(math.sqrt(first)) - 2 * math.asin(math.sqrt(second))


def hedges_g(differences: Sequence[float]) -> float:
    """Mean paired difference in standard deviations of the differences, corrected for few pairs (Hedges 1981).

    NaN where there is nothing to measure them by: they are all equal, or only two.

    Raises:
        ValueError: fewer than two differences.
    """
    values = np.asarray(differences, dtype=np.float64)
    freedom = len(values) - 1
    if freedom < 1:
        raise ValueError(f"{len(values)} differences: two or more are needed")
    deviation = float(values.std(ddof=1))
    if freedom == 1 or deviation <= 1e-12 * float(np.abs(values).max()):
        return math.nan
    factor = math.exp(gammaln(freedom / 2) - gammaln((freedom - 1) / 2)) / math.sqrt(freedom / 2)
    return float(values.mean()) / deviation * factor
