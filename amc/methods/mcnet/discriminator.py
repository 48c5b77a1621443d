"""The discriminator of MCnet, and the rule by which a player skips its update (Villegas et al. 2017a)."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amc.config import Config
from amc.methods.mcnet.generator import SEEN
from amc.methods.mcnet.settings import MCnetSettings

_LOW, _HIGH = 0.3, 0.7  # losses below which the discriminator, and above which the generator, skips its update


def training_horizon(config: Config) -> int:
    """Frames that the generator predicts in a training step: the setting `horizon`, at most T - 4."""
    assert isinstance(config.method, MCnetSettings)
    return min(config.method.horizon, config.model.frames - SEEN)


class Discriminator(nn.Module):
    """Scores clips of the four frames seen and those that follow, stacked on channels.

    Attributes:
        last_losses: (2,), the losses on real and on generated clips at the last step. Before the first step both are
            0.5, with which no player skips. A buffer, because a checkpoint holds nothing but networks and optimisers.
    """

    last_losses: Tensor

    def __init__(self, config: Config) -> None:
        super().__init__()
        ch = config.model.channels
        widths = [3 * (SEEN + training_horizon(config)), ch(64), ch(128), ch(256), ch(512)]
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 5, stride=2, padding=2) for a, b in pairwise(widths))
        # Always in training mode, so there are no running statistics to keep.
        self.norms = nn.ModuleList(nn.BatchNorm2d(width, track_running_stats=False) for width in widths[2:])
        self.score = nn.Linear(ch(512) * (config.model.size // 16) ** 2, 1)
        self.register_buffer("last_losses", torch.full((2,), 0.5))

    def forward(self, clips: Tensor) -> Tensor:
        """Logits that clips are real, (B, 4 + horizon, 3, H, W) in [-1, 1] to (B,)."""
        x = F.leaky_relu(self.convs[0](clips.flatten(1, 2)), 0.2)
        for conv, norm in zip(list(self.convs)[1:], self.norms, strict=True):
            x = F.leaky_relu(norm(conv(x)), 0.2)
        logits: Tensor = self.score(x.flatten(1))[:, 0]
        return logits

    def turns(self) -> tuple[bool, bool]:
        """Which of the discriminator and the generator are updated at this step."""
        if self.last_losses.is_meta:  # operations are counted, of a step that skips nothing
            return True, True
        return updated(*self.last_losses.tolist())


def updated(real: float, generated: float) -> tuple[bool, bool]:
    """Which of the discriminator and the generator are updated, given the discriminator's last two losses.

    The discriminator skips its update if either loss is below 0.3, the generator if either is above 0.7. If both would
    skip, none does.
    """
    discriminator, generator = min(real, generated) >= _LOW, max(real, generated) <= _HIGH
    return (discriminator, generator) if discriminator or generator else (True, True)
