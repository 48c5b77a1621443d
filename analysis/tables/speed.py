"""How fast arms learn: training steps to 90% of the validation accuracy that Ours ends with."""

from __future__ import annotations

from typing import Any

import numpy as np

from analysis.statistics import reached, steps_to
from analysis.tables.study import ArmScores, StudyScores

SHARE = 0.9


def end_of(scores: StudyScores) -> float | None:
    """The mean of Ours' validation accuracy at the last step, in percent; None where it has none."""
    ours = scores.ours
    last = [curve[max(curve)] for curve in ours.curves.values() if curve] if ours is not None else []
    return 100 * float(np.mean(last)) if last else None


def target_of(scores: StudyScores) -> float | None:
    """The validation accuracy in percent that counts: 90% of what Ours ends with.

    None where that is not known, or no more than guessing, which every arm reaches without learning anything.
    """
    end = end_of(scores)
    return SHARE * end if end is not None and SHARE * end > 100 * scores.chance else None


def speed_of(arm: ArmScores, target: float | None) -> dict[str, Any] | None:
    """Over seeds, the steps to `target`: {"median", "low", "high", "reached", "of"}.

    A seed that never gets there counts as later than all others, so the median and the high end may be None.
    """
    curves = [curve for curve in arm.curves.values() if curve]
    if target is None or not curves:
        return None
    found = reached([steps_to(curve, target / 100) for curve in curves])
    ends = {"median": found.median, "low": found.fastest, "high": found.slowest}
    return {**ends, "reached": found.reached, "of": found.seeds}
