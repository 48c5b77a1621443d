"""One clip of the stand-in for NATOPS: its class, subject and random variation, and its frames.

The random numbers of clip i depend on (seed, i) alone, so neither the number of workers nor the number of clips
changes it. They do not depend on the class, and the first frame shows the rest pose, so the first frame carries
no information about the class.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from amc.data.resize import area_resize, resize_points
from amc.standins.body.gestures import GESTURES, chosen_gestures
from amc.standins.body.kinematics import CROP, Variation, perform
from amc.standins.body.render import Scene, draw_frames
from amc.standins.body.subjects import SUBJECTS, BodySubject, Style, subject
from amc.standins.stand_in import RenderedClip


@dataclass(frozen=True)
class Repetition:
    """All random properties of a repetition; none depends on the class."""

    variation: Variation
    scene: Scene


def design(index: int, classes: int, subjects: int = SUBJECTS) -> tuple[int, int]:
    """(class, subject) of clip `index`.

    Among the first n clips, the counts of any two classes differ by at most one, and so do those of any two subjects.
    Class and subject advance together, and the subject is shifted by one after every lcm(c, s) clips, so that s c
    clips contain each pair once. Clip i + s c is another repetition of clip i.
    """
    cell = index % (classes * subjects)
    return cell % classes, (cell + cell // math.lcm(classes, subjects)) % subjects


def draw_repetition(index: int, seed: int, style: Style) -> Repetition:
    """The random properties of clip `index`, about those of its subject."""
    random = np.random.default_rng([seed, 2, index])
    waves = partial(_waves, random)
    amplitude = style.amplitude * random.uniform(0.93, 1.07, size=2)
    rhythm = style.rhythm + random.uniform(-0.03, 0.03, size=2)
    variation = Variation(
        shift=(float(random.uniform(-4, 4)), float(random.uniform(-3, 3))),
        early=float(style.early + random.normal(0.0, 0.045)),
        duration=float(style.duration * np.exp(random.normal(0.0, 0.06))),
        rhythm=(float(rhythm[0]), float(rhythm[1])),
        amplitude=(float(amplitude[0]), float(amplitude[1])),
        lag=float(style.lag + random.uniform(0.0, 0.015)),
        posture=style.posture + random.normal(0.0, 0.04, size=(4, 3)),
        settled=random.normal(0.0, 0.04, size=(4, 3)),
        offset=style.offset + random.normal(0.0, 0.07, size=(4, 3)),
        wobble=waves(12, 0.04),
        sway=waves(2, 0.8),
    )
    light = random.uniform(0.85, 1.12) * random.uniform(0.96, 1.04, size=3)
    scene = Scene(
        view=(int(random.integers(-8, 9)), int(random.integers(-4, 5))),
        light=(float(light[0]), float(light[1]), float(light[2])),
    )
    return Repetition(variation, scene)


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
    """Renders clip `index`. With `label`, the same subject and repetition show that class instead."""
    planned, number = design(index, classes, subjects)
    shown = planned if label is None else label
    who = _subject(number, seed)
    drawn = draw_repetition(index, seed, who.style)
    motion = perform(GESTURES[chosen_gestures(classes)[shown]], who.build, drawn.variation, frames)
    pictures = draw_frames(who, motion, drawn.scene)
    points = motion.joints[..., :2].astype(np.float32)
    return RenderedClip(
        # Resizing frame by frame keeps each in the CPU cache, which halves the time.
        frames=np.stack([area_resize(picture, (size, size)) for picture in pictures]),
        keypoints=resize_points(points, (CROP, CROP), (size, size)),
        label=shown,
        subject=number,
        source=index,
    )


def _waves(random: np.random.Generator, rows: int, size: float) -> NDArray[np.float64]:
    return np.stack(
        [random.normal(0.0, size, rows), random.uniform(0.5, 2.0, rows), random.uniform(0.0, 1.0, rows)], axis=1
    )


@lru_cache(maxsize=100)
def _subject(number: int, seed: int) -> BodySubject:
    return subject(number, seed)
