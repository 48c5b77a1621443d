"""Mean, 95% interval and p of what was measured per seed, and per clip where clips were scored one by one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.scores.study_scores import ArmScores, StudyScores, TestFolds, correct
from analysis.statistics.crossed import over_folds
from analysis.statistics.intervals import t_interval
from analysis.statistics.mean_squares import MeanSquares, mean_squares
from analysis.statistics.power import Detectable, detectable
from analysis.statistics.sign_flip import MAX_PAIRS, sign_flip_p

Clips = npt.NDArray[Any]

PERCENT = (0.0, 100.0)
OVER_SEEDS, CROSSED, IN_FOLDS = (
    "Student's t over seeds",
    "seeds and clips crossed",
    "seeds, clips and subjects in folds",
)
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
        scale: factor of the values.
        squares: parts of the variance before scaling; None for one seed or one clip.
        method: how the interval was computed, in words.
    """

    mean: float
    interval: tuple[float, float] | None
    p: float | None
    p_exact: float | None
    seeds: int
    clips: int
    scale: float = 1.0
    squares: MeanSquares | None = None
    method: str = OVER_SEEDS

    def detectable(self, tests: int) -> Detectable | None:
        """Returns the smallest true mean detected with 80% power among `tests` hypotheses; None if unknown."""
        found = detectable(self.squares, tests=tests)
        if found is None:
            return None
        low, high = found.interval
        return Detectable(self.scale * found.size, (self.scale * low, self.scale * high))


def estimate_mean(
    values: Mapping[int, Clips],
    scale: float = 1.0,
    bounds: tuple[float, float] = (-math.inf, math.inf),
    *,
    folds: TestFolds | None = None,
    exact: bool = False,
) -> MeanEstimate | None:
    """Returns the mean of {seed: (C,)} times `scale`, with its interval and p.

    Seeds and clips are crossed, or clips are nested in the subjects of folds (`analysis.statistics.crossed`). With a
    single value per seed the interval and p are Student's t over seeds.

    Args:
        bounds: range of a value after scaling. The interval is clipped to it, and equal values within a finite range
            do not give an interval of zero width.
        folds: None if all runs were tested on the same clips.
        exact: whether to compute `p_exact`.

    Returns:
        None if there are no values or some are not finite.
    """
    rows = {seed: np.atleast_1d(row) for seed, row in values.items()}
    if not rows or not all(np.isfinite(row).all() for row in rows.values()):
        return None
    means, seeds = [float(row.mean()) for row in rows.values()], len(rows)
    p_exact = sign_flip_p(means) if exact and 1 < seeds <= MAX_PAIRS else None
    extent = (bounds[1] - bounds[0]) / scale
    tables, subjects = _tables(rows, folds)
    both = over_folds(tables, subjects, scale=scale, extent=extent if math.isfinite(extent) else 0.0)
    if seeds == 1 or all(table.shape[1] == 1 for table in tables):
        mean, interval = t_interval([scale * mean for mean in means])
        return MeanEstimate(mean, _clipped(interval, bounds), both.p, p_exact, seeds, both.clips)
    interval = _clipped(both.interval, bounds)
    method = CROSSED if folds is None else IN_FOLDS
    return MeanEstimate(both.mean, interval, both.p, p_exact, seeds, both.clips, scale, both.squares, method)


def run_spread(values: Mapping[int, Clips], folds: TestFolds | None = None) -> MeanSquares | None:
    """Returns the parts of the variance of the mean of {seed: (C,)}; None for fewer than two seeds."""
    return None if len(values) < 2 else mean_squares(_tables(values, folds)[0])


def _tables(
    rows: Mapping[int, Clips], folds: TestFolds | None
) -> tuple[list[Clips], list[npt.NDArray[np.int64]] | None]:
    """A table (runs, clips) and the subjects of its clips for each fold; None unless all subjects are known."""
    if folds is None or all(len(row) == 1 for row in rows.values()):
        return [np.stack(list(rows.values()))], None
    numbers = sorted({folds.fold[seed] for seed in rows})
    tables = [np.stack([row for seed, row in rows.items() if folds.fold[seed] == number]) for number in numbers]
    subjects = [folds.subjects.get(number, np.zeros(0, dtype=np.int64)) for number in numbers]
    known = all(len(ids) == table.shape[1] for ids, table in zip(subjects, tables, strict=True))
    return tables, subjects if known else None


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
