"""A 3x3 convolution of a bilinearly upsampled map, computed on the small map (gates of appendix A.1).

Both steps are linear and bilinear upsampling is separable, so conv(upsample(x)) equals: mix the channels of x once
for each kernel tap (a 1x1 product to 9 C' channels), then apply one fixed interpolate-and-shift matrix along the
width and one along the height. At 8x that is some thirtieth of the multiply-accumulates.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor, nn


class UpsampledConv(nn.Conv2d):
    """conv2d(C', 3x3, padding 1) after bilinear upsampling by `scale` (align_corners=False). Parameters as `nn.Conv2d`."""

    def __init__(self, inputs: int, outputs: int, scale: int) -> None:
        super().__init__(inputs, outputs, 3, padding=1)
        self.scale = scale

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, h, w) to (N, C', scale * h, scale * w), laid out channels last."""
        n, c, h, w = input.shape
        outputs, k = self.out_channels, self.scale
        # (C, [dx, dy, C']): dx stands next to x in memory, so the product below needs no copy.
        mix = self.weight.permute(1, 3, 2, 0).reshape(c, 9 * outputs)
        mixed = input.permute(0, 2, 3, 1).reshape(n * h * w, c) @ mix
        across = _interpolate_and_shift(w, k).to(input) @ mixed.view(n * h, w * 3, 3 * outputs)
        across = across.view(n, h, w * k, 3, outputs).transpose(2, 3).reshape(n, h * 3, w * k * outputs)
        result = (_interpolate_and_shift(h, k).to(input) @ across).view(n, h * k, w * k, outputs)
        assert self.bias is not None
        return (result + self.bias).permute(0, 3, 1, 2)


@lru_cache(maxsize=32)
def _interpolate_and_shift(length: int, scale: int) -> Tensor:
    """(scale * length, length * 3): entry (Y, (y, d)) is the weight of pixel y in upsampled pixel Y + d - 1, 0 outside."""
    eye = torch.eye(length, dtype=torch.float64)[None]
    up = nn.functional.interpolate(eye, scale_factor=float(scale), mode="linear")[0].T  # (scale * length, length)
    padded = nn.functional.pad(up, (0, 0, 1, 1))
    shifted = [padded[d : d + scale * length] for d in range(3)]
    return torch.stack(shifted, dim=2).reshape(scale * length, length * 3)
