"""Area resizing of frames, bit-identical on every machine, and of keypoints.

Each output pixel is the mean of the source area that it covers. Weights are integers (overlaps in fractions of a
pixel), so sums are exact in any order; rounding is half up. Results do not depend on vector units or threads.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray


def area_resize(frames: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Resizes frames by area averaging.

    Args:
        frames: uint8 (..., H, W, C).
        size: (H', W'), in pixels.

    Returns:
        uint8 (..., H', W', C).
    """
    height, width = frames.shape[-3], frames.shape[-2]
    if (height, width) == tuple(size):
        return frames
    rows, columns = _taps(height, size[0]), _taps(width, size[1])
    total = rows.total * columns.total
    # int32 is twice as fast and large enough for the usual sizes.
    kind = np.int32 if 2 * 256 * total < 2**31 else np.int64
    sums = _apply(frames, rows, axis=-3, kind=kind)
    sums = _apply(sums, columns, axis=-2, kind=kind)
    sums *= 2
    sums += total
    sums //= 2 * total
    return sums.astype(np.uint8)


def resize_points(points: NDArray[np.float32], old: tuple[int, int], new: tuple[int, int]) -> NDArray[np.float32]:
    """Scales pixel coordinates (x, y) of shape (..., 2) from a frame of size `old` = (H, W) to `new` = (H', W').

    The centre of the top-left pixel is (0, 0) in both, so x becomes (x + 0.5) W'/W - 0.5.
    """
    factor = np.array([new[1] / old[1], new[0] / old[0]])
    return np.asarray((points + 0.5) * factor - 0.5, dtype=np.float32)


class _Taps:
    """For each output position, the source positions that it covers and their integer weights."""

    def __init__(self, old: int, new: int) -> None:
        parts = math.gcd(old, new)
        self.total = old // parts
        unit = new // parts  # a source pixel has `unit` parts, an output pixel `total`
        starts = np.arange(new) * self.total
        first = starts // unit
        count = int((-(-(starts + self.total) // unit) - first).max())
        index = first[:, None] + np.arange(count)
        ends = np.minimum(starts[:, None] + self.total, (index + 1) * unit)
        self.weight = np.maximum(ends - np.maximum(starts[:, None], index * unit), 0)
        self.index = np.minimum(index, old - 1)


@lru_cache(maxsize=64)
def _taps(old: int, new: int) -> _Taps:
    return _Taps(old, new)


def _apply(values: NDArray[Any], taps: _Taps, *, axis: int, kind: type[np.signedinteger[Any]]) -> NDArray[Any]:
    shape = [1] * values.ndim
    shape[axis] = len(taps.weight)
    result: NDArray[Any] | None = None
    for index, weight in zip(taps.index.T, taps.weight.T.astype(kind), strict=True):
        term = np.take(values, index, axis=axis) * weight.reshape(shape)
        result = term if result is None else np.add(result, term, out=result)
    assert result is not None  # each output position covers at least one source position
    return result
