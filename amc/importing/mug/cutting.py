"""Cuts the clips of one take: reads each frame once, warps it into the crop, and assembles the variants."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from amc.data.datasets.mug import PAIRS
from amc.importing.class_counts import ClassCounts
from amc.importing.file_names import printable
from amc.importing.mug.clip_variants import ClipVariant, clip_frames
from amc.importing.mug.images import ImageError, read_image
from amc.importing.mug.take_plans import MugSettings, RejectedTake, TakePlan


@dataclass(frozen=True)
class TakeClip:
    """A clip: frames uint8 (T, size, size, 3), keypoints float64 (T, 11, 2) in its pixels, valid bool (T, 11)."""

    frames: NDArray[np.uint8]
    keypoints: NDArray[np.float64]
    valid: NDArray[np.bool_]

    def flipped(self) -> TakeClip:
        """Mirrors the pixels and exchanges left and right keypoints."""
        other = np.arange(self.keypoints.shape[1])
        for i, j in PAIRS:
            other[[i, j]] = j, i
        points = self.keypoints[:, other].copy()
        points[..., 0] = self.frames.shape[2] - 1 - points[..., 0]
        return TakeClip(np.ascontiguousarray(self.frames[:, :, ::-1]), points, self.valid[:, other])


@dataclass(frozen=True)
class TakeClips:
    """The clips of a take, and the number of clips that were left out because they have no valid keypoint."""

    plan: TakePlan
    clips: list[TakeClip] = field(default_factory=list)
    empty: int = 0


@dataclass
class ImportCounts:
    """Counts of the clips that an import has written so far."""

    classes: ClassCounts = field(default_factory=ClassCounts)
    empty: int = 0  # clips left out because they have no valid keypoint
    peaks: Counter[str] = field(default_factory=Counter)  # takes by source of their peak


def cut_take(job: tuple[TakePlan, Sequence[ClipVariant]], settings: MugSettings) -> TakeClips | RejectedTake:
    """Returns the clips of a take in the order of the variants, or why it has none."""
    plan, variants = job
    taken = [
        (variant, clip_frames(plan.length, plan.peak.frame, settings.frames, variant.stride)) for variant in variants
    ]
    wanted = sorted({frame for _, frames in taken if frames is not None for frame in frames})
    crops: dict[int, NDArray[np.uint8]] = {}
    shape: tuple[int, ...] = ()
    for i in wanted:
        name = plan.take.names[i]
        try:
            frame = read_image(plan.take.folder / name)
        except ImageError as error:
            return RejectedTake(plan.take, "damaged frames", f"{printable(name)}: {error}")
        if shape and frame.shape != shape:
            sizes = f"{frame.shape[1]}x{frame.shape[0]}, earlier frames {shape[1]}x{shape[0]}"
            return RejectedTake(plan.take, "frames of two sizes", f"{printable(name)} has {sizes}")
        shape = frame.shape
        crops[i] = plan.crop(i).warp(frame, settings.size)
    if not _within(plan, wanted, shape):
        return RejectedTake(plan.take, "landmarks of other frames", "most keypoints are outside the images")
    clips: list[TakeClip] = []
    empty = 0
    for variant, frames in taken:
        assert frames is not None  # the plan contains only possible variants
        if not plan.valid[frames].any():
            empty += 1
            continue
        points = np.stack([plan.crop(i).move(plan.points[i], settings.size) for i in frames])
        clip = TakeClip(np.stack([crops[i] for i in frames]), points, plan.valid[frames])
        clips.append(clip.flipped() if variant.flip else clip)
    return TakeClips(plan, clips, empty)


def _within(plan: TakePlan, frames: Sequence[int], shape: tuple[int, ...]) -> bool:
    """Whether at least half of the keypoints are inside the images; else they belong to images of another size."""
    points = plan.points[frames]
    inside = (points >= -0.5) & (points <= np.array([shape[1], shape[0]]) - 0.5)
    return bool(inside.all(axis=-1).mean() >= 0.5)
