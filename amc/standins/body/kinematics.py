"""Forward kinematics: the nine joints of every frame, from a gesture, a build and a repetition's variation.

Coordinates are pixels of the 180 x 180 crop: x to the right, y down, z towards the camera, which is `CAMERA` pixels
away. The body faces the camera, so its right arm is on the left of the picture. Left and right are the subject's own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from amc.data.datasets.natops import KEYPOINT_NAMES
from amc.standins.body.gestures import NEUTRAL, Gesture, Pose

CROP = 180  # pixels: the paper's crop, centred on the chest
CAMERA = 420.0  # distance of the camera, in pixels

# Of the movement in a clip, as fractions of the clip.
_EARLIEST, _LATEST, _STILL = 0.07, 0.42, 0.03
_LONGEST = 0.9
_THUMB = {"neutral": 0.0, "up": 1.0, "down": -1.0}


@dataclass(frozen=True)
class Build:
    """A subject's proportions, in pixels."""

    shoulder: float  # half the distance between the shoulder joints
    upper_arm: float
    forearm: float
    neck: float  # from the shoulder line up to the centre of the head
    head: float  # radius
    chest: float  # from the shoulder line down to the chest joint
    trunk: float  # from the shoulder line down to the navel
    thickness: float  # of the arms
    hand: float  # from the wrist to the end of the palm


@dataclass(frozen=True)
class Variation:
    """How one repetition differs from the gesture's definition. The first frame shows only `shift` and `posture`.

    Directions are unit vectors (x outward, y down, z towards the camera) of the right upper arm, right forearm, left
    upper arm and left forearm; what is added to them is in the same unit, so 0.1 is about 6 degrees.
    """

    shift: tuple[float, float]  # of the body in the crop, pixels
    early: (
        float  # how much earlier than the gesture's `centre` the middle of the movement is, as a fraction of the clip
    )
    duration: float  # factor on the gesture's `share`
    rhythm: tuple[float, float]  # unevenness of the speed; the absolute values add up to less than 0.2
    amplitude: tuple[float, float]  # factor on the deviation from the rest pose, of the right and the left arm
    lag: float  # of the left arm, as a fraction of the clip
    posture: NDArray[np.float64]  # (4, 3), added to the directions at rest
    settled: NDArray[np.float64]  # (4, 3), added to the directions at rest after the movement
    offset: NDArray[np.float64]  # (4, 3), added to the directions while the arms are away from rest
    wobble: NDArray[np.float64]  # (12, 3): size, frequency, phase of what is added to the directions over time
    sway: NDArray[np.float64]  # (2, 3): the same for the trunk, in pixels along x and y


@dataclass(frozen=True)
class Motion:
    """Positions in each of T frames."""

    joints: NDArray[np.float64]  # (T, 9, 3): x, y, z of the joints, in the order of KEYPOINT_NAMES
    hands: NDArray[np.float64]  # (T, 2, 3): tips of the left and the right hand, for drawing
    thumbs: NDArray[np.float64]  # (T, 2, 3): tips of the thumbs, for drawing


def directions_at(gesture: Gesture, phase: NDArray[np.float64]) -> NDArray[np.float64]:
    """Interpolates the poses of a gesture.

    Args:
        gesture: the gesture.
        phase: (T,) from 0 (rest) to 1 (rest again).

    Returns:
        (T, 4, 3) unit vectors: right upper arm, right forearm, left upper arm, left forearm. Between poses, arms take
        the short way; they rest where two poses are equal.
    """
    poses = (*gesture.lead, *gesture.loop * gesture.times)
    at = np.cumsum([0.0, *(pose.takes for pose in poses), gesture.back])
    rows = np.stack([_directions(pose) for pose in (NEUTRAL, *poses, NEUTRAL)])
    return _unit(PchipInterpolator(at / at[-1], rows, axis=0)(np.clip(phase, 0.0, 1.0)))


def movement(gesture: Gesture, variation: Variation) -> tuple[float, float]:
    """Start and end of the movement, as fractions of the clip. It begins and ends within the clip."""
    share = float(np.clip(gesture.share * variation.duration, 0.4, _LONGEST))
    start = gesture.centre - variation.early - share / 2
    start = float(np.clip(start, _EARLIEST, _LATEST))
    return start, min(start + share, 1.0 - _STILL)


def perform(gesture: Gesture, build: Build, variation: Variation, frames: int) -> Motion:
    """One repetition at T frames, evenly spaced over the same time for any T. It starts and ends at rest."""
    time = np.linspace(0.0, 1.0, frames)
    start, end = movement(gesture, variation)
    right = _phase(time, start, end, variation.rhythm)
    left = _phase(time, start + variation.lag, end, variation.rhythm)
    turned = np.concatenate([directions_at(gesture, right)[:, :2], directions_at(gesture, left)[:, 2:]], axis=1)
    rest = _directions(NEUTRAL)
    away = _smooth(np.minimum(right, 1.0 - right) / 0.25)
    amplitude = np.repeat(variation.amplitude, 2)[:, None]
    wobble = _waves(time, variation.wobble).reshape(frames, 4, 3)
    after = _smooth((right - 0.5) / 0.5)[:, None, None]
    added = variation.posture + after * variation.settled + away[:, None, None] * (variation.offset + wobble)
    turned = _unit(rest + amplitude * (turned - rest) + added)
    shown = away[:, None] * np.array([_THUMB[gesture.thumbs[1]], _THUMB[gesture.thumbs[0]]])
    sway = away[:, None] * _waves(time, variation.sway)
    return _place(turned, shown, build, np.array(variation.shift) + sway)


def _phase(time: NDArray[np.float64], start: float, end: float, rhythm: tuple[float, float]) -> NDArray[np.float64]:
    u = np.clip((time - start) / (end - start), 0.0, 1.0)
    # The derivative stays positive, so time never runs backwards.
    u = u + rhythm[0] * np.sin(np.pi * u) + rhythm[1] * np.sin(2 * np.pi * u)
    return np.asarray(np.clip(u, 0.0, 1.0), dtype=np.float64)


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), dtype=np.float64)


def _directions(pose: Pose) -> NDArray[np.float64]:
    angles = [(each.upper, each.upper_toward, each.fore, each.fore_toward) for each in (pose.right, pose.left)]
    swing, toward = np.radians(np.reshape(angles, (4, 2))).T
    return np.stack([np.sin(swing) * np.cos(toward), np.cos(swing) * np.cos(toward), np.sin(toward)], axis=-1)


def _waves(time: NDArray[np.float64], waves: NDArray[np.float64]) -> NDArray[np.float64]:
    size, frequency, phase = waves.T
    return np.asarray(size * np.sin(2 * np.pi * (frequency * time[:, None] + phase)), dtype=np.float64)


def _smooth(x: NDArray[np.float64]) -> NDArray[np.float64]:
    x = np.clip(x, 0.0, 1.0)
    return np.asarray(x * x * (3 - 2 * x), dtype=np.float64)


def _place(
    directions: NDArray[np.float64], thumb: NDArray[np.float64], build: Build, shift: NDArray[np.float64]
) -> Motion:
    """Joints from directions (T, 4, 3), thumbs (T, 2) of the left and the right hand, from -1 (down) to 1 (up), and the
    displacement of the chest from the centre of the crop (T, 2)."""
    frames = len(directions)
    middle = np.zeros((frames, 3))
    middle[:, :2] = (CROP - 1) / 2 + shift
    shoulders = middle + np.array([0, -build.chest, 0])
    joints = np.empty((frames, len(KEYPOINT_NAMES), 3))
    hands, thumbs = np.empty((frames, 2, 3)), np.empty((frames, 2, 3))
    joints[:, 0] = shoulders + np.array([0, -build.neck, 0])
    joints[:, 1] = middle
    joints[:, 2] = shoulders + np.array([0, build.trunk, 0])
    for i, (side, first) in enumerate(((1, 2), (-1, 0))):
        mirror = np.array([side, 1, 1])
        upper, fore = mirror * directions[:, first], mirror * directions[:, first + 1]
        joints[:, 3 + i] = shoulders + np.array([side * build.shoulder, 0, 0])
        joints[:, 5 + i] = joints[:, 3 + i] + build.upper_arm * upper
        joints[:, 7 + i] = joints[:, 5 + i] + build.forearm * fore
        hands[:, i] = joints[:, 7 + i] + build.hand * fore
        # At rest the thumb lies along the hand.
        strength = np.abs(thumb[:, i, None])
        raised = np.stack([np.zeros(frames), -thumb[:, i], np.zeros(frames)], axis=-1)
        thumbs[:, i] = joints[:, 7 + i] + build.hand * (0.6 * fore * (1 - 0.3 * strength) + 2.1 * raised)
    return Motion(_project(joints), _project(hands), _project(thumbs))


def _project(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Perspective projection about the centre of the crop.

    The result is rounded to 1/1024 pixel: sines differ in the last bit between machines, but clips must not.
    """
    centre = (CROP - 1) / 2
    factor = CAMERA / (CAMERA - points[..., 2:])
    seen = np.concatenate([centre + (points[..., :2] - centre) * factor, points[..., 2:]], axis=-1)
    return np.asarray(np.round(seen * 1024) / 1024, dtype=np.float64)
