"""Figure 3 out of sample pictures as runs write them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ablations.arms import TABLE_4
from amc.evaluation.pictures.figure import LabelledClip, figure
from analysis.figures.ablation.figure3 import ROWS, cell_side, cut_frames, figure3
from analysis.record.reading import RecordReader
from analysis.scores.load_study import load_study
from analysis.scores.study_scores import TABLE_3, StudyScores
from tests.analysis.figures.texts import check_readable, laid_out
from tests.analysis.made_study import write_study

ARMS = tuple(arm for arm in TABLE_4 if arm.slug in ("ours", "no_da", "no_dm"))


def write_figure3(path: Path, size: int, *, clips: int = 2, rows: int = len(ROWS)) -> list[list[LabelledClip]]:
    """A run's figure3.png: every frame is of one colour that tells clip, row and time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    groups = [
        [
            LabelledClip((f"row {row}", "a label of some length"), np.stack([frame(c, row, t, size) for t in range(8)]))
            for row in range(rows)
        ]
        for c in range(clips)
    ]  # fmt: skip
    figure(groups, path)
    return groups


def frame(clip: int, row: int, time: int, size: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.full((size, size, 3), (50 * clip, 40 * row, 20 * time), dtype=np.uint8)


def study(folder: Path) -> StudyScores:
    write_study(folder / "record.db", arms=ARMS, seeds=2)
    with RecordReader(folder / "record.db") as records:
        return load_study(records, "made-smoke-table4")


@pytest.mark.parametrize("size", [32, 48, 64, 128, 160])
def test_frames_are_cut_to_the_pixel(tmp_path: Path, size: int) -> None:
    write_figure3(tmp_path / "figure3.png", size)
    with Image.open(tmp_path / "figure3.png") as image:
        cells = cut_frames(np.asarray(image.convert("RGB")), cell_side(size), 4)
    assert cells is not None
    for row in range(4):
        for column, time in enumerate((0, 1, 3, 5, 7)):  # the input and the 2nd, 4th, 6th and 8th of 8
            assert (cells[row, column] == (0, 40 * row, 20 * time)).all()


def test_a_picture_of_another_layout_is_none() -> None:
    assert cut_frames(np.zeros((100, 2000, 3), dtype=np.uint8), 128, 4) is None
    assert cut_frames(np.zeros((2000, 300, 3), dtype=np.uint8), 128, 4) is None


def test_three_arms_of_the_first_seed_side_by_side(tmp_path: Path) -> None:
    scores = study(tmp_path)
    size = int(scores.row.config["model"]["size"])
    for slug in ("ours", "no_da", "no_dm"):
        write_figure3(tmp_path / "samples" / f"{slug}-seed-1" / "figure3.png", size)
    with laid_out(lambda: figure3(scores, tmp_path / "samples")) as drawing:
        check_readable(drawing)
        assert sum(len(axes.images) for axes in drawing.figure.axes) == 3 * 3 * len(ROWS)
        assert "seed 1" in drawing.caption
        assert "Ours, No Da and No Dm" in drawing.caption


def test_methods_that_see_several_frames_have_no_mismatched_rows(tmp_path: Path) -> None:
    scores = study(tmp_path)
    seen = {"ours": 1, "no_da": 1, "no_dm": 4}
    arms = tuple(replace(arm, frames_seen=seen[arm.slug]) for arm in scores.arms)
    scores = replace(scores, arms=arms, row=replace(scores.row, kind=TABLE_3))
    size = int(scores.row.config["model"]["size"])
    for slug, frames in seen.items():
        path = tmp_path / "samples" / f"{slug}-seed-0" / "figure3.png"
        write_figure3(path, size, clips=1, rows=len(ROWS) if frames == 1 else 2)
    with laid_out(lambda: figure3(scores, tmp_path / "samples")) as drawing:
        assert sum(len(axes.images) for axes in drawing.figure.axes) == 3 * (2 * len(ROWS) + 2)
        assert "by Ours and No Da from its own first frame ya and motion ym" in drawing.caption
        assert "and by No Dm from its own first frames, without mismatched conditions." in drawing.caption


def test_without_samples_of_ours_there_is_no_figure(tmp_path: Path) -> None:
    scores = study(tmp_path)
    assert figure3(scores, None) is None
    assert figure3(scores, tmp_path / "nowhere") is None
    write_figure3(tmp_path / "samples" / "no_da-seed-0" / "figure3.png", 32)
    assert figure3(scores, tmp_path / "samples") is None


def test_a_broken_picture_is_as_good_as_none(tmp_path: Path) -> None:
    scores = study(tmp_path)
    size = int(scores.row.config["model"]["size"])
    write_figure3(tmp_path / "samples" / "ours-seed-0" / "figure3.png", size)
    broken = tmp_path / "samples" / "no_da-seed-0" / "figure3.png"
    broken.parent.mkdir()
    broken.write_bytes(b"\x89PNG\r\n\x1a\n but no more")
    with laid_out(lambda: figure3(scores, tmp_path / "samples")) as drawing:
        assert sum(len(axes.images) for axes in drawing.figure.axes) == 3 * len(ROWS)
