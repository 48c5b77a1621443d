"""The procedural stand-in for MUG: 52 subjects show the six emotions, balanced and deterministic."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from amc.data.clipfile import ClipInfo, ClipWriter
from amc.data.importing.pool import cores
from amc.data.mug.action_units import EMOTIONS
from amc.data.mug.landmarks import NAMES, PAIRS
from amc.data.procedural.face.clip import CANVAS
from amc.data.procedural.workers import made_by
from amc.errors import UserError
from amc.progress import Progress

GENERATOR_VERSION = 1
_WORTH_WORKERS = 2_000  # frames below which starting processes takes longer than it saves
_LEAST_FRAMES = 4  # fewer would begin a clip after the onset of its expression


def recipe(*, clips: int, size: int, frames: int, classes: int | None, seed: int = 0) -> dict[str, Any]:
    """What a file made by `synthesize` says of its making: tool, version, arguments."""
    return {
        "tool": "amc.data.procedural.mug",
        "version": GENERATOR_VERSION,
        "arguments": {
            "clips": clips,
            "size": size,
            "frames": frames,
            "classes": len(EMOTIONS) if classes is None else classes,
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
        clips: N; copies of one performance (other strides, flips) share their source.
        size: H = W in pixels.
        frames: T; a clip spans the same time whatever T is, so fewer frames sample it more coarsely.
        classes: the first so many emotions; None for all 6.
        seed: of subjects and performances.
        progress: called with (clips made, N).
        workers: processes; None for one a core, 1 for none beside this one.

    Raises:
        UserError: sizes that make no data set, or a file that cannot be written.
    """
    count = len(EMOTIONS) if classes is None else classes
    if not 2 <= count <= len(EMOTIONS):
        raise UserError(f"{count} classes: the stand-in has 2 to {len(EMOTIONS)}")
    if clips < 1 or not 1 <= size <= CANVAS or frames < _LEAST_FRAMES:
        raise UserError(
            f"{clips} clips of {size} pixels and {frames} frames: a stand-in needs at least 1 clip, "
            f"1 to {CANVAS} pixels and {_LEAST_FRAMES} frames"
        )
    if seed < 0:
        raise UserError(f"seed {seed}: it must not be negative")
    info = ClipInfo(
        name="mug",
        origin="procedural",
        class_names=EMOTIONS[:count],
        keypoint_names=NAMES,
        pairs=PAIRS,
        generator=recipe(clips=clips, size=size, frames=frames, classes=classes, seed=seed),
    )
    valid = np.ones((frames, len(NAMES)), dtype=np.bool_)
    if workers is None:
        workers = cores() if clips * frames >= _WORTH_WORKERS else 1
    settings = {"size": size, "frames": frames, "classes": count, "seed": seed}
    with (
        ClipWriter(path, info, frames=frames, size=(size, size), keypoints=len(NAMES)) as writer,
        closing(made_by(workers, clips, settings, "amc.data.procedural.face.clip")) as made,
    ):
        for i, clip in enumerate(made):
            writer.add(clip.frames, clip.keypoints, valid, clip.label, clip.subject, clip.source)
            if progress is not None:
                progress(i + 1, clips)
