from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from amc.cli.data import main
from amc.data.clipfile import check
from amc.data.clips import load_clips
from amc.data.datasets.action_units import measured
from amc.data.datasets.landmarks import mirrored
from amc.data.datasets.mug import EMOTIONS, KEYPOINT_LANDMARKS
from amc.data.resize import area_resize
from amc.errors import UserError
from amc.importing.mug.alignment import alignment
from amc.importing.mug.openface.table import read_face
from amc.importing.mug.peak_frames import peak_by_displacement, peak_by_units
from amc.importing.mug.source_files import list_files
from amc.importing.problems import Problems
from amc.standins.face.expressions import expression
from amc.standins.face.geometry import PIXELS
from amc.standins.face.layers import layers
from amc.standins.face.performance import intensities, landmarks
from amc.standins.face.render import lighting, lit, paint, wall
from amc.standins.face.subjects import subject
from amc.standins.original_layouts.mug import COLUMNS, performance_of, plan, table, write_original_layout, write_take

CLIPS = 8


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """8 takes of two expressions and a neutral one. Read-only."""
    folder = tmp_path_factory.mktemp("mug") / "made"
    write_original_layout(folder, clips=CLIPS, classes=2, seed=0, workers=2)
    return folder


def rows(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / "truth.json").read_text())["takes"]
    return found


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_layout(made: Path) -> None:
    assert "procedural stand-in for MUG" in (made / "PROCEDURAL.txt").read_text()
    assert [row["take"] for row in rows(made)] == [
        "subjects3/001/anger/take000",
        "subjects3/002/session0/disgust/take000",
        "subjects3/003/anger/take000",
        "subjects3/004/session0/disgust/take000",
        "subjects3/005/anger/take000",
        "subjects3/006/session0/disgust/take000",
        "subjects3/007/anger/take000",
        "subjects3/008/session0/disgust/take000",
        "subjects3/008/session0/neutral/take000",
    ]
    assert {p.name for p in made.iterdir()} == {"PROCEDURAL.txt", "subjects3", "truth.json"}
    for row in rows(made):
        names = sorted(p.name for p in (made / row["take"]).iterdir())
        assert names == [*(f"img_{t:04d}.jpg" for t in range(row["frames"])), "openface.csv"]
        assert 50 <= row["frames"] <= 160
        with Image.open(made / row["take"] / "img_0000.jpg") as picture:
            assert (picture.size, picture.mode, picture.format) == ((896, 896), "RGB", "JPEG")


def test_the_folders_of_all_six_emotions_and_balance() -> None:
    found = plan(624, 6)
    assert {p.place.split("/")[-2] for p in found} == {
        *("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"),
    }
    assert len({p.place for p in found}) == len(found) == 624 + 78
    pairs = [(p.label, p.subject) for p in found if p.label is not None]
    assert len(set(pairs)) == 6 * 52


def test_the_tables_are_openfaces(made: Path) -> None:
    assert len(COLUMNS) == 176
    assert COLUMNS[:6] == ("frame", "face_id", "timestamp", "confidence", "success", "x_0")
    assert (COLUMNS[73], COLUMNS[141], COLUMNS[157], COLUMNS[158], COLUMNS[-1]) == (
        *("y_0", "AU01_r", "AU45_r", "AU01_c", "AU45_c"),
    )
    row = rows(made)[0]
    text = (made / row["take"] / "openface.csv").read_text()
    assert text.startswith("frame, face_id, timestamp, confidence, success, x_0, ")
    read = list(csv.reader(text.splitlines()))
    assert len(read) == row["frames"] + 1
    assert {len(cells) for cells in read} == {176}


def test_a_table_by_hand() -> None:
    points = np.arange(2 * 68 * 2, dtype=np.float64).reshape(2, 68, 2) + 0.04
    strength = np.zeros((2, 25))
    strength[1, 0] = 1.234  # action unit 1
    first, second = [
        dict(zip(COLUMNS, line.split(", "), strict=True)) for line in table(points, strength).splitlines()[1:]
    ]
    assert (first["frame"], second["frame"], second["timestamp"], second["success"]) == ("1", "2", "0.053", "1")
    assert (first["x_0"], first["y_0"], first["x_67"], second["x_0"]) == ("0.0", "1.0", "134.0", "136.0")
    assert (first["AU01_r"], first["AU01_c"], second["AU01_r"], second["AU01_c"]) == ("0.00", "0.00", "1.23", "1.00")
    assert (second["AU45_r"], second["AU28_c"]) == ("0.00", "0.00")


def test_tables_hold_the_construction(made: Path) -> None:
    for planned, row in zip(plan(CLIPS, 2), rows(made), strict=True):
        take = performance_of(planned, 0)
        assert (take.length, None if planned.label is None else take.peak) == (row["frames"], row["peak"])
        face = read_face(made / row["take"] / "openface.csv", take.length)
        shown, times = expression(planned.label, take), np.arange(take.length, dtype=np.float64)
        strength = intensities(take, shown.intensity, times)
        points = landmarks(subject(planned.subject, 0).shape, take, strength, shown.sides, times)[:, :68]
        assert np.abs(face.landmarks - points).max() <= 0.051  # pixels of 896, as OpenFace rounds
        assert not any(units[0] for units in face.units.values())
        if planned.label is None:
            assert not any(units.any() for units in face.units.values())
        else:
            found = peak_by_units(face.units, row["emotion"])
            assert found is not None
            assert found.unit in measured(row["emotion"])
            assert abs(found.frame - take.peak) <= 1


def test_the_landmarks_alone_find_the_peak_nearly() -> None:
    """Without intensities: half of the peaks within a frame, though some units hardly move a landmark."""
    errors = []
    for planned in plan(120, 6):
        if planned.label is None:
            continue
        take = performance_of(planned, 0)
        shown, times = expression(planned.label, take), np.arange(take.length, dtype=np.float64)
        strength = intensities(take, shown.intensity, times)
        points = landmarks(subject(planned.subject, 0).shape, take, strength, shown.sides, times)[:, :68]
        errors.append(abs(peak_by_displacement(points).frame - take.peak))
    assert np.median(errors) <= 1
    assert np.mean(errors) <= 2


def test_the_importer_reads_it(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "made.h5"
    assert main(["prepare", "mug", str(made), "--out", str(out), "--workers", "1"]) == 0
    summary = capsys.readouterr().out
    contents = check(out, content=True)
    assert contents.info.origin == "procedural"
    assert "procedural" in summary
    assert contents.info.class_names == ("anger", "disgust")
    assert set(contents.subject.tolist()) == {row["subject"] for row in rows(made)}
    assert contents.keypoints_valid.all()
    clips = load_clips(out, size=64, frames=32)
    planned = {each.subject + 1: each for each in plan(CLIPS, 2) if each.label is not None}
    for i in range(contents.shape[0]):
        each = planned[int(contents.subject[i])]
        assert EMOTIONS[each.label or 0] == contents.info.class_names[int(contents.label[i])]
        take = performance_of(each, 0)
        shown, times = expression(each.label, take), np.arange(take.length, dtype=np.float64)
        strength = intensities(take, shown.intensity, times)
        points = landmarks(subject(each.subject, 0).shape, take, strength, shown.sides, times)[:, :68]
        view = alignment(points, np.ones(len(points), dtype=np.bool_))
        wanted = view.move(points, 64)
        # The clip is some stride of the take, flipped or not, with the peak at its place.
        errors = {}
        for flipped in (False, True):
            faces = (mirrored(wanted, 64) if flipped else wanted)[:, list(KEYPOINT_LANDMARKS)]
            for stride in (1, 2, 3):
                for start in range(max(0, take.length - 31 * stride)):
                    cut = faces[start : start + 31 * stride + 1 : stride]
                    gap = float(np.abs(cut - contents.keypoints[i]).max())
                    errors[gap] = (flipped, stride, start)
        flipped, stride, start = errors[min(errors)]
        assert min(errors) < 0.05
        ideal = min(max(0, take.peak - 23 * stride), take.length - 1 - 31 * stride)
        assert abs(start - ideal) <= 1
        # The pictures are what the stand-in draws in the crop itself.
        who, part = subject(each.subject, 0), slice(start, start + 31 * stride + 1, stride)
        around = landmarks(who.shape, take, strength, shown.sides, times, who.look.hairline)[part]
        drawn = layers(view.move(around, 256), strength[part], who.look, PIXELS * view.scale * 256 * who.shape.scale)
        direct = np.stack([area_resize(picture, (64, 64)) for picture in paint(wall(view, 256), drawn, 32)])
        direct = lit(direct, lighting(view, 64, take.light, take.shade))
        direct = direct[:, :, ::-1] if flipped else direct
        assert np.abs(direct.astype(int) - clips.frames[i]).mean() < 2.5


def test_workers_change_nothing(made: Path, tmp_path: Path) -> None:
    """The fixture was made by two processes."""
    for planned in (plan(CLIPS, 2)[1], plan(CLIPS, 2)[-1]):
        write_take(tmp_path, 0, planned)
        assert files(tmp_path / planned.place) == files(made / planned.place)


def test_it_is_completed_after_a_kill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "killed"
    command = [
        *(sys.executable, "-c"),
        "from pathlib import Path\n"
        "from amc.standins.original_layouts import mug\n"
        "mug.LENGTH = (50, 52)\n"
        f"mug.write_original_layout(Path({str(folder)!r}), clips=3, classes=2, seed=0, workers=1)\n",
    ]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    process = subprocess.Popen(command, env=environment)
    try:
        deadline = time.monotonic() + 120
        while not list(folder.glob("subjects3/002/session0/disgust/.take000.partial/img_000*.jpg")):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.01)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert not (folder / "truth.json").exists()
    complete = folder / "subjects3/001/anger/take000/img_0000.jpg"
    written = complete.stat().st_mtime_ns
    subprocess.run(command, env=environment, check=True, timeout=300)
    assert complete.stat().st_mtime_ns == written
    monkeypatch.setattr("amc.standins.original_layouts.mug.LENGTH", (50, 52))
    write_original_layout(tmp_path / "whole", clips=3, classes=2, seed=0, workers=1)
    assert files(folder) == files(tmp_path / "whole")


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amc.standins.original_layouts.mug.LENGTH", (50, 52))
    monkeypatch.setattr("amc.standins.original_layouts.mug.cores", lambda: 1)
    folder = tmp_path / "made"
    command = ["synthesize", "mug", "--as-distribution", str(folder), "--preset", "smoke", "--clips", "2"]
    assert main(command) == 0
    shown = capsys.readouterr().out
    assert f"{folder}: 2 takes of 3 expressions and 0 neutral ones by 2 subjects" in shown
    assert "origin=procedural" in shown
    assert list_files(folder, Problems()).procedural
    # The same again is complete; other settings are another folder's.
    assert main(command) == 0
    assert main([*command, "--seed", "1"]) == 2
    assert "holds other files, or a stand-in made with other settings" in capsys.readouterr().err


def test_a_folder_that_holds_something_else(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="holds other files"):
        write_original_layout(tmp_path, clips=2, classes=2)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_a_disk_that_is_too_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: _Usage())
    with pytest.raises(UserError, match=r"GB, but 0\.0 GB are free; choose fewer --clips"):
        write_original_layout(tmp_path / "a", clips=2, classes=2)
    with pytest.raises(UserError, match="1000000000 clips do not fit on the disk"):
        write_original_layout(tmp_path / "a", clips=10**9, classes=2)


class _Usage:
    free = 1000
    total = 10**12


def test_what_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "subjects3").write_text("a file")
    with pytest.raises(UserError, match="cannot write"):
        write_take(tmp_path, 0, plan(2, 2)[0])


@pytest.mark.parametrize("wrong", [{"clips": 0}, {"classes": 1}, {"classes": 7}, {"seed": -1}])
def test_sizes_that_make_no_data_set(tmp_path: Path, wrong: dict[str, int]) -> None:
    right = {"clips": 4, "classes": 3, "seed": 0}
    with pytest.raises(UserError):
        write_original_layout(tmp_path / "a", **(right | wrong))
    assert list(tmp_path.iterdir()) == []
