"""Clip files whose every pixel and point a test chooses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from amc.data.clipfile import ClipInfo, ClipWriter

NAMES = ("chest", "left_shoulder", "right_shoulder")
PAIRS = ((1, 2),)
SIZE, FRAMES = 6, 3


def write(
    path: Path,
    rows: Sequence[tuple[int, int, int]],
    *,
    classes: Sequence[str] = ("one", "two"),
    picture: Callable[[int], np.ndarray] | None = None,
    points: Callable[[int], tuple[np.ndarray, np.ndarray]] | None = None,
    name: str = "folder",
    generator: dict[str, object] | None = None,
) -> Path:
    """One clip of 3 frames of 6 x 6 pixels for each (label, subject, source).

    Args:
        picture: of a clip's number, uint8 (3, 6, 6, 3); by default noise of its own.
        points: of a clip's number, coordinates (3, 3, 2) and validity (3, 3); by default at rest and valid.
    """
    info = ClipInfo(name, "folder", tuple(classes), NAMES, PAIRS, generator or {"tool": "test", "version": 1})
    with ClipWriter(path, info, frames=FRAMES, size=(SIZE, SIZE), keypoints=3) as writer:
        for i, (label, subject, source) in enumerate(rows):
            frames = noise(i) if picture is None else picture(i)
            where, valid = (np.full((3, 3, 2), 2.0), np.ones((3, 3), bool)) if points is None else points(i)
            writer.add(frames, where, valid, label, subject, source)
    return path


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (FRAMES, SIZE, SIZE, 3), dtype=np.uint8)
