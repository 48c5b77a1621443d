"""The table of accuracies by keypoints, on sheets whose every clip is written down."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from amc.evaluation.keypoints.summary import over_folds, summary
from amc.evaluation.score_sheet import ScoreSheet
from analysis.record.reading import RecordReader
from analysis.scores.load_study import load_study
from analysis.scores.study_scores import StudyScores
from analysis.tables.keypoints import has_keypoints, keypoints_content, keypoints_table
from analysis.tables.layout.formats import markdown
from analysis.tables.write_tables import tables_of
from tests.analysis.hand_made import DATASET, sheet, write_scores

ABOUT: dict[str, Any] = {
    "extractor": "regressor",
    "held_out_error": {"pixels": 0.25, "share": 0.0123, "found": 0.999, "frames": 64},
}


def marked(right: str, missing: tuple[float, ...]) -> ScoreSheet:
    """The keypoint classifier is right where the mark is 1; the motion classifier always is."""
    return sheet(
        "1" * len(right),
        clips={"keypoint_accuracy": tuple(map(float, right)), "keypoint_missing": missing},
    )


@pytest.fixture
def scores(tmp_path: Path) -> StudyScores:
    sheets = {
        "ours-seed-0": marked("1110", (0, 0, 0, 0)),
        "ours-seed-1": marked("1100", (0, 0, 0, 0.5)),
        "cdna-seed-0": marked("1000", (0.25, 0.5, 0.75, 1)),
        "cdna-seed-1": marked("0000", (0, 0, 0, 1)),
    }
    data = {**DATASET, "name": "mug", "split": {"rule": "subject", "test": 4}}
    write_scores(tmp_path / "r.db", {"ours": (1.0, 1.0), "cdna": (1.0, 1.0)}, sheets=sheets, dataset=data)
    with RecordReader(tmp_path / "r.db") as records:
        return load_study(records, "s")


def test_rows_by_hand(scores: StudyScores) -> None:
    scores.row.settings["keypoints"] = ABOUT  # type: ignore[index]
    content = keypoints_content(scores)
    ours, cdna = content["rows"]
    assert (ours["mean"], ours["paper"], ours["difference"]) == (62.5, 70.34, None)
    assert (cdna["mean"], cdna["paper"], cdna["difference"]) == (12.5, 23.52, -50.0)
    assert cdna["n_pairs"] == 2
    assert cdna["p_holm"] == cdna["p"]
    assert content["caption"]["real_accuracy"] is None  # that of the motion classifier is not this classifier's
    assert ours["values"] == {"0": 75.0, "1": 50.0}
    assert (ours["missing"], ours["no_class"]) == (6.25, 0.0)  # half of the frames may be missing
    assert (cdna["missing"], cdna["no_class"]) == (43.75, 37.5)
    text = markdown(keypoints_table(scores).text)
    assert "| cdna | 23.52 | 12.5 ± 17.7 |" in text
    assert "error on 64 real test frames is 0.25 pixels (1.2% of the size of the face or body)" in text
    assert "counts as wrong" in text


def test_the_table_is_written_only_where_keypoints_were_scored(scores: StudyScores, tmp_path: Path) -> None:
    assert "keypoints" in {table.name for table in tables_of(scores)}
    write_scores(tmp_path / "other.db", {"ours": (1.0,)}, sheets={"ours-seed-0": sheet("11")})
    with RecordReader(tmp_path / "other.db") as records:
        other = load_study(records, "s")
    assert not has_keypoints(other)
    assert "keypoints" not in {table.name for table in tables_of(other)}


def test_the_extractors_error_of_every_fold_is_shown() -> None:
    other = {"pixels": 0.75, "share": 0.0277, "found": 0.9, "frames": 36}
    about = over_folds([ABOUT | {"real_accuracy": 0.5}, ABOUT | {"held_out_error": other, "real_accuracy": 1.0}])
    assert about["real_accuracy"] == 0.75
    assert summary(about) == (
        "regressor, trained in each of 2 folds; its error on their 100 real test frames is 0.50 pixels, mean over "
        "folds (0.25 to 0.75; 2.0% of the size of the face or body), and it finds 95.0% of their keypoints"
    )
    assert over_folds([ABOUT]) == ABOUT
    assert "no ground-truth landmarks" in summary(over_folds([{"extractor": "openface", "real_accuracy": 0.5}] * 2))
