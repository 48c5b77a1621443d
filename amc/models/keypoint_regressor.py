"""A small network that finds keypoints in a frame: one map of probabilities a keypoint, at half the frame's size.

It is the embedded keypoint extractor, for faces and bodies alike; the paper uses OpenFace instead (appendix B.4).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LEAK = 0.2
CHANNELS = (16, 32, 64)  # at a half, a quarter and an eighth of the frame's size
REACH = 1  # cells around the peak of a map that its position and its confidence are read from


class KeypointRegressor(nn.Module):
    """Three 3x3 convolutions of stride 2, two at the smallest size, and two up again with skip connections."""

    def __init__(self, keypoints: int) -> None:
        super().__init__()
        self.keypoints = keypoints
        half, quarter, eighth = CHANNELS
        self.to_half = _block(3, half, stride=2)
        self.to_quarter = _block(half, quarter, stride=2)
        self.to_eighth = nn.Sequential(_block(quarter, eighth, stride=2), _block(eighth, eighth))
        self.up_to_quarter = _block(eighth + quarter, quarter)
        self.up_to_half = _block(quarter + half, half)
        self.out = nn.Conv2d(half, keypoints, 1)

    def forward(self, frames: Tensor) -> Tensor:
        """Logits (B, k, H/2, W/2) of frames (B, 3, H, W) in [-1, 1]; a softmax over a map gives the point's place."""
        half = self.to_half(frames)
        quarter = self.to_quarter(half)
        up = self.up_to_quarter(_joined(self.to_eighth(quarter), quarter))
        logits: Tensor = self.out(self.up_to_half(_joined(up, half)))
        return logits


def _block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.LeakyReLU(LEAK)
    )


def _joined(small: Tensor, large: Tensor) -> Tensor:
    up = F.interpolate(small, large.shape[2:], mode="bilinear", align_corners=False)
    return torch.cat([up, large], dim=1)


def target_maps(points: Tensor, size: int) -> Tensor:
    """Maps (..., size/2, size/2) that sum to 1, whose mean position is the point: bilinear weights of four cells.

    Args:
        points: (..., 2) as (x, y) in pixels of a frame of `size` x `size` pixels; points outside are moved to its edge.
    """
    cells = (size + 1) // 2
    at = ((points - 0.5) / 2).clamp(0, cells - 1)  # cell c covers the pixels 2c and 2c + 1
    grid = torch.arange(cells, dtype=points.dtype)
    weight = (1 - (at[..., None] - grid).abs()).clamp_(min=0)  # (..., 2, cells)
    return weight[..., 1, :, None] * weight[..., 0, None, :]


def points_of(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Positions and confidences of keypoints from the logits (B, k, h, w) of their maps.

    Returns:
        (B, k, 2), the mean position (x, y) in pixels within `REACH` cells of the peak; (B, k), the probability within
        these cells, in [0, 1].
    """
    h, w = logits.shape[2:]
    place = logits.flatten(2).softmax(2).unflatten(2, (h, w))
    peak = place.flatten(2).argmax(2)
    row, column = (torch.arange(n, dtype=place.dtype, device=place.device) for n in (h, w))
    near_row = (row - peak.div(w, rounding_mode="floor")[..., None]).abs() <= REACH
    near_column = (column - peak.remainder(w)[..., None]).abs() <= REACH
    near = place * (near_row[..., :, None] & near_column[..., None, :])
    confidence = near.sum((2, 3))
    x = (near.sum(2) * column).sum(2) / confidence
    y = (near.sum(3) * row).sum(2) / confidence
    return torch.stack([x, y], dim=2) * 2 + 0.5, confidence
