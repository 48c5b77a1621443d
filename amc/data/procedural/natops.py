"""The procedural stand-in for NATOPS: 20 subjects perform the 24 gestures, balanced and deterministic."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from amc.data.clipfile import ClipInfo, ClipWriter
from amc.data.procedural.gestures import GESTURES
from amc.data.procedural.kinematics import CROP, KEYPOINT_NAMES, PAIRS
from amc.data.procedural.workers import made_by
from amc.errors import UserError
from amc.progress import Progress

GENERATOR_VERSION = 1
_WORTH_WORKERS = 2_000  # frames below which starting processes takes longer than it saves


def recipe(*, clips: int, size: int, frames: int, classes: int | None, seed: int = 0) -> dict[str, Any]:
    """What a file made by `synthesize` says of its making: tool, version, arguments."""
    return {
        "tool": "amc.data.procedural.natops",
        "version": GENERATOR_VERSION,
        "arguments": {
            "clips": clips,
            "size": size,
            "frames": frames,
            "classes": len(GESTURES) if classes is None else classes,
            "seed": seed,
        },
    }


def synthesize(
    path: Path,
    *,
    clips: int,
    size: int,
    frames: int,
    classes: int | None,
    seed: int = 0,
    progress: Progress | None = None,
    workers: int | None = None,
) -> None:
    """Write the stand-in to a clip file, in bounded memory; the file is the same for any number of workers.

    Args:
        path: the file; it appears when it is complete.
        clips: N.
        size: H = W in pixels.
        frames: T; the gesture fills the clip, so fewer frames sample it more coarsely.
        classes: the first so many gestures; None for all 24.
        seed: of subjects and repetitions.
        progress: called with (clips made, N).
        workers: processes; None for one a core, 1 for none beside this one.

    Raises:
        UserError: sizes that make no data set, or a file that cannot be written.
    """
    count = len(GESTURES) if classes is None else classes
    if not 2 <= count <= len(GESTURES):
        raise UserError(f"{count} classes: the stand-in has 2 to {len(GESTURES)}")
    if clips < 1 or not 1 <= size <= CROP or frames < 2:
        raise UserError(
            f"{clips} clips of {size} pixels and {frames} frames: a stand-in needs at least 1 clip, "
            f"1 to {CROP} pixels and 2 frames"
        )
    if seed < 0:
        raise UserError(f"seed {seed}: it must not be negative")
    info = ClipInfo(
        name="natops",
        origin="procedural",
        class_names=tuple(g.name for g in GESTURES[:count]),
        keypoint_names=KEYPOINT_NAMES,
        pairs=PAIRS,
        generator=recipe(clips=clips, size=size, frames=frames, classes=classes, seed=seed),
    )
    valid = np.ones((frames, len(KEYPOINT_NAMES)), dtype=np.bool_)
    if workers is None:
        workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        workers = workers if clips * frames >= _WORTH_WORKERS else 1
    settings = {"size": size, "frames": frames, "classes": count, "seed": seed}
    with (
        ClipWriter(path, info, frames=frames, size=(size, size), keypoints=len(KEYPOINT_NAMES)) as writer,
        closing(made_by(workers, clips, settings)) as made,
    ):
        for i, clip in enumerate(made):
            writer.add(clip.frames, clip.keypoints, valid, clip.label, clip.subject, i)
            if progress is not None:
                progress(i + 1, clips)
