"""The 68 facial landmarks of the iBUG scheme, and their horizontal flip.

All indices count from 0, as in OpenFace's columns `x_0` … `x_67`. Left and right are the subject's own: the right eye
is the one at smaller x in a picture that is not mirrored. In the scheme the jaw is 0-16 (from the right ear over the
chin, 8, to the left ear), the right brow 17-21, the left brow 22-26, the nose's bridge 27-30 and base 31-35, the right
eye 36-41, the left eye 42-47, the outer lips 48-59 and the inner lips 60-67.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LANDMARKS = 68

# Parts of the face, and the landmarks that take their places in a flipped picture.
_FLIPPED = (
    (range(0, 17), range(16, -1, -1)),  # jaw
    (range(17, 27), range(26, 16, -1)),  # brows
    (range(31, 36), range(35, 30, -1)),  # base of the nose
    (range(36, 42), (45, 44, 43, 42, 47, 46)),  # right eye
    (range(42, 48), (39, 38, 37, 36, 41, 40)),  # left eye
    (range(48, 55), range(54, 47, -1)),  # upper edge of the upper lip, with both corners
    (range(55, 60), range(59, 54, -1)),  # lower edge of the lower lip
    (range(60, 65), range(64, 59, -1)),  # lower edge of the upper lip, with both corners
    (range(65, 68), range(67, 64, -1)),  # upper edge of the lower lip
)


def _mirror() -> NDArray[np.int64]:
    mirror = np.arange(LANDMARKS, dtype=np.int64)
    for part, flipped in _FLIPPED:
        mirror[list(part)] = list(flipped)
    mirror.setflags(write=False)
    return mirror


# int64 (68,): the landmark that each landmark becomes under a horizontal flip; an involution.
MIRROR: NDArray[np.int64] = _mirror()


def mirrored(points: NDArray[Any], width: float) -> NDArray[Any]:
    """The landmarks of the horizontally flipped picture.

    Args:
        points: (..., 68, 2) as (x, y) in pixels, the top-left pixel's centre being (0, 0).
        width: width of the picture, in pixels.

    Returns:
        (..., 68, 2): x becomes width - 1 - x, and landmarks are reordered to their names in the flipped face.
    """
    flipped = points[..., MIRROR, :].copy()
    flipped[..., 0] = width - 1 - flipped[..., 0]
    return flipped
