"""Forward kinematics: the nine joints of every frame, from a gesture, a build and a repetition's variation.

Coordinates are pixels of the 180 x 180 crop: x to the right, y down, z towards the camera, which is `CAMERA` pixels
away. The body faces the camera, so its right arm is on the left of the picture. Left and right are the subject's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, repeat

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from amc.data.datasets.natops import KEYPOINT_NAMES
from amc.standins.body.gestures import NEUTRAL, ArmPose, Gesture, Pose

CROP = 180  # pixels: the paper's crop, centred on the chest
CAMERA = 420.0  # distance of the camera, in pixels


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


@dataclass(frozen=True)
class Variation:
    """How one repetition differs from the gesture's definition. In the first frame, only `shift` is visible."""

    shift: tuple[float, float]  # of the body in the crop, pixels
    speed: float  # at 1, a clip shows the gesture exactly once
    delay: float  # before the motion starts, as a fraction of the clip
    rhythm: float  # unevenness of the speed, in [-1, 1]
    amplitude: tuple[float, float]  # factor on the deviation from the neutral pose, of the right and the left arm
    lag: float  # of the left arm, as a fraction of the clip
    offset: NDArray[np.float64]  # (8,) degrees, added to the angles once the arms have left the neutral pose
    wobble: NDArray[np.float64]  # (8, 3): amplitude in degrees, frequency, phase
    sway: NDArray[np.float64]  # (2, 3): the same for the trunk, in pixels along x and y


@dataclass(frozen=True)
class Motion:
    """Positions in each of T frames."""

    joints: NDArray[np.float64]  # (T, 9, 3): x, y, z of the joints, in the order of KEYPOINT_NAMES
    hands: NDArray[np.float64]  # (T, 2, 3): tips of the left and the right hand, for drawing


def angles_at(gesture: Gesture, phase: NDArray[np.float64]) -> NDArray[np.float64]:
    """Interpolates the poses of a gesture.

    Args:
        gesture: the gesture.
        phase: (T,) from 0 (neutral pose) to 1 (end of the gesture), or a little more.

    Returns:
        (T, 8) degrees: four angles of the right arm, then four of the left. The interpolant is a monotone cubic, so
        the arms pass through poses without stopping, never overshoot, and rest where two poses are equal.
    """
    total = sum(p.takes for p in gesture.lead) + gesture.times * sum(p.takes for p in gesture.loop)
    at, rows = [0.0], [_flat(NEUTRAL)]
    for pose in _poses(gesture):
        at.append(at[-1] + pose.takes / total)
        rows.append(_flat(pose))
        # One pose beyond the largest phase, because the last slope depends on it.
        if at[-1] > 1.5:
            break
    curve = PchipInterpolator(np.array(at), np.array(rows), axis=0)
    return np.asarray(curve(np.clip(phase, 0.0, at[-1])), dtype=np.float64)


def perform(gesture: Gesture, build: Build, variation: Variation, frames: int) -> Motion:
    """One repetition at T frames, evenly spaced over the gesture for any T. Frame 0 shows the neutral pose."""
    time = np.linspace(0.0, 1.0, frames)
    angles = np.concatenate(
        [
            angles_at(gesture, _phase(time, variation, 0.0))[:, :4],
            angles_at(gesture, _phase(time, variation, variation.lag))[:, 4:],
        ],
        axis=1,
    )
    neutral = np.array(_flat(NEUTRAL))
    started = _smooth(_phase(time, variation, 0.0) / 0.15)[:, None]
    amplitude = np.repeat(variation.amplitude, 4)
    angles = neutral + amplitude * (angles - neutral) + started * (variation.offset + _waves(time, variation.wobble))
    sway = started * _waves(time, variation.sway)
    return _place(angles, build, np.array(variation.shift) + sway)


def _phase(time: NDArray[np.float64], variation: Variation, lag: float) -> NDArray[np.float64]:
    t = np.maximum(time - variation.delay - lag, 0.0)
    # The derivative stays positive, so time never runs backwards.
    return np.maximum(variation.speed * (t + 0.03 * variation.rhythm * np.sin(2 * np.pi * t)), 0.0)


def _waves(time: NDArray[np.float64], waves: NDArray[np.float64]) -> NDArray[np.float64]:
    size, frequency, phase = waves.T
    return np.asarray(size * np.sin(2 * np.pi * (frequency * time[:, None] + phase)), dtype=np.float64)


def _smooth(x: NDArray[np.float64]) -> NDArray[np.float64]:
    x = np.clip(x, 0.0, 1.0)
    return np.asarray(x * x * (3 - 2 * x), dtype=np.float64)


def _poses(gesture: Gesture) -> Iterator[Pose]:
    last = (gesture.loop or gesture.lead)[-1]
    # A gesture without a loop holds its last pose.
    return chain(gesture.lead, chain.from_iterable(repeat(gesture.loop or (last,))))


def _flat(pose: Pose) -> list[float]:
    return [*_arm(pose.right), *_arm(pose.left)]


def _arm(arm: ArmPose) -> tuple[float, float, float, float]:
    return arm.upper, arm.upper_toward, arm.fore, arm.fore_toward


def _place(angles: NDArray[np.float64], build: Build, shift: NDArray[np.float64]) -> Motion:
    """Joints from angles (T, 8) and the displacement of the chest from the centre of the crop (T, 2)."""
    frames = len(angles)
    middle = np.zeros((frames, 3))
    middle[:, :2] = (CROP - 1) / 2 + shift
    shoulders = middle + np.array([0, -build.chest, 0])
    joints = np.empty((frames, len(KEYPOINT_NAMES), 3))
    hands = np.empty((frames, 2, 3))
    joints[:, 0] = shoulders + np.array([0, -build.neck, 0])
    joints[:, 1] = middle
    joints[:, 2] = shoulders + np.array([0, build.trunk, 0])
    for i, (side, columns) in enumerate(((1, angles[:, 4:]), (-1, angles[:, :4]))):
        shoulder = shoulders + np.array([side * build.shoulder, 0, 0])
        elbow = shoulder + build.upper_arm * _direction(columns[:, 0], columns[:, 1], side)
        along = _direction(columns[:, 2], columns[:, 3], side)
        joints[:, 3 + i] = shoulder
        joints[:, 5 + i] = elbow
        joints[:, 7 + i] = elbow + build.forearm * along
        hands[:, i] = joints[:, 7 + i] + 0.9 * build.thickness * along
    return Motion(_project(joints), _project(hands))


def _direction(swing: NDArray[np.float64], toward: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    s, t = np.radians(swing), np.radians(toward)
    return np.stack([side * np.sin(s) * np.cos(t), np.cos(s) * np.cos(t), np.sin(t)], axis=-1)


def _project(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Perspective projection about the centre of the crop.

    The result is rounded to 1/1024 pixel: sines differ in the last bit between machines, but clips must not.
    """
    centre = (CROP - 1) / 2
    factor = CAMERA / (CAMERA - points[..., 2:])
    seen = np.concatenate([centre + (points[..., :2] - centre) * factor, points[..., 2:]], axis=-1)
    return np.asarray(np.round(seen * 1024) / 1024, dtype=np.float64)
