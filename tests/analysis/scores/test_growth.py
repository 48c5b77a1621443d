"""Whether a study was given more seeds after its results had been written."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.record.reading import RecordReader
from analysis.scores.growth import LOOKS, growth
from tests.analysis.hand_made import write_scores


@pytest.mark.parametrize(
    ("folds", "now", "grown"),
    [
        (0, 5, [3, 5]),
        (5, 3, None),
        (5, 5, None),  # the remaining folds are tested
        (5, 10, [3, 5, 10]),
    ],
)
def test_completing_the_folds_is_no_growth(tmp_path: Path, folds: int, now: int, grown: list[int] | None) -> None:
    looks = [{"seeds": seeds, "planned": seeds} for seeds in (3, 5) if seeds <= now]
    settings = {"seeds": now, "arms": [], LOOKS: looks}
    write_scores(tmp_path / "r.db", {"ours": (0.9,)}, folds=folds, settings=settings)
    with RecordReader(tmp_path / "r.db") as records:
        found = growth(records.study("s"))
    assert (None if found is None else found["seeds"]) == grown


def test_an_unfinished_table_counts_once_the_study_grows(tmp_path: Path) -> None:
    settings = {"seeds": 6, "arms": [], LOOKS: [{"seeds": 2, "planned": 3}, {"seeds": 1, "planned": 3}]}
    write_scores(tmp_path / "r.db", {"ours": (0.9,)}, settings=settings)
    with RecordReader(tmp_path / "r.db") as records:
        found = growth(records.study("s"))
    assert found is not None
    assert found["seeds"] == [2, 6]
