"""Bradley-Terry strengths of methods from pairwise preferences, with intervals for other raters and conditions.

Model (Bradley & Terry, Biometrika 39, 1952): method i is preferred to j with the logit s_i - s_j. The strengths are the
maximum-likelihood estimate, with half a preference added in each direction to every compared pair, so that they stay
finite if a method always wins.

Interval: each answer moves the estimate by its score times the inverse information (the influence function). These
effects form a table of raters by conditions for each method, and the interval of their mean is that of
`analysis.statistics.crossed`, so it treats raters and conditions as crossed and is corrected for few raters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from analysis.statistics.crossed import crossed

PSEUDO = 0.5  # preferences added in each direction
ITERATIONS = 100


@dataclass(frozen=True)
class Strength:
    """The strength of a method in logits; those of all methods sum to 0. `interval` is None for one rater."""

    value: float
    interval: tuple[float, float] | None


def bradley_terry(answers: Mapping[tuple[str, str], NDArray[np.bool_]]) -> dict[str, Strength]:
    """Returns the strength of each method.

    Args:
        answers: for a pair (first, second), an array (raters, conditions) that says whether the first was preferred;
            all of the same shape. The pairs connect all methods.

    Raises:
        ValueError: shapes differ or the pairs do not connect all methods.
    """
    names = list(dict.fromkeys(name for pair in answers for name in pair))
    if len({table.shape for table in answers.values()}) != 1:
        raise ValueError("all pairs must have the same raters and conditions")
    design = np.zeros((len(answers), len(names)))
    for row, (first, second) in enumerate(answers):
        design[row, names.index(first)], design[row, names.index(second)] = 1, -1
    if np.linalg.matrix_rank(design) < len(names) - 1:
        raise ValueError("the pairs do not connect all methods")
    tables = np.stack([table.astype(np.float64) for table in answers.values()])  # (P, R, C)
    count = tables[0].size
    share = (tables.sum(axis=(1, 2)) + PSEUDO) / (count + 2 * PSEUDO)
    strength = np.zeros(len(names))
    for _ in range(ITERATIONS):
        fitted = expit(design @ strength)
        inverse = np.linalg.pinv((design.T * (fitted * (1 - fitted))) @ design)
        step = inverse @ design.T @ (share - fitted)
        # A long first step may overshoot. Shortening all of it alike keeps the sum at 0.
        strength = strength + step / max(1.0, float(np.abs(step).max()))
        if np.abs(step).max() < 1e-10:
            break
    fitted = expit(design @ strength)
    inverse = np.linalg.pinv((design.T * (fitted * (1 - fitted))) @ design)
    effects = np.einsum("mp,prc->mrc", inverse @ design.T, tables - fitted[:, None, None])
    result = {}
    for name, value, effect in zip(names, strength, effects, strict=True):
        found = crossed(effect - effect.mean(), extent=float(np.ptp(effect)) or 1.0)
        interval = None if found.interval is None else (value + found.interval[0], value + found.interval[1])
        result[name] = Strength(float(value), None if interval is None else (float(interval[0]), float(interval[1])))
    return result
