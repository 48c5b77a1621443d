"""Cuts one video into clips: windows of T frames, cropped to the central square and resized, with their keypoints."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amc.data.resize import area_resize, resize_points
from amc.importing.video.decoding import DecodeError, VideoFacts, centre_square, read_frames


@dataclass(frozen=True)
class WindowSettings:
    """How videos are cut into clips. All values are at least 1, `frames` at least 2."""

    frames: int  # T
    size: int  # H = W of the clips in pixels
    stride: int  # distance between two frames of a clip in video frames
    step: int  # distance between the starts of two windows in video frames

    @property
    def span(self) -> int:
        """Number of video frames that a window covers, and so the least number of frames of a video."""
        return (self.frames - 1) * self.stride + 1

    def starts(self, frames: int) -> range:
        """First frames of all windows in a video of that many frames."""
        return range(0, frames - self.span + 1, self.step)

    def window(self, start: int) -> slice:
        """The video frames of the window that starts at `start`."""
        return slice(start, start + self.span, self.stride)


@dataclass(frozen=True)
class Window:
    """One clip: frames uint8 (T, size, size, 3), keypoints float32 (T, k, 2) in clip pixels, valid bool (T, k)."""

    frames: NDArray[np.uint8]
    keypoints: NDArray[np.float32]
    valid: NDArray[np.bool_]


def windows(
    path: Path,
    facts: VideoFacts,
    points: NDArray[np.float64],
    valid: NDArray[np.bool_],
    settings: WindowSettings,
    sampled: NDArray[np.int64] | None = None,
) -> Iterator[Window]:
    """Yields all windows of a video; only one is in memory at a time.

    Keypoints outside the square keep their positions.

    Args:
        path: the video.
        facts: result of `amc.importing.video.decoding.examine` for it; no side is shorter than the clips' size.
        points: (n, k, 2) as (x, y) in pixels of the video's n frames, without NaN.
        valid: (n, k).
        settings: how to cut; counts in sampled frames.
        sampled: (m,) the video's frame at each instant, from `amc.importing.video.timing.Timing.sample`; by default
            every frame once.

    Raises:
        DecodeError: the video has changed since it was examined.
    """
    square = centre_square(facts.height, facts.width)
    corner = np.array([square.left, square.top])
    size = (settings.size, settings.size)
    moved = resize_points((points - corner).astype(np.float32), (square.side, square.side), size)
    taken = np.arange(facts.frames) if sampled is None else sampled
    starts = settings.starts(len(taken))
    recent: deque[NDArray[np.uint8]] = deque(maxlen=settings.span)
    at = count = 0
    for i, frame in enumerate(read_frames(path)):
        count = i + 1
        if frame.shape[:2] != (facts.height, facts.width):
            raise DecodeError("the frame size changed")
        if i not in taken[at : at + 1]:
            continue
        small = area_resize(square.cut(frame), size)
        while at < len(taken) and taken[at] == i:
            recent.append(small)
            at += 1
            start = at - settings.span
            if start in starts:
                frames = np.stack(list(recent)[:: settings.stride])
                stored = taken[settings.window(start)]
                yield Window(frames, moved[stored], valid[stored])
    if count != facts.frames:
        raise DecodeError(f"it had {facts.frames} frames, now it has {count}")
