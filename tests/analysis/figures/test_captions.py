"""Sentences of figure captions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from analysis.figures.captions import study_facts
from analysis.record.reading import RecordReader
from analysis.scores.load_study import load_study
from tests.analysis.hand_made import DATASET, sheet, write_scores


@pytest.mark.parametrize("folds", [0, 2])
def test_the_clips_of_all_folds_are_counted(tmp_path: Path, folds: int) -> None:
    rights = ("1110", "1100")
    sheets = {
        f"ours-seed-{seed}": replace(sheet(right), subject=(seed if folds else 0,) * 4)
        for seed, right in enumerate(rights)
    }
    data = {**DATASET, "split": {"rule": "subject", "validation": 3, "test": 4}}
    write_scores(tmp_path / "r.db", {"ours": (0.75, 0.5)}, sheets=sheets, dataset=data, folds=folds)
    with RecordReader(tmp_path / "r.db") as records:
        scores = load_study(records, "s")
    test, validation = study_facts(scores), study_facts(scores, split="validation")
    assert test.startswith(f"2 seeds per arm, {8 if folds else 4} test clips; natops")
    assert validation.startswith(f"2 seeds per arm, 3 validation clips{' per fold' if folds else ''}; natops")
