"""The procedural stand-in for NATOPS: 20 subjects perform the 24 gestures, balanced and deterministic.

Clip i is the same for a seed whoever makes it: its random numbers are drawn from (seed, i) alone, so neither the
number of workers nor the number of clips changes it. The draws do not look at the class, and the first frame shows
the neutral pose, so it is the same whatever the class would have been.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amc.data.clipfile import ClipInfo, ClipWriter
from amc.data.procedural.gestures import GESTURES
from amc.data.procedural.kinematics import CROP, KEYPOINT_NAMES, PAIRS, Variation, perform
from amc.data.procedural.render import Scene, draw_clip
from amc.data.procedural.subjects import SUBJECTS, Subject, subject
from amc.data.progress import Progress
from amc.data.resize import area_resize, resize_points
from amc.errors import UserError

GENERATOR_VERSION = 1
_BLOCK = 8  # clips a worker makes at a time
_WORTH_WORKERS = 2_000  # frames below which starting processes takes longer than it saves


@dataclass(frozen=True)
class Made:
    """One clip: frames uint8 (T, size, size, 3), keypoints float32 (T, 9, 2), and what it is."""

    frames: NDArray[np.uint8]
    keypoints: NDArray[np.float32]
    label: int
    subject: int


@dataclass(frozen=True)
class Draw:
    """Everything random about a repetition; none of it depends on the class."""

    variation: Variation
    scene: Scene


def design(index: int, classes: int) -> tuple[int, int]:
    """(class, subject) of clip `index`: any first n clips hold every class, and every subject, equally often within one.

    Class and subject advance together; after lcm(c, 20) clips the subject is shifted by one, so that c x 20 clips
    hold each pair once.
    """
    return index % classes, (index + index // math.lcm(classes, SUBJECTS)) % SUBJECTS


def draw(index: int, seed: int) -> Draw:
    """The variations of clip `index`."""
    random = np.random.default_rng([seed, 2, index])
    waves = partial(_waves, random)
    amplitude = random.uniform(0.92, 1.06)
    variation = Variation(
        shift=(float(random.uniform(-4, 4)), float(random.uniform(-3, 3))),
        speed=float(random.uniform(0.92, 1.08)),
        delay=float(random.uniform(0.0, 0.03)),
        rhythm=float(random.uniform(-1, 1)),
        amplitude=(float(amplitude * random.uniform(0.97, 1.03)), float(amplitude * random.uniform(0.97, 1.03))),
        lag=float(random.uniform(0.0, 0.02)),
        offset=random.normal(0.0, 3.0, size=8),
        wobble=waves(8, 1.5),
        sway=waves(2, 0.8),
    )
    light = random.uniform(0.85, 1.12) * random.uniform(0.96, 1.04, size=3)
    scene = Scene(
        view=(int(random.integers(-8, 9)), int(random.integers(-4, 5))),
        light=(float(light[0]), float(light[1]), float(light[2])),
    )
    return Draw(variation, scene)


def make_clip(index: int, *, size: int, frames: int, classes: int, seed: int, label: int | None = None) -> Made:
    """Clip `index` of the data set; `label` makes the same subject and repetition perform another class."""
    planned, number = design(index, classes)
    shown = planned if label is None else label
    who = _subject(number, seed)
    drawn = draw(index, seed)
    motion = perform(GESTURES[shown], who.build, drawn.variation, frames)
    pictures = draw_clip(who, motion, drawn.scene)
    points = motion.joints[..., :2].astype(np.float32)
    return Made(
        frames=area_resize(pictures, (size, size)),
        keypoints=resize_points(points, (CROP, CROP), (size, size)),
        label=shown,
        subject=number,
    )


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
            f"{clips} clips of {size} pixels and {frames} frames: needed are at least 1 clip, 1 to {CROP} pixels, 2 frames"
        )
    if seed < 0:
        raise UserError(f"seed {seed}: it must not be negative")
    info = ClipInfo(
        name="natops",
        origin="procedural",
        class_names=tuple(g.name for g in GESTURES[:count]),
        keypoint_names=KEYPOINT_NAMES,
        pairs=PAIRS,
        generator={
            "tool": "amc.data.procedural.natops",
            "version": GENERATOR_VERSION,
            "arguments": {"clips": clips, "size": size, "frames": frames, "classes": count, "seed": seed},
        },
    )
    make = partial(make_clip, size=size, frames=frames, classes=count, seed=seed)
    valid = np.ones((frames, len(KEYPOINT_NAMES)), dtype=np.bool_)
    if workers is None:
        workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        workers = workers if clips * frames >= _WORTH_WORKERS else 1
    with ClipWriter(path, info, frames=frames, size=(size, size), keypoints=len(KEYPOINT_NAMES)) as writer:
        for i, clip in enumerate(_made(make, clips, workers)):
            writer.add(clip.frames, clip.keypoints, valid, clip.label, clip.subject, i)
            if progress is not None:
                progress(i + 1, clips)


def _waves(random: np.random.Generator, rows: int, size: float) -> NDArray[np.float64]:
    return np.stack(
        [random.normal(0.0, size, rows), random.uniform(0.5, 2.0, rows), random.uniform(0.0, 1.0, rows)], axis=1
    )


@lru_cache(maxsize=SUBJECTS)
def _subject(number: int, seed: int) -> Subject:
    return subject(number, seed)


def _made(make: partial[Made], clips: int, workers: int) -> Iterator[Made]:
    if workers <= 1:
        yield from map(make, range(clips))
        return
    blocks = iter([range(start, min(start + _BLOCK, clips)) for start in range(0, clips, _BLOCK)])
    # "spawn": the caller may hold threads (torch, Ray) that a fork would break.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_quiet_worker) as pool:
        waiting: deque[Future[list[Made]]] = deque()
        try:
            # Few blocks ahead, so that memory stays bounded whatever N is.
            for block in blocks:
                waiting.append(pool.submit(_block, make, block))
                if len(waiting) > 2 * workers:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _block(make: partial[Made], indices: range) -> list[Made]:
    return [make(i) for i in indices]


def _quiet_worker() -> None:
    """Leave Ctrl-C to the parent, and end with it even when it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os._exit(1)
