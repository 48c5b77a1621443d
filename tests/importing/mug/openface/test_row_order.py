"""Rows in the order of names or of numbers: decided by a margin, or refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from amc.importing.mug.openface.row_order import rows_of_frames
from amc.importing.mug.openface.table import LandmarksError
from amc.importing.mug.source_files import MugTake

FRAMES = 14
NAMES = tuple(f"img_{i}.png" for i in range(1, FRAMES + 1))  # img_10 sorts before img_2
BY_NAME = np.argsort(np.argsort(NAMES))


def _take(folder: Path, moves: bool) -> tuple[MugTake, NDArray[np.float64]]:
    """A bright bar that moves down, or not; and a face that moves with it, in the order of the frames' numbers."""
    landmarks = np.zeros((FRAMES, 68, 2))
    for i, name in enumerate(NAMES):
        picture = np.zeros((96, 96), np.uint8)
        at = 6 * i if moves else 10
        picture[at : at + 12] = 255
        Image.fromarray(picture).save(folder / name)
        landmarks[i, :, 1] = at
    landmarks += np.random.default_rng(0).normal(0, 0.1, landmarks.shape)
    return MugTake(folder, NAMES, "1/happy/take", "1/happy/take", "happy", "1"), landmarks


def test_the_images_tell_the_order(tmp_path: Path) -> None:
    take, landmarks = _take(tmp_path, moves=True)
    assert rows_of_frames(take, landmarks) is None
    sorted_by_name = landmarks[np.argsort(NAMES)]
    rows = rows_of_frames(take, sorted_by_name)
    assert rows is not None
    np.testing.assert_array_equal(rows, BY_NAME)
    np.testing.assert_array_equal(sorted_by_name[rows], landmarks)


def test_images_that_do_not_tell(tmp_path: Path) -> None:
    take, landmarks = _take(tmp_path, moves=False)
    with pytest.raises(LandmarksError, match=r"order of the frames' names or of their numbers.*pad the numbers"):
        rows_of_frames(take, landmarks)
