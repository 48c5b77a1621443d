"""The neutral face in millimetres: 68 iBUG landmarks, outlines of skull, hair, ears, neck and shoulders, projection.

The origin lies between the eyes; x points to the right of the picture, y down, z towards the camera. The face looks
into the camera, so the subject's right side has negative x. Indices are those of `amc.data.datasets.landmarks`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amc.data.datasets.landmarks import LANDMARKS, MIRROR

FRAME = 896  # pixels: width and height of MUG's frames
PIXELS = 2.8  # pixels of a frame per millimetre
CENTRE = (448.0, 402.0)  # position of the origin in a frame

# Landmarks (x, y, z) on the subject's right side and the midline. The left side mirrors them.
_RIGHT: dict[int, tuple[float, float, float]] = {
    0: (-71, 3, -62),
    1: (-70, 21, -58),
    2: (-68, 39, -53),
    3: (-63, 56, -46),
    4: (-55, 72, -36),
    5: (-44, 85, -24),
    6: (-30, 95, -13),
    7: (-15, 101, -5),
    8: (0, 103, -2),
    17: (-59, -17, -22),
    18: (-51, -24, -12),
    19: (-40, -27, -5),
    20: (-28, -25.5, 0),
    21: (-16, -21.5, 3),
    27: (0, -2.5, 6),
    28: (0, 11, 14),
    29: (0, 23, 22),
    30: (0, 34, 28),
    31: (-14, 43, 10),
    32: (-7.5, 46.5, 13),
    33: (0, 48.5, 15),
    36: (-45, 0, -18),
    37: (-38.5, -7, -11),
    38: (-25.5, -7, -9),
    39: (-19, 1.2, -9),
    40: (-26, 7, -9),
    41: (-38, 6.8, -11),
    48: (-28, 70, -4),
    49: (-18, 64.5, 5),
    50: (-7, 61.2, 10),
    51: (0, 62.8, 11),
    57: (0, 82.5, 8),
    58: (-9, 81.5, 7),
    59: (-18.5, 77.3, 3),
    60: (-24, 70, -2),
    61: (-8, 69.6, 6),
    62: (0, 70.2, 7),
    66: (0, 70.6, 7),
    67: (-8, 70.2, 6),
}

_Row = tuple[tuple[float, float, float], ...]

# Outlines without landmarks, (x, y, z) from the subject's right side to the midline. The left side mirrors them.
_OUTLINE_HALVES: Mapping[str, _Row] = {
    "skull": ((-73, -16, -62), (-70, -42, -52), (-58, -66, -38), (-32, -82, -25), (0, -87, -22)),
    "hair": ((-80, 12, -80), (-85, -28, -78), (-77, -70, -66), (-46, -102, -55), (0, -112, -52)),
    "hairline": ((-72, 2, -62), (-67, -30, -48), (-52, -44, -32), (-26, -50, -20), (0, -52, -18)),
    "shoulders": ((-150, 190, -80), (-140, 162, -80), (-88, 142, -75), (-46, 132, -70), (0, 146, -60)),
}
_OUTLINE_PAIRS: Mapping[str, _Row] = {
    "ears": ((-74, 14, -75),),
    "neck": ((-45, 70, -70), (-45, 150, -65)),
}


def _both_sides() -> NDArray[np.float64]:
    points = np.full((LANDMARKS, 3), np.nan)
    for i, place in _RIGHT.items():
        points[i] = place
        points[MIRROR[i]] = (-place[0], *place[1:]) if MIRROR[i] != i else place
    return points


NEUTRAL: NDArray[np.float64] = _both_sides()
NEUTRAL.setflags(write=False)

_JAW, _BROWS, _EYES = slice(0, 17), slice(17, 27), slice(36, 48)
_NOSE, _LIPS = slice(27, 36), slice(48, 68)


@dataclass(frozen=True)
class Shape:
    """How a subject's face differs from the average face, which has factors 1 and offsets 0."""

    width: float = 1.0  # of the whole face
    height: float = 1.0
    jaw: float = 1.0  # width of the jaw at the mouth's height and below
    chin: float = 0.0  # millimetres that the chin is lower
    eye_distance: float = 0.0  # millimetres that each eye is farther out
    eye_opening: float = 1.0
    brow_height: float = 0.0  # millimetres above the usual
    brow_arch: float = 0.0  # millimetres that the middle of a brow is higher than its ends
    nose_width: float = 1.0
    mouth_width: float = 1.0
    lips: float = 1.0  # thickness
    scale: float = 1.0  # of everything


def neutral(shape: Shape) -> NDArray[np.float64]:
    """Landmarks (68, 3) of the neutral face in millimetres, mirror-symmetric."""
    points = NEUTRAL.copy()
    lower = np.clip((points[_JAW, 1] - 25) / 60, 0, 1)
    points[_JAW, 0] *= 1 + (shape.jaw - 1) * lower
    points[_JAW, 1] += shape.chin * lower**2
    side = np.sign(points[:, 0])
    eyes = points[_EYES]
    eyes[:, 0] += shape.eye_distance * side[_EYES]
    eyes[:, 1] *= shape.eye_opening
    arch = np.array([0.0, 0.6, 1.0, 0.6, 0.0] * 2)
    points[_BROWS, 0] += shape.eye_distance * side[_BROWS]
    points[_BROWS, 1] -= shape.brow_height + shape.brow_arch * arch
    points[_NOSE, 0] *= shape.nose_width
    lips = points[_LIPS]
    lips[:, 0] *= shape.mouth_width
    middle = NEUTRAL[62, 1]
    lips[:, 1] = middle + (lips[:, 1] - middle) * np.where(np.arange(20) < 12, shape.lips, 1.0)
    points *= (shape.width, shape.height, 1.0)
    return points * shape.scale


def _outline_slices() -> dict[str, slice]:
    at, found = LANDMARKS, {}
    for name, half in _OUTLINE_HALVES.items():
        found[name] = slice(at, at + 2 * len(half) - 1)
        at += 2 * len(half) - 1
    for name, points in _OUTLINE_PAIRS.items():
        found[name] = slice(at, at + 2 * len(points))
        at += 2 * len(points)
    return found


# Position of each outline after the landmarks, from the subject's right to the left; "neck" goes down and up again.
OUTLINES: Mapping[str, slice] = _outline_slices()


def outline_points(shape: Shape, hairline: float = 0.0) -> NDArray[np.float64]:
    """Points (n, 3) in millimetres of the outlines of a face; `hairline` moves the hairline down."""
    rows = []
    for name, half in _OUTLINE_HALVES.items():
        points = np.array(half, dtype=np.float64)
        if name == "hairline":
            points[1:, 1] += hairline
        rows += [points, points[-2::-1] * (-1, 1, 1)]
    for points in (np.array(row, dtype=np.float64) for row in _OUTLINE_PAIRS.values()):
        rows += [points, points[::-1] * (-1, 1, 1)]
    return np.concatenate(rows) * (shape.width, shape.height, 1.0) * shape.scale


def project(points: NDArray[np.float64], turn: NDArray[np.float64], shift: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weak perspective projection to a frame of `FRAME` x `FRAME` pixels.

    Args:
        points: (T, n, 3) millimetres.
        turn: (T, 3) yaw, pitch and roll in degrees, about the centre of the head.
        shift: (T, 2) millimetres to the right and down.

    Returns:
        (T, n, 2) pixels, rounded to 1/1024: sines differ in the last bit between machines, but clips must not.
    """
    yaw, pitch, roll = np.radians(turn).T
    zero, one = np.zeros_like(yaw), np.ones_like(yaw)
    about_y = _matrix([np.cos(yaw), zero, np.sin(yaw)], [zero, one, zero], [-np.sin(yaw), zero, np.cos(yaw)])
    about_x = _matrix([one, zero, zero], [zero, np.cos(pitch), np.sin(pitch)], [zero, -np.sin(pitch), np.cos(pitch)])
    about_z = _matrix([np.cos(roll), -np.sin(roll), zero], [np.sin(roll), np.cos(roll), zero], [zero, zero, one])
    pivot = np.array([0.0, 40.0, -70.0])
    turned = np.einsum("tij,tnj->tni", about_z @ about_x @ about_y, points - pivot) + pivot
    seen = np.array(CENTRE) + PIXELS * (turned[..., :2] + shift[:, None])
    return np.asarray(np.round(seen * 1024) / 1024, dtype=np.float64)


def _matrix(*rows: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
