"""Convolution of a vector that was tiled over a map, without convolving the map.

With zero padding, every output pixel of conv(tile(v)) is a sum of those kernel taps that fall inside the map, so v is
multiplied once by each tap, and a fixed 0/1 table sums the taps.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def tiled_conv(vector: Tensor, weight: Tensor, height: int, width: int) -> Tensor:
    """conv2d(tile(vector), weight, stride 1, padding kernel // 2) for odd kernels.

    Args:
        vector: (N, C).
        weight: (C', C, r, r), r odd.
        height, width: the map's size in pixels.

    Returns:
        (N, C', height, width), laid out channels last.
    """
    outputs, inputs, rows, columns = weight.shape
    taps = weight.permute(1, 2, 3, 0).reshape(inputs, rows * columns * outputs)
    mixed = (vector @ taps).view(-1, rows * columns, outputs)
    table = _table(height, width, rows, columns, mixed.dtype, mixed.device)
    return (table @ mixed).view(-1, height, width, outputs).permute(0, 3, 1, 2)


@lru_cache(maxsize=64)
def _table(height: int, width: int, rows: int, columns: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """`_inside` on a device; cached there, because a CUDA graph cannot contain a copy from the host."""
    with torch.inference_mode(False):
        return _inside(height, width, rows, columns).to(device, dtype)


@lru_cache(maxsize=32)
def _inside(height: int, width: int, rows: int, columns: int) -> Tensor:
    """(height * width, rows * columns): 1 where the tap, seen from the pixel, lies in the map."""

    def axis(length: int, kernel: int) -> NDArray[np.float64]:
        at = np.arange(length)[:, None] + np.arange(kernel)[None] - kernel // 2
        return ((at >= 0) & (at < length)).astype(np.float64)

    table = np.einsum("yr,xc->yxrc", axis(height, rows), axis(width, columns)).reshape(height * width, rows * columns)
    return plain_tensor(table)


def plain_tensor(values: NDArray[np.float64]) -> Tensor:
    """A CPU tensor to cache: independent of the inference mode and default device of the first caller."""
    with torch.inference_mode(False), torch.device("cpu"):
        return torch.from_numpy(values)
