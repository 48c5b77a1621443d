"""The network of LPIPS (Zhang et al., CVPR 2018, version 0.1): AlexNet's five maps, compared with learned weights.

Parameters are named as in torchvision's AlexNet (`features.0.weight`) and in the authors' heads
(`lin0.model.1.weight`), so that those files load by name.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CHANNELS = (64, 192, 384, 256, 256)  # of the maps after AlexNet's five ReLUs
# Mean and standard deviation of ImageNet's colours, for images in [-1, 1] (the authors' constants).
SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)
EPSILON = 1e-10  # of the norm that a map is divided by


class LpipsNetwork(nn.Module):
    """LPIPS of pairs of images."""

    def __init__(self) -> None:
        super().__init__()
        c = CHANNELS
        self.features = nn.Sequential(
            nn.Conv2d(3, c[0], 11, stride=4, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(c[0], c[1], 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(c[1], c[2], 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(c[2], c[3], 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(c[3], c[4], 3, padding=1),
            nn.ReLU(),
        )
        for index, channels in enumerate(c):
            self.add_module(f"lin{index}", _Head(channels))

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """(N, 3, H, W) each, in [-1, 1], H and W at least 31, to (N,): 0 for equal images, larger for less alike."""
        both = torch.cat([first, second])
        shift, scale = (both.new_tensor(row).view(1, 3, 1, 1) for row in (SHIFT, SCALE))
        total = first.new_zeros(len(first))
        for index, maps in enumerate(self._maps((both - shift) / scale)):
            a, b = (maps / (maps.square().sum(1, keepdim=True).sqrt() + EPSILON)).chunk(2)
            total = total + self.get_submodule(f"lin{index}")((a - b).square())
        return total

    def _maps(self, x: Tensor) -> list[Tensor]:
        maps = []
        for layer in self.features:
            x = layer(x)
            if isinstance(layer, nn.ReLU):
                maps.append(x)
        return maps


class _Head(nn.Module):
    """A weighted sum over channels, and its mean over pixels: (N, C, H, W) to (N,)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.model = nn.Sequential(nn.Dropout(), nn.Conv2d(channels, 1, 1, bias=False))

    def forward(self, difference: Tensor) -> Tensor:
        result: Tensor = self.model(difference).mean((1, 2, 3))
        return result


def at_least(images: Tensor, size: int) -> Tensor:
    """Images (N, 3, H, W), enlarged bilinearly where their shorter side is below `size`."""
    height, width = images.shape[-2:]
    if min(height, width) >= size:
        return images
    factor = size / min(height, width)
    extent = (max(size, round(height * factor)), max(size, round(width * factor)))
    return F.interpolate(images, extent, mode="bilinear", align_corners=False)
