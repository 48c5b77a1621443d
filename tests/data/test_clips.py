from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from amc.data.clipfile import ClipInfo, ClipWriter, check
from amc.data.clips import Clips, load_clips
from amc.errors import UserError

INFO = ClipInfo("toy", "folder", ("a", "b"), ("left", "right"), ((0, 1),), {})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Two clips of five 4 x 4 frames. Every pixel of frame t of clip i is 40 i + 8 t; keypoint x counts up with t."""
    path = tmp_path / "toy.h5"
    with ClipWriter(path, INFO, frames=5, size=(4, 4), keypoints=2) as writer:
        for i in range(2):
            frames = np.broadcast_to((40 * i + 8 * np.arange(5, dtype=np.uint8))[:, None, None, None], (5, 4, 4, 3))
            points = np.stack([np.arange(5) + np.array([[0], [1]]), np.full((2, 5), 1.5)], axis=-1).swapaxes(0, 1)
            valid = np.arange(5)[:, None] != [i, 4]
            writer.add(frames.astype(np.uint8), points, valid, label=i, subject=i, source_clip=i)
    return path


def shown(clips: Clips) -> list[list[int]]:
    return clips.frames[:, :, 0, 0, 0].tolist()


def test_a_file_of_the_right_size_is_loaded_as_it_is(file: Path) -> None:
    clips = load_clips(file, size=4, frames=5)
    assert clips.reduction == ""
    assert clips.frames.shape == (2, 5, 4, 4, 3)
    assert shown(clips) == [[0, 8, 16, 24, 32], [40, 48, 56, 64, 72]]
    assert clips.keypoints[0, :, 1].tolist() == [[t + 1, 1.5] for t in range(5)]
    assert clips.keypoints_valid[1].tolist() == [[True, True], [False, True], [True, True], [True, True], [True, False]]
    assert clips.label.tolist() == clips.subject.tolist() == clips.source_clip.tolist() == [0, 1]
    assert clips.info == check(file).info
    assert {a.dtype.name for a in (clips.label, clips.subject, clips.source_clip)} == {"int64"}
    assert (clips.frames.dtype, clips.keypoints.dtype, clips.keypoints_valid.dtype) == (np.uint8, np.float32, np.bool_)


def test_longer_clips_give_their_first_frames(file: Path) -> None:
    clips = load_clips(file, size=4, frames=3)
    assert shown(clips) == [[0, 8, 16], [40, 48, 56]]
    assert clips.keypoints[0, :, 0, 0].tolist() == [0, 1, 2]
    assert clips.keypoints_valid[1].tolist() == [[True, True], [False, True], [True, True]]
    assert clips.reduction == "5 to 3 frames (first)"


@pytest.mark.parametrize(
    ("frames", "kept"), [(5, [0, 1, 2, 3, 4]), (4, [0, 1, 3, 4]), (3, [0, 2, 4]), (2, [0, 4]), (1, [0])]
)
def test_or_frames_evenly_spaced(file: Path, frames: int, kept: list[int]) -> None:
    clips = load_clips(file, size=4, frames=frames, rule="even")
    assert shown(clips)[0] == [8 * t for t in kept]
    assert clips.keypoints[0, :, 0, 0].tolist() == kept


def test_larger_clips_are_reduced_and_keypoints_follow(file: Path) -> None:
    clips = load_clips(file, size=2, frames=5)
    assert clips.frames.shape == (2, 5, 2, 2, 3)
    assert shown(clips) == [[0, 8, 16, 24, 32], [40, 48, 56, 64, 72]]
    # x to (x + 0.5) / 2 - 0.5
    np.testing.assert_allclose(clips.keypoints[0, :, 0], [[(t + 0.5) / 2 - 0.5, 0.5] for t in range(5)])
    assert clips.reduction == "4x4 to 2x2 pixels (area)"


def test_both_reductions_are_recorded(file: Path) -> None:
    assert load_clips(file, size=2, frames=4, rule="even").reduction == "5 to 4 frames (even), 4x4 to 2x2 pixels (area)"


@pytest.mark.parametrize(("size", "frames"), [(8, 5), (4, 6)])
def test_smaller_or_shorter_clips_are_an_error(file: Path, size: int, frames: int) -> None:
    with pytest.raises(UserError, match=rf"clips of 4x4 pixels and 5 frames .* {size}x{size} and {frames}"):
        load_clips(file, size=size, frames=frames)


def test_clips_must_be_square(tmp_path: Path) -> None:
    path = tmp_path / "wide.h5"
    with ClipWriter(path, INFO, frames=2, size=(4, 6), keypoints=2) as writer:
        writer.add(np.zeros((2, 4, 6, 3), np.uint8), np.zeros((2, 2, 2)), np.ones((2, 2), bool), 0, 0, 0)
    with pytest.raises(UserError, match="6x4 pixels, but must be square"):
        load_clips(path, size=4, frames=2)
