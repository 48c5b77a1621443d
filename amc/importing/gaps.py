"""Keypoints that were not found in some frames: filled in over time, and still trusted only where the gap is short."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

# A fifth of a second at 25 frames a second: about as long as a limb moves in one direction.
MAX_GAP = 5


def fill_gaps(
    points: NDArray[np.float64], fallback: tuple[float, float], *, max_gap: int = MAX_GAP
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Fills what was not found, point by point.

    A gap is a run of frames in which the point was not found. Between two frames where it was found, the point goes
    in a straight line at constant speed; before the first and after the last such frame it stays where it was found.
    A gap of at most `max_gap` frames that lies between two frames where the point was found becomes valid;
    in longer ones, and before the first and after the last, the filler stays marked as not valid. A point that was
    never found is put at `fallback`.

    Args:
        points: (n, k, 2) as (x, y), NaN where not found.
        fallback: (x, y) for points that were never found.
        max_gap: frames.

    Returns:
        (n, k, 2) without NaN, and bool (n, k) which of them are valid.
    """
    n, k, _ = points.shape
    filled = np.empty_like(points)
    valid = np.zeros((n, k), dtype=np.bool_)
    frame = np.arange(n)
    for j in range(k):
        found = np.flatnonzero(~np.isnan(points[:, j]).any(axis=1))
        if not found.size:
            filled[:, j] = fallback
            continue
        for axis in range(2):
            filled[:, j, axis] = np.interp(frame, found, points[found, j, axis])
        valid[found, j] = True
        for start, end in pairwise(found):
            if end - start - 1 <= max_gap:
                valid[start:end, j] = True
    return filled, valid
