"""Faces brought to one place, size and upright position in a square crop.

A `Similarity` (scale, rotation, shift) takes a source frame to the crop. It is fitted to the median of six points over
a clip that expressions hardly move: the four eye corners, the top of the nose's bridge and the nose's base. One
similarity a clip leaves the head's own motion in the keypoints' velocities and adds no jitter of its own.

In the crop the eyes' centres are `EYES` of the side apart and `EYE_LINE` below the top, which leaves room for raised
brows and a dropped jaw. Where the face would come nearer to the crop's edge than `MARGIN` all the same (a long face, a
head that moves far), the crop is made larger around its middle until it does not, down to half the usual scale.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from amc.data.resize import area_resize

EYES = 0.30  # distance of the eyes' centres, of the crop's side
EYE_LINE = 0.24  # height of the eyes under the crop's top edge, of its side
MARGIN = 0.03  # least distance of a landmark from the crop's edge, of its side
LEAST_EYES = 4.0  # pixels between the eyes' centres: a smaller face has no landmarks worth the name

# Landmarks whose mean is the point -> (x, y) of an average face, in distances of the eyes' centres from the middle of
# the line between them.
_STABLE: Mapping[tuple[int, ...], tuple[float, float]] = {
    (36,): (-0.703, -0.015),
    (39,): (-0.297, 0.015),
    (42,): (0.297, 0.015),
    (45,): (0.703, -0.015),
    (27,): (0.0, -0.040),
    (33,): (0.0, 0.771),
}
# Where only the paper's 11 keypoints are known: the middles between the eyelids.
_STABLE_OF_FEW: Mapping[tuple[int, ...], tuple[float, float]] = {(37, 41): (-0.583, -0.024), (44, 46): (0.583, -0.024)}

_REACH = (2, 98)  # percentiles over a clip between which a landmark must keep the margin: a lost frame or two may not

# Coefficients of a warp are rounded to this, which makes every product in Pillow's bilinear filter exact: no result
# depends on how a machine rounds.
_GRID = 2.0**-16


class Unalignable(Exception):
    """Landmarks to which no crop can be fitted; the message is the reason."""


@dataclass(frozen=True)
class Similarity:
    """Scale, rotation and shift: point z = (x + 0.5) + i (y + 0.5) of a source frame lies at `a` z + `b` of the crop.

    The crop is the square from 0 to 1 on both axes. Never a reflection.
    """

    a: complex
    b: complex

    @property
    def scale(self) -> float:
        """Crop sides a source pixel."""
        return abs(self.a)

    @property
    def inverse(self) -> Similarity:
        """From the crop (0 to 1) back to the source frame's pixels."""
        return Similarity(1 / self.a, -self.b / self.a)

    def widened(self, factor: float) -> Similarity:
        """The same crop with its scale multiplied by `factor`; its middle stays."""
        middle = complex(0.5, 0.5)
        return Similarity(self.a * factor, middle + (self.b - middle) * factor)

    def move(self, points: NDArray[Any], size: int) -> NDArray[np.float64]:
        """Points (..., 2) in pixels of a source frame -> (..., 2) in pixels of the crop of `size` x `size`.

        In both the centre of the top-left pixel is (0, 0).
        """
        at = self.a * _complex(points + 0.5) + self.b
        return _pairs(at) * size - 0.5

    def move_back(self, points: NDArray[Any], size: int) -> NDArray[np.float64]:
        """The reverse of `move`: points in pixels of the crop -> pixels of the source frame."""
        inverse = self.inverse
        return _pairs(inverse.a * _complex((points + 0.5) / size) + inverse.b) - 0.5

    def warp(self, frame: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
        """The crop of a frame uint8 (H, W, 3) as uint8 (size, size, 3).

        Anti-aliased where it shrinks (whole-number block means, bilinear samples at most a pixel apart, area means)
        and the same on every machine. What lies outside the frame is black.
        """
        per_pixel = 1 / (self.scale * size)  # source pixels an output pixel
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
        # From the finer grid of the crop to the reduced part of the source.
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


def alignment(landmarks: NDArray[Any], valid: NDArray[np.bool_]) -> Similarity:
    """The one similarity of a clip.

    Args:
        landmarks: (n, 68, 2) as (x, y) in pixels of the frames, NaN for landmarks that are not known; anything where
            not valid.
        valid: bool (n,), the frames whose landmarks count.

    Raises:
        Unalignable: no valid frame, no eyes, or eyes less than `LEAST_EYES` pixels apart.
    """
    points = _counting(landmarks, valid)
    usual = fit(points)
    return usual.widened(_room([usual] * len(points), points))


def frame_alignments(landmarks: NDArray[Any], valid: NDArray[np.bool_]) -> list[Similarity]:
    """A similarity for every frame of a clip, all with the same room around the face: takes the head's motion out.

    Args and errors are those of `alignment`; where a frame is not valid, its landmarks must be fillers that can be
    aligned.
    """
    points = np.asarray(landmarks, dtype=np.float64)
    each = [fit(points[i : i + 1]) for i in range(len(points))]
    counting = np.flatnonzero(valid).tolist()
    room = _room([each[i] for i in counting], _counting(points, valid))
    return [similarity.widened(room) for similarity in each]


def fit(landmarks: NDArray[np.float64]) -> Similarity:
    """The similarity that takes the median of the stable points nearest to their usual places (least squares).

    Args:
        landmarks: (n, 68, 2), NaN for landmarks that are not known.

    Raises:
        Unalignable: as `alignment`.
    """
    for stable in (_STABLE, _STABLE_OF_FEW):
        groups = landmarks[:, [list(group) for group in stable]].mean(axis=2)  # (n, points, 2)
        known = groups[~np.isnan(groups).any(axis=(1, 2))]
        if len(known):
            break
    else:
        raise Unalignable("no frame with the landmarks of both eyes")
    found = _complex(np.median(known, axis=0) + 0.5)
    wanted = _complex(np.array(list(stable.values()))) * EYES + complex(0.5, EYE_LINE)
    spread, target = found - found.mean(), wanted - wanted.mean()
    size = float((np.abs(spread) ** 2).sum())
    a = complex((np.conj(spread) * target).sum()) / size if size else 0j
    if not 0 < abs(a) * LEAST_EYES <= EYES:
        raise Unalignable(f"the eyes are less than {LEAST_EYES:g} pixels apart, or the landmarks are no face")
    return Similarity(a, complex(wanted.mean()) - a * complex(found.mean()))


def _counting(landmarks: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[np.float64]:
    points = np.asarray(landmarks, dtype=np.float64)[np.asarray(valid, dtype=np.bool_)]
    if not len(points):
        raise Unalignable("no frame with landmarks")
    return points


def _room(similarities: Sequence[Similarity], points: NDArray[np.float64]) -> float:
    """By what the crop's scale must be multiplied so that the face keeps its margin: 0.5-1."""
    # In a crop of one pixel, (0, 0) is its middle.
    moved = np.stack([s.move(frame, 1) for s, frame in zip(similarities, points, strict=True)])
    known = moved[:, ~np.isnan(moved).any(axis=(0, 2))]
    if not known.size:
        return 1.0
    low, high = np.percentile(known, _REACH, axis=0)
    farthest = max(float(-low.min()), float(high.max()))
    return max(0.5, min(1.0, (0.5 - MARGIN) / farthest)) if farthest > 0 else 1.0


def _complex(points: NDArray[Any]) -> NDArray[np.complex128]:
    return np.asarray(points[..., 0] + 1j * points[..., 1], dtype=np.complex128)


def _pairs(values: NDArray[np.complex128]) -> NDArray[np.float64]:
    return np.stack([values.real, values.imag], axis=-1)
