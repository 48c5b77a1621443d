"""Validation accuracy beside test accuracy: does the one predict the other?"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.special import ndtri

from analysis.scores.study_scores import StudyScores
from analysis.statistics.levels import CONFIDENCE


def validation_agreement(scores: StudyScores) -> dict[str, Any] | None:
    """Returns how validation and test accuracy of the runs agree, in points; None for fewer than two runs.

    `mean` and `sd` are those of validation minus test over all runs. `correlation` is Pearson's within arms: whether
    of two runs of an arm the one with the higher validation accuracy has the higher test accuracy. `correlation_ci95`
    is Fisher's interval. Both are None if there are too few runs, nothing varies, or the study has folds: the runs of a
    fold share its validation and test subjects, so that the runs are not independent.
    """
    pairs = [
        [(arm.validations[seed], arm.accuracies[seed]) for seed in arm.accuracies if seed in arm.validations]
        for arm in scores.arms
    ]
    runs = np.array([pair for arm in pairs for pair in arm]).reshape(-1, 2)
    if len(runs) < 2:
        return None
    apart = 100 * (runs[:, 0] - runs[:, 1])
    inner = np.concatenate([np.array(arm) - np.mean(arm, axis=0) for arm in pairs if arm])
    found: dict[str, Any] = {"runs": len(runs), "mean": float(apart.mean()), "sd": float(apart.std(ddof=1))}
    scale, left = np.sqrt((inner**2).sum(axis=0)), len(runs) - sum(map(bool, pairs)) - 2
    found |= {"correlation": None, "correlation_ci95": None}
    if scores.folds is None and left > 0 and scale.min() > 1e-9:
        r = float(np.clip((inner[:, 0] * inner[:, 1]).sum() / scale.prod(), -1, 1))
        z, half = math.atanh(min(max(r, -1 + 1e-12), 1 - 1e-12)), float(ndtri(0.5 + CONFIDENCE / 2)) / math.sqrt(left)
        found |= {"correlation": r, "correlation_ci95": [math.tanh(z - half), math.tanh(z + half)]}
    return found
