from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from amc.cli.data import main
from amc.data.inspection.report import inspect
from amc.data.inspection.text import describe
from tests.data.made_clips import noise, write

# Six subjects perform both classes; of subject 5's first class there are two copies.
ROWS = [(c, s, 2 * s + c) for s in range(6) for c in range(2)] + [(0, 5, 10)]


def test_counts_by_class_subject_and_source(tmp_path: Path) -> None:
    report = inspect(write(tmp_path / "f.h5", ROWS))
    assert report["classes"] == {"one": 7, "two": 6}
    assert report["subjects"] == {"0": 2, "1": 2, "2": 2, "3": 2, "4": 2, "5": 3}
    assert report["classes_by_subject"] == {
        "one": {"0": 1, "1": 1, "2": 1, "3": 1, "4": 1, "5": 2},
        "two": {"0": 1, "1": 1, "2": 1, "3": 1, "4": 1, "5": 1},
    }
    assert (report["sources"], report["copies"]) == (12, {"1": 11, "2": 1})
    parts = report["split"]["parts"]
    assert sum(part["clips"] for part in parts.values()) == 13
    assert sum(part["sources"] for part in parts.values()) == 12
    assert report["split"]["left_out"]["clips"] == 0
    assert report["split"]["leaks"] == []
    json.dumps(report, allow_nan=False)


def test_pixels(tmp_path: Path) -> None:
    file = write(tmp_path / "f.h5", ROWS, picture=lambda i: np.full((3, 6, 6, 3), 10 * i, np.uint8))
    pixels = inspect(file)["pixels"]
    assert (pixels["low"], pixels["high"], pixels["mean"]) == (0, 120, 60.0)
    assert (pixels["darkest_clip"], pixels["brightest_clip"], pixels["clips_of_one_colour"]) == (0.0, 120.0, 13)
    # Class one are the even clips and the last of them the copy: (0 + 20 + ... + 100 + 120) / 7.
    assert pixels["mean_by_class"] == {"one": 60.0, "two": 60.0}


def test_velocities_and_validity_by_keypoint_and_class(tmp_path: Path) -> None:
    def points(i: int) -> tuple[np.ndarray, np.ndarray]:
        where, valid = np.zeros((3, 3, 2)), np.ones((3, 3), bool)
        where[1:, 1] = (3.0, 4.0)  # a step of 5 pixels, then at rest
        if ROWS[i][0] == 1:
            valid[:, 2] = False
            where[:, 2] = 1000.0 * np.arange(3)[:, None]  # a filler that must not count
        if i == 0:
            valid[:] = False
        return where, valid

    report = inspect(write(tmp_path / "f.h5", ROWS, points=points))
    points_, velocity = report["keypoints"], report["velocity"]
    assert points_["valid"] == {
        "chest": pytest.approx(12 / 13),
        "left_shoulder": pytest.approx(12 / 13),
        "right_shoulder": pytest.approx(6 / 13),
    }
    assert points_["valid_by_class"] == {"one": pytest.approx(6 / 7), "two": pytest.approx(2 / 3)}
    assert points_["valid_by_class_and_keypoint"]["two"] == {"chest": 1.0, "left_shoulder": 1.0, "right_shoulder": 0.0}
    assert (points_["clips_without"], points_["outside"]) == (1, 0.0)
    assert velocity["largest_by_keypoint"] == {"chest": 0.0, "left_shoulder": 5.0, "right_shoulder": 0.0}
    assert (velocity["median"], velocity["largest"]) == (0.0, 5.0)
    # 12 clips' left shoulders make 24 steps, every other one of 5 pixels.
    assert velocity["quantile_99_by_keypoint"]["left_shoulder"] == 5.0
    text = describe(report)
    assert "right_shoulder   46.2%          0.00     0.00  two (0.0%)" in text
    assert "1 clips without valid keypoints" in text


def test_duplicates_within_a_part_are_counted(tmp_path: Path) -> None:
    # The last clip is a copy of the eleventh, of the same source.
    report = inspect(write(tmp_path / "f.h5", ROWS, picture=lambda i: noise(10 if i == 12 else i)))
    assert report["duplicate_clips"] == 1
    assert report["split"]["leaks"] == []


@pytest.mark.parametrize("rule", ["subject", "random"])
def test_the_same_frames_in_two_parts_are_a_leak(tmp_path: Path, rule: str, capsys: pytest.CaptureFixture[str]) -> None:
    parts = {}
    sound = write(tmp_path / "sound.h5", ROWS)
    assert main(["inspect", str(sound), "--split-rule", rule, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    for name, part in report["split"]["parts"].items():
        parts[name] = part["subjects"]
    # One clip of a tested source is given again as a training one; its last frame is its own.
    from amc.data.splits import make_split

    label, subject, source = (np.array(column) for column in zip(*ROWS, strict=True))
    split = make_split(label, subject, source, rule=rule, seed=0)
    tested, trained = int(split.test[0]), int(split.train[0])

    def picture(i: int) -> np.ndarray:
        frames = noise(i)
        if i == trained:
            frames[:2] = noise(tested)[:2]
        return frames

    leaking = write(tmp_path / "leaking.h5", ROWS, picture=picture)
    assert main(["inspect", str(leaking), "--split-rule", rule]) == 2
    shown = capsys.readouterr()
    said = "2 frames of train are also in 1 clips of test, with other source numbers "
    said += f"(such as clips {trained} and {tested})"
    assert f"leak check   {said}" in shown.out
    assert shown.err == f"error: {leaking}: the split by {rule} leaks: {said}\n"
    assert main(["inspect", str(leaking), "--split-rule", rule, "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["split"]["leaks"] == [said]


def test_frames_of_one_colour_are_no_copies(tmp_path: Path) -> None:
    def picture(i: int) -> np.ndarray:
        frames = noise(i)
        frames[0] = 0  # every clip fades in from black
        return frames

    assert inspect(write(tmp_path / "f.h5", ROWS, picture=picture))["split"]["leaks"] == []


def test_published_rules(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [(c, s, 2 * s + c) for s in range(1, 21) for c in range(2)]
    file = write(tmp_path / "f.h5", rows, name="natops")
    assert main(["inspect", str(file), "--split-rule", "natops-lfdm"]) == 0
    shown = capsys.readouterr().out
    assert "by natops-lfdm, seed 0" in shown
    assert "left out       2 clips, 2 sources, subjects 1" in shown
    assert "passed: no source or subject and no frame is in two parts" in shown
    other = write(tmp_path / "o.h5", ROWS, name="natops")
    assert main(["inspect", str(other), "--split-rule", "natops-hcrf"]) == 0
    assert "none: split rule natops-hcrf expects subjects 1 to 20" in capsys.readouterr().out


def test_names_of_subjects_and_missing_ones(tmp_path: Path) -> None:
    rows = [row for row in ROWS if row != (1, 3, 7)]
    generator = {"tool": "t", "version": 1, "arguments": {}, "subjects": list("ABCDEF"), "peaks": {"units": 3}}
    text = describe(inspect(write(tmp_path / "f.h5", rows, generator=generator)))
    assert "0 (A): 2, 1 (B): 2, 2 (C): 2, 3 (D): 1" in text
    assert "noted        {'peaks': {'units': 3}}" in text
    (row,) = (line for line in text.splitlines() if line.startswith("  two "))
    assert row.endswith("without subjects 3")
    assert "copies       10 sources of 1 clip, 1 source of 2 clips" in text


def test_a_class_without_clips(tmp_path: Path) -> None:
    report = inspect(write(tmp_path / "f.h5", ROWS, classes=("one", "two", "three")))
    assert report["classes"]["three"] == 0
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert "three" in describe(report)


def test_progress_is_told(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    inspect(write(tmp_path / "f.h5", ROWS), progress=lambda done, total, note="": told.append((done, total)))
    assert told == [(i, 13) for i in range(1, 14)]
