"""Smooth curves through points and outlines of strokes, for all frames of a clip at once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_PER_SPAN = 4  # samples between two points of a curve


def through(points: Array, *, closed: bool = False) -> Array:
    """Catmull-Rom curves (T, m, 2) through points (T, n, 2), which are among the samples.

    An open curve runs from the first point to the last, a closed one returns to the first.
    """
    return np.asarray(np.einsum("mn,tnc->tmc", _weights(points.shape[1], closed), points), dtype=np.float64)


def stroke(curve: Array, width: float | Sequence[float]) -> Array:
    """The outline (T, 2m, 2) of a stroke along open curves (T, m, 2).

    Args:
        curve: the centre line.
        width: in pixels; one number, or several at evenly spaced places from the first point to the last.
    """
    places = np.atleast_1d(np.asarray(width, dtype=np.float64))
    m = curve.shape[1]
    half = np.interp(np.linspace(0, 1, m), np.linspace(0, 1, len(places)), places)[:, None] / 2
    along = np.gradient(curve, axis=1)
    length = np.maximum(np.hypot(along[..., 0], along[..., 1]), 1e-6)[..., None]
    normal = np.stack([-along[..., 1], along[..., 0]], axis=-1) / length
    return np.concatenate([curve + half * normal, (curve - half * normal)[:, ::-1]], axis=1)


def ellipse(centre: Array, rx: float, ry: float, *, samples: int = 20) -> Array:
    """Outlines (T, samples, 2) of ellipses with centres (T, 2)."""
    angle = 2 * np.pi * np.arange(samples) / samples
    return np.asarray(centre[:, None] + np.stack([rx * np.cos(angle), ry * np.sin(angle)], axis=-1), dtype=np.float64)


def between(outline: Array, upper: Array, lower: Array) -> Array:
    """Clips an outline (T, m, 2) to the area between two curves (T, n, 2), which run from left to right."""
    cut = outline.copy()
    for t in range(len(cut)):
        top = np.interp(cut[t, :, 0], upper[t, :, 0], upper[t, :, 1])
        bottom = np.interp(cut[t, :, 0], lower[t, :, 0], lower[t, :, 1])
        cut[t, :, 1] = np.clip(cut[t, :, 1], top, np.maximum(top, bottom))
        cut[t, :, 0] = np.clip(cut[t, :, 0], upper[t, 0, 0], upper[t, -1, 0])
    return cut


@lru_cache(maxsize=64)
def _weights(n: int, closed: bool) -> Array:
    """(m, n): the weights of the points in each sample of the curve."""
    spans = n if closed else n - 1
    rows = []
    for span in range(spans):
        for step in range(_PER_SPAN):
            u = step / _PER_SPAN
            basis = (
                (-u + 2 * u**2 - u**3) / 2,
                (2 - 5 * u**2 + 3 * u**3) / 2,
                (u + 4 * u**2 - 3 * u**3) / 2,
                (u**3 - u**2) / 2,
            )
            row = np.zeros(n)
            for offset, weight in zip((-1, 0, 1, 2), basis, strict=True):
                at = span + offset
                row[at % n if closed else min(max(at, 0), n - 1)] += weight
            rows.append(row)
    if not closed:
        rows.append(np.eye(n)[-1])
    return np.array(rows)
