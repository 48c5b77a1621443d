"""Points in the frames of videos."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amc.errors import UserError

# Pixels; larger than any frame, so a larger coordinate is an error.
FARTHEST = 1e6
MOST_FRAMES = 2**31


@dataclass(frozen=True)
class VideoKeypoints:
    """The r rows of one video, sorted by frame.

    Attributes:
        frame: int64 (r,), distinct, from 0.
        points: float64 (r, k, 2) as (x, y) in pixels of the video frame; NaN where not valid.
        confidence: float64 (r,); NaN where not given.
        size: width and height of the frames that the points were found in; None if not given.
    """

    frame: NDArray[np.int64]
    points: NDArray[np.float64]
    confidence: NDArray[np.float64]
    size: tuple[int, int] | None = None

    def over(self, frames: int) -> NDArray[np.float64]:
        """Points (frames, k, 2) of a video of that many frames, NaN where not valid; later rows are dropped."""
        dense = np.full((frames, *self.points.shape[1:]), np.nan)
        inside = self.frame < frames
        dense[self.frame[inside]] = self.points[inside]
        return dense


@dataclass(frozen=True)
class KeypointTable:
    """Points in videos.

    Attributes:
        names: names of the k points.
        videos: the rows of each video by its path.
        shares: whether coordinates are shares of the frame's width and height instead of pixels.
        remarks: how the table was read where it differs from the format.
    """

    names: tuple[str, ...]
    videos: Mapping[str, VideoKeypoints]
    shares: bool = False
    remarks: tuple[str, ...] = ()


def parse_names(text: str) -> tuple[str, ...]:
    """Parses a list of names such as `head,left_wrist,right_wrist`.

    Raises:
        UserError: an empty or repeated name.
    """
    names = tuple(name.strip() for name in text.split(","))
    if not all(names) or len(set(names)) != len(names):
        raise UserError(f"keypoint names {text!r}: give distinct names separated by commas")
    return names


def left_right_pairs(names: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """Index pairs (left, right) of names that differ only in `left`/`right` or in a leading `l_`/`r_`."""
    at = {name.lower(): i for i, name in enumerate(names)}
    mirrored = {name: re.sub(r"^l_", "r_", name.replace("left", "right")) for name in at}
    return tuple(sorted((i, at[other]) for name, i in at.items() if (other := mirrored[name]) != name and other in at))


def pixels_only(path: Path, table: KeypointTable) -> KeypointTable:
    """The table, for importers that do not hold the points against the size of the frames.

    Raises:
        UserError: its coordinates are shares of the frame's size, or belong to frames of a size that it gives.
    """
    if table.shares:
        raise UserError(f"{path}: coordinates from 0 to 1; multiply them by the frame's width and height in pixels")
    if any(rows.size for rows in table.videos.values()):
        raise UserError(f"{path}: COCO's annotations are read by `prepare folder` only; write a keypoint table")
    return table
