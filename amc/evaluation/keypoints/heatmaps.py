"""Heatmaps of keypoints, merged into one map a frame (appendix B.4, R16)."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def merged_heatmaps(points: Tensor, size: int, variance: float) -> Tensor:
    """For each frame the maximum, pixel by pixel, of a Gaussian of peak 1 around each keypoint.

    Args:
        points: (..., k, 2) as (x, y) in pixels of a frame of `size` x `size` pixels; NaN where nothing was found, which
            adds nothing: a frame without points has a map of zeros.
        size: pixels a side of the maps, too.
        variance: of the Gaussian where the frame spans [-1, 1]; 1/2^8 is a standard deviation of size / 32 pixels.

    Returns:
        (..., size, size) in [0, 1].
    """
    sigma = math.sqrt(variance) * size / 2  # pixels
    pixel = torch.arange(size, dtype=points.dtype, device=points.device)
    # (..., k, 2, size): a Gaussian of two dimensions is the product of two of one.
    along = torch.exp(-0.5 * ((pixel - points[..., None]) / sigma).square()).nan_to_num_(0.0)
    merged: Tensor = (along[..., 1, :, None] * along[..., 0, None, :]).amax(-3)
    return merged
