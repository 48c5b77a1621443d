"""A 3x3 convolution of a bilinearly upsampled map, computed on the small map (gates of appendix A.1).

Both steps are linear and bilinear upsampling is separable, so conv(upsample(x)) equals: mix the channels of x once
for each kernel tap (a 1x1 product to 9 C' channels), then apply one fixed interpolate-and-shift matrix along the
width and one along the height. At 8x this takes about one thirtieth of the multiply-accumulates.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn

from amc.models.fast.tiled import plain_tensor


class UpsampledConv(nn.Conv2d):
    """conv2d(C', 3x3, padding 1) after bilinear upsampling by `scale` (align_corners=False)."""

    def __init__(self, inputs: int, outputs: int, scale: int) -> None:
        super().__init__(inputs, outputs, 3, padding=1)
        self.scale = scale

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, h, w) to (N, C', scale * h, scale * w), laid out channels last."""
        n, _, h, w = input.shape
        mixed, vertical = self.mixed(input)
        result = (vertical @ mixed).view(n, h * self.scale, w * self.scale, self.out_channels)
        return result.permute(0, 3, 1, 2)

    def mixed(self, input: Tensor) -> tuple[Tensor, Tensor]:
        """All but the last step.

        Args:
            input: (N, C, h, w).

        Returns:
            (N, 3 h + 1, scale w C'): channels mixed and the width upsampled for each kernel row, and the bias as the
            last row; and the matrix (scale h, 3 h + 1) by which it is multiplied to get (N, scale h, scale w C').
        """
        n, c, h, w = input.shape
        outputs, k = self.out_channels, self.scale
        # (C, [dx, dy, C']): dx stands next to x in memory, so the product below needs no copy.
        mix = self.weight.permute(1, 3, 2, 0).reshape(c, 9 * outputs)
        mixed = input.permute(0, 2, 3, 1).reshape(n * h * w, c) @ mix
        across = _matrix(w, k, mixed.dtype, mixed.device)[:, :-1] @ mixed.view(n * h, w * 3, 3 * outputs)
        across = across.view(n, h, w * k, 3, outputs).transpose(2, 3).flatten(1, 2)
        assert self.bias is not None
        bias = self.bias.to(mixed.dtype).expand(n, 1, w * k, outputs)
        return torch.cat([across, bias], dim=1).flatten(2), _matrix(h, k, mixed.dtype, mixed.device)


@lru_cache(maxsize=64)
def _matrix(length: int, scale: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """`_interpolate_and_shift` on a device with a column of ones for the bias: (scale * length, length * 3 + 1).

    It is cached on the device, because a CUDA graph cannot contain a copy from the host.
    """
    with torch.inference_mode(False):
        taps = _interpolate_and_shift(length, scale)
        return torch.cat([taps, torch.ones_like(taps[:, :1])], dim=1).to(device, dtype)


@lru_cache(maxsize=32)
def _interpolate_and_shift(length: int, scale: int) -> Tensor:
    """(scale * length, length * 3): entry (Y, (y, d)) is what pixel y weighs in upsampled pixel Y + d - 1."""
    # Bilinear with align_corners=False: upsampled pixel Y looks at (Y + 0.5) / scale - 0.5, held inside the map.
    at = np.clip((np.arange(scale * length) + 0.5) / scale - 0.5, 0, length - 1)
    low = np.floor(at).astype(np.int64)
    high = np.minimum(low + 1, length - 1)
    up = np.zeros((scale * length, length))
    np.add.at(up, (np.arange(scale * length), low), 1 - (at - low))
    np.add.at(up, (np.arange(scale * length), high), at - low)
    padded = np.pad(up, ((1, 1), (0, 0)))
    shifted = [padded[d : d + scale * length] for d in range(3)]
    return plain_tensor(np.stack(shifted, axis=2).reshape(scale * length, length * 3))
