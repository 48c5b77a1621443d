"""Similarities (scale, rotation, translation) from the pixels of a frame to a square crop."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from amc.data.resize import area_resize

# Coefficients of a warp are rounded to multiples of this. That makes every product in Pillow's bilinear filter exact,
# so no result depends on the machine's rounding.
_GRID = 2.0**-16


@dataclass(frozen=True)
class Similarity:
    """Scale, rotation and translation: point z = (x + 0.5) + i (y + 0.5) of a source frame maps to `a` z + `b`.

    The crop is the unit square. A similarity never reflects.
    """

    a: complex
    b: complex

    @property
    def scale(self) -> float:
        """Sides of the crop per source pixel."""
        return abs(self.a)

    @property
    def inverse(self) -> Similarity:
        """The similarity from the crop (unit square) to pixels of the source frame."""
        return Similarity(1 / self.a, -self.b / self.a)

    def widened(self, factor: float) -> Similarity:
        """The crop with the same centre and its scale multiplied by `factor`."""
        middle = complex(0.5, 0.5)
        return Similarity(self.a * factor, middle + (self.b - middle) * factor)

    def move(self, points: NDArray[Any], size: int) -> NDArray[np.float64]:
        """Maps points (..., 2) from pixels of the source frame to pixels of the crop of `size` x `size`.

        In both, (0, 0) is the centre of the top-left pixel.
        """
        at = self.a * complex_points(points + 0.5) + self.b
        return _pairs(at) * size - 0.5

    def move_back(self, points: NDArray[Any], size: int) -> NDArray[np.float64]:
        """Maps points (..., 2) from pixels of the crop to pixels of the source frame: the inverse of `move`."""
        inverse = self.inverse
        return _pairs(inverse.a * complex_points((points + 0.5) / size) + inverse.b) - 0.5

    def warp(self, frame: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
        """Crops a frame uint8 (H, W, 3) to uint8 (size, size, 3).

        Reduction is anti-aliased (block means, bilinear samples at most a pixel apart, area means), and the result is
        the same on every machine. Pixels outside the frame are black.
        """
        per_pixel = 1 / (self.scale * size)  # source pixels per output pixel
        corners = self.move_back(np.array([(x, y) for x in (-0.5, size - 0.5) for y in (-0.5, size - 0.5)]), size)
        reach = 2 + math.ceil(per_pixel)
        height, width = frame.shape[:2]
        left, top = (max(0, math.floor(v) - reach) for v in corners.min(axis=0))
        right, bottom = (
            min(e, math.ceil(v) + reach) for e, v in zip((width, height), corners.max(axis=0), strict=True)
        )
        if left >= right or top >= bottom:
            return np.zeros((size, size, 3), dtype=np.uint8)
        block = max(1, int(per_pixel / 2))
        finer = max(1, math.ceil(per_pixel / block))
        picture = Image.fromarray(np.ascontiguousarray(frame[top:bottom, left:right]))
        if block > 1:
            picture = picture.reduce(block)
        # From the finer grid of the crop to the reduced region of the source.
        a = self.inverse.a / (size * finer * block)
        b = (self.inverse.b - complex(left, top)) / block
        rows = (a.real, -a.imag, b.real, a.imag, a.real, b.imag)
        sampled = picture.transform(
            (size * finer, size * finer),
            Image.Transform.AFFINE,
            tuple(round(value / _GRID) * _GRID for value in rows),
            Image.Resampling.BILINEAR,
        )
        return area_resize(np.asarray(sampled), (size, size))


def complex_points(points: NDArray[Any]) -> NDArray[np.complex128]:
    """Points (..., 2) as complex numbers x + iy."""
    return np.asarray(points[..., 0] + 1j * points[..., 1], dtype=np.complex128)


def _pairs(values: NDArray[np.complex128]) -> NDArray[np.float64]:
    return np.stack([values.real, values.imag], axis=-1)
