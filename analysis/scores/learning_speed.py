"""How fast arms learn: training steps to 90% of Ours' final validation accuracy."""

from __future__ import annotations

from typing import Any

import numpy as np

from analysis.scores.study_scores import ArmScores, StudyScores
from analysis.statistics.steps_to_target import steps_to_target, summarize_steps

TARGET_SHARE = 0.9


def final_accuracy_of_ours(scores: StudyScores) -> float | None:
    """Returns the mean over seeds of Ours' validation accuracy at the last step, in percent; None if unknown."""
    ours = scores.ours
    last = [curve[max(curve)] for curve in ours.curves.values() if curve] if ours is not None else []
    return 100 * float(np.mean(last)) if last else None


def target_accuracy(scores: StudyScores) -> float | None:
    """Returns the target: 90% of Ours' final validation accuracy, in percent.

    None if that is unknown or not above chance, which an arm reaches without learning anything.
    """
    final = final_accuracy_of_ours(scores)
    return TARGET_SHARE * final if final is not None and TARGET_SHARE * final > 100 * scores.chance else None


def learning_speed(arm: ArmScores, target: float | None) -> dict[str, Any] | None:
    """Returns an arm's steps to `target` (percent) over seeds: {"median", "low", "high", "reached", "of"}.

    A seed that never reaches the target counts as later than all others, so the median and the high end may be None.
    """
    curves = [curve for curve in arm.curves.values() if curve]
    if target is None or not curves:
        return None
    found = summarize_steps([steps_to_target(curve, target / 100) for curve in curves])
    ends = {"median": found.median, "low": found.fastest, "high": found.slowest}
    return {**ends, "reached": found.reached, "of": found.seeds}
