"""Decides which row of a take's table belongs to which frame if the frames' names are ambiguous.

OpenFace reads the files of a folder in the order of their names. If their numbers have different lengths (img_10000
sorts before img_9999), this is not the order of the numbers, and the table does not say in which order it was written.
The images decide, because landmarks change when images change.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from amc.importing.mug.images import ImageError, read_image
from amc.importing.mug.openface.table import LandmarksError
from amc.importing.mug.source_files import MugTake

_MARGIN = 0.05  # by how much one order must fit the images better: a difference of correlations
_SIDE = 48  # pixels of the images that are compared


def rows_of_frames(take: MugTake, landmarks: NDArray[np.float64]) -> NDArray[np.int64] | None:
    """Returns the row of each frame if rows are in the order of names; None if they are in the order of numbers.

    Args:
        take: a take of n frames.
        landmarks: (n, 68, 2) in the order of the rows, NaN where not found.

    Raises:
        LandmarksError: the images do not tell by a margin of `_MARGIN`.
    """
    by_name = _ranks(take.names)
    in_order = np.arange(len(by_name))
    if (by_name == in_order).all():
        return None
    images = {}
    for i, path in enumerate(take.paths):
        try:
            small = Image.fromarray(read_image(path)).convert("L").resize((_SIDE, _SIDE), Image.Resampling.BOX)
        except ImageError:
            continue  # reported when the frame is needed
        images[i] = np.asarray(small, dtype=np.float64).ravel()
    similarity = [_similarity(images, landmarks[rows]) for rows in (in_order, by_name)]
    if abs(similarity[1] - similarity[0]) < _MARGIN:
        raise LandmarksError(
            "its rows may be in the order of the frames' names or of their numbers, and the images do not tell which; "
            "pad the numbers in the names (img_0009 before img_0010) and run OpenFace again"
        )
    return by_name if similarity[1] > similarity[0] else None


def _ranks(names: Sequence[str]) -> NDArray[np.int64]:
    """Rank of each name among all of them."""
    order = sorted(range(len(names)), key=lambda i: names[i])
    ranks = np.empty(len(names), dtype=np.int64)
    ranks[order] = np.arange(len(names))
    return ranks


def _similarity(images: dict[int, NDArray[np.float64]], landmarks: NDArray[np.float64]) -> float:
    """Correlation over all pairs of frames between the distances of their images and of their landmarks."""
    known = [i for i in images if not np.isnan(landmarks[i]).any()]
    if len(known) < 3:
        return 0.0
    seen = _distances(np.stack([images[i] for i in known]))
    found = _distances(landmarks[known].reshape(len(known), -1))
    seen, found = seen - seen.mean(), found - found.mean()
    size = float(np.sqrt((seen**2).sum() * (found**2).sum()))
    return float((seen * found).sum()) / size if size else 0.0


def _distances(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distances of all pairs of rows, as a vector."""
    return np.concatenate([np.sqrt(((rows[i + 1 :] - row) ** 2).sum(axis=1)) for i, row in enumerate(rows)])
