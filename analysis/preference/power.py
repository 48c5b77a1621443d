"""What a number of raters can show: the smallest preference that is found with 80% power, by simulation."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit

from analysis.statistics.intervals import crossed_interval
from analysis.statistics.mean_squares import mean_squares

# Standard deviations in logits of what a rater tends to prefer, and of how clear a pair is.
RATER_SPREAD, CONDITION_SPREAD = 0.5, 1.0
POWER = 0.8
GRID = (0.55, 0.575, 0.6, 0.625, 0.65, 0.675, 0.7, 0.725, 0.75, 0.8, 0.85, 0.9, 0.95, 0.99)
STUDIES = 400


def simulate(
    preference: float,
    raters: int,
    conditions: int,
    studies: int,
    rng: np.random.Generator,
    *,
    rater_spread: float = RATER_SPREAD,
    condition_spread: float = CONDITION_SPREAD,
) -> NDArray[np.bool_]:
    """Returns simulated answers (studies, raters, conditions): whether the first source was preferred.

    The logit of an answer is level + rater + condition, the latter two normal, with the level chosen so that
    `preference` is exactly the expected share.
    """
    level = _level(preference, math.hypot(rater_spread, condition_spread))
    logits = (
        level
        + rater_spread * rng.standard_normal((studies, raters, 1))
        + condition_spread * rng.standard_normal((studies, 1, conditions))
    )
    return np.asarray(rng.random(logits.shape) < expit(logits))


def power_at(preference: float, raters: int, conditions: int, alpha: float, studies: int = STUDIES) -> float:
    """Returns the share of simulated studies whose interval at confidence 1 - alpha excludes 50%; 0 for one rater."""
    if raters < 2:
        return 0.0
    answers = simulate(preference, raters, conditions, studies, np.random.default_rng(0))
    low, high = crossed_interval(mean_squares(answers), alpha)
    return float(np.mean((low > 0.5) | (high < 0.5)))


def power_curve(raters: int, conditions: int, alpha: float) -> dict[float, float]:
    """Returns the power for each preference of `GRID`."""
    return {preference: power_at(preference, raters, conditions, alpha) for preference in GRID}


def smallest_preference(curve: dict[float, float]) -> float | None:
    """Returns the smallest preference of a power curve that is found with 80% power; None if there is none."""
    return next((preference for preference, power in sorted(curve.items()) if power >= POWER), None)


def _level(share: float, spread: float) -> float:
    points, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()
    return float(brentq(lambda level: expit(level + spread * points) @ weights - share, -60.0, 60.0))
