"""Test accuracy, with its interval, of the runs that confirm the best trial of a search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from analysis.record.rows import SheetRow, TrialRow
from analysis.record.states import COMPLETE
from analysis.scores.estimates import MeanEstimate, estimate_mean
from analysis.scores.study_scores import ACCURACY, TestFolds, correct, test_fold


def confirming_accuracy(
    runs: Sequence[TrialRow], sheets: Mapping[str, SheetRow], scale: float = 1.0
) -> MeanEstimate | None:
    """Returns the test accuracy, 0 to `scale`, over the complete runs; None if there are none.

    Clips count if all runs have score sheets, and those of one fold are by the same scorer on the same clips.
    Otherwise the interval is Student's t over the seeds alone, and `clips` of the result is 1.
    """
    done = [run for run in runs if run.state == COMPLETE and ACCURACY in run.scores]
    found = {seed: sheets[run.key] for seed, run in enumerate(done) if run.key in sheets}
    fold = {seed: test_fold(run.config) for seed, run in enumerate(done)}
    alike = {(fold[seed], one.scorer, tuple(one.sheet.label)) for seed, one in found.items()}
    if len(found) < len(done) or len(alike) != len(set(fold.values())):
        return estimate_mean(
            {seed: np.array([run.scores[ACCURACY]]) for seed, run in enumerate(done)}, scale, (0.0, scale)
        )
    values = {seed: correct(one.sheet) for seed, one in found.items()}
    folds = None
    if None not in fold.values():
        subjects = {fold[seed] or 0: np.asarray(one.sheet.subject) for seed, one in found.items()}
        known = {number: ids for number, ids in subjects.items() if ids.min() >= 0}
        folds = TestFolds({seed: number or 0 for seed, number in fold.items()}, known)
    return estimate_mean(values, scale, (0.0, scale), folds=folds)
