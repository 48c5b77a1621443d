"""Means with their intervals of what seeds, and clips where there are any, were measured as."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.statistics import Spread, crossed, detectable, mean_interval, sign_flip_p
from analysis.tables.study import ArmScores, StudyScores, correct

Clips = npt.NDArray[Any]

PERCENT = (0.0, 100.0)
POINTS = (-100.0, 100.0)  # of a difference of accuracies
MOST_EXACT = 20  # seeds whose sign patterns are counted out


@dataclass(frozen=True)
class Estimated:
    """A mean over S seeds and C clips.

    Attributes:
        interval: 95%; None for one seed.
        p: two-sided, of the mean being 0; None for one seed.
        p_exact: of the sign-flip test on the seeds' means; None for one seed, for more than can be counted out, and
            where it was not asked for.
        clips: C; 1 where a seed has one value for all clips.
        spread: of seeds and clips; None for one seed or one clip.
    """

    mean: float
    interval: tuple[float, float] | None
    p: float | None
    p_exact: float | None
    seeds: int
    clips: int
    spread: Spread | None = None

    def detectable(self, tests: int) -> float | None:
        """The smallest true mean found with 80% power among so many tests; None where the spread is not known."""
        return None if self.spread is None else detectable(self.spread, self.seeds, self.clips, tests=tests)


def estimated(
    values: Mapping[int, Clips],
    scale: float = 1.0,
    bounds: tuple[float, float] = (-math.inf, math.inf),
    *,
    exact: bool = False,
) -> Estimated | None:
    """The mean of {seed: (C,)} times `scale`, its interval held within `bounds`; `exact` asks for `p_exact`, too.

    `bounds` are what a value can be, scaled: equal values in a range do not show that none differs.

    Seeds and clips are crossed. Where a seed has one value the interval and p are Student's t over seeds. None for no
    values, or some that are not finite.
    """
    if not values:
        return None
    table = np.stack([np.atleast_1d(row) for row in values.values()])
    if not np.isfinite(table).all():
        return None
    seeds, clips = table.shape
    means = table.mean(axis=1).tolist()
    p_exact = sign_flip_p(means) if exact and 1 < seeds <= MOST_EXACT else None
    extent = (bounds[1] - bounds[0]) / scale
    both = crossed(table, scale=scale, extent=extent if math.isfinite(extent) else 0.0)
    if seeds == 1 or clips == 1:
        over_seeds = mean_interval([scale * mean for mean in means])
        return Estimated(over_seeds.mean, _held(over_seeds.interval, bounds), both.p, p_exact, seeds, clips)
    return Estimated(both.mean, _held(both.interval, bounds), both.p, p_exact, seeds, clips, both.spread)


def difference(first: Mapping[int, Clips], second: Mapping[int, Clips]) -> dict[int, Clips]:
    """First minus second, clip by clip, of the seeds that both have; of right and wrong clips -1, 0 or 1."""
    return {seed: _numbers(first[seed]) - _numbers(second[seed]) for seed in first if seed in second}


def accuracies(scores: StudyScores, arm: ArmScores) -> dict[int, Clips]:
    """{seed: (C,) whether a clip is right} by the study's scorer; {seed: (1,) fraction} where no run has a sheet."""
    if scores.clipwise:
        return {seed: correct(sheet) for seed, sheet in arm.sheets.items()}
    return {seed: np.array([accuracy]) for seed, accuracy in arm.accuracies.items()}


def second_accuracies(scores: StudyScores, arm: ArmScores) -> dict[int, Clips]:
    """{seed: (C,) whether the second classifier takes a clip for right}; empty where there is none."""
    if not scores.clipwise:
        return {}
    return {seed: correct(sheet, second=True) for seed, sheet in arm.sheets.items() if sheet.predicted_second}


def listed(interval: Sequence[float] | None) -> list[float] | None:
    """An interval as JSON has it."""
    return None if interval is None else [float(end) for end in interval]


def _numbers(values: Clips) -> npt.NDArray[Any]:
    return values.astype(np.int64) if values.dtype == np.bool_ else values


def _held(interval: tuple[float, float] | None, bounds: tuple[float, float]) -> tuple[float, float] | None:
    # An accuracy, say, lies in 0 to 100, which Student's interval does not know.
    return None if interval is None else (max(bounds[0], interval[0]), min(bounds[1], interval[1]))
