"""One clip of the MUG stand-in: who performs what, which copy of the performance this is, and the frames of it.

As in the real data set a performance gives several clips: random strides around its peak and random flips. Clip i is
the same for a seed whoever makes it: random numbers are drawn from (seed, performance) alone, so neither the number of
workers nor the number of clips changes it. The draws do not look at the class, and the first frame shows a neutral
face, so it is the same whatever the class would have been.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from amc.data.datasets.landmarks import LANDMARKS, mirrored
from amc.data.datasets.mug import KEYPOINT_LANDMARKS
from amc.data.resize import area_resize, resize_points
from amc.importing.mug.alignment import Similarity, alignment
from amc.standins.face.expressions import expression
from amc.standins.face.geometry import PIXELS
from amc.standins.face.layers import layers
from amc.standins.face.performance import Performance, draw_performance, intensities, landmarks
from amc.standins.face.render import lighting, lit, paint, wall
from amc.standins.face.subjects import SUBJECTS, FaceSubject, subject
from amc.standins.stand_in import RenderedClip

CANVAS = 256  # pixels that a face is drawn at, and then reduced
COPIES = 4  # clips of a performance; the real data set has 3,840 of 931
STRIDES = (1, 2, 3)
BEFORE, AFTER = 23, 8  # frames of a clip of 32 before and after the peak
_LENGTH = (100, 160)  # frames of a performance: room for every stride


@dataclass(frozen=True)
class Copy:
    """How a clip is cut from its performance."""

    stride: int
    flipped: bool


def design(index: int, classes: int) -> tuple[int, int, int, int]:
    """(class, subject, performance, which copy of it) of clip `index`.

    The first n clips hold all classes, and all subjects, equally often within one. Performances come in blocks of
    lcm(c, 52), each block COPIES times over before the next begins; from block to block the subjects are shifted, so
    that each performs every class.
    """
    block = math.lcm(classes, SUBJECTS)
    number, within = divmod(index, block * COPIES)
    copy, at = divmod(within, block)
    return at % classes, (at + number) % SUBJECTS, number * block + at, copy


def cut(performance: int, copy: int, seed: int) -> Copy:
    """Stride and flip of a performance's copy; no two copies are the same."""
    possible = [Copy(stride, flipped) for stride in STRIDES for flipped in (False, True)]
    order = np.random.default_rng([seed, 13, performance]).permutation(len(possible))
    return possible[int(order[copy])]


def moments(take: Performance, stride: int, frames: int) -> NDArray[np.float64]:
    """Times (T,) of a clip's frames, in frames of the performance; fewer of them sample the same span more coarsely.

    The peak is at index round(23 / 31 (T - 1)).
    """
    step = stride * (BEFORE + AFTER) / (frames - 1)
    return take.peak + step * (np.arange(frames, dtype=np.float64) - peak_index(frames))


def peak_index(frames: int) -> int:
    """Where the peak lies in a clip of T frames."""
    return math.floor(BEFORE / (BEFORE + AFTER) * (frames - 1) + 0.5)


def make_clip(index: int, *, size: int, frames: int, classes: int, seed: int, label: int | None = None) -> RenderedClip:
    """Clip `index` of the data set; `label` makes the same subject and performance show another emotion."""
    planned, number, performance, again = design(index, classes)
    shown = planned if label is None else label
    take = draw_performance(performance, seed, length=_LENGTH, before=BEFORE * 3, after=AFTER * 3 + 1)
    copy = cut(performance, again, seed)
    who, made = _subject(number, seed), expression(shown, take)
    view = aligned(who, take)
    times = moments(take, copy.stride, frames)
    intensity = intensities(take, made.intensity, times)
    points = landmarks(who.shape, take, intensity, made.sides, times, who.look.hairline)
    canvas = np.round(view.move(points, CANVAS) * 1024) / 1024
    unit = PIXELS * view.scale * CANVAS * who.shape.scale
    pictures = paint(wall(view, CANVAS), layers(canvas, intensity, who.look, unit), frames)
    # One by one they stay in the processor's cache.
    video = np.stack([area_resize(picture, (size, size)) for picture in pictures])
    video = lit(video, lighting(view, size, take.light, take.shade))
    found = resize_points(canvas[:, :LANDMARKS].astype(np.float32), (CANVAS, CANVAS), (size, size))
    if copy.flipped:
        video, found = np.ascontiguousarray(video[:, :, ::-1]), mirrored(found, size)
    return RenderedClip(video, found[:, list(KEYPOINT_LANDMARKS)].astype(np.float32), shown, number, performance)


def aligned(who: FaceSubject, take: Performance) -> Similarity:
    """The crop of all that a performance could show: the importer's for the same head with a neutral face.

    The importer itself looks at the expression, too, and gives a jaw that drops far a little more room: the size of
    the face in a clip's first frame would then tell something of its class.
    """
    times = np.arange(take.length, dtype=np.float64)
    shown = expression(None, take)
    intensity = intensities(take, shown.intensity, times)
    points = landmarks(who.shape, take, intensity, shown.sides, times)[:, :LANDMARKS]
    return alignment(points, np.ones(len(points), dtype=np.bool_))


@lru_cache(maxsize=SUBJECTS)
def _subject(number: int, seed: int) -> FaceSubject:
    return subject(number, seed)
