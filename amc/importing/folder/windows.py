"""Cutting one video into clips: windows of T frames, the square in the middle, the size asked for, keypoints along."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amc.data.resize import area_resize, resize_points
from amc.importing.video.video import DecodeError, VideoFacts, centre_square, read_frames


@dataclass(frozen=True)
class Cutting:
    """How videos are cut. All are whole numbers of at least 1, `frames` of at least 2."""

    frames: int  # T
    size: int  # H = W of the clips, in pixels
    stride: int  # video frames from one clip frame to the next
    step: int  # video frames from one window's start to the next

    @property
    def span(self) -> int:
        """Video frames that a window reaches over: a video must have as many."""
        return (self.frames - 1) * self.stride + 1

    def starts(self, frames: int) -> range:
        """The first frames of all windows of a video with so many frames; a window never reaches past the end."""
        return range(0, frames - self.span + 1, self.step)

    def of(self, start: int) -> slice:
        """The video frames of the window that starts at `start`."""
        return slice(start, start + self.span, self.stride)


@dataclass(frozen=True)
class Window:
    """One clip: frames uint8 (T, size, size, 3), keypoints float32 (T, k, 2) in its pixels, valid (T, k)."""

    frames: NDArray[np.uint8]
    keypoints: NDArray[np.float32]
    valid: NDArray[np.bool_]


def windows(
    path: Path,
    facts: VideoFacts,
    points: NDArray[np.float64],
    valid: NDArray[np.bool_],
    cutting: Cutting,
    shown: NDArray[np.int64] | None = None,
) -> Iterator[Window]:
    """All windows of a video, in the memory of one.

    Keypoints that lie outside the square stay as they are.

    Args:
        path: the video.
        facts: what `amc.importing.video.video.examine` said about it; no side shorter than the size asked for.
        points: (n, k, 2) as (x, y) in pixels of the video's frame, without NaN; n is the number of stored frames.
        valid: (n, k).
        cutting: how; its frames are those of `shown`.
        shown: (m,) the stored frame at each instant, from `amc.importing.video.timing`, none less than the one
        before; None:
            every stored frame once.

    Raises:
        DecodeError: the video is no longer what it was.
    """
    square = centre_square(facts.height, facts.width)
    corner = np.array([square.left, square.top])
    size = (cutting.size, cutting.size)
    moved = resize_points((points - corner).astype(np.float32), (square.side, square.side), size)
    taken = np.arange(facts.frames) if shown is None else shown
    starts = cutting.starts(len(taken))
    recent: deque[NDArray[np.uint8]] = deque(maxlen=cutting.span)
    at = count = 0
    for i, frame in enumerate(read_frames(path)):
        count = i + 1
        if frame.shape[:2] != (facts.height, facts.width):
            raise DecodeError("its frames have another size now")
        if i not in taken[at : at + 1]:
            continue
        small = area_resize(square.cut(frame), size)
        while at < len(taken) and taken[at] == i:
            recent.append(small)
            at += 1
            start = at - cutting.span
            if start in starts:
                frames = np.stack(list(recent)[:: cutting.stride])
                stored = taken[cutting.of(start)]
                yield Window(frames, moved[stored], valid[stored])
    if count != facts.frames:
        raise DecodeError(f"it has {count} frames now, not {facts.frames}")
