"""Effect sizes: Cohen's h of two shares, Hedges' g of paired differences."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import gammaln


def cohens_h(first: float, second: float) -> float:
    """Returns Cohen's h of two shares (0 to 1): 2 asin sqrt(first) - 2 asin sqrt(second).

    0.2 is a small, 0.5 a medium and 0.8 a large effect. Unlike a difference in points, h has the same meaning near 0 or
    1 as in the middle.

    Raises:
        ValueError: a share is outside 0 to 1.
    """
    if not (0 <= first <= 1 and 0 <= second <= 1):
        raise ValueError(f"shares are {first} and {second}; both must lie in 0 to 1")
    return 2 * math.asin(math.sqrt(first)) - 2 * math.asin(math.sqrt(second))


def hedges_g(differences: Sequence[float]) -> float:
    """Returns the mean paired difference in standard deviations, corrected for few pairs (Hedges 1981).

    NaN if it is undefined: there are only two differences, or all are equal.

    Raises:
        ValueError: there are fewer than two differences.
    """
    values = np.asarray(differences, dtype=np.float64)
    freedom = len(values) - 1
    if freedom < 1:
        raise ValueError(f"{len(values)} differences; at least 2 are needed")
    deviation = float(values.std(ddof=1))
    if freedom == 1 or deviation <= 1e-12 * float(np.abs(values).max()):
        return math.nan
    factor = math.exp(gammaln(freedom / 2) - gammaln((freedom - 1) / 2)) / math.sqrt(freedom / 2)
    return float(values.mean()) / deviation * factor
