"""Priors: which values of a parameter a person believes to be good, as densities that every sampler can use.

A density is over the position of a value in [0, 1] (`Parameter.to_unit`), so a log range has it on the logarithm. For a
range it is a normal density around the prior value, cut off at the ends, whose standard deviation follows from the
confidence. For a categorical parameter, the interval of one choice is more probable. Both are mixed with the uniform
density: a wrong prior excludes nothing. A bool has its prior in `Parameter.from_unit`, so its density is uniform.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from tuning.search.space import Parameter

DEVIATIONS = {"low": 0.25, "medium": 0.12, "high": 0.06}  # of the normal density, on the unit interval
CHOICE_SHARES = {"low": 0.25, "medium": 0.5, "high": 0.75}  # of the draws that take the prior choice at once
BISECTIONS = 40  # to a position with an error below 1e-12
UNIFORM = 0.2  # share of the uniform density in that of a range

Units = NDArray[np.float64]


def log_density(row: Parameter, units: Units) -> Units:
    """Natural logarithm of a parameter's prior density at positions in [0, 1], of any shape; 0 without a prior."""
    if not row.has_prior_value:
        return np.zeros_like(units)
    if row.kind == "categorical":
        count, share = len(row.choices), CHOICE_SHARES[row.confidence]
        chosen = np.minimum((units * count).astype(int), count - 1) == row.choices.index(row.prior)
        return np.log(np.where(chosen, 1 + share * (count - 1), 1 - share))
    normal, inside = _normal(row)
    height = 1 / (normal.stdev * math.sqrt(2 * math.pi) * inside)
    bump = height * np.exp(-(((units - normal.mean) / normal.stdev) ** 2) / 2)
    return np.asarray(np.log(UNIFORM + (1 - UNIFORM) * bump))


def joint_log_density(rows: Sequence[Parameter], units: Units, active: NDArray[np.bool_]) -> Units:
    """Log density of points (n, d) with a column for each parameter: the sum over the active parameters (n,).

    Args:
        active: (n, d). The position of an inactive parameter has no effect, so it must not raise the density.
    """
    columns = [np.where(active[:, at], log_density(row, units[:, at]), 0.0) for at, row in enumerate(rows)]
    found: Units = sum(columns, np.zeros(len(units)))
    return found


def share_below(row: Parameter, unit: float) -> float:
    """How much of a parameter's prior lies below a position in [0, 1]: the distribution function of `log_density`."""
    if not row.has_prior_value:
        return unit
    if row.kind == "categorical":
        count, share = len(row.choices), CHOICE_SHARES[row.confidence]
        inside = min(max(unit * count - row.choices.index(row.prior), 0.0), 1.0)
        return (1 - share) * unit + share * inside
    normal, inside = _normal(row)
    return UNIFORM * unit + (1 - UNIFORM) * (normal.cdf(unit) - normal.cdf(0)) / inside


def quantile(row: Parameter, share: float) -> float:
    """The position in [0, 1] below which this share of a parameter's prior lies; of a uniform random share, a draw."""
    if not row.has_prior_value:
        return share
    low, high = 0.0, 1.0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if share_below(row, middle) < share else (low, middle)
    return (low + high) / 2


def drawn(rows: Sequence[Parameter], shares: Sequence[float], number: int) -> list[float]:
    """Positions of trial `number` from uniform random shares: of an even trial from the priors, of an odd one as given.

    With many parameters, a draw from all priors is always near the prior of some; if that is wrong, odd trials tell.
    """
    return [quantile(*pair) for pair in zip(rows, shares, strict=True)] if number % 2 == 0 else list(shares)


def _normal(row: Parameter) -> tuple[NormalDist, float]:
    """The normal distribution of a range's prior, and how much of it lies in [0, 1]."""
    normal = NormalDist(row.to_unit(row.prior), DEVIATIONS[row.confidence])
    return normal, normal.cdf(1) - normal.cdf(0)
