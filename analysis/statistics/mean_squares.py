"""What the intervals need to know of a design: how much of a mean's variance the runs, clips and subjects show.

A design is a list of folds, each a table (..., runs, clips): all runs of a fold are scored on the same clips, runs of
different folds on different ones. One fold is a fixed test split, where seeds and clips are crossed. With several folds
over subjects, the clips are nested in subjects, and the subjects in folds.

All functions accept any number of designs at once, so that thousands of simulated studies take one call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Values = NDArray[Any]


@dataclass(frozen=True)
class UnitVariance:
    """What the units that are sampled (clips, or whole subjects) imply for the variance of the mean.

    Attributes:
        floor: the runs' means would differ by this much without any difference between seeds.
        floor_df: degrees of freedom of `floor`.
        shared: what units tested by several runs add to the mean's variance, which the runs' spread does not show.
        df: degrees of freedom of `shared`: number of units minus number of folds.
    """

    floor: Floats
    floor_df: int
    shared: Floats
    df: int


@dataclass(frozen=True)
class MeanSquares:
    """Estimated parts of the variance of a mean; every array has shape (...).

    Attributes:
        seeds: number of runs S; each is a training seed of its own.
        clips: number of clips C over all folds.
        subjects: number of subjects over all folds; None if clips are the only units.
        mean: mean of the runs' means.
        run: squared standard error of the mean by the spread of the S runs, with S - 1 degrees of freedom.
        units: the parts by clips and, with folds over subjects, by subjects; empty if there is one clip.
        least: lower bound of the variance of the mean, for values with a known range; otherwise 0.
        share: whether the values are right-or-wrong answers, so that the mean is a share from 0 to 1.
    """

    seeds: int
    clips: int
    subjects: int | None
    mean: Floats
    run: Floats
    units: tuple[UnitVariance, ...]
    least: Floats
    share: bool


def mean_squares(
    values: Values | Sequence[Values], extent: float = 0.0, subjects: Sequence[NDArray[np.int64]] | None = None
) -> MeanSquares:
    """Returns the mean squares of values (..., S, C), or of one such table for each fold; S is at least 2 in all.

    Booleans are right (True) or wrong answers, integers are differences of such answers. If all of them are equal, the
    design has no variance although another set of clips may have some. The variance of the mean is then bounded below
    by 1 / C^2, as if one more clip had differed (Agresti & Min, Biometrics 61, 2005). The bound falls with every value
    that differs from the most common one.

    Args:
        extent: largest possible difference between two values, for floats with a known range such as shares of frames;
            the lower bound is then extent^2 / C^2. Booleans and integers use 1.
        subjects: subject (C,) of each clip, for each fold. None: clips are the only units.
    """
    folds = [values] if isinstance(values, np.ndarray) else list(values)
    share = folds[0].dtype == np.bool_
    tables = [fold.astype(np.float64) for fold in folds]
    runs = np.concatenate([table.mean(axis=-1) for table in tables], axis=-1)
    mean, seeds = runs.mean(axis=-1), runs.shape[-1]
    clips = sum(table.shape[-1] for table in tables)
    run = ((runs - mean[..., None]) ** 2).sum(axis=-1) / ((seeds - 1) * seeds)
    by_unit = [tables]
    if subjects is not None:
        by_unit.append([_by_subject(table, ids) for table, ids in zip(tables, subjects, strict=True)])
    units = tuple(_unit_variance(one) for one in by_unit if sum(table.shape[-1] - 1 for table in one) > 0)
    people = None if subjects is None else sum(len(np.unique(ids)) for ids in subjects)
    return MeanSquares(seeds, clips, people, mean, run, units, _least(folds, mean, clips, extent), share)


def _unit_variance(tables: Sequence[Floats]) -> UnitVariance:
    """Variance of the mean of the runs' means by units, from tables (..., m, n) of m runs and n units per fold."""
    runs = np.array([table.shape[-2] for table in tables], dtype=np.float64)
    units = np.array([table.shape[-1] for table in tables], dtype=np.float64)
    total, df = runs.sum(), int((units - 1).sum())
    between = np.zeros(tables[0].shape[:-2])  # sum of squares of units
    rest, rest_df = np.zeros(tables[0].shape[:-2]), 0  # of a run's own deviation on a unit
    for table in tables:
        m, n = table.shape[-2:]
        unit = table.mean(axis=-2, keepdims=True) - table.mean(axis=(-2, -1), keepdims=True)
        between += m * (unit**2).sum(axis=(-2, -1))
        rest += ((table - table.mean(axis=-1, keepdims=True) - unit) ** 2).sum(axis=(-2, -1))
        rest_df += (m - 1) * (n - 1)
    between, rest = between / df, rest / max(1, rest_df)  # one run per fold: nothing tells the two apart
    variance = np.maximum(0.0, between - rest) * df / (runs * (units - 1)).sum()
    # Runs of one fold share its units: w is how much of their variance the spread of the runs' means cannot show.
    whole = ((runs / total) ** 2 / units).sum()
    w = (runs * (runs - 1) / units).sum() / (total * (total - 1))
    floor = rest * (runs / units).sum() / total**2 + max(0.0, whole - w) * variance
    return UnitVariance(floor, rest_df if len(tables) == 1 else df, w * variance, df)


def _by_subject(table: Floats, ids: NDArray[np.int64]) -> Floats:
    """(..., m, subjects) of a table (..., m, C): the runs' means plus what each subject moves them, times subjects.

    They average to the runs' means, also if subjects have unequal numbers of clips.
    """
    names, place = np.unique(ids, return_inverse=True)
    member = np.zeros((len(ids), len(names)))
    member[np.arange(len(ids)), place] = len(names) / len(ids)
    mean = table.mean(axis=-1, keepdims=True)
    found: Floats = mean + (table - mean) @ member
    return found


def _least(folds: Sequence[Values], mean: Floats, clips: int, extent: float) -> Floats:
    counts = folds[0].dtype == np.bool_ or np.issubdtype(folds[0].dtype, np.integer)
    if clips == 1 or not (counts or extent):
        return np.zeros_like(mean)
    if counts:
        middle = np.round(mean).astype(folds[0].dtype)
    else:
        flat = [fold.reshape(*fold.shape[:-2], -1) for fold in folds]
        middle = np.median(np.concatenate(flat, axis=-1), axis=-1)
    others = sum((fold != middle[..., None, None]).sum(axis=(-2, -1)) for fold in folds)
    least: Floats = (1.0 if counts else extent) ** 2 / (clips**2 * (1.0 + np.asarray(others, dtype=np.float64)))
    return least
