"""Which points of a pose to believe: those that the estimator finds again in the mirror image.

On a body seen from the side or bent over, an estimator still places every joint, with confidence and often wrongly.
Such guesses do not survive mirroring: found in the picture and in its mirror image, a joint that is really seen comes
out at the same place, a guessed one elsewhere.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LEAST_VISIBILITY = 0.5  # below it a point that nothing confirms is not valid
# The same for a point that both found at one place: estimators call the far arm of a body hidden also where it shows.
LEAST_CONFIRMED = 0.3
# Of the body's size: between a quarter and a third of the way from shoulders to hips. Of a limb that faces the camera
# the two places differ by a tenth of that, of one that is guessed by several times as much.
TOLERANCE = 0.5


def unmirrored(points: NDArray[np.float64], width: int, pairs: tuple[tuple[int, int], ...]) -> NDArray[np.float64]:
    """Points (..., k, 3) as x, y, visibility in a mirrored frame, as they are in the frame itself.

    Args:
        points: in the mirrored frame.
        width: of both, in pixels.
        pairs: points that change their names with their side.
    """
    order = np.arange(points.shape[-2])
    for left, right in pairs:
        order[[left, right]] = right, left
    turned: NDArray[np.float64] = points[..., order, :].copy()
    turned[..., 0] = width - 1 - turned[..., 0]
    return turned


def body_size(points: NDArray[np.float64]) -> float:
    """The median over frames of the root mean square distance of the points (n, k, 2) from their centre, in pixels.

    Frames of NaN are left out; 0 where there is no other.
    """
    seen = points[np.isfinite(points).all(axis=(1, 2))]
    if not len(seen):
        return 0.0
    away = seen - seen.mean(axis=1, keepdims=True)
    return float(np.median(np.sqrt((away**2).sum(axis=2).mean(axis=1))))


def agreed(plain: NDArray[np.float64], mirrored: NDArray[np.float64]) -> NDArray[np.float64]:
    """The points to believe, from those of all frames of a video and those of their mirror images, turned back.

    A point is valid where both found it within `TOLERANCE` of the body's size, on average with `LEAST_CONFIRMED`
    visibility; it is put in the middle then. In a frame where only one of the two found anybody, a point is valid where
    it has `LEAST_VISIBILITY` and is as near to where it is valid one frame before or after, and so on from frame to
    frame.

    Args:
        plain: (n, k, 3) as x, y, visibility; NaN in frames where nobody was found.
        mirrored: the same, in the coordinates of `plain`.

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
                kept = np.linalg.norm(candidate[t] - points[t + step], axis=-1, keepdims=True) <= reach
                points[t] = np.where(kept, candidate[t], points[t])
    return points
