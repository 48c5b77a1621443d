"""Which points of a pose to trust: those that the estimator also finds in the mirror image.

If a body is seen from the side or bends over, an estimator still places every joint, confidently and often wrongly.
Mirroring exposes such guesses: a visible joint is found at the same place in the picture and in its mirror image, a
guessed joint is not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LEAST_VISIBILITY = 0.5  # for a point that was found in one of the two images only
# For a point that was found at the same place in both. Lower, because estimators often call the arm that is farther
# from the camera hidden although it shows.
LEAST_CONFIRMED = 0.3
# Largest distance between the two places, as a fraction of the body's size. The body's size is between a quarter and a
# third of the distance from shoulders to hips. A visible joint's two places differ by a tenth of it, a guessed one's by
# several times as much.
TOLERANCE = 0.5


def unmirrored(points: NDArray[np.float64], width: int, pairs: tuple[tuple[int, int], ...]) -> NDArray[np.float64]:
    """Converts points (..., k, 3) as x, y, visibility from a mirrored frame to the frame itself.

    Args:
        points: in the mirrored frame.
        width: of the frame, in pixels.
        pairs: (left, right) indices of points that exchange their names.
    """
    order = np.arange(points.shape[-2])
    for left, right in pairs:
        order[[left, right]] = right, left
    turned: NDArray[np.float64] = points[..., order, :].copy()
    turned[..., 0] = width - 1 - turned[..., 0]
    return turned


def body_size(points: NDArray[np.float64]) -> float:
    """Root mean square distance of the points (n, k, 2) from their centre in pixels, the median over n frames.

    Frames with NaN are left out; 0 if no frame remains.
    """
    seen = points[np.isfinite(points).all(axis=(1, 2))]
    if not len(seen):
        return 0.0
    away = seen - seen.mean(axis=1, keepdims=True)
    return float(np.median(np.sqrt((away**2).sum(axis=2).mean(axis=1))))


def confirmed_points(plain: NDArray[np.float64], mirrored: NDArray[np.float64]) -> NDArray[np.float64]:
    """The points to trust, given those of all frames of a video and those of their mirror images.

    A point is valid if both images have it within `TOLERANCE` of the body's size and its mean visibility is at least
    `LEAST_CONFIRMED`; its position is the mean of the two. If a body was found in only one of the two images, a point
    is valid if its visibility is at least `LEAST_VISIBILITY` and it is within the same distance of its valid position
    one frame before or after. This continues from frame to frame.

    Args:
        plain: (n, k, 3) as x, y, visibility; NaN in frames where nobody was found.
        mirrored: the same for the mirror images, converted by `unmirrored`.

    Returns:
        (n, k, 2) as (x, y), NaN where not valid.
    """
    both = np.stack([plain, mirrored])
    found = [np.isfinite(each).all(axis=(1, 2)) for each in (plain, mirrored)]
    reach = TOLERANCE * body_size(both[..., :2].reshape(-1, *plain.shape[1:2], 2))
    middle = both.mean(axis=0)
    apart = np.linalg.norm(both[0, ..., :2] - both[1, ..., :2], axis=-1, keepdims=True)
    points = np.where((apart <= reach) & (middle[..., 2:] >= LEAST_CONFIRMED), middle[..., :2], np.nan)
    alone = found[0] != found[1]
    single = np.where(np.reshape(found[0], (-1, 1, 1)), plain, mirrored)
    candidate = np.where(single[..., 2:] >= LEAST_VISIBILITY, single[..., :2], np.nan)
    n = len(plain)
    for order, step in ((range(1, n), -1), (range(n - 2, -1, -1), 1)):
        for t in order:
            if alone[t]:
                near = np.linalg.norm(candidate[t] - points[t + step], axis=-1, keepdims=True) <= reach
                points[t] = np.where(near, candidate[t], points[t])
    return points
