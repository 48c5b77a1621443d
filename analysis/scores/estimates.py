"""Mean, 95% interval and p of what was measured per seed, and per clip where clips were scored one by one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.scores.study_scores import ArmScores, StudyScores, correct
from analysis.statistics.crossed import VarianceComponents, crossed
from analysis.statistics.intervals import t_interval
from analysis.statistics.power import detectable
from analysis.statistics.sign_flip import MAX_PAIRS, sign_flip_p

Clips = npt.NDArray[Any]

PERCENT = (0.0, 100.0)
POINTS = (-100.0, 100.0)  # range of a difference of accuracies


@dataclass(frozen=True)
class MeanEstimate:
    """A mean over S seeds and C clips.

    Attributes:
        interval: 95% confidence interval; None for one seed.
        p: two-sided, of the hypothesis that the true mean is 0; None for one seed.
        p_exact: p of the sign-flip test on the seed means; None for one seed, for more than 20, or if not requested.
        seeds: S.
        clips: C; 1 if there is a single value per seed.
        variance: components for seeds and clips; None for one seed or one clip.
    """

    mean: float
    interval: tuple[float, float] | None
    p: float | None
    p_exact: float | None
    seeds: int
    clips: int
    variance: VarianceComponents | None = None

    def detectable(self, tests: int) -> float | None:
        """Returns the smallest true mean detected with 80% power among `tests` hypotheses; None if unknown."""
        return None if self.variance is None else detectable(self.variance, self.seeds, self.clips, tests=tests)


def estimate_mean(
    values: Mapping[int, Clips],
    scale: float = 1.0,
    bounds: tuple[float, float] = (-math.inf, math.inf),
    *,
    exact: bool = False,
) -> MeanEstimate | None:
    """Returns the mean of {seed: (C,)} times `scale`, with its interval and p.

    Seeds and clips are crossed (`analysis.statistics.crossed`). With a single value per seed the interval and p are
    Student's t over seeds.

    Args:
        bounds: range of a value after scaling. The interval is clipped to it, and equal values within a finite range
            do not give an interval of zero width.
        exact: whether to compute `p_exact`.

    Returns:
        None if there are no values or some are not finite.
    """
    if not values:
        return None
    table = np.stack([np.atleast_1d(row) for row in values.values()])
    if not np.isfinite(table).all():
        return None
    seeds, clips = table.shape
    means = table.mean(axis=1).tolist()
    p_exact = sign_flip_p(means) if exact and 1 < seeds <= MAX_PAIRS else None
    extent = (bounds[1] - bounds[0]) / scale
    both = crossed(table, scale=scale, extent=extent if math.isfinite(extent) else 0.0)
    if seeds == 1 or clips == 1:
        mean, interval = t_interval([scale * mean for mean in means])
        return MeanEstimate(mean, _clipped(interval, bounds), both.p, p_exact, seeds, clips)
    return MeanEstimate(both.mean, _clipped(both.interval, bounds), both.p, p_exact, seeds, clips, both.variance)


def difference(first: Mapping[int, Clips], second: Mapping[int, Clips]) -> dict[int, Clips]:
    """Returns first minus second, clip by clip, for the seeds in both; -1, 0 or 1 for right-or-wrong answers."""
    return {seed: _numbers(first[seed]) - _numbers(second[seed]) for seed in first if seed in second}


def accuracies(scores: StudyScores, arm: ArmScores) -> dict[int, Clips]:
    """Returns {seed: (C,) whether each clip is right}, or {seed: (1,) accuracy} if the study has no score sheets."""
    if scores.clipwise:
        return {seed: correct(sheet) for seed, sheet in arm.sheets.items()}
    return {seed: np.array([accuracy]) for seed, accuracy in arm.accuracies.items()}


def second_accuracies(scores: StudyScores, arm: ArmScores) -> dict[int, Clips]:
    """Returns {seed: (C,) whether each clip is right} by the second classifier; empty if there is none."""
    if not scores.clipwise:
        return {}
    return {seed: correct(sheet, second=True) for seed, sheet in arm.sheets.items() if sheet.predicted_second}


def as_list(interval: Sequence[float] | None) -> list[float] | None:
    """Returns an interval as a JSON value."""
    return None if interval is None else [float(end) for end in interval]


def _numbers(values: Clips) -> npt.NDArray[Any]:
    return values.astype(np.int64) if values.dtype == np.bool_ else values


def _clipped(interval: tuple[float, float] | None, bounds: tuple[float, float]) -> tuple[float, float] | None:
    # Student's interval of an accuracy may leave 0 to 100.
    return None if interval is None else (max(bounds[0], interval[0]), min(bounds[1], interval[1]))
