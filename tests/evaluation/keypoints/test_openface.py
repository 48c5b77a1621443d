"""Landmarks by a program that behaves like OpenFace, or by tables that the user brings."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from amc.errors import UserError
from amc.evaluation.keypoints.extractor import nothing_found
from amc.evaluation.keypoints.openface import MissingTables, load_openface

# Landmark i of a frame lies at (i, red value of its first pixel); frames whose first pixel is black show no face.
PROGRAM = """#!{python}
import pathlib, sys
from PIL import Image
frames, out = (pathlib.Path(sys.argv[sys.argv.index(option) + 1]) for option in ("-fdir", "-out_dir"))
runs = pathlib.Path(__file__).with_name("runs")
runs.write_text(runs.read_text() + "x" if runs.exists() else "x")
names = ["frame", "face_id", "timestamp", "confidence", "success"]
names += [f"{{axis}}_{{i}}" for axis in "xy" for i in range(68)]
lines = [", ".join(names)]
for number, path in enumerate(sorted(frames.iterdir()), start=1):
    image = Image.open(path)
    assert image.size == (128, 128)
    red = image.getpixel((0, 0))[0]
    good = int(red > 0)
    row = [number, 0, 0.0, 0.9 * good, good] + [i * good for i in range(68)] + [red] * 68
    lines.append(", ".join(map(str, row)))
(out / f"{{frames.name}}.csv").write_text("\\n".join(lines))
"""


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMC_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "bin" / "FeatureExtraction"
    path.parent.mkdir()
    path.write_text(PROGRAM.format(python=sys.executable))
    path.chmod(0o755)
    return path


def clips() -> NDArray[np.uint8]:
    made = np.zeros((2, 3, 32, 32, 3), np.uint8)
    made[0] = 40
    made[1, 0], made[1, 2] = 80, 90  # nothing in frame 1
    return made


def check(points: NDArray[np.float32]) -> None:
    assert points.shape == (2, 3, 68, 2)
    # 128 pixels become 32: x becomes (x + 0.5) / 4 - 0.5.
    np.testing.assert_allclose(points[0, 0, 10], [(10.5) / 4 - 0.5, (40.5) / 4 - 0.5])
    np.testing.assert_allclose(points[1, 2, 67], [(67.5) / 4 - 0.5, (90.5) / 4 - 0.5])
    assert nothing_found(points).tolist() == [[False] * 3, [False, True, False]]


def test_the_program_runs_once_on_each_clip(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    extractor = load_openface(program)
    check(extractor(clips()))
    check(extractor(clips()))
    assert (program.parent / "runs").read_text() == "xx"
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    assert load_openface(None).key == extractor.key


def test_tables_from_another_machine(tmp_path: Path, program: Path) -> None:
    folder = tmp_path / "tables"
    folder.mkdir()
    extractor = load_openface(folder)
    with pytest.raises(UserError, match=r"2 of 2 clips have no table in .*/tables.*FeatureExtraction -fdir"):
        extractor(clips())
    for frames in sorted(path for path in folder.iterdir() if path.is_dir()):
        subprocess.run([program, "-fdir", frames, "-out_dir", folder, "-2Dfp"], check=True)
    check(extractor(clips()))
    broken = sorted(folder.glob("*.csv"))[0]
    broken.write_text("frame, success\n1, 1\n")
    with pytest.raises(UserError, match=f"no landmarks of clip {broken.stem}: no column 'confidence'"):
        extractor(clips())


def test_the_key_of_tables_follows_their_names_and_contents(tmp_path: Path) -> None:
    folder = tmp_path / "tables"
    folder.mkdir()
    keys = [load_openface(folder).key]
    for name, text in (("a.csv", "1"), ("a.csv", "2"), ("b.csv", "2")):
        (folder / name).write_text(text)
        keys.append(load_openface(folder).key)
    assert len(set(keys)) == 4
    with pytest.raises(MissingTables):
        load_openface(folder)(clips())  # writes frames, which are no tables
    assert load_openface(folder).key == keys[-1]
    assert load_openface(folder.rename(tmp_path / "moved")).key == keys[-1]


def test_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="FeatureExtraction is not on the PATH; build OpenFace"):
        load_openface(None)
    with pytest.raises(UserError, match=r"--extractor openface: .*/nowhere: missing or not executable"):
        load_openface(tmp_path / "nowhere")
