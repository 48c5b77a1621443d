"""Procedural stand-ins for data sets, written as clip files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amc.data.clipfile import ClipInfo, ClipWriter
from amc.errors import UserError
from amc.processes import cores, parallel_map
from amc.progress import Progress

_MIN_FRAMES_FOR_WORKERS = 2_000  # with fewer frames, starting processes takes longer than it saves


@dataclass(frozen=True)
class RenderedClip:
    """One clip of a stand-in.

    Attributes:
        frames: uint8 (T, size, size, 3), RGB.
        keypoints: float32 (T, k, 2), x and y in pixels.
        label: index of the class.
        subject: number of the subject, from 0.
        source: number of the performance; its clips share it.
    """

    frames: NDArray[np.uint8]
    keypoints: NDArray[np.float32]
    label: int
    subject: int
    source: int


@dataclass(frozen=True)
class StandIn:
    """The stand-in of one data set. Its clips are balanced over classes and subjects, and depend on the seed alone.

    Attributes:
        name: name of the data set.
        version: version of the generator; raise it when the clips change, because cached files are keyed by it.
        class_names: all classes.
        keypoint_names: names of the k keypoints.
        pairs: index pairs of keypoints that a horizontal flip exchanges.
        max_size: largest height and width, in pixels; clips are drawn at it.
        min_frames: smallest T at which a clip shows its class.
        subjects: number of subjects of the data set, the default number of the stand-in's.
        chosen: called with c, the number of classes of a file; returns their c indices in `class_names`, ascending.
        make_clip: `make_clip(index, size=, frames=, classes=, subjects=, seed=)` renders one clip.
    """

    name: str
    version: int
    class_names: tuple[str, ...]
    keypoint_names: tuple[str, ...]
    pairs: tuple[tuple[int, int], ...]
    max_size: int
    min_frames: int
    subjects: int
    chosen: Callable[[int], Sequence[int]]
    make_clip: Callable[..., RenderedClip]

    def recipe(
        self, *, clips: int, size: int, frames: int, classes: int | None, subjects: int | None = None, seed: int = 0
    ) -> dict[str, Any]:
        """The attribute `generator` of a file that `synthesize` writes with these arguments."""
        return {
            "tool": f"amc.standins.{self.name}",
            "version": self.version,
            "arguments": {
                "clips": clips,
                "size": size,
                "frames": frames,
                "classes": len(self.class_names) if classes is None else classes,
                "subjects": self.subjects if subjects is None else subjects,
                "seed": seed,
            },
        }

    def synthesize(
        self,
        path: Path,
        *,
        clips: int,
        size: int,
        frames: int,
        classes: int | None,
        subjects: int | None = None,
        seed: int = 0,
        progress: Progress | None = None,
        workers: int | None = None,
    ) -> None:
        """Writes a clip file, in bounded memory. The number of workers does not change it.

        Args:
            path: the file; it appears when it is complete.
            clips: N, the number of clips.
            size: H = W, in pixels.
            frames: T. A clip spans the same time for any T, so fewer frames sample it more coarsely.
            classes: the number of classes; None for all.
            subjects: the number of subjects; None for that of the data set. Fewer clips may show fewer of them.
            seed: random seed of subjects and performances.
            progress: called with (clips written, N).
            workers: worker processes; None for one per core, 1 to render in this process.

        Raises:
            UserError: a number is out of range, or the file cannot be written.
        """
        count, most = len(self.class_names) if classes is None else classes, len(self.class_names)
        if not 2 <= count <= most:
            raise UserError(f"{count} classes: the stand-in for {self.name} has 2 to {most}")
        if subjects is not None and subjects < 1:
            raise UserError(f"{subjects} subjects: the stand-in for {self.name} needs at least 1")
        if clips < 1 or not 1 <= size <= self.max_size or frames < self.min_frames or seed < 0:
            raise UserError(
                f"cannot make {clips} clips of {size} pixels and {frames} frames with seed {seed}: the stand-in for "
                f"{self.name} needs at least 1 clip, 1 to {self.max_size} pixels, at least {self.min_frames} frames "
                "and a seed of 0 or more"
            )
        info = ClipInfo(
            name=self.name,
            origin="procedural",
            class_names=tuple(self.class_names[i] for i in self.chosen(count)),
            keypoint_names=self.keypoint_names,
            pairs=self.pairs,
            generator=self.recipe(clips=clips, size=size, frames=frames, classes=classes, subjects=subjects, seed=seed),
        )
        people = self.subjects if subjects is None else subjects
        k = len(self.keypoint_names)
        valid = np.ones((frames, k), dtype=np.bool_)
        if workers is None:
            workers = cores() if clips * frames >= _MIN_FRAMES_FOR_WORKERS else 1
        make = partial(self.make_clip, size=size, frames=frames, classes=count, subjects=people, seed=seed)
        with (
            ClipWriter(path, info, frames=frames, size=(size, size), keypoints=k) as writer,
            closing(parallel_map(make, range(clips), workers)) as rendered,
        ):
            for i, clip in enumerate(rendered):
                writer.add(clip.frames, clip.keypoints, valid, clip.label, clip.subject, clip.source)
                if progress is not None:
                    progress(i + 1, clips)
