"""Which frames a clip takes, where it is cropped, and its joints: by hand."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amc.data.datasets.natops import KEYPOINT_NAMES
from amc.importing.keypoints.table import VideoKeypoints
from amc.importing.natops.clip_plans import ClipSettings, Crop, VideoPlan, crop_side, plan_video, source_clip
from amc.importing.natops.segmentation import Segment
from amc.importing.natops.source_files import NatopsVideo
from amc.importing.problems import Problems
from amc.importing.video.decoding import VideoFacts

FILM = NatopsVideo(gesture=3, subject=7, path=Path("g03s07.avi"), member=None, name="g03s07.avi")
FACTS = VideoFacts(frames=100, height=240, width=320)
CUTTING = ClipSettings(frames=8, size=60, stride=1, long_clips="first")
CHEST = KEYPOINT_NAMES.index("chest")


def _joints(points: np.ndarray) -> VideoKeypoints:
    return VideoKeypoints(np.arange(len(points)), points, np.full(len(points), np.nan))


def _points(frames: int = 100) -> np.ndarray:
    return np.tile([159.5, 119.5], (frames, 9, 1)).astype(np.float64)


def _plan(
    points: np.ndarray, *segments: Segment, settings: ClipSettings = CUTTING
) -> tuple[VideoPlan | None, Problems, int]:
    problems, dropped = Problems(), Counter[str]()
    made = plan_video(FILM, FACTS, segments, _joints(points), settings, problems, dropped)
    return made, problems, dropped.total()


def _segment(start: int, end: int, repetition: int = 1) -> Segment:
    return Segment(7, 3, repetition, start, end)


def test_the_first_frames_of_a_segment() -> None:
    assert ClipSettings(4, 8, 1, "first").frames_of(_segment(1, 9)).tolist() == [0, 1, 2, 3]
    assert ClipSettings(4, 8, 3, "first").frames_of(_segment(5, 14)).tolist() == [4, 7, 10, 13]
    assert ClipSettings(4, 8, 3, "first").span == 10


def test_even_frames_of_a_segment() -> None:
    even = ClipSettings(4, 8, 1, "even")
    assert even.span == 4
    assert even.frames_of(_segment(1, 4)).tolist() == [0, 1, 2, 3]
    assert even.frames_of(_segment(11, 17)).tolist() == [10, 12, 14, 16]
    # 7/3 and 14/3 of a frame: 2.33 and 4.67.
    assert even.frames_of(_segment(1, 8)).tolist() == [0, 2, 5, 7]


@given(st.integers(2, 40), st.integers(0, 60), st.sampled_from(["first", "even"]), st.integers(1, 3))
def test_frames_increase_within_the_segment(frames: int, more: int, rule: str, stride: int) -> None:
    settings = ClipSettings(frames, 8, stride if rule == "first" else 1, rule)  # type: ignore[arg-type]
    segment = _segment(5, 5 + settings.span - 1 + more)
    at = settings.frames_of(segment)
    assert len(at) == frames
    assert (np.diff(at) > 0).all()
    assert at[0] == 4
    assert at[-1] <= segment.end - 1


def test_the_crop_is_180_of_240_with_the_chest_in_its_middle() -> None:
    assert (crop_side(240), crop_side(480), crop_side(48), crop_side(50)) == (180, 360, 36, 38)
    # From 70 to 249 and from 30 to 209: the middle lies between two pixels, as the frame's does.
    assert Crop.around(np.array([159.5, 119.5]), 180) == Crop(70, 30, 180)
    assert Crop.around(np.array([159.9, 119.1]), 180) == Crop(70, 30, 180)
    assert Crop.around(np.array([2.0, 0.0]), 5) == Crop(0, -2, 5)


@given(st.integers(1, 40), st.floats(-0.5, 31.4), st.floats(-0.5, 23.4))
def test_outside_the_frame_its_edge_goes_on(side: int, x: float, y: float) -> None:
    frame = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    crop = Crop.around(np.array([x, y]), side)
    padded = np.pad(frame, ((50, 50), (50, 50), (0, 0)), mode="edge")
    expected = padded[50 + crop.top : 50 + crop.top + side, 50 + crop.left : 50 + crop.left + side]
    np.testing.assert_array_equal(crop.apply(frame), expected)
    assert abs(crop.left + (side - 1) / 2 - x) <= 0.5 + 1e-9
    assert abs(crop.top + (side - 1) / 2 - y) <= 0.5 + 1e-9


def test_one_crop_a_clip_at_the_median_chest_and_joints_in_its_pixels() -> None:
    points = _points()
    points[:, CHEST] = [150.0, 110.0]
    points[12:15, CHEST] = [300.0, 10.0]  # 3 of 8 frames: the median does not care
    points[:, 7] = [70.0, 30.0]
    made, problems, _ = _plan(points, _segment(11, 60))
    assert made is not None
    (clip,) = made.clips
    assert clip.at.tolist() == list(range(10, 18))
    # 150 - 89.5 = 60.5, rounded up; 110 - 89.5 = 20.5.
    assert clip.crop == Crop(61, 21, 180)
    # A third of the size: (70 - 61 + 0.5) / 3 - 0.5 and (30 - 21 + 0.5) / 3 - 0.5.
    np.testing.assert_allclose(clip.keypoints[:, 7], 2.6666667, rtol=1e-6)
    assert clip.valid.all()
    assert not problems.found


def test_gaps_are_filled_up_to_the_limit() -> None:
    points = _points()
    points[:, 8, 0] = 100 + 3 * np.arange(100.0)
    points[12:15, 8] = np.nan  # three frames: bridged
    points[22:40, 8] = np.nan  # longer than the limit: filled, and not valid
    made, _, _ = _plan(points, _segment(11, 60), _segment(21, 60, 2))
    assert made is not None
    bridged, open_gap = made.clips
    assert bridged.valid.all()
    np.testing.assert_allclose(np.diff(bridged.keypoints[:, 8, 0]), 1.0, atol=1e-5)
    assert open_gap.valid[:, 8].tolist() == [True, True] + [False] * 6
    assert np.isfinite(open_gap.keypoints).all()


def test_the_chest_decides_what_can_be_cropped() -> None:
    points = _points()
    points[:30, CHEST] = np.nan
    points[40:, CHEST] = [-20.0, 50.0]
    made, problems, _ = _plan(points, _segment(1, 20), _segment(31, 38, 2), _segment(51, 60, 3))
    assert made is not None
    assert [clip.source for clip in made.clips] == [source_clip(_segment(31, 38, 2))]
    assert [str(p) for p in problems.found] == [
        "g03s07.avi, repetition 1: the chest was not found in any frame, so the crop is unknown",
        "g03s07.avi, repetition 3: the chest, at (-20, 50), is outside the frame",
    ]


def test_short_segments_are_counted_and_those_past_the_end_named() -> None:
    made, problems, dropped = _plan(
        _points(), _segment(1, 7), _segment(1, 8, 2), _segment(90, 104, 3), _segment(95, 104, 4), _segment(105, 150, 5)
    )
    assert made is not None
    assert [clip.at[0] for clip in made.clips] == [0, 89]
    assert dropped == 1
    assert [(p.skipped, str(p)) for p in problems.found] == [
        (False, "g03s07.avi, repetition 3: ends at frame 104 of a video of 100; the clip's own frames exist"),
        (True, "g03s07.avi, repetition 4: ends at frame 104 of a video of 100"),
        (True, "g03s07.avi, repetition 5: ends at frame 150 of a video of 100"),
    ]


def test_joints_past_the_end_are_noted_and_a_crop_smaller_than_the_clip_refused() -> None:
    _, problems, _ = _plan(_points(103), _segment(1, 20))
    assert [p.kind for p in problems.found] == ["joints past the end"]
    made, problems, _ = _plan(_points(), _segment(1, 20), settings=replace(CUTTING, size=181))
    assert made is None
    assert [p.kind for p in problems.found] == ["too small"]


@pytest.mark.parametrize("gesture", [1, 24])
def test_every_repetition_has_a_number_of_its_own(gesture: int) -> None:
    numbers = {source_clip(Segment(s, gesture, r, 1, 2)) for s in range(1, 100) for r in (1, 20, 999)}
    assert len(numbers) == 99 * 3
    assert not numbers & {source_clip(Segment(s, 12, r, 1, 2)) for s in range(1, 100) for r in (1, 20, 999)}


def test_repetitions_whose_clips_share_frames_are_one_source() -> None:
    """Clips of 8 frames: 1-8 and 8-15 share a frame; 16-23 none; the rest of a long segment is in no clip."""
    made, _, _ = _plan(_points(), _segment(1, 30, 1), _segment(8, 15, 2), _segment(16, 23, 3))
    assert made is not None
    first, second, third = (clip.source for clip in made.clips)
    assert first == second != third
