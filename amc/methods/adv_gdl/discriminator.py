"""The discriminators of Adv+GDL, one a scale (Mathieu et al. 2016, section 3.2).

They see patches of 32x32 pixels at the finest scale, or whole frames where those are smaller: fully connected layers on
frames of 64x64 pixels would have most of 193.7 million parameters. On maps smaller than a kernel the kernel shrinks to
the map, as the strided layers of AMC-GAN do (R25).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from amc.config import Config
from amc.methods.adv_gdl.generator import SCALES, SEEN

PATCH = 32

# Channels and kernel sizes of the convolutions, max-pooling after them, hidden units, per scale.
NETWORKS: tuple[tuple[tuple[int, ...], tuple[int, ...], int, tuple[int, ...]], ...] = (
    ((64,), (3,), 1, (512, 256)),
    ((64, 128, 128), (3, 3, 3), 1, (1024, 512)),
    ((128, 256, 256), (5, 5, 5), 1, (1024, 512)),
    ((128, 256, 512, 128), (7, 7, 5, 5), 2, (1024, 512)),
)


def patch_size(config: Config) -> int:
    """Height and width of the patches that a step trains on."""
    return min(PATCH, config.model.size)


class Discriminators(nn.Module):
    """Scores candidates for the frame after four, at each scale.

    Args:
        patch: height and width at the finest scale; by default that of `patch_size`.
    """

    def __init__(self, config: Config, patch: int | None = None) -> None:
        super().__init__()
        patch = patch or patch_size(config)
        self.networks = nn.ModuleList(
            _network(config, patch // factor, *sizes) for factor, sizes in zip(SCALES, NETWORKS, strict=True)
        )

    def forward(self, windows: list[Tensor], candidates: list[Tensor]) -> list[Tensor]:
        """Logits that candidates are real.

        Args:
            windows: per scale (B, 12, h, w), four frames stacked on channels, in [-1, 1].
            candidates: per scale (B, 3, h, w), in [-1, 1].

        Returns:
            per scale (B,).
        """
        triples = zip(self.networks, windows, candidates, strict=True)
        return [network(torch.cat([window, candidate], dim=1))[:, 0] for network, window, candidate in triples]


def _network(
    config: Config, extent: int, maps: tuple[int, ...], kernels: tuple[int, ...], pool: int, hidden: tuple[int, ...]
) -> nn.Sequential:
    layers: list[nn.Module] = []
    before = 3 * (SEEN + 1)
    for paper, kernel in zip(maps, kernels, strict=True):
        after, fitting = config.model.channels(paper), min(kernel, extent)
        layers += [nn.Conv2d(before, after, fitting), nn.ReLU(inplace=True)]
        before, extent = after, extent - fitting + 1
    if pool > 1 and extent > 1:
        layers.append(nn.MaxPool2d(pool))
        extent //= pool
    layers.append(nn.Flatten())
    before *= extent * extent
    for paper in hidden:
        after = config.model.channels(paper)
        layers += [nn.Linear(before, after), nn.ReLU(inplace=True)]
        before = after
    return nn.Sequential(*layers, nn.Linear(before, 1))
