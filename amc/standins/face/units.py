"""Facial action units: which landmarks each unit moves, and how far.

Intensities run from 0 to 5, as OpenFace reports them. The table has the displacements at intensity 5, in millimetres
of an average face, for the subject's right side (x grows towards the midline) and the midline; the left side mirrors
the right one. The landmarks that faces are aligned by (corners of the eyes, top and base of the nose) never move, so
the crop of a clip does not depend on the expression.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from amc.data.datasets.landmarks import LANDMARKS, MIRROR

STRONGEST = 5.0

Moves = Mapping[int, tuple[float, float]]

UNITS: Mapping[int, Moves] = {
    # Inner brow raiser.
    1: {21: (0, -14), 20: (0, -10.5), 19: (0, -4)},
    # Outer brow raiser.
    2: {17: (0, -10), 18: (0, -12), 19: (0, -9.5), 20: (0, -4)},
    # Brow lowerer: down and together.
    4: {21: (7, 8.5), 20: (6, 8.5), 19: (4, 7), 18: (2, 4), 17: (0.5, 1.5), 37: (0, 2.5), 38: (0, 3)},
    # Upper lid raiser.
    5: {37: (0, -10.5), 38: (0, -10.5)},
    # Cheek raiser.
    6: {40: (0, -4), 41: (0, -4.8), 37: (0, 0.8), 18: (0, 0.8), 17: (0, 1)},
    # Lid tightener.
    7: {40: (0, -4), 41: (0, -3.6), 37: (0, 2.4), 38: (0, 2.2)},
    # Nose wrinkler: draws the wings of the nose, the upper lip and the inner brows together.
    9: {
        31: (-2, -5.5), 32: (-0.5, -3), 49: (-0.5, -3), 50: (0, -5.5), 51: (0, -5), 61: (0, -2.5), 62: (0, -2.5),
        19: (1.5, 4), 20: (2.5, 7), 21: (3, 8), 37: (0, 3), 38: (0, 3.2), 40: (0, -3.5), 41: (0, -2.8),
    },
    # Upper lip raiser: an angular bend of the upper lip, teeth showing.
    10: {
        31: (-2, -2), 49: (-2, -8), 50: (-0.5, -10.5), 51: (0, -10), 61: (0, -9), 62: (0, -9), 48: (-1, -1),
        60: (-0.5, -1), 40: (0, -1), 41: (0, -1),
    },
    # Nasolabial deepener.
    11: {49: (-0.5, -2), 31: (-0.8, -1)},
    # Lip corner puller: out and up.
    12: {
        48: (-12.5, -15), 60: (-11.5, -13.5), 49: (-7, -6), 59: (-7.5, -7), 50: (-2, 0), 58: (-3, 0), 61: (-3, -0.5),
        67: (-3, -0.5), 51: (0, 1.5), 57: (0, 1), 3: (-1.5, 0), 4: (-2.5, 0), 5: (-1.5, 0),
    },
    # Lip corner depressor.
    15: {48: (-1, 15), 60: (-0.5, 13), 49: (-0.5, 5.5), 59: (-1, 7.5), 61: (0, 1), 67: (0, 1)},
    # Lower lip depressor.
    16: {57: (0, 5.5), 58: (-0.5, 5.5), 59: (-0.5, 3), 66: (0, 5), 67: (0, 5)},
    # Chin raiser: the lower lip pushed up, the mouth arched.
    17: {
        57: (0, -6), 58: (0, -5.5), 59: (0, -1), 66: (0, -4.5), 67: (0, -4), 62: (0, -4.5), 61: (0, -4),
        51: (0, -4.5), 50: (0, -4.2), 49: (0, -1), 48: (0, 4), 60: (0, 3.4), 8: (0, -6), 7: (0, -4.5), 6: (0, -2),
    },
    # Lip stretcher: straight back.
    20: {
        48: (-14, 3.5), 60: (-13, 3), 49: (-8.5, 2), 59: (-8.5, 1.5), 50: (-3, 2.5), 51: (0, 2.5), 57: (0, -2.5),
        58: (-4, -2.5), 61: (-4, 0), 67: (-4, 0),
    },
    # Lip funneler.
    22: {
        48: (7, 0), 60: (6.5, 0), 49: (2.5, -2.5), 59: (2.5, 2.5), 50: (0, -4), 51: (0, -3.5), 57: (0, 4), 58: (0, 4),
        61: (1, -3), 62: (0, -3), 66: (0, 3), 67: (1, 3),
    },
    # Lip tightener: lips thinner and the mouth narrower.
    23: {
        48: (8, 0), 60: (7.4, 0), 49: (3.5, 2.4), 50: (0.5, 4.2), 51: (0, 3.8), 57: (0, -5.6), 58: (0.5, -5.2),
        59: (3.5, -2.8),
    },
    # Lip pressor.
    24: {
        48: (2.5, 0), 60: (2.5, 0), 49: (0, 2.4), 50: (0, 3.8), 51: (0, 3.4), 57: (0, -5), 58: (0, -4.6),
        59: (0, -2.6),
    },
    # Lips part.
    25: {
        50: (0, -1), 51: (0, -1), 61: (0, -1.8), 62: (0, -1.8), 66: (0, 4.5), 67: (0, 4), 57: (0, 4), 58: (0, 3.6),
        59: (0, 1.6),
    },
    # Jaw drop.
    26: {
        8: (0, 14), 7: (0, 13.5), 6: (0, 11), 5: (0.5, 7), 4: (0.5, 3.5), 3: (0.5, 1.2), 57: (0, 13), 58: (0.5, 12),
        59: (1.5, 7.5), 66: (0, 13), 67: (0.5, 11.5), 48: (3, 3.5), 60: (3, 3.5), 49: (1.5, 0.5),
    },
    # Mouth stretch.
    27: {
        8: (0, 21), 7: (0, 20), 6: (0.5, 16.5), 5: (1, 11), 4: (1, 6), 3: (1, 2), 57: (0, 21), 58: (1, 19.5),
        59: (3, 12), 66: (0, 21), 67: (1, 18.5), 48: (6, 7), 60: (6, 7), 49: (3, 1.5), 50: (0.5, -1.5), 51: (0, -1.5),
        61: (0, -1.5), 62: (0, -1.5),
    },
}  # fmt: skip

# The units in the order of arrays of intensities.
NUMBERS: tuple[int, ...] = tuple(UNITS)


def _basis() -> NDArray[np.float64]:
    """Displacements (units, 2 sides, 68, 2) at intensity 1, of the right and the left half."""
    basis = np.zeros((len(UNITS), 2, LANDMARKS, 2))
    for u, moves in enumerate(UNITS.values()):
        for i, (x, y) in moves.items():
            if MIRROR[i] == i:
                basis[u, :, i] = x / 2, y / 2
            else:
                basis[u, 0, i] = x, y
                basis[u, 1, MIRROR[i]] = -x, y
    return basis / STRONGEST


_BASIS = _basis()


def displaced(
    neutral: NDArray[np.float64], intensity: NDArray[np.float64], sides: NDArray[np.float64], scale: float
) -> NDArray[np.float64]:
    """Moves the landmarks of a neutral face by action units.

    Args:
        neutral: (68, 3) millimetres.
        intensity: (T, units) from 0 to 5, in the order of `NUMBERS`.
        sides: (units, 2) factors of the right and the left half; all 1 for a symmetric face.
        scale: size of the face; 1 for an average face.

    Returns:
        (T, 68, 3) millimetres. The lips never cross.
    """
    moves = np.tensordot(intensity, (_BASIS * sides[..., None, None]).sum(axis=1), axes=(1, 0))
    points = np.repeat(neutral[None], len(intensity), axis=0)
    points[..., :2] += scale * moves
    for upper, lower in ((61, 67), (62, 66), (63, 65)):
        # If the units together would cross the lips, they meet half-way.
        crossed = np.maximum(points[:, upper, 1] - points[:, lower, 1], 0) / 2
        points[:, upper, 1] -= crossed
        points[:, lower, 1] += crossed
    for outer, inner, below in (
        (50, 61, False),
        (51, 62, False),
        (52, 63, False),
        (56, 65, True),
        (57, 66, True),
        (58, 67, True),
    ):
        # A lip keeps a minimum thickness.
        least = 1.8 * scale
        if below:
            points[:, outer, 1] = np.maximum(points[:, outer, 1], points[:, inner, 1] + least)
        else:
            points[:, outer, 1] = np.minimum(points[:, outer, 1], points[:, inner, 1] - least)
    for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46)):
        # Eyes narrow to a slit and never close.
        least = 3.0 * scale
        short = np.maximum(points[:, upper, 1] + least - points[:, lower, 1], 0) / 2
        points[:, upper, 1] -= short
        points[:, lower, 1] += short
    return points
