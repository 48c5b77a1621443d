"""Which row of a take's table belongs to which frame, where the frames' names leave that open.

OpenFace reads a folder by the names of its files. Where numbers have different lengths (img_10000 sorts before
img_9999) that is another order than that of the numbers, and a table does not say in which order it was made. The
pictures do: landmarks change as they change.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from amc.importing.mug.distribution import Take
from amc.importing.mug.pictures import BadPicture, read_picture

_SIDE = 48  # pixels of the pictures that are compared


def rows_of_frames(take: Take, landmarks: NDArray[np.float64]) -> NDArray[np.int64] | None:
    """The row of each frame where rows are in the order of names; None where they are in that of numbers.

    Args:
        take: of n frames.
        landmarks: (n, 68, 2) by row, NaN where not found.
    """
    by_name = _ranks(take.names)
    in_order = np.arange(len(by_name))
    if (by_name == in_order).all():
        return None
    pictures = {}
    for i, path in enumerate(take.paths):
        try:
            small = Image.fromarray(read_picture(path)).convert("L").resize((_SIDE, _SIDE), Image.Resampling.BOX)
        except BadPicture:
            continue  # told when the frame is needed
        pictures[i] = np.asarray(small, dtype=np.float64).ravel()
    likeness = [_likeness(pictures, landmarks[rows]) for rows in (in_order, by_name)]
    return by_name if likeness[1] > likeness[0] else None


def _ranks(names: Sequence[str]) -> NDArray[np.int64]:
    """For each name its place among all of them, sorted."""
    order = sorted(range(len(names)), key=lambda i: names[i])
    ranks = np.empty(len(names), dtype=np.int64)
    ranks[order] = np.arange(len(names))
    return ranks


def _likeness(pictures: dict[int, NDArray[np.float64]], landmarks: NDArray[np.float64]) -> float:
    """Correlation of how much two frames' pictures differ with how much their landmarks do, over all pairs."""
    known = [i for i in pictures if not np.isnan(landmarks[i]).any()]
    if len(known) < 3:
        return 0.0
    seen = _distances(np.stack([pictures[i] for i in known]))
    found = _distances(landmarks[known].reshape(len(known), -1))
    seen, found = seen - seen.mean(), found - found.mean()
    size = float(np.sqrt((seen**2).sum() * (found**2).sum()))
    return float((seen * found).sum()) / size if size else 0.0


def _distances(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distances of all pairs of rows, in one dimension."""
    return np.concatenate([np.sqrt(((rows[i + 1 :] - row) ** 2).sum(axis=1)) for i, row in enumerate(rows)])
