"""Fills in keypoints over frames in which they were not found; those in short gaps count as valid."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

# 0.2 s at 25 frames per second: about as long as a limb moves in one direction.
MAX_GAP = 5


def fill_gaps(
    points: NDArray[np.float64], fallback: tuple[float, float], *, max_gap: int = MAX_GAP
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Fills in missing positions of each point.

    A gap is a run of frames in which the point was not found. Positions are interpolated linearly between the frames
    around the gap, and constant before the first and after the last frame with the point. A gap of at most `max_gap`
    frames between two frames with the point becomes valid. Longer gaps, and gaps at the start and the end, do not. A
    point that was never found is placed at `fallback`.

    Args:
        points: (n, k, 2) as (x, y), NaN where not found.
        fallback: (x, y) for points that were never found.
        max_gap: number of frames.

    Returns:
        Positions (n, k, 2) without NaN, and valid bool (n, k).
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
