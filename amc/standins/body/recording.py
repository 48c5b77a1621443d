"""One video of the stand-in for NATOPS: a subject repeats a gesture, with pauses in the neutral pose in between.

Frames are larger than the crop of the clips, and the chest is not at their centre. Each video has its own position and
light; all videos of a subject have the same wall. As in clips, a repetition depends on (seed, its number) alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amc.standins.body.clip import design, draw_repetition
from amc.standins.body.gestures import GESTURES, chosen_gestures
from amc.standins.body.kinematics import Motion, perform
from amc.standins.body.render import Light, draw_before, under
from amc.standins.body.subjects import SUBJECTS, BodySubject, subject, wall

HEIGHT, WIDTH = 240, 320  # pixels
RATE = 20  # frames per second
SECONDS, SECONDS_SD = 2.34, 0.62  # length of a repetition, mean and standard deviation as in NATOPS
SHORTEST, LONGEST = 18, 120  # frames per repetition
RETURN = 6  # frames from the end of a repetition back to the neutral pose


@dataclass(frozen=True)
class Recording:
    """What one video shows. Gesture and subject count from 1, as in file names."""

    gesture: int
    subject: int
    repetitions: tuple[int, ...]  # in order, numbered as for `draw_repetition` and `design`
    seed: int


@dataclass(frozen=True)
class Footage:
    """One video of F frames, before it is drawn."""

    performer: BodySubject
    background: NDArray[np.uint8]  # (240, 320, 3)
    light: Light
    at: tuple[int, int]  # (x, y) of the top-left pixel of the crop
    motion: Motion  # in pixels of the crop
    segments: tuple[tuple[int, int], ...]  # first and last frame of each repetition, counted from 1

    def frames(self) -> Iterator[NDArray[np.uint8]]:
        """F frames, uint8 (240, 320, 3), RGB, read-only."""
        return draw_before(self.background, self.performer, self.motion, self.light, at=self.at)

    def masks(self) -> Iterator[NDArray[np.bool_]]:
        """F masks of the body, bool (240, 320)."""
        nobody = under(self.light, self.background)
        for picture in self.frames():
            red, green, blue = np.moveaxis(picture != nobody, -1, 0)
            yield red | green | blue

    def points(self) -> NDArray[np.float64]:
        """The joints in pixels of the frames: (F, 9, 2)."""
        return np.asarray(self.motion.joints[..., :2] + np.array(self.at), dtype=np.float64)


def recordings(clips: int, classes: int, seed: int, subjects: int = SUBJECTS) -> tuple[Recording, ...]:
    """The videos that together have `clips` repetitions, distributed over gestures and subjects by `design`."""
    found: dict[tuple[int, int], list[int]] = {}
    shown = chosen_gestures(classes)
    for index in range(clips):
        gesture, performer = design(index, classes, subjects)
        found.setdefault((shown[gesture] + 1, performer + 1), []).append(index)
    return tuple(Recording(*cell, tuple(found[cell]), seed) for cell in sorted(found))


def length(index: int, seed: int) -> int:
    """Frames of repetition `index`: log-normal, with the mean and standard deviation of NATOPS."""
    mean, deviation = SECONDS * RATE, SECONDS_SD * RATE
    variance = math.log(1 + (deviation / mean) ** 2)
    random = np.random.default_rng([seed, 3, index])
    drawn = random.lognormal(math.log(mean) - variance / 2, math.sqrt(variance))
    return int(np.clip(round(drawn), SHORTEST, LONGEST))


def footage(recording: Recording) -> Footage:
    """Motion, background and light of a recording."""
    seed, number = recording.seed, recording.subject - 1
    performer = subject(number, seed)
    motion, segments = _performance(recording, performer)
    behind = np.random.default_rng([seed, 5, number])
    random = np.random.default_rng([seed, 4, recording.gesture, number])
    light = random.uniform(0.85, 1.12) * random.uniform(0.96, 1.04, size=3)
    return Footage(
        performer=performer,
        background=wall(performer.look.background.mean(axis=(0, 1)), behind, HEIGHT, WIDTH),
        light=(float(light[0]), float(light[1]), float(light[2])),
        # Low enough that the legs are cut off, and such that the crop around the chest lies inside the frame.
        at=(int(random.integers(42, 99)), int(random.integers(32, 57))),
        motion=motion,
        segments=segments,
    )


def _performance(recording: Recording, performer: BodySubject) -> tuple[Motion, tuple[tuple[int, int], ...]]:
    """Pause, repetition, return, pause, …, return, pause; and the first and last frame of each repetition."""
    gesture, seed = GESTURES[recording.gesture - 1], recording.seed
    motions = [
        perform(gesture, performer.build, draw_repetition(i, seed, performer.style).variation, length(i, seed))
        for i in recording.repetitions
    ]
    random = np.random.default_rng([seed, 6, recording.gesture, recording.subject])
    pauses = [int(frames) for frames in random.integers(2, 7, size=len(motions) + 1)]
    parts, segments, count = [_held(motions[0], pauses[0])], [], pauses[0]
    for i, motion in enumerate(motions):
        following = motions[min(i + 1, len(motions) - 1)]
        segments.append((count + 1, count + len(motion.joints)))
        parts += [motion, _return(motion, following), _held(following, pauses[i + 1])]
        count += len(motion.joints) + RETURN + pauses[i + 1]
    columns = zip(*((p.joints, p.hands, p.thumbs) for p in parts), strict=True)
    joints, hands, thumbs = (np.concatenate(rows) for rows in columns)
    return Motion(joints, hands, thumbs), tuple(segments)


def _held(motion: Motion, frames: int) -> Motion:
    """The first pose, held for `frames` frames."""
    joints, hands, thumbs = (np.repeat(p[:1], frames, axis=0) for p in (motion.joints, motion.hands, motion.thumbs))
    return Motion(joints, hands, thumbs)


def _return(motion: Motion, following: Motion) -> Motion:
    """Moves from the last pose of a motion to the first pose of the following one, slow at both ends."""
    part = np.arange(1, RETURN + 1)[:, None, None] / (RETURN + 1)
    part = part * part * (3 - 2 * part)

    def between(last: NDArray[np.float64], first: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.round((last + part * (first - last)) * 1024) / 1024, dtype=np.float64)

    return Motion(
        between(motion.joints[-1], following.joints[0]),
        between(motion.hands[-1], following.hands[0]),
        between(motion.thumbs[-1], following.thumbs[0]),
    )
