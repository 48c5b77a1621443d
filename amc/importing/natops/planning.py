"""Which frames of a video of NATOPS become clips, where they are cropped, and their joints in the crop.

A clip is the first T frames of its segment (R22). The crop is a square of three quarters of the frame's height (180 of
240 pixels) with the chest at its centre: one for a clip, at the median of where the chest is found in its frames, so
that the body's own motion stays in. Where it leaves the frame, the frame's edge pixels go on.
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
from amc.importing.gaps import fill_gaps
from amc.importing.keypoint_table import VideoKeypoints
from amc.importing.natops.distribution import Film
from amc.importing.natops.joints import CHEST
from amc.importing.natops.segmentation import MOST_REPETITIONS, MOST_SUBJECTS, Segment
from amc.importing.problems import Problems
from amc.importing.video.video import VideoFacts

HEIGHT, WIDTH = 240, 320  # of the real videos
CROP = (180, 240)  # pixels of a frame's height


@dataclass(frozen=True)
class Cutting:
    """How segments become clips. All numbers are at least 1, `frames` at least 2."""

    frames: int  # T
    size: int  # H = W of the clips, in pixels
    stride: int = 1  # video frames from one clip frame to the next, where the first are taken
    long_clips: Literal["first", "even"] = "first"  # which T frames of a longer segment

    @property
    def span(self) -> int:
        """Frames that a segment must have."""
        return (self.frames - 1) * self.stride + 1

    def at(self, segment: Segment) -> NDArray[np.int64]:
        """The T frames taken of a segment of at least `span`, (T,), counted from 0."""
        step = np.arange(self.frames)
        if self.long_clips == "first":
            return segment.start - 1 + step * self.stride
        # Evenly from the first to the last, halves rounded up.
        whole, parts = segment.frames - 1, self.frames - 1
        return segment.start - 1 + (2 * step * whole + parts) // (2 * parts)


@dataclass(frozen=True)
class Crop:
    """A square of `side` pixels with its top-left pixel at (left, top), which may lie outside the frame."""

    left: int
    top: int
    side: int

    @classmethod
    def around(cls, chest: NDArray[np.float64], side: int) -> Crop:
        """The square whose centre is nearest to (x, y)."""
        left, top = np.floor(chest - (side - 1) / 2 + 0.5).astype(int)
        return cls(int(left), int(top), side)

    def of(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """uint8 (side, side, 3) of a frame (H, W, 3), edge pixels repeated outside of it."""
        height, width, _ = frame.shape
        left, top, side = self.left, self.top, self.side
        if left >= 0 and top >= 0 and left + side <= width and top + side <= height:
            return frame[top : top + side, left : left + side]
        rows = np.clip(np.arange(top, top + side), 0, height - 1)
        columns = np.clip(np.arange(left, left + side), 0, width - 1)
        return frame[rows[:, None], columns]


@dataclass(frozen=True)
class ClipPlan:
    """One clip: the video's frames (T,), the crop, and keypoints (T, k, 2), valid (T, k) in pixels of the clip."""

    source: int
    at: NDArray[np.int64]
    crop: Crop
    keypoints: NDArray[np.float32]
    valid: NDArray[np.bool_]


@dataclass(frozen=True)
class FilmPlan:
    """All clips of a video, by their repetitions; at least one."""

    film: Film
    facts: VideoFacts
    clips: tuple[ClipPlan, ...]

    @property
    def label(self) -> str:
        """The gesture's name."""
        return GESTURE_NAMES[self.film.gesture - 1]


def crop_side(height: int) -> int:
    """The crop's side for frames of a height: 180 for 240."""
    return (2 * height * CROP[0] + CROP[1]) // (2 * CROP[1])


def source_clip(segment: Segment) -> int:
    """A number of its own for every gesture, subject and repetition, whatever else there is."""
    return (segment.gesture * (MOST_SUBJECTS + 1) + segment.subject) * (MOST_REPETITIONS + 1) + segment.repetition


def plan(
    film: Film,
    facts: VideoFacts,
    segments: Sequence[Segment],
    joints: VideoKeypoints,
    cutting: Cutting,
    problems: Problems,
    dropped: Counter[str],
) -> FilmPlan | None:
    """What is cut from a video; None where that is nothing.

    Args:
        film: the video.
        facts: what `amc.importing.video.video.examine` said about it.
        segments: of its gesture and subject, by repetition.
        joints: of its frames, in the order of `amc.data.datasets.natops.KEYPOINT_NAMES`.
        cutting: how.
        problems: gets what is wrong with segments.
        dropped: counts the segments of each class that are shorter than a clip.
    """
    side = crop_side(facts.height)
    if side < cutting.size:
        size = f"{facts.width}x{facts.height}"
        problems.skip("too small", film.name, f"its crop has {side} pixels of {size}, the clips have {cutting.size}")
        return None
    if joints.frame.size and joints.frame[-1] >= facts.frames:
        problems.note(
            "joints past the end",
            film.name,
            f"it has {facts.frames} frames, and there are joints up to frame {joints.frame[-1]} (counted from 0)",
        )
    centre = ((facts.width - 1) / 2, (facts.height - 1) / 2)
    points, valid = fill_gaps(joints.over(facts.frames), centre)
    clips = []
    sources = _sources(segments, cutting)
    for segment in segments:
        if segment.frames < cutting.span:
            dropped[GESTURE_NAMES[film.gesture - 1]] += 1
        elif _inside(segment, film, facts, cutting, problems):
            source = sources[segment.repetition]
            clip = _clip(segment, source, film, facts, points, valid, cutting, problems)
            clips += [clip] if clip is not None else []
    return FilmPlan(film, facts, tuple(clips)) if clips else None


def _inside(segment: Segment, film: Film, facts: VideoFacts, cutting: Cutting, problems: Problems) -> bool:
    if segment.end <= facts.frames:
        return True
    said = f"ends at frame {segment.end} of a video of {facts.frames}"
    if cutting.at(segment)[-1] < facts.frames:
        problems.note("segment past the end", _where(film, segment), f"{said}; the clip's frames are there")
        return True
    problems.skip("segment past the end", _where(film, segment), said)
    return False


def _sources(segments: Sequence[Segment], cutting: Cutting) -> dict[int, int]:
    """The source of each repetition: its own, or that of another whose clip has some of the same frames."""
    sources: dict[int, int] = {}
    source, last = 0, -1
    for segment in sorted(segments, key=lambda each: (each.start, each.repetition)):
        at = cutting.at(segment)
        if at[0] > last:
            source = source_clip(segment)
        sources[segment.repetition] = source
        last = max(last, int(at[-1]))
    return sources


def _clip(
    segment: Segment,
    source: int,
    film: Film,
    facts: VideoFacts,
    points: NDArray[np.float64],
    valid: NDArray[np.bool_],
    cutting: Cutting,
    problems: Problems,
) -> ClipPlan | None:
    at = cutting.at(segment)
    found = valid[at, CHEST]
    if not found.any():
        problems.skip("no chest", _where(film, segment), "its chest is not found in any frame, so nothing says where")
        return None
    chest: NDArray[np.float64] = np.median(points[at[found], CHEST], axis=0)
    if not ((chest >= -0.5) & (chest < (facts.width - 0.5, facts.height - 0.5))).all():
        problems.skip(
            "chest outside", _where(film, segment), f"its chest, at ({chest[0]:.0f}, {chest[1]:.0f}), is not in it"
        )
        return None
    crop = Crop.around(chest, crop_side(facts.height))
    moved = (points[at] - (crop.left, crop.top)).astype(np.float32)
    keypoints = resize_points(moved, (crop.side, crop.side), (cutting.size, cutting.size))
    return ClipPlan(source, at, crop, keypoints, valid[at])


def _where(film: Film, segment: Segment) -> str:
    return f"{film.name}, repetition {segment.repetition}"
