"""WindowSettings: which frames, which pixels, and keypoints that stay on what they mark."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amc.data.resize import area_resize
from amc.importing.folder.windows import Window, WindowSettings, windows
from amc.importing.video.decoding import DecodeError, VideoFacts
from tests.importing.made_videos import lossless


def _cut(path: Path, shape: tuple[int, int, int], points: np.ndarray, settings: WindowSettings) -> list[Window]:
    return list(windows(path, VideoFacts(*shape), points, np.ones(points.shape[:2], bool), settings))


def test_frames_of_each_window(tmp_path: Path) -> None:
    """11 frames, T = 3 at stride 2 (a span of 5), a new window every 4 frames: starts 0 and 4; 8 would pass the end."""
    video = np.zeros((11, 4, 6, 3), np.uint8) + np.arange(11, dtype=np.uint8)[:, None, None, None]
    path = lossless(tmp_path / "v.mkv", video)
    points = np.zeros((11, 1, 2)) + np.arange(11)[:, None, None]
    cut = _cut(path, (11, 4, 6), points, WindowSettings(frames=3, size=2, stride=2, step=4))
    assert [w.frames[:, 0, 0, 0].tolist() for w in cut] == [[0, 2, 4], [4, 6, 8]]
    # x loses the square's left edge (1 pixel); then pixel p of 4 becomes (p + 0.5) / 2 - 0.5 of 2.
    np.testing.assert_allclose(
        cut[1].keypoints[:, 0], [[(t - 1 + 0.5) / 2 - 0.5, (t + 0.5) / 2 - 0.5] for t in (4, 6, 8)]
    )


@pytest.mark.parametrize("now", [(10, 4, 6), (12, 4, 6), (11, 6, 4), (11, 8, 8)])
def test_a_video_that_is_no_longer_what_it_was(tmp_path: Path, now: tuple[int, int, int]) -> None:
    path = lossless(tmp_path / "v.mkv", np.zeros((*now, 3), np.uint8))
    with pytest.raises(DecodeError, match=r"now it has|frame size changed"):
        _cut(path, (11, 4, 6), np.zeros((11, 1, 2)), WindowSettings(frames=3, size=2, stride=2, step=4))


@pytest.mark.parametrize(("frames", "count"), [(7, 0), (8, 1), (9, 1), (12, 2), (16, 3)])
def test_how_many_windows(tmp_path: Path, frames: int, count: int) -> None:
    path = lossless(tmp_path / "v.mkv", np.zeros((frames, 4, 4, 3), np.uint8))
    assert len(_cut(path, (frames, 4, 4), np.zeros((frames, 1, 2)), WindowSettings(8, 4, 1, 4))) == count


def test_pixels_are_the_area_mean_of_the_middle_square(tmp_path: Path) -> None:
    video = np.random.default_rng(0).integers(0, 256, (2, 9, 14, 3), dtype=np.uint8)
    (window,) = _cut(lossless(tmp_path / "v.mkv", video), (2, 9, 14), np.zeros((2, 1, 2)), WindowSettings(2, 4, 1, 1))
    np.testing.assert_array_equal(window.frames, area_resize(video[:, :, 2:11], (4, 4)))


@given(
    height=st.integers(24, 60),
    width=st.integers(24, 60),
    size=st.integers(8, 24),
    at=st.tuples(st.floats(0.3, 0.7), st.floats(0.3, 0.7)),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_keypoint_stays_on_its_blob(
    tmp_path: Path, height: int, width: int, size: int, at: tuple[float, float]
) -> None:
    x, y = at[0] * (width - 1), at[1] * (height - 1)
    side = min(width, height)
    x, y = (width - 1) / 2 + (at[0] - 0.5) * side, (height - 1) / 2 + (at[1] - 0.5) * side
    rows, columns = np.mgrid[:height, :width]
    blob = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * (side / 14) ** 2))
    video = np.repeat((255 * blob)[None, :, :, None], 3, axis=3).repeat(2, axis=0).astype(np.uint8)
    points = np.tile([[x, y]], (2, 1, 1))
    path = lossless(tmp_path / "blob.mkv", video)
    (window,) = _cut(path, (2, height, width), points, WindowSettings(2, size, 1, 1))
    weight = window.frames[0, :, :, 0].astype(float)
    rows, columns = np.mgrid[:size, :size]
    centre = [(weight * columns).sum() / weight.sum(), (weight * rows).sum() / weight.sum()]
    np.testing.assert_allclose(window.keypoints[0, 0], centre, atol=0.2)
