"""The adapter of dlib, with a stand-in for dlib: CI does not install it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from amc.errors import UserError
from amc.evaluation.keypoints.dlib_landmarks import load_dlib
from amc.evaluation.keypoints.extractor import nothing_found


class Shape:
    def __init__(self, left: int, parts: int) -> None:
        self.left, self.num_parts = left, parts

    def part(self, number: int) -> Any:
        return SimpleNamespace(x=self.left + number, y=number)


class Box(SimpleNamespace):
    def area(self) -> int:
        return int(self.right - self.left)


def fake_dlib(parts: int = 68) -> Any:
    """Frames with a bright first pixel have two faces, the larger one at 20; dim ones have one without upsampling."""

    def detector() -> Any:
        def detect(image: NDArray[np.uint8], upsample: int) -> list[Box]:
            assert image.shape == (128, 128, 3)
            red = int(image[0, 0, 0])
            if red > 200:
                return [Box(left=10, right=15), Box(left=20, right=80)]
            return [Box(left=30, right=60)] if red > 50 and upsample == 0 else []

        return detect

    def shape_predictor(path: str) -> Any:
        if Path(path).read_bytes() != b"weights":
            raise RuntimeError("Error deserializing")
        return lambda image, box: Shape(box.left, parts)

    return SimpleNamespace(
        get_frontal_face_detector=detector,
        shape_predictor=shape_predictor,
        rectangle=lambda left, top, right, bottom: Box(left=left, right=right),
    )


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(sys.modules, "dlib", fake_dlib())
    path = tmp_path / "predictor.dat"
    path.write_bytes(b"weights")
    return path


def test_the_largest_face_of_each_frame(weights: Path) -> None:
    frames = np.zeros((1, 3, 64, 64, 3), np.uint8)
    frames[0, 0], frames[0, 1] = 255, 100
    points = load_dlib(weights)(frames)
    assert points.shape == (1, 3, 68, 2)
    # 128 pixels become 64: x becomes (x + 0.5) / 2 - 0.5.
    np.testing.assert_allclose(points[0, 0, 5], [25.5 / 2 - 0.5, 5.5 / 2 - 0.5])
    np.testing.assert_allclose(points[0, 1, 5], [35.5 / 2 - 0.5, 5.5 / 2 - 0.5])
    assert nothing_found(points).tolist() == [[False, False, True]]


def test_what_is_missing_is_said(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="needs a file of weights: give --extractor dlib:PATH/shape_predictor_68"):
        load_dlib(None)
    with pytest.raises(UserError, match="file not found"):
        load_dlib(weights.with_name("other.dat"))
    weights.write_bytes(b"something else")
    with pytest.raises(UserError, match="is not a dlib shape predictor"):
        load_dlib(weights)
    weights.write_bytes(b"weights")
    monkeypatch.setitem(sys.modules, "dlib", fake_dlib(parts=5))
    with pytest.raises(UserError, match="predicts 5 landmarks, not 68"):
        load_dlib(weights)
    monkeypatch.setitem(sys.modules, "dlib", None)
    with pytest.raises(UserError, match=r"dlib is not installed; run `pip install 'amc-gan\[dlib\]'`"):
        load_dlib(weights)
