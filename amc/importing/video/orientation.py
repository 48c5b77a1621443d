"""How a frame is turned and mirrored for display, from the display matrix of its file."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

# The pixel at (x, y) is shown at (a x + c y, b x + d y), x to the right and y down: (a, b, c, d) of the eight ways to
# show an image, as the number of quarter turns counter-clockwise after mirroring left and right or not.
_WAYS = {
    (1, 0, 0, 1): (False, 0),
    (0, -1, 1, 0): (False, 1),
    (-1, 0, 0, -1): (False, 2),
    (0, 1, -1, 0): (False, 3),
    (-1, 0, 0, 1): (True, 0),
    (0, 1, 1, 0): (True, 1),
    (1, 0, 0, -1): (True, 2),
    (0, -1, -1, 0): (True, 3),
}
_EXACT = 0.999  # cosine of the angle between a matrix and the one that is applied


def orientation(frame: VideoFrame) -> tuple[tuple[bool, int], str]:
    """Whether a frame is mirrored and its quarter turns counter-clockwise after that; and a remark, usually empty.

    A matrix with another angle is rounded to quarter turns, and one that shows nothing is ignored: the remark says so.
    """
    side_data: Any = frame.side_data  # its type declares other keys than it takes
    data = side_data.get("DISPLAYMATRIX")
    if data is None:
        return (False, 0), ""
    rows = np.frombuffer(bytes(data), np.int32)[[0, 1, 3, 4]].reshape(2, 2).astype(np.float64)
    lengths = np.hypot(rows[:, 0], rows[:, 1])
    if not lengths.all():
        return (False, 0), "empty display matrix: shown as stored"
    matrix = rows / lengths[:, None]
    fit = {way: float((matrix.ravel() * way).sum()) / 2 for way in _WAYS}
    best = max(fit, key=fit.__getitem__)
    if fit[best] >= _EXACT:
        return _WAYS[best], ""
    mirrored, turns = _WAYS[best]
    a, b = -matrix[0] if mirrored else matrix[0]
    degrees = round(-math.degrees(math.atan2(b, a))) % 360
    return _WAYS[best], (
        f"rotated by {degrees} degrees for display: rounded to {90 * turns}" + (" and mirrored" if mirrored else "")
    )


def oriented(picture: NDArray[np.uint8], mirrored: bool, turns: int) -> NDArray[np.uint8]:
    """A picture (H, W, 3) as shown: mirrored left and right, then turned counter-clockwise by quarter turns."""
    shown = np.rot90(picture[:, ::-1] if mirrored else picture, turns)
    return np.ascontiguousarray(shown)
