"""Validation accuracy beside test accuracy, from records made by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.record.reading import RecordReader
from analysis.scores.load_study import load_study
from analysis.scores.validation import validation_agreement
from tests.analysis.hand_made import write_scores

RUNS = {"ours": (0.9, 0.8, 0.85, 0.7, 0.75), "no_da": (0.5, 0.3, 0.4, 0.35, 0.45)}


@pytest.mark.parametrize("folds", [0, 5])
def test_runs_that_share_their_subjects_fold_by_fold_have_no_correlation(tmp_path: Path, folds: int) -> None:
    write_scores(tmp_path / "r.db", RUNS, folds=folds)
    with RecordReader(tmp_path / "r.db") as records:
        found = validation_agreement(load_study(records, "s"))
    assert found is not None
    # The last validation accuracy of these runs equals the test accuracy.
    assert (found["runs"], found["mean"], found["sd"]) == (10, pytest.approx(0.0), pytest.approx(0.0))
    if folds:
        assert (found["correlation"], found["correlation_ci95"]) == (None, None)
    else:
        assert found["correlation"] == pytest.approx(1.0)
        assert found["correlation_ci95"][0] > 0.9
