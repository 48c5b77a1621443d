"""A small NATOPS made at test time: in every picture red is the frame's number, green the column, blue the row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amc.data.datasets.natops import KEYPOINT_NAMES
from amc.importing.keypoints.csv_file import write_table
from amc.importing.keypoints.table import KeypointTable, VideoKeypoints
from amc.importing.natops.segmentation import Segment, write_segmentation
from tests.importing.made_videos import lossless

HEIGHT, WIDTH = 48, 64  # so the crop has 36 pixels
SIDE = 36
REPETITIONS = 20
LENGTH = 10  # frames of a repetition
STEP = 12  # frames from the start of one to the start of the next
FIRST = 3  # frame, counted from 1
FRAMES = FIRST - 1 + REPETITIONS * STEP
CHEST = (30.0, 20.0)


def pictures(frames: int = FRAMES, height: int = HEIGHT, width: int = WIDTH) -> NDArray[np.uint8]:
    """uint8 (frames, height, width, 3); frame numbers below 256."""
    video = np.zeros((frames, height, width, 3), np.uint8)
    video[..., 0] = np.arange(frames)[:, None, None]
    video[..., 1] = np.arange(width)
    video[..., 2] = np.arange(height)[:, None]
    return video


def segments(gesture: int, subject: int, repetitions: int = REPETITIONS) -> list[Segment]:
    """Repetitions of `LENGTH` frames with pauses of two."""
    starts = [FIRST + STEP * i for i in range(repetitions)]
    return [Segment(subject, gesture, i, s, s + LENGTH - 1) for i, s in enumerate(starts, start=1)]


def film_name(gesture: int, subject: int) -> str:
    """Its path in a copy of NATOPS."""
    return f"data/gesture{gesture:02d}/g{gesture:02d}s{subject:02d}.avi"


def natops(root: Path, gestures: Sequence[int] = (1, 2), subjects: Sequence[int] = (1, 2)) -> Path:
    """A whole copy with all repetitions, and `joints.csv` beside it."""
    every = [(g, s) for g in gestures for s in subjects]
    first = root / film_name(*every[0])
    lossless(first, pictures())
    for key in every[1:]:
        path = root / film_name(*key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(first.read_bytes())
    write_segmentation(root / "segmentation.txt", [segment for key in every for segment in segments(*key)])
    joints(root.with_name("joints.csv"), [film_name(*key) for key in every])
    return root


def points(frames: int = FRAMES, chest: tuple[float, float] = CHEST) -> NDArray[np.float64]:
    """(frames, 9, 2): joint i lies i pixels right of the chest's column, and the wrists move down with time."""
    at = np.tile(np.array(chest), (frames, len(KEYPOINT_NAMES), 1))
    at[:, :, 0] += np.arange(len(KEYPOINT_NAMES)) - KEYPOINT_NAMES.index("chest")
    at[:, 7:, 1] += 0.05 * np.arange(frames)[:, None]
    return at


def joints(path: Path, videos: Sequence[str], at: NDArray[np.float64] | None = None) -> Path:
    """A keypoint table with the same points for each video."""
    at = points() if at is None else at
    rows = VideoKeypoints(np.arange(len(at)), at, np.full(len(at), np.nan))
    write_table(path, KeypointTable(KEYPOINT_NAMES, dict.fromkeys(videos, rows)))
    return path
