"""Test accuracy, with its interval, of the runs that confirm the best trial of a search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from analysis.record.rows import SheetRow, TrialRow
from analysis.record.states import COMPLETE
from analysis.scores.estimates import MeanEstimate, estimate_mean
from analysis.scores.study_scores import ACCURACY, correct


def confirming_accuracy(
    runs: Sequence[TrialRow], sheets: Mapping[str, SheetRow], scale: float = 1.0
) -> MeanEstimate | None:
    """Returns the test accuracy, 0 to `scale`, over the complete runs; None if there are none.

    Seeds and clips are crossed if all runs have score sheets by the same scorer on the same clips. Otherwise the
    interval is Student's t over the seeds alone, and `clips` of the result is 1.
    """
    done = [run for run in runs if run.state == COMPLETE and ACCURACY in run.scores]
    found = [sheets.get(run.key) for run in done]
    alike = {(one.scorer, tuple(one.sheet.label)) if one is not None else None for one in found}
    if len(alike) == 1 and None not in alike:
        values = {seed: correct(one.sheet) for seed, one in enumerate(found) if one is not None}
    else:
        values = {seed: np.array([run.scores[ACCURACY]]) for seed, run in enumerate(done)}
    return estimate_mean(values, scale, (0.0, scale))
