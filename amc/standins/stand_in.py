"""Writing a procedural stand-in to a clip file; what differs between data sets is a row of facts and a generator."""

from __future__ import annotations

import importlib
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from amc.data.clipfile import ClipInfo, ClipWriter
from amc.errors import UserError
from amc.processes import cores, parallel_map
from amc.progress import Progress

_WORTH_WORKERS = 2_000  # frames below which starting processes takes longer than it saves


@dataclass(frozen=True)
class StandIn:
    """A data set's stand-in.

    Attributes:
        name: of the data set.
        version: of the generator; another one makes other clips.
        class_names: all there are; a file has the first so many.
        keypoint_names: names of the k keypoints.
        pairs: those of them that a flip exchanges.
        largest: pixels that a clip is drawn at, and so the largest size.
        least_frames: the smallest T that shows the class.
        generator: the module that has `make_clip(index, size=, frames=, classes=, seed=)`.
    """

    name: str
    version: int
    class_names: tuple[str, ...]
    keypoint_names: tuple[str, ...]
    pairs: tuple[tuple[int, int], ...]
    largest: int
    least_frames: int
    generator: str

    def recipe(self, *, clips: int, size: int, frames: int, classes: int | None, seed: int = 0) -> dict[str, Any]:
        """What a file made by `synthesize` says of its making: tool, version, arguments."""
        return {
            "tool": f"amc.standins.{self.name}",
            "version": self.version,
            "arguments": {
                "clips": clips,
                "size": size,
                "frames": frames,
                "classes": len(self.class_names) if classes is None else classes,
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
        seed: int = 0,
        progress: Progress | None = None,
        workers: int | None = None,
    ) -> None:
        """Write the stand-in to a clip file, in bounded memory; the file is the same for any number of workers.

        Args:
            path: the file; it appears when it is complete.
            clips: N; copies of one performance, where there are some, share their source.
            size: H = W in pixels.
            frames: T; a clip spans the same time whatever T is, so fewer frames sample it more coarsely.
            classes: the first so many; None for all.
            seed: of subjects and performances.
            progress: called with (clips made, N).
            workers: processes; None for one a core, 1 for none beside this one.

        Raises:
            UserError: sizes that make no data set, or a file that cannot be written.
        """
        count, most = len(self.class_names) if classes is None else classes, len(self.class_names)
        if not 2 <= count <= most:
            raise UserError(f"{count} classes: the stand-in has 2 to {most}")
        if clips < 1 or not 1 <= size <= self.largest or frames < self.least_frames:
            raise UserError(
                f"{clips} clips of {size} pixels and {frames} frames: a stand-in needs at least 1 clip, "
                f"1 to {self.largest} pixels and {self.least_frames} frames"
            )
        if seed < 0:
            raise UserError(f"seed {seed}: it must not be negative")
        info = ClipInfo(
            name=self.name,
            origin="procedural",
            class_names=self.class_names[:count],
            keypoint_names=self.keypoint_names,
            pairs=self.pairs,
            generator=self.recipe(clips=clips, size=size, frames=frames, classes=classes, seed=seed),
        )
        k = len(self.keypoint_names)
        valid = np.ones((frames, k), dtype=np.bool_)
        if workers is None:
            workers = cores() if clips * frames >= _WORTH_WORKERS else 1
        make_clip = importlib.import_module(self.generator).make_clip
        make = partial(make_clip, size=size, frames=frames, classes=count, seed=seed)
        with (
            ClipWriter(path, info, frames=frames, size=(size, size), keypoints=k) as writer,
            closing(parallel_map(make, range(clips), workers)) as made,
        ):
            for i, clip in enumerate(made):
                writer.add(clip.frames, clip.keypoints, valid, clip.label, clip.subject, clip.source)
                if progress is not None:
                    progress(i + 1, clips)
