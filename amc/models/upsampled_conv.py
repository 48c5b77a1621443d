"""A 3x3 convolution of a bilinearly upsampled map, computed on the small map (gates of appendix A.1).

Both steps are linear and bilinear upsampling is separable, so conv(upsample(x)) equals: mix the channels of x once
for each kernel tap (a 1x1 product to 9 C' channels), then apply one fixed interpolate-and-shift matrix along the
width and one along the height. At 8x that is some thirtieth of the multiply-accumulates.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from torch import Tensor, nn

from amc.models.tiled import plain_tensor


class UpsampledConv(nn.Conv2d):
    """conv2d(C', 3x3, padding 1) after bilinear upsampling by `scale` (align_corners=False)."""

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
