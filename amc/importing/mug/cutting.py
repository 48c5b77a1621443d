"""Cutting the clips of one take: its frames read once each, brought into the crop, and drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from amc.data.datasets.mug import PAIRS
from amc.importing.mug.clip_variants import Draw, window
from amc.importing.mug.distribution import text
from amc.importing.mug.pictures import BadPicture, read_picture
from amc.importing.mug.planning import Plan, Refusal, Settings


@dataclass(frozen=True)
class Clip:
    """One clip: frames uint8 (T, size, size, 3), keypoints float64 (T, 11, 2) in its pixels, valid bool (T, 11)."""

    frames: NDArray[np.uint8]
    keypoints: NDArray[np.float64]
    valid: NDArray[np.bool_]

    def flipped(self) -> Clip:
        """The clip in a mirror: pixels, and left and right keypoints exchanged."""
        other = np.arange(self.keypoints.shape[1])
        for i, j in PAIRS:
            other[[i, j]] = j, i
        points = self.keypoints[:, other].copy()
        points[..., 0] = self.frames.shape[2] - 1 - points[..., 0]
        return Clip(np.ascontiguousarray(self.frames[:, :, ::-1]), points, self.valid[:, other])


@dataclass(frozen=True)
class Made:
    """The clips of one take, and how many were left out because none of their keypoints is ever valid."""

    plan: Plan
    clips: list[Clip] = field(default_factory=list)
    empty: int = 0


def cut(job: tuple[Plan, Sequence[Draw]], settings: Settings) -> Made | Refusal:
    """The clips that a take gives, in the order of its draws, or why it gives none."""
    plan, draws = job
    taken = [(draw, window(plan.length, plan.peak.frame, settings.frames, draw.stride)) for draw in draws]
    wanted = sorted({frame for _, frames in taken if frames is not None for frame in frames})
    crops: dict[int, NDArray[np.uint8]] = {}
    shape: tuple[int, ...] = ()
    for i in wanted:
        name = plan.take.names[i]
        try:
            frame = read_picture(plan.take.folder / name)
        except BadPicture as error:
            return Refusal(plan.take, "damaged frames", f"{text(name)}: {error}")
        if shape and frame.shape != shape:
            sizes = f"{frame.shape[1]}x{frame.shape[0]}, those before it {shape[1]}x{shape[0]}"
            return Refusal(plan.take, "frames of two sizes", f"{text(name)} has {sizes}")
        shape = frame.shape
        crops[i] = plan.crop(i).warp(frame, settings.size)
    if not _within(plan, wanted, shape):
        return Refusal(plan.take, "landmarks of other frames", "most keypoints lie outside the pictures")
    made = Made(plan)
    empty = 0
    for draw, frames in taken:
        assert frames is not None  # only possible draws are given
        if not plan.valid[frames].any():
            empty += 1
            continue
        points = np.stack([plan.crop(i).move(plan.points[i], settings.size) for i in frames])
        clip = Clip(np.stack([crops[i] for i in frames]), points, plan.valid[frames])
        made.clips.append(clip.flipped() if draw.flip else clip)
    return Made(plan, made.clips, empty)


def _within(plan: Plan, frames: Sequence[int], shape: tuple[int, ...]) -> bool:
    """Whether at least half of the keypoints lie in the pictures: else they were found in pictures of another size."""
    points = plan.points[frames]
    inside = (points >= -0.5) & (points <= np.array([shape[1], shape[0]]) - 0.5)
    return bool(inside.all(axis=-1).mean() >= 0.5)
