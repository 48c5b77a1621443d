"""Decides which frames of a video of NATOPS become clips, how they are cropped, and where the joints are in the crop.

A clip is the first T frames of its segment (R22). The crop is a square of three quarters of the frame's height (180 of
240 pixels), centred on the chest. It is the same for all frames of a clip, at the median of the chest's positions, so
that the body's own motion remains. Outside the frame, the crop repeats the frame's edge pixels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from amc.data.datasets.natops import GESTURE_NAMES
from amc.data.resize import resize_points
from amc.importing.gap_filling import fill_gaps
from amc.importing.keypoints.table import VideoKeypoints
from amc.importing.natops.joint_source import CHEST
from amc.importing.natops.segmentation import MOST_REPETITIONS, MOST_SUBJECTS, Segment
from amc.importing.natops.source_files import NatopsVideo
from amc.importing.problems import Problems
from amc.importing.video.decoding import VideoFacts

HEIGHT, WIDTH = 240, 320  # pixels of the real videos
CROP = (180, 240)  # side of the crop as a fraction of the frame's height


@dataclass(frozen=True)
class ClipSettings:
    """How segments become clips. All numbers are at least 1, `frames` at least 2."""

    frames: int  # T
    size: int  # H = W of the clips in pixels
    stride: int  # distance between two frames of a clip in video frames, with `long_clips` "first"
    long_clips: Literal["first", "even"]  # T frames of a longer segment: the first, or evenly spaced

    @property
    def span(self) -> int:
        """Least number of frames of a segment."""
        return (self.frames - 1) * self.stride + 1

    def frames_of(self, segment: Segment) -> NDArray[np.int64]:
        """The frames of the clip of a segment with at least `span` frames: (T,), counted from 0."""
        step = np.arange(self.frames)
        if self.long_clips == "first":
            return segment.start - 1 + step * self.stride
        # Evenly from the first to the last frame, halves rounded up.
        whole, parts = segment.frames - 1, self.frames - 1
        return segment.start - 1 + (2 * step * whole + parts) // (2 * parts)


@dataclass(frozen=True)
class Crop:
    """A square of `side` pixels whose top-left pixel is (left, top); it may extend beyond the frame."""

    left: int
    top: int
    side: int

    @classmethod
    def around(cls, chest: NDArray[np.float64], side: int) -> Crop:
        """The square whose centre is nearest to the point (x, y)."""
        left, top = np.floor(chest - (side - 1) / 2 + 0.5).astype(int)
        return cls(int(left), int(top), side)

    def apply(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Crops a frame (H, W, 3) to uint8 (side, side, 3), repeating edge pixels outside the frame."""
        height, width, _ = frame.shape
        left, top, side = self.left, self.top, self.side
        if left >= 0 and top >= 0 and left + side <= width and top + side <= height:
            return frame[top : top + side, left : left + side]
        rows = np.clip(np.arange(top, top + side), 0, height - 1)
        columns = np.clip(np.arange(left, left + side), 0, width - 1)
        return frame[rows[:, None], columns]


@dataclass(frozen=True)
class ClipPlan:
    """One clip: video frames `at` (T,), the crop, and keypoints (T, k, 2), valid (T, k) in pixels of the clip."""

    source: int
    at: NDArray[np.int64]
    crop: Crop
    keypoints: NDArray[np.float32]
    valid: NDArray[np.bool_]


@dataclass(frozen=True)
class VideoPlan:
    """All clips of a video in the order of their repetitions; at least one."""

    video: NatopsVideo
    facts: VideoFacts
    clips: tuple[ClipPlan, ...]

    @property
    def label(self) -> str:
        """Name of the gesture."""
        return GESTURE_NAMES[self.video.gesture - 1]


def crop_side(height: int) -> int:
    """Side of the crop for a frame height in pixels: 180 for 240."""
    return (2 * height * CROP[0] + CROP[1]) // (2 * CROP[1])


def source_clip(segment: Segment) -> int:
    """A number that is unique to a gesture, subject and repetition, whatever other videos there are."""
    return (segment.gesture * (MOST_SUBJECTS + 1) + segment.subject) * (MOST_REPETITIONS + 1) + segment.repetition


def plan_video(
    video: NatopsVideo,
    facts: VideoFacts,
    segments: Sequence[Segment],
    joints: VideoKeypoints,
    settings: ClipSettings,
    problems: Problems,
    dropped: Counter[str],
) -> VideoPlan | None:
    """Plans the clips of a video; None if it gives none.

    Args:
        video: the video.
        facts: result of `amc.importing.video.decoding.examine` for it.
        segments: segments of its gesture and subject, sorted by repetition.
        joints: joints in its frames, in the order of `amc.data.datasets.natops.KEYPOINT_NAMES`.
        settings: how to cut.
        problems: problems with segments are added here.
        dropped: number of segments shorter than a clip by class, incremented here.
    """
    side = crop_side(facts.height)
    if side < settings.size:
        size = f"{facts.width}x{facts.height}"
        problems.skip("too small", video.name, f"the crop of {size} has {side} pixels, the clips have {settings.size}")
        return None
    if joints.frame.size and joints.frame[-1] >= facts.frames:
        problems.note(
            "joints past the end",
            video.name,
            f"it has {facts.frames} frames, but joints up to frame {joints.frame[-1]} (counted from 0)",
        )
    centre = ((facts.width - 1) / 2, (facts.height - 1) / 2)
    points, valid = fill_gaps(joints.over(facts.frames), centre)
    clips = []
    sources = _sources(segments, settings)
    for segment in segments:
        if segment.frames < settings.span:
            dropped[GESTURE_NAMES[video.gesture - 1]] += 1
        elif _inside(segment, video, facts, settings, problems):
            source = sources[segment.repetition]
            clip = _clip(segment, source, video, facts, points, valid, settings, problems)
            clips += [clip] if clip is not None else []
    return VideoPlan(video, facts, tuple(clips)) if clips else None


def _inside(
    segment: Segment, video: NatopsVideo, facts: VideoFacts, settings: ClipSettings, problems: Problems
) -> bool:
    if segment.end <= facts.frames:
        return True
    message = f"ends at frame {segment.end} of a video of {facts.frames}"
    if settings.frames_of(segment)[-1] < facts.frames:
        problems.note("segment past the end", _where(video, segment), f"{message}; the clip's own frames exist")
        return True
    problems.skip("segment past the end", _where(video, segment), message)
    return False


def _sources(segments: Sequence[Segment], settings: ClipSettings) -> dict[int, int]:
    """Source number of each repetition; repetitions whose clips share frames share their source."""
    sources: dict[int, int] = {}
    source, last = 0, -1
    for segment in sorted(segments, key=lambda each: (each.start, each.repetition)):
        at = settings.frames_of(segment)
        if at[0] > last:
            source = source_clip(segment)
        sources[segment.repetition] = source
        last = max(last, int(at[-1]))
    return sources


def _clip(
    segment: Segment,
    source: int,
    video: NatopsVideo,
    facts: VideoFacts,
    points: NDArray[np.float64],
    valid: NDArray[np.bool_],
    settings: ClipSettings,
    problems: Problems,
) -> ClipPlan | None:
    at = settings.frames_of(segment)
    found = valid[at, CHEST]
    if not found.any():
        problems.skip(
            "no chest", _where(video, segment), "the chest was not found in any frame, so the crop is unknown"
        )
        return None
    chest: NDArray[np.float64] = np.median(points[at[found], CHEST], axis=0)
    if not ((chest >= -0.5) & (chest < (facts.width - 0.5, facts.height - 0.5))).all():
        problems.skip(
            "chest outside",
            _where(video, segment),
            f"the chest, at ({chest[0]:.0f}, {chest[1]:.0f}), is outside the frame",
        )
        return None
    crop = Crop.around(chest, crop_side(facts.height))
    moved = (points[at] - (crop.left, crop.top)).astype(np.float32)
    keypoints = resize_points(moved, (crop.side, crop.side), (settings.size, settings.size))
    return ClipPlan(source, at, crop, keypoints, valid[at])


def _where(video: NatopsVideo, segment: Segment) -> str:
    return f"{video.name}, repetition {segment.repetition}"
