"""One clip of the stand-in for MUG: its class, subject, performance, stride and flip, and its frames.

As in the paper, several clips are cut from a performance, with random strides around its peak and random flips. Random
numbers depend on (seed, performance) alone, so neither the number of workers nor the number of clips changes a clip.
They do not depend on the class, and the first frame shows a neutral face, so the first frame carries no information
about the class.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from amc.data.datasets.landmarks import LANDMARKS, mirrored
from amc.data.datasets.mug import AFTER_PEAK, BEFORE_PEAK, KEYPOINT_LANDMARKS, STRIDES, peak_index
from amc.data.resize import area_resize, resize_points
from amc.data.similarity import Similarity
from amc.importing.mug.alignment import alignment
from amc.standins.face.expressions import chosen_emotions, expression
from amc.standins.face.geometry import PIXELS
from amc.standins.face.layers import layers
from amc.standins.face.performance import Performance, draw_performance, intensities, landmarks
from amc.standins.face.render import lighting, lit, paint, wall
from amc.standins.face.subjects import SUBJECTS, FaceSubject, subject
from amc.standins.stand_in import RenderedClip

CANVAS = 256  # pixels; faces are drawn at this size, then reduced
COPIES = 4  # clips per performance; the paper has 3,840 clips of 931 videos
_LENGTH = (100, 160)  # frames of a performance: enough for every stride


@dataclass(frozen=True)
class Copy:
    """Stride and flip with which a clip is cut from its performance."""

    stride: int
    flipped: bool


def design(index: int, classes: int, subjects: int = SUBJECTS) -> tuple[int, int, int, int]:
    """(class, subject, performance, copy of the performance) of clip `index`.

    Among the first n clips, the counts of any two classes differ by at most one, and so do those of any two subjects.
    Performances come in blocks of lcm(c, s). Each block is repeated COPIES times before the next one begins, and the
    subjects are shifted from block to block, so that each performs every class.
    """
    block = math.lcm(classes, subjects)
    number, within = divmod(index, block * COPIES)
    copy, at = divmod(within, block)
    return at % classes, (at + number) % subjects, number * block + at, copy


def cut(performance: int, copy: int, seed: int) -> Copy:
    """Stride and flip of a copy; no two copies of a performance have the same."""
    possible = [Copy(stride, flipped) for stride in STRIDES for flipped in (False, True)]
    order = np.random.default_rng([seed, 13, performance]).permutation(len(possible))
    return possible[int(order[copy])]


def moments(take: Performance, stride: int, frames: int) -> NDArray[np.float64]:
    """Times (T,) of a clip's frames, in frames of the performance. Fewer frames sample the same span more coarsely.

    The peak is at `peak_index`.
    """
    step = stride * (BEFORE_PEAK + AFTER_PEAK) / (frames - 1)
    return take.peak + step * (np.arange(frames, dtype=np.float64) - peak_index(frames))


def make_clip(
    index: int,
    *,
    size: int,
    frames: int,
    classes: int,
    seed: int,
    subjects: int = SUBJECTS,
    label: int | None = None,
) -> RenderedClip:
    """Renders clip `index`. With `label`, the same subject and performance show that class instead."""
    planned, number, performance, copy_number = design(index, classes, subjects)
    shown = planned if label is None else label
    take = draw_performance(performance, seed, length=_LENGTH, before=BEFORE_PEAK * 3, after=AFTER_PEAK * 3 + 1)
    copy = cut(performance, copy_number, seed)
    who, peak = _subject(number, seed), expression(chosen_emotions(classes)[shown], take)
    view = aligned(who, take)
    times = moments(take, copy.stride, frames)
    intensity = intensities(take, peak.intensity, times)
    points = landmarks(who.shape, take, intensity, peak.sides, times, who.look.hairline)
    canvas = np.round(view.move(points, CANVAS) * 1024) / 1024
    unit = PIXELS * view.scale * CANVAS * who.shape.scale
    pictures = paint(wall(view, CANVAS), layers(canvas, intensity, who.look, unit), frames)
    # Resizing frame by frame keeps each in the CPU cache.
    video = np.stack([area_resize(picture, (size, size)) for picture in pictures])
    video = lit(video, lighting(view, size, take.light, take.shade))
    found = resize_points(canvas[:, :LANDMARKS].astype(np.float32), (CANVAS, CANVAS), (size, size))
    if copy.flipped:
        video, found = np.ascontiguousarray(video[:, :, ::-1]), mirrored(found, size)
    return RenderedClip(video, found[:, list(KEYPOINT_LANDMARKS)].astype(np.float32), shown, number, performance)


def aligned(who: FaceSubject, take: Performance) -> Similarity:
    """The crop of a performance, computed as the importer of MUG does, but for a neutral face.

    The importer uses the landmarks of the expression, so faces with a dropped jaw become slightly smaller. Here, that
    would reveal the class in the first frame.
    """
    # A head sways slowly, so every fourth frame gives the same medians and percentiles.
    times = np.arange(0, take.length, 4, dtype=np.float64)
    shown = expression(None, take)
    intensity = intensities(take, shown.intensity, times)
    points = landmarks(who.shape, take, intensity, shown.sides, times)[:, :LANDMARKS]
    return alignment(points, np.ones(len(points), dtype=np.bool_))


@lru_cache(maxsize=100)
def _subject(number: int, seed: int) -> FaceSubject:
    return subject(number, seed)
