"""What is drawn around a face and has no landmark: skull, hair, ears, neck and shoulders."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from amc.data.datasets.landmarks import LANDMARKS
from amc.standins.face.geometry import Shape

Row = tuple[tuple[float, float, float], ...]

# Points (x, y, z) in millimetres of an average face, from the subject's right side to the middle; mirrored on the left.
_HALVES: Mapping[str, Row] = {
    "skull": ((-73, -16, -62), (-70, -42, -52), (-58, -66, -38), (-32, -82, -25), (0, -87, -22)),
    "hair": ((-80, 12, -80), (-85, -28, -78), (-77, -70, -66), (-46, -102, -55), (0, -112, -52)),
    "hairline": ((-72, 2, -62), (-67, -30, -48), (-52, -44, -32), (-26, -50, -20), (0, -52, -18)),
    "shoulders": ((-150, 190, -80), (-140, 162, -80), (-88, 142, -75), (-46, 132, -70), (0, 146, -60)),
}
_PAIRS: Mapping[str, Row] = {
    "ears": ((-74, 14, -75),),
    "neck": ((-45, 70, -70), (-45, 150, -65)),
}


def _slices() -> dict[str, slice]:
    at, found = LANDMARKS, {}
    for name, half in _HALVES.items():
        found[name] = slice(at, at + 2 * len(half) - 1)
        at += 2 * len(half) - 1
    for name, points in _PAIRS.items():
        found[name] = slice(at, at + 2 * len(points))
        at += 2 * len(points)
    return found


# Where each outline lies after the landmarks, from the subject's right to the left; "neck" goes down and up again.
OUTLINES: Mapping[str, slice] = _slices()


def extras(shape: Shape, hairline: float = 0.0) -> NDArray[np.float64]:
    """The points (n, 3) in millimetres for a face of this shape, its hairline so many of them lower than usual."""
    rows = []
    for name, half in _HALVES.items():
        points = np.array(half, dtype=np.float64)
        if name == "hairline":
            points[1:, 1] += hairline
        rows += [points, points[-2::-1] * (-1, 1, 1)]
    for points in (np.array(row, dtype=np.float64) for row in _PAIRS.values()):
        rows += [points, points[::-1] * (-1, 1, 1)]
    return np.concatenate(rows) * (shape.width, shape.height, 1.0) * shape.scale
