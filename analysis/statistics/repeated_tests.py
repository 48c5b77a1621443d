"""Error of a test that is repeated as seeds are added to a study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from analysis.statistics.levels import ALPHA

STUDIES = 50_000


@dataclass(frozen=True)
class RepeatedTests:
    """Testing again each time that seeds were added, and stopping at the first significant result.

    Attributes:
        error: probability of rejecting a true hypothesis at least once, if each test uses alpha.
        level: constant level of each test with which that probability is alpha (Pocock, Biometrika 64, 1977).
    """

    error: float
    level: float


def repeated_tests(seeds: Sequence[int], alpha: float = ALPHA) -> RepeatedTests:
    """Simulates paired t tests of one hypothesis, with the same normal differences, at each of the numbers of seeds.

    Args:
        seeds: numbers of seeds at which results were looked at, each at least 2, ascending; the last is the present.

    Raises:
        ValueError: there is none, or one is below 2.
    """
    if not seeds or min(seeds) < 2:
        raise ValueError(f"numbers of seeds are {list(seeds)}; give at least one, each at least 2")
    draws = np.random.default_rng(0).standard_normal((STUDIES, max(seeds)))
    smallest = np.min([_p(draws[:, :count]) for count in seeds], axis=0)
    return RepeatedTests(float(np.mean(smallest < alpha)), float(np.quantile(smallest, alpha)))


def _p(values: NDArray[np.float64]) -> NDArray[np.float64]:
    count = values.shape[1]
    t = values.mean(axis=1) / (values.std(axis=1, ddof=1) / np.sqrt(count))
    p: NDArray[np.float64] = 2 * stdtr(count - 1, -np.abs(t))
    return p
