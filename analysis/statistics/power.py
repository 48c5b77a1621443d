"""What a number of seeds can show, and what it cannot."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.optimize import brentq
from scipy.special import chdtri, ndtr, stdtrit

from analysis.statistics.crossed import Crossed, Spread

POINTS = 2000  # of the chi-square distribution of the spread found, equally likely


def power_of(difference: float, spread: Spread, seeds: int, clips: int, alpha: float = 0.05) -> float:
    """How often `crossed` over so many seeds and clips finds a true mean of `difference` at level alpha.

    The clips' part counts as known, as there are many of them; the seeds' is as uncertain as few seeds make it.
    """
    few = spread.seed / seeds + spread.rest / (seeds * clips)
    many = spread.clip / clips
    # chdtri is the inverse of the upper tail.
    found = chdtri(seeds - 1, (np.arange(POINTS) + 0.5) / POINTS) / (seeds - 1) * few
    reach = stdtrit(seeds - 1, alpha / 2) ** 2 * found
    if clips > 1:
        rest = stdtrit((seeds - 1) * (clips - 1), alpha / 2) ** 2 * spread.rest / (seeds * clips)
        quantile = stdtrit(clips - 1, alpha / 2) ** 2
        # As in the interval: a table of right and wrong without spread does not show that there is none.
        reach = np.maximum(np.maximum(reach, rest) + quantile * many, quantile * spread.least / clips**2)
    half, error = np.sqrt(reach), math.sqrt(spread.of_mean(seeds, clips))
    if error == 0:
        return float(difference != 0)
    return float(np.mean(ndtr((difference - half) / error) + ndtr((-difference - half) / error)))


def detectable(
    spread: Spread | None, seeds: int, clips: int, alpha: float = 0.05, power: float = 0.8, tests: int = 1
) -> float | None:
    """The smallest difference that is found with `power`; None for one seed, where nothing can be.

    Args:
        spread: of the paired differences, as `crossed` tells it; for other numbers of seeds or clips than it is of,
            this is a forecast.
        tests: hypotheses tested in one family; the first that Holm's correction rejects must pass alpha / tests.
    """
    if spread is None or seeds < 2:
        return None
    level, error = alpha / tests, math.sqrt(spread.of_mean(seeds, clips))
    if error == 0:
        return 0.0
    most = 4.0 * error
    while power_of(most, spread, seeds, clips, level) < power:
        most *= 2
    return float(brentq(lambda size: power_of(size, spread, seeds, clips, level) - power, 0.0, most))


def cannot_show(differences: Sequence[Crossed], unit: str = "points") -> str:
    """One sentence: what the seeds of these differences cannot show after Holm's correction over all of them.

    Raises:
        ValueError: no differences.
    """
    if not differences:
        raise ValueError("no differences")
    count = len(differences)
    sizes = [detectable(each.spread, each.seeds, each.clips, tests=count) for each in differences]
    told = sorted(size for size in sizes if size is not None)
    seeds = sorted({each.seeds for each in differences})
    if not told:
        return "With one seed no difference can be told from what another seed would have given."
    span = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    below = f"{told[0]:.1f}" if f"{told[0]:.1f}" == f"{told[-1]:.1f}" else f"{told[0]:.1f} to {told[-1]:.1f}"
    family = f" after Holm's correction over {count} arms" if count > 1 else ""
    return (
        f"With {span} seeds a true difference below {below} {unit} "
        f"would be missed more often than one time in five{family}: "
        "not found to differ does not mean equal."
    )
