"""Frames as face detectors need them: enlarged to 128 x 128 pixels, as in the paper (appendix B.4)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from amc.data.resize import resize_points

SIDE = 128  # pixels


def enlarged(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Frames (t, H, W, 3), resized bilinearly to (t, 128, 128, 3)."""
    images = [Image.fromarray(frame).resize((SIDE, SIDE), Image.Resampling.BILINEAR) for frame in frames]
    return np.stack([np.asarray(image) for image in images])


def from_enlarged(points: NDArray[np.float64], size: int) -> NDArray[np.float32]:
    """Points (..., 2) in pixels of the enlarged frame, in pixels of the frame of `size` x `size`."""
    return resize_points(points.astype(np.float32), (SIDE, SIDE), (size, size))
