"""Small clips made for tests: squares that move in a direction of their class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from amc.config import Config, DatasetSpec, TrainingConfig, configure
from amc.data.clipfile import ClipInfo, ClipWriter
from amc.data.clips import Clips
from amc.data.training_data import TrainingData, split_clips


def toy_config(**training: int | float) -> Config:
    """A configuration at smoke size for `toy_clips`: 2 classes, 2 keypoints, 16x16 pixels, T = 8."""
    config = configure("toy", "smoke", spec=DatasetSpec("toy", classes=2, keypoints=2))
    values = {"batch": 4, "steps": 6, "evaluate_every": 2} | training
    return replace(config, training=TrainingConfig(**values))  # type: ignore[arg-type]


def toy_clips(subjects: int = 6, repetitions: int = 4, size: int = 16, frames: int = 8) -> Clips:
    """Clips of a bright square that moves right (class 0) or down (class 1), one background a subject."""
    rng = np.random.default_rng(5)
    rows = [(c, s) for s in range(subjects) for c in range(2) for _ in range(repetitions)]
    n = len(rows)
    video = np.zeros((n, frames, size, size, 3), np.uint8)
    points = np.zeros((n, frames, 2, 2), np.float32)
    for i, (c, s) in enumerate(rows):
        video[i] = 20 + 15 * s
        start = int(rng.integers(1, 3))
        for t in range(frames):
            x, y = (start + t, 4) if c == 0 else (start, 4 + t)
            video[i, t, y : y + 3, x : x + 3] = 230
            points[i, t] = [(x + 1, y + 1), (8, 8)]
    label, subject = (np.array([row[j] for row in rows], np.int64) for j in (0, 1))
    info = ClipInfo("toy", "procedural", ("right", "down"), ("square", "centre"), (), {"tool": "toy"}, "0" * 64)
    valid = np.ones(points.shape[:3], np.bool_)
    return Clips(video, points, valid, label, subject, np.arange(n, dtype=np.int64), info, "")


def toy_data(config: Config | None = None, clips: Clips | None = None) -> TrainingData:
    """`toy_clips`, split by subject, with velocities scaled as in training."""
    config = config or toy_config()
    clips = clips or toy_clips()
    return split_clips(config, clips)


def write_toy_file(path: Path, *, valid: Sequence[bool] = (True, True)) -> Path:
    """`toy_clips` as a clip file of origin `folder`, named squares; `valid` says which of the two keypoints are."""
    made = toy_clips()
    info = replace(made.info, name="squares", origin="folder", generator={"tool": "test"}, fingerprint="")
    with ClipWriter(path, info, frames=8, size=(16, 16), keypoints=2) as writer:
        for row in range(len(made.label)):
            writer.add(
                made.frames[row],
                made.keypoints[row],
                made.keypoints_valid[row] & np.array(valid),
                int(made.label[row]),
                int(made.subject[row]),
                int(made.source_clip[row]),
            )
    return path
