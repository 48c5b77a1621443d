"""The interface of keypoint extractors.

An extractor looks at frames alone: it is given neither the class of a clip nor true keypoints. What it does not find is
NaN; nothing is filled in from other frames.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float32]
"""(n, t, k, 2): x and y in pixels, (0, 0) being the centre of the top-left pixel; NaN where nothing was found."""


class KeypointExtractor(Protocol):
    """Finds k keypoints in frames."""

    @property
    def name(self) -> str:
        """Its name on the command line."""
        ...

    @property
    def key(self) -> str:
        """A hash of everything that its output depends on besides the frames."""
        ...

    def __call__(self, frames: NDArray[np.uint8], /) -> Points:
        """The points (n, t, k, 2) of clips (n, t, H, W, 3).

        Raises:
            UserError: the extractor cannot be used.
        """
        ...

    def about(self) -> Mapping[str, Any]:
        """Facts that are recorded beside accuracies, as JSON values."""
        ...


def valid_points(keypoints: NDArray[np.float32], valid: NDArray[np.bool_]) -> Points:
    """Keypoints (n, t, k, 2) of a clip file, NaN where they are not valid (n, t, k)."""
    return np.where(valid[..., None], keypoints, np.float32(np.nan))


def nothing_found(points: Points) -> NDArray[np.bool_]:
    """Frames (n, t) without any point."""
    return np.asarray(np.isnan(points[..., 0]).all(axis=-1))


def points_missing(points: Points) -> NDArray[np.float64]:
    """The fraction (n,) of a clip's points, over all frames, that were not found."""
    return np.asarray(np.isnan(points[..., 0]).mean(axis=(1, 2)), np.float64)
