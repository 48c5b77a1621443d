"""Strided convolutions of the discriminators, and how they shrink with the preset (R25)."""

from __future__ import annotations

from torch import nn


def halved(extent: int) -> int:
    """Extent after a 4x4 convolution with stride 2 and padding 1."""
    return extent // 2


def last_strided(inputs: int, outputs: int, extent: int) -> nn.Conv2d | None:
    """The paper's last 4x4, stride-4 convolution on a map of `extent` pixels, leaving one pixel.

    Kernel and stride are min(4, extent); None where one pixel is all that is left (R25).
    """
    if extent <= 1:
        return None
    size = min(4, extent)
    return nn.Conv2d(inputs, outputs, size, stride=size)


def half_strided(inputs: int, outputs: int, extent: int) -> nn.Conv2d | None:
    """A 4x4, stride-2 convolution with padding 1, halving the map; None where one pixel is all that is left (R25)."""
    return nn.Conv2d(inputs, outputs, 4, stride=2, padding=1) if extent > 1 else None
