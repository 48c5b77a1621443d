"""Convolutional dynamic neural advection: moving the pixels of a frame by predicted kernels (Finn et al. 2016, 3.2)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

KERNEL = 5  # height and width of every kernel, at every preset
_FLOOR = 1e-12  # keeps a kernel's sum above 0


def normalized(raw: Tensor) -> Tensor:
    """Kernels that are not negative and sum to 1.

    Args:
        raw: (B, N, 5, 5), any values.

    Returns:
        (B, N, 5, 5) float32.
    """
    positive = F.relu(raw.float() - _FLOOR) + _FLOOR
    return positive / positive.sum(dim=(2, 3), keepdim=True)


def transformed(frame: Tensor, kernels: Tensor) -> Tensor:
    """A frame convolved with each of its kernels, the same for all colours; zeros lie outside the frame.

    Args:
        frame: (B, 3, H, W).
        kernels: (B, N, 5, 5).

    Returns:
        (B, N, 3, H, W).
    """
    b, n = kernels.shape[:2]
    # Clips are groups and colours are the batch, so that one convolution serves all clips.
    moved = F.conv2d(frame.transpose(0, 1), kernels.reshape(b * n, 1, KERNEL, KERNEL), padding=KERNEL // 2, groups=b)
    return moved.reshape(3, b, n, *frame.shape[2:]).permute(1, 2, 0, 3, 4)


def composed(masks: Tensor, layers: Tensor) -> Tensor:
    """The sum of layers, each weighted by its mask.

    The released code pairs 11 layers (scratch image, ten kernels) with ten masks and so drops the tenth kernel. Here
    every layer has a mask.

    Args:
        masks: (B, L, H, W), which sum to 1 over L.
        layers: (B, L, 3, H, W).

    Returns:
        (B, 3, H, W).
    """
    assert masks.shape[1] == layers.shape[1], "every layer has a mask"
    return (masks[:, :, None] * layers).sum(dim=1)
