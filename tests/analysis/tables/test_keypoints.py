"""The table of accuracies by keypoints, on sheets whose every clip is written down."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from scipy.stats import ttest_ind

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
        clips={
            "keypoint_accuracy": tuple(map(float, right)),
            "keypoint_missing": missing,
            "keypoint_points_missing": tuple((1 + share) / 2 for share in missing),  # half of the others as well
        },
    )


def written(address: Path, folds: int = 0, **study: Any) -> StudyScores:
    sheets = {
        "ours-seed-0": marked("1110", (0, 0, 0, 0)),
        "ours-seed-1": marked("1100", (0, 0, 0, 0.5)),
        "cdna-seed-0": marked("1000", (0.25, 0.5, 0.75, 1)),
        "cdna-seed-1": marked("0000", (0, 0, 0, 1)),
    }
    data = {**DATASET, "name": "mug", "split": {"rule": "subject", "test": 4}}
    write_scores(address, {"ours": (1.0, 1.0), "cdna": (1.0, 1.0)}, sheets=sheets, dataset=data, folds=folds, **study)
    with RecordReader(address) as records:
        return load_study(records, "s")


@pytest.fixture
def scores(tmp_path: Path) -> StudyScores:
    return written(tmp_path / "r.db")


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
    # Half of the frames may be missing.
    assert (ours["points_missing"], ours["missing"], ours["no_class"]) == (53.125, 6.25, 0.0)
    assert (cdna["points_missing"], cdna["missing"], cdna["no_class"]) == (71.875, 43.75, 37.5)
    text = markdown(keypoints_table(scores).text)
    assert "| cdna | 23.52 | 12.5 ± 17.7 |" in text
    assert "error on 64 real test frames is 0.25 pixels (1.2% of the size of the face or body)" in text
    assert "counts as wrong" in text


def test_ours_again_is_compared_by_welch_and_outside_of_holm(tmp_path: Path) -> None:
    # One clip per run: no variation between clips, so Welch's test over the runs' means is the textbook one.
    rights = {"ours": "1101", "ours_again": "0100", "cdna": "0001"}
    sheets = {
        f"{arm}-seed-{seed}": marked(right, (0,)) for arm, marks in rights.items() for seed, right in enumerate(marks)
    }
    scores = dict.fromkeys(rights, (1.0,) * 4)
    write_scores(tmp_path / "r.db", scores, sheets=sheets, arms={"ours_again": {"seed_shift": 1000}})
    with RecordReader(tmp_path / "r.db") as records:
        content = keypoints_content(load_study(records, "s"))
    ours, again, cdna = content["rows"]
    assert (ours["control"], again["control"], cdna["control"]) == (False, True, False)
    expected = ttest_ind([0, 100, 0, 0], [100, 100, 0, 100], equal_var=False)
    assert (again["difference"], again["p"]) == (-50.0, pytest.approx(expected.pvalue))
    assert (again["p_holm"], again["n_pairs"]) == (None, 0)
    assert cdna["p_holm"] == cdna["p"]
    notes = " ".join(content["caption"]["notes"])
    assert "Holm-corrected over 1 comparison with Ours." in notes
    assert "ours_again is a control and not part of the correction" in notes


@pytest.mark.parametrize(("folds", "of"), [(0, "seeds"), (2, "runs")])
def test_the_standard_deviation_is_that_of_runs_with_folds(tmp_path: Path, folds: int, of: str) -> None:
    assert keypoints_table(written(tmp_path / "r.db", folds)).text.head[2] == f"mean ± SD of {of}, %"


def test_methods_have_the_frames_they_see_and_the_last_seen_frame_as_a_reference(tmp_path: Path) -> None:
    facts = {"ours": ("AMC-GAN (ours)", 1), "cdna": ("CDNA", 4)}
    arms = [{"arm": arm, "title": title, "paper": None, "frames_seen": s} for arm, (title, s) in facts.items()]
    settings = {"seeds": 2, "arms": arms, "tune": 6}
    scores = written(tmp_path / "r.db", kind="table3", settings=settings)
    table = keypoints_table(replace(scores, last_seen=marked("1000", (0, 0, 0, 1))))
    assert table.text.head[:3] == ("method", "frames seen", "paper")
    assert [row[1] for row in table.text.rows] == ["1", "4"]
    last = next(row for row in table.text.references if row[0] == "last seen frame repeated")
    assert last[:4] == ("last seen frame repeated", "-", "-", "25.0")
    assert {len(row) for row in (*table.text.rows, *table.text.references)} == {len(table.text.head)}
    notes = " ".join(table.text.notes)
    assert "Each method tuned by a search of 6 trials: AMC-GAN (ours), CDNA." in notes
    assert "Methods that see fewer frames: AMC-GAN (ours)." in notes


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
